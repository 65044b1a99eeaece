import { Readable } from 'node:stream';
import { runInNewContext } from 'node:vm';
import {
  ApiKeyAuth,
  BasicAuth,
  BodyTokenFetcher,
  ClientCredentialsTokenProvider,
  BearerAuth,
  createForgeClient,
  type ForgeAuthError,
  type ForgeClientOptions,
  type ForgeHttpClient,
  type ForgeServiceOptions,
  GrantTokenProvider,
  JwtBearerTokenProvider,
  OAuth1Auth,
  Token,
  TokenExchangeProvider,
  TokenFetchPipeline,
  TokenManager,
  type TokenStorage,
} from 'nestjs-forge-auth';
import { captureEverything } from '../support/capture.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { renderError } from '../support/render.js';

/** Secrets that the app knows itself: a key, tokens, a password. */
const SECRETS = { key: 'a key, of-words', token: 'token.of/words', refresh: 'refresh.of/words', header: 'own header' };
const QUOTED = Object.values(SECRETS).join(' and ');

const nothing = (): void => undefined;
const SILENT = { debug: nothing, log: nothing, warn: nothing, error: nothing };

class VaultError extends Error {
  readonly code = 'E_VAULT';
}

class OwnStorage implements TokenStorage {
  async get(): Promise<undefined> {
    return undefined;
  }
  async set(): Promise<void> {
    return undefined;
  }
}

let server: RecordingServer;
const clients: ForgeHttpClient[] = [];

beforeAll(async () => {
  server = await startServer(({ path }, response) => {
    const token = { access_token: 'an own token', expires_in: 60 };
    response.writeHead(path === '/503' ? 503 : path === '/401' ? 401 : 200, { 'content-type': 'application/json' });
    response.end(path === '/token' ? JSON.stringify(token) : '{}');
  });
});
afterEach(() => Promise.all(clients.splice(0).map((client) => client.close())));
afterAll(() => server.close());

const broken = (): never => {
  throw new VaultError(`the vault is sealed, says nobody with ${QUOTED}`);
};

type Options = Partial<ForgeServiceOptions>;
type Way = [what: string, service: Options | (() => Options), call?: Parameters<ForgeHttpClient['request']>[0]];

const issuer = () => ({ tokenUrl: `${server.origin}/token`, clientId: 'app', clientSecret: 'not shown' });
async function* brokenStream(): AsyncGenerator<string> {
  yield 'the first part';
  broken();
}
const auth = new BearerAuth(SECRETS.token);
/** A service that keeps its tokens in a storage of the app's own, one method of which throws. */
const storedIn = (method: 'createLock' | 'createSignal') => (): Options => ({
  auth: { provider: new ClientCredentialsTokenProvider(issuer()) },
  storage: Object.assign(new OwnStorage(), { [method]: broken }),
});
const step = { name: 'app', dependsOn: [], fetch: async () => broken() };
const ways: Way[] = [
  ['a provider', { auth: { provider: { fetchToken: async () => broken() } } }],
  ['a step of a pipeline', { auth: { pipeline: new TokenFetchPipeline({ steps: [step] }) } }],
  ['an authenticator', { auth: { authenticate: broken } }],
  ['a hook', { auth, hooks: { beforeRequest: broken } }],
  ['a hook of answers', { auth, hooks: { afterResponse: broken } }],
  ['a transport', { auth, transport: { send: async () => broken() } }],
  ['the function of a key', { auth: new ApiKeyAuth(broken) }],
  ['the function of a password', { auth: new BasicAuth('user', broken) }],
  [
    'the function of a secret',
    () => ({ auth: { provider: new ClientCredentialsTokenProvider({ ...issuer(), clientSecret: broken }) } }),
  ],
  [
    'a client authentication',
    () => ({ auth: { provider: new ClientCredentialsTokenProvider({ ...issuer(), authMethod: broken }) } }),
  ],
  [
    'a hook of token requests',
    () => ({
      auth: { provider: new ClientCredentialsTokenProvider({ ...issuer(), compliance: { tokenRequest: broken } }) },
    }),
  ],
  [
    'a hook of token answers',
    () => ({
      auth: { provider: new ClientCredentialsTokenProvider({ ...issuer(), compliance: { tokenResponse: broken } }) },
    }),
  ],
  [
    'a hook of calls',
    () => ({
      auth: { provider: new ClientCredentialsTokenProvider({ ...issuer(), compliance: { protectedRequest: broken } }) },
    }),
  ],
  ['onToken', () => ({ auth: { provider: new ClientCredentialsTokenProvider({ ...issuer(), onToken: broken }) } })],
  [
    'the parameters of a grant',
    () => ({ auth: { provider: new GrantTokenProvider({ ...issuer(), grantType: 'urn:own', params: broken }) } }),
  ],
  [
    'the function of a key that signs',
    () => ({
      auth: {
        provider: new ClientCredentialsTokenProvider({ ...issuer(), authMethod: 'private_key_jwt', clientKey: broken }),
      },
    }),
  ],
  [
    'the function of a subject token',
    () => ({ auth: { provider: new TokenExchangeProvider({ ...issuer(), subjectToken: broken }) } }),
  ],
  [
    'the function of an assertion',
    () => ({ auth: { provider: new JwtBearerTokenProvider({ ...issuer(), assertion: { token: broken } }) } }),
  ],
  ['onFetchError', { auth: { pipeline: new TokenFetchPipeline({ steps: [{ ...step, onFetchError: broken }] }) } }],
  ['a body that streams', { auth }, { url: '/', method: 'POST', data: () => Readable.from(brokenStream()) }],
  ['a retry strategy', { auth, retry: { nextDelayMs: broken } }, { url: '/503' }],
  ['a body function', { auth }, { url: '/', method: 'POST', data: broken }],
  ['a test of the status', { auth }, { url: '/', validateStatus: broken }],
  ...(['createLock', 'createSignal'] as const).map((name): Way => [`${name}() of a storage`, storedIn(name)]),
];

