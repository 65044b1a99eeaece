import {
  AuthenticationError,
  BodyTokenFetcher,
  type BodyTokenFetcherOptions,
  type FetchContext,
  type ForgeResponse,
  HeaderTokenFetcher,
  type HeaderTokenFetcherOptions,
  HttpTokenFetcher,
  NoRetryStrategy,
  SimpleRetryStrategy,
  Token,
  TokenFetchPipeline,
} from 'nestjs-forge-auth';
import { type Answer, give } from '../support/answer.js';
import type { RecordedRequest } from '../support/recorded-request.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { renderError } from '../support/render.js';
import { expectNoSecrets } from '../support/secrets.js';
import { rejection } from '../support/async.js';

let server: RecordingServer;
let answer: Answer | ((request: RecordedRequest) => Answer);

beforeEach(async () => {
  answer = { json: { access_token: 'the-token' } };
  server = await startServer((received, response) =>
    give(response, typeof answer === 'function' ? answer(received) : answer),
  );
});
afterEach(() => server.close());

function body(options: Partial<BodyTokenFetcherOptions> = {}): BodyTokenFetcher {
  return new BodyTokenFetcher({ name: 'step', baseUrl: server.origin, endpoint: '/token', ...options });
}

function header(options: Partial<HeaderTokenFetcherOptions> = {}): HeaderTokenFetcher {
  return new HeaderTokenFetcher({ name: 'step', baseUrl: server.origin, endpoint: '/token', ...options });
}

/** The only request that was made. */
function onlyRequest(): RecordedRequest {
  expect(server.requests).toHaveLength(1);
  return server.requests[0] as RecordedRequest;
}

describe('the request', () => {
  const data = { user: 'me & you', age: 7, admin: true, nothing: undefined, tags: ['a', 'b'] };

  it('the request is a form by default', async () => {
    await body({ requestData: data }).fetch();
    expect(onlyRequest()).toMatchObject({ method: 'POST', path: '/token' });
    expect(onlyRequest().headers['content-type']).toMatch(/^application\/x-www-form-urlencoded/);
    expect(Object.fromEntries(onlyRequest().form())).toEqual({
      user: 'me & you',
      age: '7',
      admin: 'true',
      tags: '["a","b"]',
    });
  });

  it('sends JSON where it is configured to', async () => {
    await body({ requestData: data, bodyFormat: 'json' }).fetch();
    expect(onlyRequest().headers['content-type']).toMatch(/^application\/json/);
    expect(onlyRequest().json()).toEqual({ user: 'me & you', age: 7, admin: true, tags: ['a', 'b'] });
  });

  it.each([['form'], ['json']] as const)('puts its data into the query of a GET, bodyFormat %s', async (bodyFormat) => {
    await body({ method: 'get', requestData: data, bodyFormat, endpoint: '/token?v=1' }).fetch();
    expect(onlyRequest().method).toBe('GET');
    expect(onlyRequest().body).toHaveLength(0);
    expect(Object.fromEntries(onlyRequest().query)).toMatchObject({
      v: '1',
      user: 'me & you',
      age: '7',
      admin: 'true',
    });
  });

  it('the request has no body and no type where there is no data', async () => {
    answer = { headers: { authorization: 'Bearer abc' } };
    await header().fetch();
    expect(onlyRequest().headers['content-type']).toBeUndefined();
    expect(onlyRequest().body).toHaveLength(0);
  });

  it.each([
    ['', '/token', '/token'],
    ['/', 'token', '/token'],
    ['/auth/', '/v1/token', '/auth/v1/token'],
    ['/auth', 'v1/token', '/auth/v1/token'],
    ['/auth/token', '', '/auth/token'],
  ])('joins %j and %j with one slash', async (base, endpoint, path) => {
    await body({ baseUrl: server.origin + base, endpoint }).fetch();
    expect(onlyRequest().path).toBe(path);
  });

  it('the request is built by functions of the context, or by overriding, each time anew', async () => {
    let serial = 0;
    class Counting extends BodyTokenFetcher {
      protected override buildRequestData(context: FetchContext): Record<string, unknown> {
        return { ...super.buildRequestData(context), more: 'of it' };
      }
    }
    const fetcher = new Counting({
      name: 'step',
      baseUrl: server.origin,
      requestHeaders: () => ({ 'X-Serial': String((serial += 1)) }),
      requestData: (context) => ({ alone: !context.has('other') }),
    });
    await fetcher.fetch();
    await fetcher.fetch();
    expect(server.requests.map(({ headers }) => headers['x-serial'])).toEqual(['1', '2']);
    expect(server.requests.map(({ text }) => text)).toEqual(['alone=true&more=of+it', 'alone=true&more=of+it']);
  });

  it('the request goes over TLS of the step', async () => {
    const secure = await startServer((_request, response) => give(response, { json: { access_token: 'tls' } }), {
      tls: true,
    });
    try {
      const ca = secure.ca as string;
      expect((await body({ baseUrl: secure.origin, tls: { ca } }).fetch()).accessToken).toBe('tls');
      const error = await rejection(new TokenFetchPipeline({ steps: [body({ baseUrl: secure.origin })] }).execute());
      expect(error).toMatchObject({ name: 'AuthenticationError', step: 'step', cause: { name: 'TlsError' } });
    } finally {
      await secure.close();
    }
  });
});

