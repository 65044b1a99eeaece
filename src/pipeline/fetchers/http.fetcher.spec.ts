import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ConfigurationError } from '../../errors.js';
import type { HttpRequest, HttpResponse } from '../../http/http-request.js';
import type { Transport } from '../../http/transport.js';
import { FakeClock } from '../../testing/fake-clock.js';
import { Token } from '../../token/token.js';
import { BodyTokenFetcher, type BodyTokenFetcherOptions } from './body.fetcher.js';
import { StepContext } from './fetch-context.js';
import type { FetchContext } from './token-fetcher.js';
import { HeaderTokenFetcher, type HeaderTokenFetcherOptions } from './header.fetcher.js';

const clock = new FakeClock();
const NOW = clock.now();
const device = new Token({ accessToken: 'device-token' });
const context = new StepContext(
  'app',
  new Map([['device', device]]),
  new Set(['device']),
  new AbortController().signal,
  clock,
);

interface Answer {
  readonly status?: number;
  readonly headers?: HttpResponse['headers'];
  readonly json?: unknown;
}

/** A transport that answers the same to everything, and records what it is given. */
function answering({ status = 200, headers = {}, json = {} }: Answer) {
  const requests: HttpRequest[] = [];
  const transport: Transport = {
    send: async (request) => {
      requests.push(request);
      const body = Buffer.from(JSON.stringify(json));
      return {
        status,
        statusText: '',
        headers: { 'content-type': 'application/json', ...headers },
        body,
        url: request.url,
      } as HttpResponse;
    },
  };
  return { transport, requests };
}

const BASE = { name: 'app', baseUrl: 'https://issuer.example/v1/' };

async function fromBody(answer: Answer, more: Partial<BodyTokenFetcherOptions> = {}) {
  const { transport, requests } = answering(answer);
  const step = new BodyTokenFetcher({ ...BASE, transport, ...more });
  return { token: await step.fetch(context), requests };
}

async function fromHeader(answer: Answer, more: Partial<HeaderTokenFetcherOptions> = {}): Promise<Token> {
  return new HeaderTokenFetcher({ ...BASE, transport: answering(answer).transport, ...more }).fetch(context);
}

/** What was sent: method, URL and body. */
async function sent(more: Partial<BodyTokenFetcherOptions>): Promise<unknown[]> {
  const { requests } = await fromBody({ json: { access_token: 'a' } }, more);
  return requests.map(({ method, url, body }) => [method, url, body === undefined ? undefined : String(body)]);
}

describe('the request of a step', () => {
  it.each<[string, string, string]>([
    ['without a second slash', '/token', 'https://issuer.example/v1/token'],
    ['with the one that is missing', 'token', 'https://issuer.example/v1/token'],
    ['as it is where there is no endpoint', '', 'https://issuer.example/v1/'],
  ])('the request of a step goes to its endpoint below its base URL, %s', async (_name, endpoint, url) => {
    expect(await sent({ endpoint })).toEqual([['POST', url, undefined]]);
  });

  it.each<[string, Partial<BodyTokenFetcherOptions>, unknown[]]>([
    ['a form', {}, ['POST', 'https://issuer.example/v1/', 'a=1&list=%5B1%5D']],
    ['JSON', { bodyFormat: 'json' }, ['POST', 'https://issuer.example/v1/', '{"a":1,"list":[1],"none":null}']],
    ['the query of a GET', { method: 'get' }, ['GET', 'https://issuer.example/v1/?a=1&list=%5B1%5D', undefined]],
  ])('the request of a step has its data as %s', async (_name, more, expected) => {
    const requestData = { a: 1, list: [1], none: null, nothing: undefined };
    expect(await sent({ requestData, ...more })).toEqual([expected]);
  });

  it('the request of a step is built of the tokens before it', async () => {
    const { requests } = await fromBody(
      { json: { access_token: 'a' } },
      {
        dependsOn: ['device'],
        requestHeaders: (of) => ({ 'x-device': of.accessToken('device') }),
        requestData: (of) => ({ device: of.accessToken('device') }),
      },
    );
    expect(requests[0]?.headers).toMatchObject({ 'x-device': 'device-token' });
    expect(String(requests[0]?.body)).toBe('device=device-token');
  });
});

