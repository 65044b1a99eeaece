import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { inspect } from 'node:util';
import { Redis } from 'ioredis';
import {
  AuthenticationError,
  ConfigurationError,
  createForgeClient,
  type OAuth1AuthOptions,
  OAuth1Auth,
  OAuth1Flow,
  type OAuth1FlowOptions,
  RedisTokenStorage,
} from 'nestjs-forge-auth';
import { json, send } from '../support/answer.js';
import { FakeClock } from '../support/fake-clock.js';
import { sharedRedis } from '../support/redis-server.js';
import { render } from '../support/render.js';
import { expectNoSecrets } from '../support/secrets.js';
import { CLIENT, type OAuth1Server, startOAuth1Server } from './oauth1-server.js';

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

let server: OAuth1Server;
const open: { close(): Promise<void> }[] = [];

beforeEach(async () => {
  server = await startOAuth1Server({ publicKey });
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
  await server.close();
});

const CALLBACK = 'https://printer.example/ready?session=a%20b';

function flowWith(options: Partial<OAuth1FlowOptions> = {}): OAuth1Flow {
  const flow = new OAuth1Flow({ ...CLIENT, ...server.urls, callbackUrl: CALLBACK, ...options });
  open.push(flow);
  return flow;
}

const failureOf = async (call: Promise<unknown>): Promise<AuthenticationError> => {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(AuthenticationError);
  return error as AuthenticationError;
};

const METHODS = [
  'HMAC-SHA1',
  'HMAC-SHA256',
  'HMAC-SHA512',
  'RSA-SHA1',
  'RSA-SHA256',
  'RSA-SHA512',
  'PLAINTEXT',
] as const;
const PLACEMENTS = ['header', 'query', 'body'] as const;

describe('the three legs', () => {
  it.each(METHODS.flatMap((method) => PLACEMENTS.map((placement) => [method, placement] as const)))(
    'the three legs go with %s in the %s',
    async (signatureMethod, placement) => {
      const signing = { signatureMethod, placement, clientKey: privateKey } satisfies Partial<OAuth1AuthOptions>;
      const flow = flowWith(signing);
      const request = await flow.requestToken();
      expect(request).toEqual({ token: expect.any(String) as string, tokenSecret: expect.any(String) as string });
      const callback = server.consent(flow.authorizationUrl(request));
      expect(callback).toMatch(/^https:\/\/printer\.example\/ready\?session=a(?:%20|\+)b&oauth_token=/);
      const access = await flow.handleCallback(callback);
      expect(access.extra).toEqual({ user_id: '38895958', screen_name: 'theSeanCook' });

      const auth = new OAuth1Auth({ ...CLIENT, ...signing, ...access });
      const client = createForgeClient({ name: 'photos', baseUrl: server.origin, auth });
      open.push(client);
      const answer = await client.post('/photos?size=original', new URLSearchParams({ file: 'vacation photo.jpg' }));
      expect(answer.data).toEqual({ token: access.token });
      expect(server.verified.map(({ path, found }) => [path, found.placement])).toEqual(
        ['/initiate', '/token', '/photos'].map((path) => [path, placement]),
      );
    },
  );

  it('the three legs go out of band, token and verifier by hand', async () => {
    const flow = flowWith({ callbackUrl: 'oob' });
    await flow.requestToken();
    const verifier = server.consent(flow.authorizationUrl());
    expect(await flow.accessToken(` ${verifier}\n`)).toMatchObject({ token: expect.any(String) as string });
    expect(server.verified[0]?.found.oauth).toMatchObject({ oauth_callback: 'oob' });
  });

  it('the three legs are finished by an instance that is given the request token and its secret', async () => {
    const begun = flowWith();
    const { token, tokenSecret } = await begun.requestToken({ callbackUrl: 'https://other.example/back' });
    const verifier = new URL(server.consent(begun.authorizationUrl(token))).searchParams.get('oauth_verifier') ?? '';
    const resumed = flowWith({ token, tokenSecret });
    expect(new URL(resumed.authorizationUrl()).searchParams.get('oauth_token')).toBe(token);
    await resumed.accessToken(verifier);
    expect(server.verified.map(({ path }) => path)).toEqual(['/initiate', '/token']);
  });

  it.each(['POST', 'GET'] as const)('the three legs of OAuth 1.0a take further parameters, by %s', async (method) => {
    const flow = flowWith({ method });
    const request = await flow.requestToken({ extraParams: { scope: 'read write', x_auth_access_type: 'read' } });
    const { query, text, method: sent } = server.requests[0] ?? {};
    expect(sent).toBe(method);
    expect(method === 'GET' ? String(query) : text).toContain('scope=read+write&x_auth_access_type=read');
    const url = flow.authorizationUrl(request, { name: 'My App' });
    expect(url.startsWith(`${server.urls.authorizationUrl}&name=My+App&oauth_token=`)).toBe(true);
  });

  it.each(['text/html', 'application/json', 'text/plain; charset=utf-8'])(
    'the three legs of OAuth 1.0a read answers labelled %s',
    async (label) => {
      server.label = label;
      const flow = flowWith();
      await flow.handleCallback(server.consent(flow.authorizationUrl(await flow.requestToken())));
    },
  );

  it('the three legs of OAuth 1.0a read answers in JSON', async () => {
    server.before = (_request, response) => {
      json(response, 200, { oauth_token: 't', oauth_token_secret: 's', user: { id: 5 }, id: 5 });
      return true;
    };
    const { token, tokenSecret, extra } = await flowWith().requestToken();
    expect([token, tokenSecret, extra]).toEqual(['t', 's', { id: '5' }]);
  });

  it('the three legs of OAuth 1.0a correct a clock that is off, once', async () => {
    server.aheadS = 86_400;
    const flow = flowWith();
    await flow.handleCallback(server.consent(flow.authorizationUrl(await flow.requestToken())));
    expect(server.requests.map(({ path }) => path)).toEqual(['/initiate', '/initiate', '/token']);
  });
});