describe.each(ways)('what %s throws', (_what, service, call = { url: '/' }) => {
  it('what the code of an app throws is shown by name, message and stack in development, without what the process knows to be secret', async () => {
    const shown = await everythingShown(service, call, {});
    expect(shown).toContain('VaultError');
    expect(shown).toContain('the vault is sealed, says nobody with');
    expect(shown).toContain('own-errors.spec');
    for (const secret of Object.values(SECRETS)) expect(shown).not.toContain(secret);
  });

  it.each<[string, ForgeClientOptions, string | undefined]>([
    ['in production', {}, 'production'],
    ['where revealCauses says so', { revealCauses: false }, undefined],
  ])('what the code of an app throws is shown by name and stack alone %s', async (_when, options, environment) => {
    const shown = await everythingShown(service, call, options, environment);
    expect(shown).toContain('VaultError');
    expect(shown).not.toContain('sealed');
  });
});

/** What was given where, and as what a message has it. */
const NAMED: [option: string, service: Options | (() => Options), call?: Parameters<ForgeHttpClient['request']>[0]][] =
  [
    ['the provider', { auth: { provider: { fetchToken: broken } } }],
    ['its authenticator', { auth: { authenticate: broken } }],
    [
      "the authenticator's onRejected()",
      { auth: { authenticate: () => undefined, onRejected: broken } },
      { url: '/401' },
    ],
    ['its transport', { auth, transport: { send: broken } }],
    ['the API key could not be read, its function', { auth: new ApiKeyAuth(broken) }],
    ['retry.nextDelayMs()', { auth, retry: { nextDelayMs: broken } }, { url: '/503' }],
    [
      'auth.retry.shouldRetry()',
      () => ({
        auth: {
          provider: new ClientCredentialsTokenProvider(issuer()),
          retry: { maxRetries: 1, shouldRetry: broken, delayMs: () => 0 },
        },
      }),
      { url: '/401' },
    ],
    ['data()', { auth }, { url: '/', method: 'POST', data: broken }],
    ['validateStatus()', { auth, validateStatus: broken }],
    ['validateStatus()', { auth }, { url: '/', validateStatus: broken }],
    ['nonce()', { auth: new OAuth1Auth({ clientId: 'app', clientSecret: 'not shown', nonce: broken }) }],
    ...(['tokenRequest', 'tokenResponse', 'protectedRequest'] as const).map((name): [string, () => Options] => [
      `compliance.${name}`,
      () => ({
        auth: { provider: new ClientCredentialsTokenProvider({ ...issuer(), compliance: { [name]: broken } }) },
      }),
    ]),
    [
      'authMethod',
      () => ({ auth: { provider: new ClientCredentialsTokenProvider({ ...issuer(), authMethod: broken }) } }),
    ],
    [
      'its transport',
      () => ({
        auth: { provider: new ClientCredentialsTokenProvider({ ...issuer(), http: { transport: { send: broken } } }) },
      }),
    ],
    ...(['requestData', 'requestHeaders'] as const).map((name): [string, () => Options] => [
      `step "app" failed: ${name}()`,
      () => ({
        auth: {
          pipeline: {
            steps: [new BodyTokenFetcher({ name: 'app', baseUrl: server.origin, endpoint: '/token', [name]: broken })],
          },
        },
      }),
    ]),
    ...(['createLock', 'createSignal'] as const).map((name): [string, () => Options] => [
      `${name}() of the storage OwnStorage`,
      storedIn(name),
    ]),
    [
      'axios.lookup()',
      () => ({
        auth,
        baseUrl: server.origin.replace('127.0.0.1', 'localhost'),
        axios: { lookup: async () => broken() },
      }),
    ],
  ];