describe('the token of a body', () => {
  it.each<[string, unknown, Partial<BodyTokenFetcherOptions>, Partial<Token>]>([
    ['as RFC 6749 has it', { access_token: 'abc', token_type: 'bearer', scope: 'read' }, {}, { accessToken: 'abc' }],
    ['in a field of another name', { token: 'abc' }, { tokenField: 'token' }, { accessToken: 'abc' }],
    ['deep inside', { data: { token: { value: 'abc' } } }, { tokenField: 'data.token.value' }, { accessToken: 'abc' }],
    ['in a field with a dot', { 'my.token': 'abc' }, { tokenField: 'my.token' }, { accessToken: 'abc' }],
    ['without a type', { access_token: 'abc' }, { defaultTokenType: 'Custom' }, { tokenType: 'Custom' }],
    ['of its own type', { access_token: 'abc', kind: 'MAC' }, { tokenTypeField: 'kind' }, { tokenType: 'MAC' }],
    [
      'with a refresh token',
      { access_token: 'abc', renew: { it: 'def' } },
      { refreshTokenField: 'renew.it' },
      { refreshToken: 'def' },
    ],
    ['without an end', { access_token: 'abc', expires_in: null }, {}, { expiresAt: undefined }],
  ])('%s', async (_how, json, options, expected) => {
    answer = { json };
    const token = await body(options).fetch();
    for (const [name, value] of Object.entries(expected))
      expect([name, token[name as keyof Token]]).toEqual([name, value]);
  });

  it.each<[string, unknown, Partial<BodyTokenFetcherOptions>, number]>([
    ['the issuer says', { expires_in: 60 }, {}, 60_000],
    ['the issuer says in words', { expires_in: '60' }, {}, 60_000],
    ['the issuer says, who is earlier than ttlMs', { expires_in: 60 }, { ttlMs: 90_000 }, 60_000],
    ['ttlMs says, which is earlier than the issuer', { expires_in: 90 }, { ttlMs: 60_000 }, 60_000],
    ['ttlMs says, where the issuer is silent', {}, { ttlMs: 60_000 }, 60_000],
    ['another field says', { data: { ttl: 60 } }, { expiresInField: 'data.ttl' }, 60_000],
  ])('the token of a body ends when %s', async (_who, json, options, lifetimeMs) => {
    answer = { json: { access_token: 'abc', ...(json as object) } };
    const before = Date.now();
    const { expiresAt } = await body(options).fetch();
    expect(expiresAt).toBeGreaterThanOrEqual(before + lifetimeMs);
    expect(expiresAt).toBeLessThanOrEqual(Date.now() + lifetimeMs);
  });

  it.each<[string, Answer, Partial<AuthenticationError>]>([
    ['has none', { json: { token: 'abc' } }, { code: 'FORGE_AUTH_TOKEN_RESPONSE_INVALID' }],
    ['has an empty one', { json: { access_token: '' } }, { code: 'FORGE_AUTH_TOKEN_RESPONSE_INVALID' }],
    ['has a number for one', { json: { access_token: 7 } }, { code: 'FORGE_AUTH_TOKEN_RESPONSE_INVALID' }],
    ['is a list', { json: [] }, { code: 'FORGE_AUTH_TOKEN_RESPONSE_INVALID' }],
    ['is no JSON', { body: '<html>' }, { code: 'FORGE_AUTH_TOKEN_RESPONSE_INVALID' }],
    ['is a refusal', { status: 403, body: 'no' }, { code: 'FORGE_AUTH_TOKEN_REFUSED', status: 403 }],
    ['is an error in a 200', { json: { error: 'invalid_grant' } }, { error: 'invalid_grant', status: 200 }],
    ['ends in the middle', 'truncate', { code: 'FORGE_AUTH_TOKEN_REQUEST_FAILED' }],
  ])('the token of a body cannot be read from an answer that %s', async (_what, given, expected) => {
    answer = given;
    const pipeline = new TokenFetchPipeline({ steps: [body({ retry: new NoRetryStrategy() })] });
    const error = await rejection(pipeline.execute());
    expect(error).toBeInstanceOf(AuthenticationError);
    expect(error).toMatchObject({ ...expected, step: 'step' });
  });
});