describe('many flows at once', () => {
  it('calls of several users each get the token of their own user', async () => {
    const flow = flowWith();
    const requests = await Promise.all(Array.from({ length: 20 }, () => flow.requestToken()));
    const callbacks = requests.map((request) => server.consent(flow.authorizationUrl(request)));
    const tokens = await Promise.all(callbacks.toReversed().map((callback) => flow.handleCallback(callback)));
    expect(new Set(tokens.map(({ token }) => token)).size).toBe(20);
  });

  it('needs the request token named wherever it is not the only one', async () => {
    const flow = flowWith();
    expect(() => flow.authorizationUrl()).toThrow(/no request token yet/);
    await flow.requestToken();
    await flow.requestToken();
    expect(() => flow.authorizationUrl()).toThrow(ConfigurationError);
    await expect(flow.accessToken('verifier')).rejects.toThrow(/2 flows are open/);
  });
});

describe('the secret of a request token', () => {
  it('stands in the storage, so that another instance takes the callback; encrypted, and once', async () => {
    const storage = new Map<string, string>();
    const [one, other] = [flowWith({ storage }), flowWith({ storage })];
    const { token, tokenSecret } = await one.requestToken();
    const stored = JSON.stringify([...storage]);
    expectNoSecrets(stored, [token, tokenSecret, CLIENT.clientSecret]);
    const callback = server.consent(one.authorizationUrl(token));
    await other.handleCallback(callback);
    for (const flow of [one, other]) {
      const error = await failureOf(flow.handleCallback(callback));
      expect(error.message).toMatch(/was used before/);
    }
    expect(server.count('/token')).toBe(1);
    expectNoSecrets(JSON.stringify([...storage]), [token, tokenSecret]);
  });

  it('the secret of a request token is taken by one of two callbacks that come at once', async () => {
    const flow = flowWith();
    const callback = server.consent(flow.authorizationUrl(await flow.requestToken()));
    const outcomes = await Promise.allSettled([flow.handleCallback(callback), flow.handleCallback(callback)]);
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(server.count('/token')).toBe(1);
  });

  it('the secret of a request token is taken by one of two processes on one Redis', async () => {
    const redis = await sharedRedis();
    const connections = [new Redis(redis.url), new Redis(redis.url)];
    try {
      const keyPrefix = `oauth1-${randomUUID()}`;
      const [one, other] = connections.map((client) => flowWith({ storage: new RedisTokenStorage(client), keyPrefix }));
      if (one === undefined || other === undefined) throw new Error('There are two.');
      const callbacks = await Promise.all(
        Array.from({ length: 10 }, async () => server.consent(one.authorizationUrl(await one.requestToken()))),
      );
      const outcomes = await Promise.allSettled(
        callbacks.flatMap((callback) => [one.handleCallback(callback), other.handleCallback(callback)]),
      );
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
      expect(server.count('/token')).toBe(10);
    } finally {
      await Promise.all(open.splice(0).map((flow) => flow.close()));
      for (const client of connections) client.disconnect();
      await redis.stop();
    }
  });

  it('the secret of a request token is forgotten after ten minutes', async () => {
    const clock = new FakeClock({ now: Date.now() });
    const flow = flowWith({ clock, storage: new Map<string, string>() });
    const callback = server.consent(flow.authorizationUrl(await flow.requestToken()));
    await clock.advance(600_001);
    expect((await failureOf(flow.handleCallback(callback))).message).toMatch(/older than ten minutes/);
    expect(server.count('/token')).toBe(0);
  });

  it('stands in this process while the storage is down', async () => {
    const storage = {
      get: () => Promise.reject(new Error('down')),
      set: () => Promise.reject(new Error('down')),
    };
    const flow = flowWith({ storage });
    await flow.handleCallback(server.consent(flow.authorizationUrl(await flow.requestToken())));
  });

  it('the secret of a request token is there again where the server could not be reached, or was out of order', async () => {
    const flow = flowWith();
    const callback = server.consent(flow.authorizationUrl(await flow.requestToken()));
    const failures: ((response: Parameters<OAuth1Server['handler']>[1]) => void)[] = [
      (response) => response.destroy(),
      (response) => send(response, 503, 'out of order'),
    ];
    for (const fail of failures) {
      server.before = (_request, response) => {
        fail(response);
        return true;
      };
      expect((await failureOf(flow.handleCallback(callback))).transient).toBe(true);
    }
    server.before = () => false;
    await flow.handleCallback(callback);
  });

  it('takes no secret of a request token from a foreign value in its place', async () => {
    const storage = new Map<string, string>();
    const flow = flowWith({ storage });
    const request = await flow.requestToken();
    for (const key of storage.keys()) storage.set(key, Buffer.alloc(64).toString('base64url'));
    await failureOf(flow.accessToken({ token: request.token, verifier: 'v' }));
    expect(server.count('/token')).toBe(0);
  });
});

