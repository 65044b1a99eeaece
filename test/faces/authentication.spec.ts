import { Readable } from 'node:stream';
import { HttpModule, HttpService } from '@nestjs/axios';
import { type DynamicModule, Inject, Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { type AxiosAdapter, type AxiosInstance, create } from 'axios';
import { firstValueFrom } from 'rxjs';
import {
  attachForgeAuth,
  AuthenticationError,
  BearerAuth,
  ClientCredentialsTokenProvider,
  ConfigurationError,
  ForgeAuthModule,
  type ForgeHttpClient,
  OriginNotAllowedError,
  SimpleRetryStrategy,
} from 'nestjs-forge-auth';
import { type Handler, type RecordingServer, startServer } from '../support/recording-server.js';
import { CLIENT } from '../support/token-endpoint.js';
import { type ProtectedApi, startProtectedApi } from './protected-api.js';

/** How each face sends one request; answers the status. */
interface Face {
  readonly name: string;
  send(client: ForgeHttpClient, method: string, path: string, body?: unknown): Promise<number>;
}

const faces: Face[] = [
  {
    name: 'client.request',
    send: async (client, method, url, data) => (await client.request({ method, url, data })).status,
  },
  {
    name: 'axiosRef',
    send: async (client, method, url, data) => (await client.axiosRef.request({ method, url, data })).status,
  },
  {
    name: 'httpService',
    send: async (client, method, url, data) =>
      (await firstValueFrom(client.httpService.request({ method, url, data }))).status,
  },
  {
    name: 'fetch',
    send: async (client, method, url, data) => {
      const response = await client.fetch(
        url,
        Object.assign({ method, body: data as string }, { duplex: 'half' as const }),
      );
      await response.text();
      return response.status;
    },
  },
  {
    name: 'fetch with a Request',
    send: async (client, method, path, data) => {
      const base = client.axiosRef.defaults.baseURL ?? '';
      const init = Object.assign({ method, body: data as string }, { duplex: 'half' as const });
      const response = await client.fetch(new Request(new URL(path, base), init));
      await response.text();
      return response.status;
    },
  },
];

describe.each(faces)('$name', ({ send }) => {
  let service: ProtectedApi;

  beforeEach(async () => {
    service = await startProtectedApi();
  });

  afterEach(async () => {
    await service.close();
  });

  it('requests one token for 50 concurrent cold calls', async () => {
    const { client, api, tokens } = service;
    const statuses = await Promise.all(Array.from({ length: 50 }, () => send(client, 'GET', '/orders')));
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(tokens.tokenRequests).toBe(1);
    expect(api.server.count('/orders')).toBe(50);
  });

  it.each([
    ['a GET', 'GET', undefined],
    ['a POST with its body', 'POST', 'the body'],
  ])('replaces a revoked token, and sends %s again', async (_name, method, body) => {
    const { client, api, tokens } = service;
    await send(client, 'GET', '/orders');
    tokens.revokeAll();
    await expect(send(client, method, '/orders/again', body)).resolves.toBe(200);
    expect(tokens.tokenRequests).toBe(2);
    expect(api.server.requests.slice(1).map(({ text }) => text)).toEqual([body ?? '', body ?? '']);
  });

  it('sends a stream once, and lets its 401 stand', async () => {
    const { client, api, tokens } = service;
    await send(client, 'GET', '/orders');
    tokens.revokeAll();
    const result = await send(client, 'POST', '/stream', slowly('one', 'two')).catch(statusOf);
    expect(result).toBe(401);
    expect(api.server.count('/stream')).toBe(1);
  });

  it('retries what failed on the way', async () => {
    const { createClient, api } = service;
    const client = createClient({ retry: new SimpleRetryStrategy({ maxRetries: 2, delayMs: 1 }) });
    api.answerNext('reset', 'reset');
    await expect(send(client, 'GET', '/orders')).resolves.toBe(200);
    expect(api.server.count('/orders')).toBe(3);
  });

  it('calls an excluded path without a token', async () => {
    const { createClient, api, tokens } = service;
    const client = createClient({ excludedPaths: ['/health'] });
    await send(client, 'GET', '/health');
    expect(tokens.tokenRequests).toBe(0);
    expect(api.tokens).toEqual([]);
  });

  it('takes its credential along to its own origin alone when it is redirected', async () => {
    const { client, api, createClient } = service;
    const elsewhere = await startServer((_request, response) => void response.end('elsewhere'));
    api.answerNext({ status: 302, headers: { location: '/orders/moved' } });
    await send(client, 'GET', '/orders');
    expect(api.server.requests.map(({ headers }) => headers.authorization !== undefined)).toEqual([true, true]);
    api.answerNext({ status: 302, headers: { location: `${elsewhere.origin}/x` } });
    await send(createClient({ headers: { 'x-internal': 'secret-header' } }), 'GET', '/orders');
    expect(elsewhere.requests).toHaveLength(1);
    expect(elsewhere.requests[0]?.headers.authorization).toBeUndefined();
    expect(elsewhere.requests[0]?.headers['x-internal']).toBeUndefined();
    await elsewhere.close();
  });

  it('fails with a typed error, and sends nothing, when no token can be obtained', async () => {
    const { client, api, tokens } = service;
    tokens.configure({ respond: () => ({ status: 401, json: { error: 'invalid_client' } }) });
    const error: unknown = await send(client, 'GET', '/orders').catch((e: unknown) => e);
    expect(ownError(error)).toBeInstanceOf(AuthenticationError);
    expect(api.server.requests).toHaveLength(0);
  });

  it('refuses to leave for another origin', async () => {
    const elsewhere = await startServer((_request, response) => void response.end());
    const error: unknown = await send(service.client, 'GET', `${elsewhere.origin}/x`).catch((e: unknown) => e);
    expect(ownError(error)).toBeInstanceOf(OriginNotAllowedError);
    expect(elsewhere.requests).toHaveLength(0);
    await elsewhere.close();
  });

  it('fails at once when the client is closed', async () => {
    const { createClient, api } = service;
    const client = createClient();
    await client.close();
    const error: unknown = await send(client, 'GET', '/orders').catch((e: unknown) => e);
    expect(ownError(error)).toMatchObject({ code: 'FORGE_AUTH_CLIENT_CLOSED' });
    expect(api.server.requests).toHaveLength(0);
  });
});

describe('httpService', () => {
  it('cancels the request when nobody listens any more', async () => {
    const service = await startProtectedApi();
    service.api.holdResponses();
    const subscription = service.client.httpService.get('/slow').subscribe();
    await service.api.server.received(1, '/slow');
    subscription.unsubscribe();
    await gone(() => service.api.server.requests[0]?.endedAt);
    service.api.release();
    await service.close();
  });

  it('httpService is made once, over the same axios instance', async () => {
    const service = await startProtectedApi();
    const { client } = service;
    expect(client.httpService).toBeInstanceOf(HttpService);
    expect(client.httpService).toBe(client.httpService);
    expect(client.httpService.axiosRef).toBe(client.axiosRef);
    await service.close();
  });
});

describe('axiosRef', () => {
  let service: ProtectedApi;

  beforeEach(async () => {
    service = await startProtectedApi();
  });

  afterEach(async () => {
    await service.close();
  });

  it('names the base URL before the first call', () => {
    expect(service.client.axiosRef.defaults.baseURL).toBe(service.api.origin);
    expect(service.client.axiosRef.getUri({ url: '/a', params: { b: 1 } })).toBe(`${service.api.origin}/a?b=1`);
  });

  it('gives instances that are made of it the same client', async () => {
    const derived = service.client.axiosRef.create({ headers: { 'x-derived': 'yes' } });
    await derived.get('/orders');
    expect(service.api.server.requests[0]?.headers['x-derived']).toBe('yes');
    expect(service.api.tokens).toHaveLength(1);
  });

  it('takes what only this package knows from `forge`', async () => {
    const { api, client, tokens } = service;
    await client.axiosRef.get('/public/x', { forge: { auth: false } });
    await client.axiosRef.get('/orders', { forge: { auth: { scope: 'special' } } });
    expect(api.server.requests[0]?.headers.authorization).toBeUndefined();
    expect(tokens.server.requests[0]?.form().get('scope')).toBe('special');
  });

  it('refuses a beforeRedirect that nobody would call', async () => {
    const call = service.client.axiosRef.get('/orders', { beforeRedirect: () => undefined });
    await expect(call).rejects.toMatchObject({ cause: { code: 'FORGE_AUTH_INVALID_REQUEST' } });
  });
});

describe('attachForgeAuth', () => {
  let service: ProtectedApi;
  let existing: AxiosInstance;

  beforeEach(async () => {
    service = await startProtectedApi();
    existing = create({ baseURL: service.api.origin, headers: { 'x-own': 'kept' } });
  });

  afterEach(async () => {
    await service.close();
  });

  it.each([
    ['an axios instance', (instance: AxiosInstance) => instance],
    ['an HttpService', (instance: AxiosInstance) => new HttpService(instance)],
  ])('authenticates %s until it is detached', async (_name, wrap) => {
    const { api, client } = service;
    const detach = attachForgeAuth(wrap(existing), client);
    expect((await existing.get('/orders')).status).toBe(200);
    expect(api.server.requests[0]?.headers['x-own']).toBe('kept');
    detach();
    await expect(existing.get('/orders')).rejects.toMatchObject({ status: 401 });
    expect(api.tokens).toHaveLength(1);
  });

  it('replaces a revoked token', async () => {
    attachForgeAuth(existing, service.client);
    await existing.get('/orders');
    service.tokens.revokeAll();
    expect((await existing.post('/orders', { a: 1 })).status).toBe(200);
    expect(service.tokens.tokenRequests).toBe(2);
  });

  it('sends through the adapter that was there', async () => {
    const authorizations: unknown[] = [];
    existing.defaults.adapter = async (config) => {
      authorizations.push(config.headers['authorization']);
      return { data: '{"mocked":true}', status: 200, statusText: 'OK', headers: {}, config };
    };
    attachForgeAuth(existing, service.client);
    expect((await existing.get('/orders')).data).toEqual({ mocked: true });
    expect(authorizations).toEqual([expect.stringMatching(/^Bearer /)]);
  });

  it('attachForgeAuth stays detached, whoever brings its adapter back, and for instances that were made of it', async () => {
    const { api, client } = service;
    const detach = attachForgeAuth(existing, client);
    const derived = existing.create();
    const { adapter } = existing.defaults;
    existing.defaults.adapter = async (config) => ({ data: 1, status: 200, statusText: '', headers: {}, config });
    detach();
    detach();
    // As a mock does that was put over it.
    existing.defaults.adapter = adapter as AxiosAdapter;
    await expect(existing.get('/orders')).rejects.toMatchObject({ status: 401 });
    await expect(derived.get('/orders')).rejects.toMatchObject({ status: 401 });
    expect(api.tokens).toEqual([]);
    attachForgeAuth(existing, client);
    await expect(existing.get('/orders')).resolves.toMatchObject({ status: 200 });
  });

  it('refuses a second client', () => {
    const detach = attachForgeAuth(existing, service.client);
    expect(() => attachForgeAuth(existing, service.client)).toThrow(ConfigurationError);
    detach();
    expect(() => attachForgeAuth(existing, service.client)).not.toThrow();
  });

  it('refuses what is no axios', () => {
    expect(() => attachForgeAuth({} as AxiosInstance, service.client)).toThrow(ConfigurationError);
  });
});

describe('provideHttpService', () => {
  /** Code that knows nothing of this package. */
  @Injectable()
  class Legacy {
    constructor(@Inject(HttpService) readonly http: HttpService) {}
  }

  it.each(['forFeature', 'forFeatureAsync'] as const)('gives a module its HttpService by %s', async (method) => {
    const service = await startProtectedApi();
    const provider = new ClientCredentialsTokenProvider({ tokenUrl: service.tokens.url, ...CLIENT });
    const options = { name: 'orders', baseUrl: service.api.origin, auth: { provider } };
    const feature =
      method === 'forFeature'
        ? ForgeAuthModule.forFeature({ ...options, provideHttpService: true })
        : ForgeAuthModule.forFeatureAsync({ name: 'orders', provideHttpService: true, useFactory: () => options });

    @Module({ imports: [feature], providers: [Legacy], exports: [Legacy] })
    class LegacyModule {}

    const app = await Test.createTestingModule({ imports: [LegacyModule] }).compile();
    await app.init();
    const response = await firstValueFrom(app.get(Legacy, { strict: false }).http.get('/orders'));
    expect(response.status).toBe(200);
    expect(service.tokens.tokenRequests).toBe(1);
    await app.close();
    await service.close();
  });

  it('gives each module its own, beside an HttpModule for everybody', async () => {
    const [a, b, others] = await Promise.all([1, 2, 3].map(() => startServer(answering)));

    @Module({ imports: [httpServiceOf('a', a)], providers: [Legacy] })
    class A {}

    @Module({ imports: [httpServiceOf('b', b)], providers: [Legacy] })
    class B {}

    @Module({ providers: [Legacy] })
    class Others {}

    const everybodys = HttpModule.register({ global: true, baseURL: others?.origin ?? '' });
    const app = await Test.createTestingModule({ imports: [everybodys, A, B, Others] }).compile();
    await app.init();
    for (const owner of [A, B, Others])
      await firstValueFrom(app.select(owner).get(Legacy, { strict: true }).http.get('/x'));
    const authorizations = [a, b, others].map((server) => server?.requests.map(({ headers }) => headers.authorization));
    expect(authorizations).toEqual([['Bearer token-of-a'], ['Bearer token-of-b'], [undefined]]);
    await app.close();
    await Promise.all([a, b, others].map((server) => server?.close()));
  });

  it('refuses two services at once', () => {
    const a = { name: 'a', provideHttpService: true };
    expect(() => ForgeAuthModule.forFeature(a, { ...a, name: 'b' })).toThrow(/"a", "b": only one service/);
  });

  it('refuses to take the HttpService of everybody', () => {
    const service = { name: 'a', provideHttpService: true, auth: new BearerAuth('x') };
    expect(() => ForgeAuthModule.forRoot({ services: [service] })).toThrow(/forFeature\(\)/);
  });
});

function httpServiceOf(name: string, server: RecordingServer | undefined): DynamicModule {
  const auth = new BearerAuth(`token-of-${name}`);
  return ForgeAuthModule.forFeature({ name, baseUrl: server?.origin ?? '', auth, provideHttpService: true });
}

const answering: Handler = (_request, response) => void response.end('answered');

/** Returns the error that this package threw: the cause, where a face rejects in words of its own. */
function ownError(error: unknown): unknown {
  const { code, cause } = error as { code?: string; cause?: unknown };
  return (error as { isAxiosError?: boolean }).isAxiosError === true && code !== undefined ? cause : error;
}

function statusOf(error: unknown): unknown {
  return (error as { status?: number }).status;
}

/** A body that takes its time: nobody can have it whole before it is sent. */
function slowly(...chunks: string[]): unknown {
  async function* produce(): AsyncGenerator<Buffer> {
    for (const chunk of chunks) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      yield Buffer.from(chunk);
    }
  }
  return Readable.from(produce(), { objectMode: false });
}

async function gone(ended: () => number | undefined): Promise<void> {
  for (let tries = 0; ended() === undefined; tries += 1) {
    if (tries > 200) throw new Error('The request is still being handled.');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