describe('the token of a header', () => {
  it.each<[string, string, Partial<HeaderTokenFetcherOptions>, string]>([
    ['authorization', 'Bearer abc', {}, 'Bearer abc'],
    ['AUTHORIZATION', 'bearer  abc', {}, 'Bearer abc'],
    ['x-device-token', 'abc', { tokenHeader: 'X-Device-Token', tokenType: 'Device' }, 'Device abc'],
    ['X-DEVICE-TOKEN', 'Device abc', { tokenHeader: 'x-device-token', tokenType: 'Device' }, 'Device abc'],
    ['x-api-key', 'abc=', { tokenHeader: 'X-API-Key', tokenType: '' }, 'abc='],
  ])('%s: %s', async (name, value, options, authorization) => {
    answer = { headers: { [name]: value }, body: 'whatever, and no JSON' };
    expect((await header(options).fetch()).authorizationHeader).toBe(authorization);
  });

  it.each<[string, Answer]>([
    ['is missing', {}],
    ['is empty', { headers: { authorization: ' ' } }],
  ])('the token of a header that %s is an error', async (_what, given) => {
    answer = given;
    const error = await rejection(header().fetch());
    expect(error).toMatchObject({ code: 'FORGE_AUTH_TOKEN_RESPONSE_INVALID', step: 'step', status: 200 });
    expect(error.message).toContain('"authorization"');
  });

  it('lives for its ttlMs', async () => {
    answer = { headers: { authorization: 'abc' } };
    expect((await header().fetch()).expiresAt).toBeUndefined();
    expect((await header({ ttlMs: 60_000 }).fetch()).isExpired()).toBe(false);
  });

  it('the token of a header is not taken from a refusal', async () => {
    answer = { status: 401, headers: { authorization: 'Bearer abc' } };
    expect(await rejection(header().fetch())).toMatchObject({ code: 'FORGE_AUTH_TOKEN_REFUSED', status: 401 });
  });
});

describe('a fetcher of its own', () => {
  class Own extends HttpTokenFetcher {
    seen: ForgeResponse[] = [];
    async fetch(context?: FetchContext): Promise<Token> {
      const signal = context?.signal;
      const response = await this.makeRequest({
        method: 'PUT',
        headers: { 'X-Base': this.baseUrl + this.endpoint },
        ...(signal && { signal }),
      });
      this.seen.push(response);
      if (!response.isSuccess)
        throw new AuthenticationError(`Own auth failed: ${response.status}`, { status: response.status });
      return new Token({ accessToken: response.text() });
    }
  }

  it.each([200, 204, 302, 400, 401, 404, 500, 503])('gets the answer, whatever its status: %i', async (status) => {
    answer = {
      status,
      headers: status === 302 ? { location: '/elsewhere' } : {},
      ...(status === 204 ? {} : { body: 'abc' }),
    };
    const own = new Own({ name: 'own', baseUrl: server.origin, endpoint: '/own' });
    await own.fetch().catch(() => undefined);
    expect(own.seen.map((response) => response.status)).toEqual([status]);
    expect(onlyRequest()).toMatchObject({ method: 'PUT', path: '/own' });
    expect(onlyRequest().headers['x-base']).toBe(`${server.origin}/own`);
  });

  it('a fetcher of its own is tried again after a failure that may pass, and not after one that will not', async () => {
    const own = new Own({ name: 'own', baseUrl: server.origin });
    answer = () => (server.requests.length < 3 ? { status: 503 } : { body: 'abc' });
    await expect(new TokenFetchPipeline({ steps: [own] }).execute()).resolves.toMatchObject({ accessToken: 'abc' });
    expect(server.requests).toHaveLength(3);
    server.reset();
    answer = { status: 400 };
    const error = await rejection(new TokenFetchPipeline({ steps: [own] }).execute());
    expect(error).toMatchObject({ message: 'Own auth failed: 400', step: 'own', attempts: 1 });
    expect(server.requests).toHaveLength(1);
  });

  it('reads its token in a way of its own', async () => {
    class Quoted extends BodyTokenFetcher {
      override parseToken(response: ForgeResponse): Token {
        return new Token({ accessToken: response.json<{ quoted: string }>().quoted.slice(1, -1) });
      }
    }
    answer = { json: { quoted: '"abc"' } };
    const quoted = new Quoted({ name: 'quoted', baseUrl: server.origin });
    await expect(quoted.fetch()).resolves.toMatchObject({ accessToken: 'abc' });
  });
});