describe('what goes wrong', () => {
  type Reply = Parameters<OAuth1Server['handler']>[1];
  it.each<[string, (response: Reply) => void, string, Partial<AuthenticationError>, RegExp]>([
    [
      'a page',
      (response) => send(response, 200, '<!doctype html><title>canary-answer</title>', { 'content-type': 'text/html' }),
      'FORGE_AUTH_TOKEN_RESPONSE_INVALID',
      { status: 200 },
      /the answer is a page \(HTTP 200\)/,
    ],
    [
      'no secret',
      (response) => send(response, 200, 'oauth_token=canary-answer'),
      'FORGE_AUTH_TOKEN_RESPONSE_INVALID',
      {},
      /no oauth_token_secret/,
    ],
    [
      'no token',
      (response) => send(response, 200, 'oauth_token_secret=canary-answer'),
      'FORGE_AUTH_TOKEN_RESPONSE_INVALID',
      {},
      /no oauth_token /,
    ],
    ['nothing', (response) => send(response, 200, ''), 'FORGE_AUTH_TOKEN_RESPONSE_INVALID', {}, /no oauth_token /],
    [
      'JSON that is none',
      (response) => send(response, 200, '{canary-answer'),
      'FORGE_AUTH_TOKEN_RESPONSE_INVALID',
      {},
      /no oauth_token /,
    ],
    [
      'a callback that was not taken',
      (response) => send(response, 200, 'oauth_token=t&oauth_token_secret=s&oauth_callback_confirmed=false'),
      'FORGE_AUTH_TOKEN_RESPONSE_INVALID',
      {},
      /did not take the callback/,
    ],
    [
      'a problem in the body',
      (response) => send(response, 401, 'oauth_problem=consumer_key_unknown&oauth_problem_advice=canary-answer'),
      'FORGE_AUTH_TOKEN_REFUSED',
      { status: 401, error: 'consumer_key_unknown' },
      /refused: consumer_key_unknown \(HTTP 401\)/,
    ],
    [
      'a problem with a 200',
      (response) => send(response, 200, 'oauth_problem=token_rejected'),
      'FORGE_AUTH_TOKEN_REFUSED',
      { error: 'token_rejected' },
      /token_rejected/,
    ],
    [
      'a problem in the challenge',
      (response) =>
        send(response, 403, 'canary-answer', { 'www-authenticate': 'OAuth oauth_problem="permission_denied"' }),
      'FORGE_AUTH_TOKEN_REFUSED',
      { status: 403, error: 'permission_denied' },
      /permission_denied/,
    ],
    [
      'a status',
      (response) => send(response, 500, 'canary-answer'),
      'FORGE_AUTH_TOKEN_REFUSED',
      { status: 500, transient: true },
      /HTTP 500/,
    ],
    [
      'a redirect',
      (response) => send(response, 302, '', { location: 'https://canary-answer.example' }),
      'FORGE_AUTH_TOKEN_REFUSED',
      { status: 302 },
      /redirected/,
    ],
    [
      'no answer',
      (response) => response.destroy(),
      'FORGE_AUTH_TOKEN_REQUEST_FAILED',
      { transient: true },
      /could not be reached/,
    ],
  ])('the server answers %s', async (_name, reply, code, parts, message) => {
    server.before = (_request, response) => {
      reply(response);
      return true;
    };
    const error = await failureOf(flowWith().requestToken());
    expect(error).toMatchObject({ code, transient: false, ...parts });
    expect(error.message).toMatch(message);
    expect(error.message).toContain(server.urls.requestTokenUrl);
    expectNoSecrets(render(error) + inspect(error, { depth: 9, showHidden: true }), [
      'canary-answer',
      CLIENT.clientSecret,
    ]);
    expect(server.requests).toHaveLength(1);
  });

  it.each<[string, unknown, RegExp, string | undefined]>([
    [
      'that refuses',
      'https://printer.example/ready?oauth_problem=user_refused',
      /without consent: user_refused/,
      'user_refused',
    ],
    ['that denies', new URL('https://printer.example/ready?denied=token'), /user_refused/, 'user_refused'],
    ['of an unknown problem', { oauth_problem: 'canary-problem' }, /without consent: no reason known/, undefined],
    ['without a verifier', new URLSearchParams('oauth_token=t'), /no oauth_verifier/, undefined],
    ['without a token', '?oauth_verifier=v', /no oauth_token/, undefined],
    ['with lists', { oauth_token: ['a', 'b'], oauth_verifier: 'v' }, /no oauth_token/, undefined],
    [
      'of an unknown token',
      { oauth_token: 'canary-token', oauth_verifier: 'v' },
      /request token is unknown/,
      undefined,
    ],
  ])('a callback %s', async (_name, callback, message, problem) => {
    const error = await failureOf(flowWith().handleCallback(callback as string));
    expect(error.message).toMatch(message);
    expect(error.error).toBe(problem);
    expect(render(error)).not.toContain('canary');
    expect(server.requests).toHaveLength(0);
  });

  it('a verifier that is wrong', async () => {
    const flow = flowWith();
    const { token } = await flow.requestToken();
    server.consent(flow.authorizationUrl(token));
    expect(await failureOf(flow.accessToken({ token, verifier: 'guess' }))).toMatchObject({
      code: 'FORGE_AUTH_TOKEN_REFUSED',
      error: 'verifier_invalid',
    });
    await failureOf(flow.accessToken({ token, verifier: '' }));
  });

  it.each<[string, Partial<OAuth1FlowOptions>, RegExp]>([
    ['no URL', { requestTokenUrl: undefined as unknown as string }, /requestTokenUrl must be an absolute URL/],
    ['a URL in the clear', { accessTokenUrl: 'http://photos.example/token' }, /accessTokenUrl .* plain http/],
    ['a callback that is none', { callbackUrl: '/ready' }, /callbackUrl must be an absolute URL, or 'oob'/],
    ['a token without its secret', { token: 't' }, /belong together/],
    ['no secret', { clientSecret: undefined as unknown as string }, /clientSecret is undefined/],
    ['a method that is none', { method: 'PUT' as 'GET' }, /method must be 'POST' or 'GET'/],
    ['settings of requests that are none', { http: { timeoutMs: -1 } }, /^OAuth1Flow: .*timeoutMs/],
    ['a storage that is none', { storage: {} as unknown as Map<string, string> }, /storage must have get/],
  ])('the options: %s', (_name, options, message) => {
    expect(() => flowWith(options)).toThrow(ConfigurationError);
    expect(() => flowWith(options)).toThrow(message);
  });

  it('a call that is aborted rejects with its reason', async () => {
    server.before = () => true;
    const controller = new AbortController();
    const call = flowWith().requestToken({ signal: controller.signal });
    await server.received(1);
    controller.abort(new Error('no longer wanted'));
    await expect(call).rejects.toThrow('no longer wanted');
  });
});

