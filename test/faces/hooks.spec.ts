import { Inject, Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { isAxiosError } from 'axios';
import { firstValueFrom } from 'rxjs';
import {
  AuthenticationError,
  ConfigurationError,
  CorrelationIdHook,
  ForgeAuthModule,
  type ForgeHttpClient,
  type ForgeLogger,
  type ForgeResponse,
  getForgeClientToken,
  type HookedCall,
  HttpStatusError,
  RateLimitHook,
  type RequestHook,
  type ResponseHook,
  SimpleRetryStrategy,
} from 'nestjs-forge-auth';
import { captureEverything } from '../support/capture.js';
import { type ProtectedApi, startProtectedApi } from './protected-api.js';

describe('hooks', () => {
  let service: ProtectedApi;

  beforeEach(async () => {
    service = await startProtectedApi();
  });

  afterEach(async () => {
    await service.close();
  });

  const calls: [name: string, call: (client: ForgeHttpClient, path: string) => Promise<unknown>][] = [
    ['client.get', (client, path) => client.get(path)],
    ['axiosRef', (client, path) => client.axiosRef.get(path)],
    ['httpService', (client, path) => firstValueFrom(client.httpService.get(path))],
    ['fetch', (client, path) => client.fetch(path)],
    ['requestMany', (client, path) => client.requestMany([{ url: path }])],
  ];

  it.each(calls)('hooks run once for %s, in order, whatever attempts it takes', async (_name, call) => {
    const seen: string[] = [];
    const client = service.createClient({
      retry: new SimpleRetryStrategy({ maxRetries: 2, delayMs: 1 }),
      hooks: {
        beforeRequest: [() => void seen.push('first'), async () => void seen.push('second')],
        afterResponse: (response, { metadata }) =>
          void seen.push(`answered ${response.status} ${String(metadata['reported'])}`),
        onError: () => void seen.push('failed'),
      },
    });
    service.api.answerNext('reset', { status: 401, json: {} });
    await call(client, '/orders');
    expect(seen).toEqual(['first', 'second', 'answered 200 undefined']);
    expect(service.api.server.count('/orders')).toBe(3);
  });

  it.each(calls)('hooks give all attempts and hops of %s one correlation id', async (_name, call) => {
    const client = service.createClient({
      retry: new SimpleRetryStrategy({ maxRetries: 1, delayMs: 1 }),
      hooks: { beforeRequest: new CorrelationIdHook() },
    });
    service.api.answerNext('reset', { status: 401, json: {} }, { status: 302, headers: { location: '/moved' } });
    await call(client, '/orders');
    const ids = service.api.server.requests.map(({ headers }) => headers['x-correlation-id']);
    expect(ids).toHaveLength(4);
    expect(ids[0]).toMatch(/^[\da-f-]{36}$/);
    expect(new Set(ids).size).toBe(1);
  });

  it('hooks give all attempts of a call one correlation id, and each call its own', async () => {
    const client = service.createClient({
      retry: new SimpleRetryStrategy({ maxRetries: 1, delayMs: 1 }),
      hooks: { beforeRequest: new CorrelationIdHook() },
    });
    service.api.answerNext('reset');
    const response = await client.get('/orders');
    await client.get('/orders');
    const ids = service.api.server.requests.map(({ headers }) => headers['x-correlation-id']);
    expect(ids[0]).toMatch(/^[\da-f-]{36}$/);
    expect(ids[1]).toBe(ids[0]);
    expect(ids[2]).not.toBe(ids[0]);
    expect(response.request.headers['x-correlation-id']).toBe(ids[0]);
  });

  it('hooks leave a correlation id alone that the call brings, and take one from elsewhere', async () => {
    const hook = new CorrelationIdHook({ headerName: 'X-Trace', generate: () => 'from-the-request' });
    const client = service.createClient({ hooks: { beforeRequest: hook } });
    await client.get('/orders', { headers: { 'x-trace': 'mine' } });
    await client.get('/orders');
    expect(service.api.server.requests.map(({ headers }) => headers['x-trace'])).toEqual(['mine', 'from-the-request']);
    expect(() => new CorrelationIdHook({ headerName: 'a b' })).toThrow(ConfigurationError);
  });

  it('hooks read rate limits', async () => {
    const reported: unknown[] = [];
    const hook = new RateLimitHook({ onLimit: (limit, name) => reported.push([name, limit]) });
    const client = service.createClient({ hooks: { afterResponse: hook } });
    service.api.answerNext({ headers: { 'X-RateLimit-Remaining': '7', 'X-RateLimit-Reset': '60' }, json: {} });
    await client.get('/orders');
    await client.get('/orders');
    expect(reported).toEqual([['orders', { remaining: 7, reset: 60 }]]);
    expect(hook.latest('orders')).toEqual({ remaining: 7, reset: 60 });
    expect(hook.latest('others')).toBeUndefined();
  });

  it('hooks may bring a credential, which then wins', async () => {
    const client = service.createClient({
      hooks: { beforeRequest: ({ headers }) => void (headers['authorization'] = 'Custom own') },
    });
    await client.get('/public/x');
    expect(service.api.server.requests[0]?.headers.authorization).toBe('Custom own');
    expect(service.tokens.tokenRequests).toBe(0);
  });

  it('hooks see a failure with the call that failed', async () => {
    const seen: unknown[] = [];
    const client = service.createClient({
      hooks: { onError: (error, call) => void seen.push([(error as Error).constructor, call.method, call.url]) },
    });
    service.api.answerNext({ status: 500 }, { status: 500 });
    await expect(client.get('/orders')).rejects.toBeInstanceOf(HttpStatusError);
    await expect(client.axiosRef.get('/orders')).rejects.toMatchObject({ isAxiosError: true });
    const url = `${service.api.origin}/orders`;
    expect(seen).toEqual([
      [HttpStatusError, 'GET', url],
      [HttpStatusError, 'GET', url],
    ]);
  });

  it('fails the call for a typed error of a hook alone; any other error is logged', async () => {
    const captured = captureEverything();
    const client = service.createClient({ hooks: { beforeRequest: failingHook } }, captured.logger as ForgeLogger);
    await client.get('/orders');
    captured.stop();
    expect(captured.lines).toEqual([
      expect.stringMatching(/A hook of service "orders" failed.*failingHook: TypeError: says a secret\./),
    ]);
    const strict = service.createClient({
      hooks: {
        beforeRequest: () => {
          throw new AuthenticationError('No tenant is known.');
        },
      },
    });
    await expect(strict.get('/orders')).rejects.toThrow('No tenant is known.');
    expect(service.api.server.count('/orders')).toBe(1);
  });

  describe.each(['beforeRequest', 'afterResponse', 'onError'] as const)('that throw a typed error in %s', (kind) => {
    it.each(calls)('hooks that throw a typed error fail %s with it', async (name, call) => {
      const refuse = (): never => {
        throw new AuthenticationError(`Refused in ${kind}.`);
      };
      const client = service.createClient({ hooks: { [kind]: refuse } });
      if (kind === 'onError') service.api.answerNext('reset');
      const result = await call(client, '/orders').catch((error: unknown) => error);
      const failure = name === 'requestMany' ? (result as PromiseRejectedResult[])[0]?.reason : result;
      const own = isAxiosError(failure) ? failure.cause : failure;
      expect(own).toBeInstanceOf(AuthenticationError);
      expect(own).toMatchObject({ message: `Refused in ${kind}.`, serviceName: 'orders' });
      expect(service.api.server.count('/orders')).toBe(kind === 'beforeRequest' ? 0 : 1);
    });
  });

  it.each<[name: string, call: (client: ForgeHttpClient) => Promise<unknown>]>([
    ['client.get', (client) => client.get('/open', { responseType: 'stream' })],
    ['axiosRef', (client) => client.axiosRef.get('/open', { responseType: 'stream' })],
    ['fetch', (client) => client.fetch('/open')],
  ])('hooks free the connection of a stream of %s that they fail', async (_name, call) => {
    const open = await startProtectedApi((_request, response) => {
      response.writeHead(200).write('the first of many');
    });
    const client = open.createClient({
      hooks: {
        afterResponse: () => {
          throw new AuthenticationError('No more.');
        },
      },
    });
    await expect(call(client)).rejects.toThrow('No more.');
    await gone(() => open.api.server.requests[0]?.endedAt);
    await open.close();
  });

  it('hooks fail no call because they cannot read its answer', async () => {
    const client = service.createClient({
      hooks: { afterResponse: [(response) => void response.text(), (response) => void response.data] },
    });
    const response = await client.fetch('/orders');
    await expect(response.json()).resolves.toMatchObject({ url: '/orders' });
    service.api.answerNext({ status: 500, headers: { 'content-type': 'application/json' }, body: '<html>' });
    await expect(client.get('/orders')).rejects.toMatchObject({ code: 'FORGE_AUTH_HTTP_STATUS', status: 500 });
  });

  it('hooks may replace an error by a typed one', async () => {
    const client = service.createClient({
      hooks: {
        onError: () => {
          throw new AuthenticationError('Instead.');
        },
      },
    });
    service.api.answerNext({ status: 500 });
    await expect(client.get('/orders')).rejects.toThrow('Instead.');
  });

  it('hooks refuse headers that cannot be sent', async () => {
    const client = service.createClient({
      hooks: { beforeRequest: ({ headers }) => void (headers['a'] = 'b\r\nc: d') },
    });
    await expect(client.get('/orders')).rejects.toMatchObject({ code: 'FORGE_AUTH_INVALID_REQUEST' });
    expect(service.api.server.requests).toHaveLength(0);
  });

  it.each([
    [{ beforeRequest: 'no hook' }, /hooks\.beforeRequest must be functions/],
    [{ afterResponse: {} }, /method afterResponse\(\)/],
    [{ before: () => undefined }, /no option hooks.before/],
  ])('hooks refuse %j', async (hooks, message) => {
    await expect(service.createClient({ hooks: hooks as never }).get('/')).rejects.toThrow(message);
  });

  it('hooks are injectable, created once, and those of defaults run first', async () => {
    const seen: string[] = [];

    @Injectable()
    class Words {
      readonly greeting = 'hello';
    }

    @Injectable()
    class Greeter implements RequestHook, ResponseHook {
      readonly #id = Math.random();

      constructor(@Inject(Words) private readonly words: Words) {}

      beforeRequest({ headers }: HookedCall): void {
        headers['x-greeting'] = this.words.greeting;
        seen.push(`before ${this.#id}`);
      }

      afterResponse(_response: ForgeResponse): void {
        seen.push(`before ${this.#id}`);
      }
    }

    @Module({
      imports: [
        ForgeAuthModule.forRoot({
          defaults: { hooks: { beforeRequest: () => void seen.push('default') } },
          services: [
            {
              name: 'orders',
              baseUrl: service.api.origin,
              hooks: { beforeRequest: Greeter, afterResponse: [Greeter] },
            },
          ],
        }),
      ],
      providers: [Words, Greeter],
    })
    class AppModule {}

    const app = await Test.createTestingModule({ imports: [AppModule] }).compile();
    await app.init();
    await app.get<ForgeHttpClient>(getForgeClientToken('orders')).get('/public/x');
    expect(service.api.server.requests[0]?.headers['x-greeting']).toBe('hello');
    expect(seen).toHaveLength(3);
    expect(seen[0]).toBe('default');
    expect(seen[1]).toBe(seen[2]);
    await app.close();
  });
});

async function gone(ended: () => number | undefined): Promise<void> {
  for (let tries = 0; ended() === undefined; tries += 1) {
    if (tries > 500) throw new Error('The request is still being handled.');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function failingHook(): never {
  throw new TypeError('says a secret');
}