describe('each step has its own', () => {
  it('a request of a fetcher ends at its timeoutMs', async () => {
    answer = 'hang';
    const error = await rejection(body({ timeoutMs: 50 }).fetch());
    expect(error).toMatchObject({ name: 'TimeoutError', message: expect.stringContaining('50 ms') });
  });

  it('retries a fetch by the options of its fetcher', async () => {
    answer = { status: 500 };
    const retry = new SimpleRetryStrategy({ maxRetries: 1, delayMs: 1 });
    for (const [strategy, requests] of [
      [new NoRetryStrategy(), 1],
      [{ nextDelayMs: ({ attempt }: { attempt: number }) => (attempt > 4 ? undefined : 1) }, 5],
      [retry, 1],
    ] as const) {
      server.reset();
      const pipeline = new TokenFetchPipeline({ steps: [body({ retry: strategy })] });
      expect(await rejection(pipeline.execute())).toMatchObject({ status: 500, attempts: requests });
      expect(server.requests).toHaveLength(requests);
    }
  });
});

describe('wrong options', () => {
  it.each<[string, Partial<BodyTokenFetcherOptions>, RegExp]>([
    ['no name', { name: '' }, /name must be a text/],
    ['no base URL', { baseUrl: undefined as unknown as string }, /baseUrl is undefined\. Is the variable/],
    ['a relative base URL', { baseUrl: '/token' }, /baseUrl must be an absolute URL/],
    ['plain http elsewhere', { baseUrl: 'http://auth.example.com' }, /plain http[^]*allowInsecure: true/],
    ['a negative ttl', { ttlMs: -1 }, /ttlMs must be a number of milliseconds above zero, not -1/],
    ['a ttl that is no number', { ttlMs: Number.NaN }, /ttlMs must be/],
    ['a ttl without an end', { ttlMs: Number.POSITIVE_INFINITY }, /ttlMs must be/],
    ['no timeout', { timeoutMs: 0 }, /timeoutMs must be/],
    ['an unknown format', { bodyFormat: 'xml' as 'json' }, /bodyFormat must be 'form' or 'json'/],
    ['one dependency, not a list', { dependsOn: 'app' as unknown as string[] }, /dependsOn must be a list/],
  ])('%s', (_what, options, message) => {
    expect(() => body(options)).toThrow(message);
  });
});

it('shows nothing of what an issuer quotes', async () => {
  const secret = 'cnry_requestdata_word';
  const quoted: Answer[] = [
    { status: 400, json: { error: secret, error_description: secret } },
    { status: 401, json: { error: 'invalid_grant', error_description: secret }, headers: { 'x-debug': secret } },
    { status: 400, body: secret },
    { json: { error: secret } },
    { body: `{"access_token": "${secret}` },
    { headers: { authorization: '' }, json: { [secret]: secret } },
  ];
  for (const given of quoted) {
    for (const make of [body, header]) {
      answer = given;
      const fetcher = make({
        requestData: { password: secret },
        requestHeaders: { 'X-Secret': secret },
        retry: new NoRetryStrategy(),
      });
      const error = await rejection(new TokenFetchPipeline({ steps: [fetcher] }).execute());
      expectNoSecrets(renderError(error), [secret]);
    }
  }
});