it.each<[string, (flow: OAuth1Flow) => Promise<void>]>([
  ['close()', (flow) => flow.close()],
  ['the end of the application', (flow) => flow.onApplicationShutdown()],
  ['`await using`', (flow) => flow[Symbol.asyncDispose]()],
])('lets go of its storage before %s is over', async (_how, close) => {
  let released = false;
  const storage = {
    get: async () => undefined,
    set: async () => undefined,
    delete: async () => true,
    release: async () => {
      await new Promise(setImmediate);
      released = true;
    },
  };
  await close(flowWith({ storage }));
  expect(released).toBe(true);
});

it('asks for any kind of answer, and names what kept a server from being reached', async () => {
  const flow = flowWith();
  await flow.requestToken();
  expect(server.requests[0]?.headers.accept).toBe('*/*');
  server.before = (_request, response) => {
    response.destroy();
    return true;
  };
  expect(await failureOf(flow.requestToken())).toMatchObject({ transient: true, cause: expect.any(Error) as Error });
});

it('prints nothing of tokens and secrets', async () => {
  const flow = flowWith();
  const token = await flow.requestToken();
  const shown =
    render(flow) + inspect(token, { depth: 9, showHidden: true }) + JSON.stringify({ token }) + String(token);
  expectNoSecrets(shown, [token.token, token.tokenSecret, CLIENT.clientSecret]);
});