it.each(NAMED)(
  'what %s throws is reported with that name, and the service',
  async (option, service, call = { url: '/' }) => {
    const client = create(typeof service === 'function' ? service() : service);
    const error = await failure(client.request(call));
    expect(error.message).toContain(`${option} threw VaultError: the vault is sealed`);
    expect(error).toMatchObject({ serviceName: 'orders' });
  },
);

it.each<[string, () => unknown]>([
  ['undefined', () => undefined],
  ['null', () => null],
  ['a text', () => 'sealed'],
  ['a frozen error', () => Object.freeze(new Error('sealed'))],
  ['an error of another realm', () => runInNewContext('new Error("sealed")') as unknown],
  ['an error of a platform', () => new DOMException('sealed', 'DataError')],
  ['several errors', () => new AggregateError([new Error('a')], 'sealed')],
  ['a proxy that answers nothing', () => revoked()],
])('%s that is thrown fails the call by the name of its option', async (_what, thrown) => {
  const throws = (): never => {
    // oxlint-disable-next-line typescript/only-throw-error -- as careless code does
    throw thrown();
  };
  for (const [, service, call] of [
    ['retry.nextDelayMs()', { auth, retry: { nextDelayMs: throws } }, { url: '/503' }],
    ['validateStatus()', { auth, validateStatus: throws }, { url: '/' }],
    ['data()', { auth }, { url: '/', method: 'POST', data: async () => throws() }],
  ] as const) {
    const error = await failure(create(service).request(call));
    expect(error.message).toMatch(/(retry\.nextDelayMs|validateStatus|data)\(\) threw \w+/);
  }
  const lookup = async (): Promise<never> => throws();
  const baseUrl = server.origin.replace('127.0.0.1', 'localhost');
  const error = await failure(create({ auth, baseUrl, axios: { lookup } }).get('/'));
  expect(error).toMatchObject({ serviceName: 'orders' });
});

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

it.each<[string, () => unknown]>([
  ['is its own cause', () => Object.assign(new Error('round'), { cause: undefined })],
  ['is the cause of its cause', () => new Error('round', { cause: new Error('and round') })],
  [
    'cannot be looked at',
    () =>
      Object.defineProperty(new Error('round'), 'constructor', {
        get: () => {
          throw new Error('looked at');
        },
      }),
  ],
])('an error that %s fails its call, and no more', async (_what, make) => {
  const thrown = make() as Error;
  if ('cause' in thrown) ((thrown.cause as Error | undefined) ?? thrown).cause = thrown;
  const client = createForgeClient(
    {
      name: 'own-errors',
      baseUrl: 'http://127.0.0.1:9',
      auth: { provider: { fetchToken: () => Promise.reject(thrown) } },
    },
    { revealCauses: true },
  );
  await expect(client.get('/')).rejects.toThrow('the provider threw Error: round');
  await client.close();
});

it('what the code of an app throws is shown in production, too, where revealCauses says so', async () => {
  expect(await everythingShown({ auth: { authenticate: broken } }, {}, { revealCauses: true }, 'production')).toContain(
    'the vault is sealed',
  );
});

describe.each<[string, () => TokenManager]>([
  ['a provider', () => new TokenManager({ provider: { fetchToken: async () => broken() } })],
  [
    'a secret',
    () => new TokenManager({ provider: new ClientCredentialsTokenProvider({ ...issuer(), clientSecret: broken }) }),
  ],
  [
    'a storage',
    () =>
      new TokenManager({
        provider: new ClientCredentialsTokenProvider(issuer()),
        storage: Object.assign(new OwnStorage(), { createLock: broken }),
      }),
  ],
])('what %s of a manager outside a module throws', (_what, made) => {
  it.each<[string | undefined, boolean]>([
    ['test', true],
    ['production', false],
  ])('what the code of an app throws is shown as NODE_ENV says: %s', async (environment, whole) => {
    const { NODE_ENV } = process.env;
    process.env['NODE_ENV'] = environment;
    const captured = captureEverything();
    try {
      const manager = made();
      const error: unknown = await manager.getToken().catch((thrown: unknown) => thrown);
      const shown = [...captured.lines, renderError(error)].join('\n');
      expect(shown).toContain('VaultError');
      expect(shown.includes('the vault is sealed')).toBe(whole);
      await manager.close();
    } finally {
      captured.stop();
      process.env['NODE_ENV'] = NODE_ENV;
    }
  });
});