/** When a token ends that its step gives a minute. */
const lasting = async (json: object): Promise<number | undefined> =>
  (await fromBody({ json: { access_token: 'a', ...json } }, { ttlMs: 60_000 })).token.expiresAt;

describe('a token in a body', () => {
  it('a token in a body has the fields of RFC 6749, and whatever else there is', async () => {
    const { token } = await fromBody({
      json: { access_token: 'a', token_type: 'DPoP', expires_in: 60, refresh_token: 'r', tenant: 7 },
    });
    expect(token).toMatchObject({
      accessToken: 'a',
      tokenType: 'DPoP',
      expiresAt: NOW + 60_000,
      refreshToken: 'r',
      extra: { tenant: 7 },
    });
  });

  it('a token in a body may have fields of other names, nested or not', async () => {
    const names = {
      tokenField: 'data.token',
      tokenTypeField: 'data.kind',
      expiresInField: 'life.time',
      refreshTokenField: 'renewal',
    };
    const json = { data: { token: 'a', kind: 'DPoP' }, 'life.time': 30, renewal: 'r' };
    expect((await fromBody({ json }, names)).token).toMatchObject({
      accessToken: 'a',
      tokenType: 'DPoP',
      expiresAt: NOW + 30_000,
      refreshToken: 'r',
    });
  });

  it('a token in a body is a Bearer token unless the step says otherwise', async () => {
    const json = { access_token: 'a' };
    expect((await fromBody({ json })).token.tokenType).toBe('Bearer');
    expect((await fromBody({ json }, { defaultTokenType: 'Token' })).token.tokenType).toBe('Token');
  });

  it('a token in a body ends when the step says, if its issuer does not say sooner', async () => {
    expect([await lasting({}), await lasting({ expires_in: 30 }), await lasting({ expires_in: 90 })]).toEqual([
      NOW + 60_000,
      NOW + 30_000,
      NOW + 60_000,
    ]);
  });

  it.each<[string, unknown]>([
    ['no token', { other: 1 }],
    ['an empty one', { data: { token: '' } }],
    ['one that is no text', { data: { token: 7 } }],
    ['null on the way', { data: null }],
    ['a text on the way', { data: 'token' }],
  ])('a token in a body is refused by its field and for good: %s', async (_name, json) => {
    await expect(fromBody({ json }, { tokenField: 'data.token' })).rejects.toMatchObject({
      message: 'Step "app" failed: the answer has no token in "data.token".',
      code: 'FORGE_AUTH_TOKEN_RESPONSE_INVALID',
      step: 'app',
      status: 200,
      transient: false,
    });
  });

  it('a token in a body that cannot be sent is refused for good, naming the step', async () => {
    await expect(fromBody({ status: 201, json: { access_token: 'a\nb' } })).rejects.toMatchObject({
      message: expect.stringMatching(/^Step "app" failed\. /),
      step: 'app',
      status: 201,
      transient: false,
    });
  });
});

const lastPartsOf = (more: object): unknown => new HeaderTokenFetcher({ ...BASE, ...more }).keyParts(context).slice(-4);