describe('a message of the own code', () => {
  it.each<[string, string, RegExp]>([
    ['of a header', 'sent Authorization: Bearer abc', /^sent Authorization: \S*\[redacted\]/],
    ['of an address', 'GET https://u:p@x.example/a?key=1 failed', /^GET https:\/\/x\.example\/a failed$/],
    ['of JSON', '{"password":"hunter","user":"alice"}', /^\{"password":"\[redacted\]","user":"alice"\}$/],
    ['of a token', 'got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln', /^got \[redacted\]$/],
    ['of an opaque word', 'key 5f4dcc3b5aa765d61d8327deb882cf99 is unknown', /^key \[redacted\] is unknown$/],
    ['of plain prose', "Cannot read properties of undefined (reading 'access_token')", /reading 'access_token'/],
    ['of a variable', 'VAULT_TOKEN is not set', /^VAULT_TOKEN is not set$/],
    ['of a connection', 'connect ECONNREFUSED 127.0.0.1:5432', /127\.0\.0\.1:5432/],
  ])('shows %s without what looks like a secret', async (_what, message, shown) => {
    const authenticate = (): never => {
      throw new Error(message);
    };
    const error = await failure(create({ auth: { authenticate } }).get('/'));
    expect((error.cause as Error).message).toMatch(shown);
  });
});

it('shows what a provider says that fails to renew a token, without the token, however long ago it came', async () => {
  let token: Token | undefined;
  const fetchToken = async (): Promise<Token> => {
    if (token === undefined) return (token = new Token({ accessToken: SECRETS.token, refreshToken: SECRETS.refresh }));
    // As many secrets later as a process remembers.
    for (let index = 0; index < 1_000; index += 1) void new Token({ accessToken: `another token ${index}` });
    throw new Error(`no luck with ${String(token.refreshToken)} of ${token.accessToken}`);
  };
  const client = create({ auth: { provider: { fetchToken } } });
  await client.get('/');
  const error = await failure(client.tokens?.forceRefresh() as Promise<unknown>);
  expect(renderError(error)).toContain('no luck with');
  for (const secret of [SECRETS.refresh, SECRETS.token]) expect(renderError(error)).not.toContain(secret);
});

it('shows what a listener of token events throws in the log', async () => {
  const captured = captureEverything();
  const client = create({ auth: { provider: new ClientCredentialsTokenProvider(issuer()) } }, { logger: console });
  client.tokens?.on('refreshed', broken);
  await client.get('/');
  captured.stop();
  expect(captured.lines.join('\n')).toMatch(
    /listener of token events of "orders" failed: VaultError.*the vault is sealed/,
  );
});

it('knows a key that a function answered', async () => {
  const keyed = create({ auth: new ApiKeyAuth(() => SECRETS.key) });
  await keyed.get('/');
  expect(renderError(await failure(create({ auth: { authenticate: broken } }).get('/')))).not.toContain(SECRETS.key);
});

function create(service: Partial<ForgeServiceOptions>, options: ForgeClientOptions = {}): ForgeHttpClient {
  const client = createForgeClient(
    { name: 'orders', baseUrl: server.origin, headers: { 'x-own': SECRETS.header }, ...service },
    { logger: SILENT, ...options },
  );
  clients.push(client);
  return client;
}

async function everythingShown(
  service: Options | (() => Options),
  call: Parameters<ForgeHttpClient['request']>[0],
  options: ForgeClientOptions,
  environment?: string,
): Promise<string> {
  const { NODE_ENV } = process.env;
  if (environment !== undefined) process.env['NODE_ENV'] = environment;
  // What the process knows: it has used all of them.
  await create({ auth: new ApiKeyAuth(SECRETS.key) }).get('/');
  expect(new Token({ accessToken: SECRETS.token, refreshToken: SECRETS.refresh })).toBeDefined();
  const captured = captureEverything();
  try {
    const error: unknown = await create(typeof service === 'function' ? service() : service, {
      logger: console,
      ...options,
    })
      .request({ headers: { 'x-own': SECRETS.header }, ...call })
      .catch((thrown: unknown) => thrown);
    const { stack } = ((error as Error).cause ?? {}) as Error;
    return [...captured.lines, renderError(error), stack].join('\n');
  } finally {
    captured.stop();
    process.env['NODE_ENV'] = NODE_ENV;
  }
}

async function failure(attempt: Promise<unknown>): Promise<ForgeAuthError> {
  return attempt.then(
    () => {
      throw new Error('It did not fail.');
    },
    (error: unknown) => error as ForgeAuthError,
  );
}