describe('a token in a header', () => {
  it.each<[string, HttpResponse['headers'], Partial<HeaderTokenFetcherOptions>]>([
    ['Authorization, without its scheme', { authorization: 'Bearer  the-token' }, {}],
    ['another one, whatever its case', { 'x-app-token': ' the-token ' }, { tokenHeader: 'X-App-Token' }],
    ['the first of many', { 'x-app-token': ['the-token', 'other'] as never }, { tokenHeader: 'x-app-token' }],
  ])('a token in a header is read from %s', async (_name, headers, more) => {
    expect(await fromHeader({ headers }, more)).toMatchObject({ accessToken: 'the-token', tokenType: 'Bearer' });
  });

  it('a token in a header has the type and the lifetime that the step says', async () => {
    const headers = { authorization: 'x' };
    expect(await fromHeader({ headers }, { tokenType: 'Token', ttlMs: 5_000 })).toMatchObject({
      tokenType: 'Token',
      expiresAt: NOW + 5_000,
    });
    expect((await fromHeader({ headers })).expiresAt).toBeUndefined();
  });

  it('a token in a header is distinguished by its header and its type', () => {
    expect(lastPartsOf({})).toEqual([{}, {}, 'authorization', 'Bearer']);
    expect(lastPartsOf({ tokenHeader: 'X-App', tokenType: 'Token' })).toEqual([{}, {}, 'x-app', 'Token']);
  });

  it('a token in a header that is not there is refused by its name', async () => {
    for (const headers of [{}, { 'x-app-token': ' ' }])
      await expect(fromHeader({ headers }, { tokenHeader: 'X-App-Token' })).rejects.toMatchObject({
        message: 'Step "app" failed: the answer has no header "x-app-token".',
        code: 'FORGE_AUTH_TOKEN_RESPONSE_INVALID',
        step: 'app',
        status: 200,
        transient: false,
      });
  });

  it('a token in a header that cannot be one is refused, naming the step', async () => {
    await expect(fromHeader({ headers: { authorization: 'a\u0000b' } })).rejects.toMatchObject({
      message: expect.stringMatching(/^Step "app" failed\. /),
      code: 'FORGE_AUTH_TOKEN_RESPONSE_INVALID',
      step: 'app',
      status: 200,
      transient: false,
    });
  });
});

describe('a step that is refused', () => {
  it.each([400, 401, 503])(
    'a step that is refused with %s fails by it, wherever its token would be',
    async (status) => {
      const answer = { status, json: { error: 'invalid_grant', access_token: 'a' }, headers: { authorization: 'a' } };
      for (const fetching of [fromBody(answer), fromHeader(answer)])
        await expect(fetching).rejects.toMatchObject({ status, error: 'invalid_grant', transient: status === 503 });
    },
  );

  it('a step that reads a header takes any body of a success, one that reads the body does not', async () => {
    const answer = { json: { error: 'invalid_grant' }, headers: { authorization: 'a' } };
    expect((await fromHeader(answer)).accessToken).toBe('a');
    await expect(fromBody(answer)).rejects.toMatchObject({ error: 'invalid_grant' });
  });
});

/** A transport that answers nothing until the request is aborted. */
const hanging: Transport = {
  send: ({ signal }) =>
    new Promise((_resolve, reject) => {
      const end = (): void => reject(signal?.reason as Error);
      signal?.addEventListener('abort', end);
      if (signal?.aborted === true) end();
    }),
};

const partsOf = (more: object): readonly unknown[] => new BodyTokenFetcher({ ...BASE, ...more }).keyParts(context);

describe('the options of a step', () => {
  it('the options of a step are its own from then on', () => {
    const dependsOn = ['device'];
    const step = new BodyTokenFetcher({
      ...BASE,
      dependsOn,
      ttlMs: 5,
      deadlineMs: 6,
      refreshWindowMs: 7,
      identity: 'a',
    });
    dependsOn.push('other');
    expect(step).toMatchObject({
      name: 'app',
      dependsOn: ['device'],
      ttlMs: 5,
      deadlineMs: 6,
      refreshWindowMs: 7,
      identity: ['a'],
    });
    expect(new BodyTokenFetcher(BASE)).toMatchObject({ dependsOn: [], identity: undefined, retry: undefined });
    expect(new BodyTokenFetcher({ ...BASE, identity: ['a', 'b'] }).identity).toEqual(['a', 'b']);
  });

  it.each<[string, object, string]>([
    ['a missing name', { name: undefined }, 'BodyTokenFetcher: name is missing. Give the step a name.'],
    ['a missing base URL', { baseUrl: undefined }, 'BodyTokenFetcher "app": baseUrl'],
    ['an insecure base URL', { baseUrl: 'http://issuer.example' }, 'BodyTokenFetcher "app": baseUrl'],
    [
      'tls beside a transport',
      { tls: {}, transport: { send: () => undefined } },
      'BodyTokenFetcher "app": tls means nothing beside a transport: give the transport its tls.',
    ],
    ['a bad format', { bodyFormat: 'xml' }, 'BodyTokenFetcher "app": bodyFormat'],
    ['a bad header name', { tokenField: 7 }, 'BodyTokenFetcher "app": tokenField'],
  ])('the options of a step are refused by its name: %s', (_name, more, message) => {
    const make = (): unknown => new BodyTokenFetcher({ ...BASE, ...more } as never);
    expect(make).toThrow(ConfigurationError);
    expect(make).toThrow(message);
  });

  it('the options of a step that are misspelt are refused, and warned of where a class of the app’s may have them', () => {
    const misspelt = { ...BASE, tokenFeild: 'a', tokenHaeder: 'a' } as never;
    expect(() => new BodyTokenFetcher(misspelt)).toThrow('BodyTokenFetcher "app": there is no option tokenFeild');
    expect(() => new HeaderTokenFetcher(misspelt)).toThrow(ConfigurationError);
    class Mine extends BodyTokenFetcher {}
    class MyHeader extends HeaderTokenFetcher {}
    for (const Fetcher of [Mine, MyHeader]) expect(() => new Fetcher(misspelt)).not.toThrow();
  });

  it('the options of a step bound the time that its answer takes', async () => {
    await expect(new BodyTokenFetcher({ ...BASE, transport: hanging, timeoutMs: 7 }).fetch(context)).rejects.toThrow(
      'POST https://issuer.example/v1/ did not answer within 7 ms.',
    );
  });

  it('the options of a step say by which proxy it is asked', async () => {
    const asked: (string | undefined)[] = [];
    const connections: (string | undefined)[] = [];
    const proxy = createServer((request, response) => {
      asked.push(request.url);
      connections.push(request.headers.connection);
      response.setHeader('content-type', 'application/json').end('{"access_token":"a"}');
    }).listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const { port } = proxy.address() as AddressInfo;
    const axios = { proxy: { protocol: 'http', host: '127.0.0.1', port } };
    const step = new BodyTokenFetcher({
      name: 'app',
      baseUrl: 'http://issuer.example/token',
      allowInsecure: true,
      axios,
    });
    expect([(await step.fetch()).accessToken, asked]).toEqual(['a', ['http://issuer.example/token']]);
    expect(connections).toEqual(['close']);
    proxy.close();
  });

  it('the request of a step ends when its flight does', async () => {
    const caller = new AbortController();
    const own = new StepContext('app', new Map(), new Set(), caller.signal, clock);
    const fetching = new BodyTokenFetcher({ ...BASE, transport: hanging }).fetch(own);
    caller.abort(new Error('I left'));
    await expect(fetching).rejects.toThrow('I left');
  });

  it('the options of a step are parts of what it asks for, and so is the way there', () => {
    const settings = {
      requestHeaders: (of: FetchContext) => ({ 'x-a': of.accessToken('device') }),
      requestData: (of: FetchContext) => ({ b: of.accessToken('device') }),
    };
    const fields = {
      tokenField: 'access_token',
      tokenTypeField: 'token_type',
      expiresInField: 'expires_in',
      refreshTokenField: 'refresh_token',
    };
    expect(partsOf({ endpoint: '/token', ...settings })).toEqual([
      BASE.baseUrl,
      '/token',
      'POST',
      'form',
      { 'x-a': 'device-token' },
      { b: 'device-token' },
      fields,
      'Bearer',
    ]);
    const others = {
      tokenField: 'token',
      tokenTypeField: 'type',
      expiresInField: 'ttl',
      refreshTokenField: 'renewal',
    };
    const axios = { socketPath: '/run/issuer.sock' };
    expect(partsOf({ method: 'put', bodyFormat: 'json', axios, defaultTokenType: 'Token', ...others })).toEqual([
      BASE.baseUrl,
      '',
      'PUT',
      'json',
      {},
      {},
      'socketPath',
      '"/run/issuer.sock"',
      others,
      'Token',
    ]);
  });

  it('the options of a step let it be insecure where it says so', () => {
    const step = new BodyTokenFetcher({ ...BASE, baseUrl: 'http://issuer.example', allowInsecure: true });
    expect(step.keyParts(context)[0]).toBe('http://issuer.example');
  });
});
