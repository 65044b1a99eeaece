import { Agent } from 'node:http';
import {
  ApiKeyAuth,
  BasicAuth,
  BearerAuth,
  CacheManagerTokenStorage,
  CircuitBreakerRetryStrategy,
  ClientCredentialsTokenProvider,
  CompositeAuth,
  ConditionalAuthRetryStrategy,
  ConfigurationError,
  ExponentialAuthRetryStrategy,
  ExponentialBackoffRetryStrategy,
  ForgeAuthModule,
  type ForgeAuthOptions,
  type ForgeAuthRootOptions,
  type ForgeServiceOptions,
  InMemoryTokenStorage,
  PasswordGrantTokenProvider,
  RedisTokenLock,
  RedisTokenStorage,
  SimpleAuthRetryStrategy,
  SimpleRetryStrategy,
  StaticTokenProvider,
  TokenAuth,
  TokenManager,
} from 'nestjs-forge-auth';
import { bootFailure } from './boot.js';

/** Options as JavaScript, or a variable that is not set, may give them. */
type Careless = Record<string, unknown>;

/** Option → wrong values. Each must stop the start, in words that name the service and the option. */
type Table = Readonly<Record<string, readonly unknown[]>>;

const GRANT = { tokenUrl: 'https://issuer.example/token', clientId: 'client', clientSecret: 'secret' };
const USER = { ...GRANT, username: 'alice', password: 'password' };

/** Words that show the reader what to do. */
const CURE =
  /must|give |leave |use |add |set |is the variable|needs? |close |correct |names? |register|in milliseconds|there are|instead|says so|trim it|is 32 random bytes/i;

const NO_DURATION = [0, -1, Number.NaN, '5s', null];

const OF_A_SERVICE: Table = {
  baseUrl: [
    undefined,
    null,
    7,
    '',
    'orders.example',
    '/api',
    '//orders.example',
    'ftp://orders.example',
    'https://',
    ' https://orders.example',
    'https://alice:password@orders.example',
    'https://orders.example?a=b',
    'https://orders.example#a',
  ],
  excludedPaths: ['/health', 7, null, [7], [undefined], [''], ['https://orders.example/health'], ['/health?a=b']],
  excludedPathPatterns: ['/public/*', 7, null, [7], [undefined], [''], ['https://orders.example/*'], ['!/public/*']],
  headers: [
    'x-a: b',
    7,
    null,
    ['x-a'],
    { 'a b': 'c' },
    { 'x-a': undefined },
    { 'x-a': 'b\r\nx-c: d' },
    { 'x-a': 'ü€' },
    { authorization: 'Bearer mine' },
  ],
  params: ['a=b', 7, null, ['a']],
  timeoutMs: NO_DURATION,
  totalTimeoutMs: NO_DURATION,
  retry: ['twice', 3, null, {}, new SimpleAuthRetryStrategy()],
  hooks: [
    'log',
    7,
    null,
    { before: () => undefined },
    { beforeRequest: {} },
    { onError: 'log' },
    { afterResponse: [undefined] },
  ],
  logging: [
    'yes',
    1,
    null,
    { header: true },
    { sensitiveKeys: 'a' },
    { sensitiveKeys: [7] },
    { headers: 'yes' },
    { asObject: 1 },
  ],
  transport: ['axios', 7, null, {}],
  axios: ['axios', 7, null, { auth: { username: 'alice', password: 'password' } }],
  allowedOrigins: [
    'https://files.example',
    7,
    null,
    [7],
    [undefined],
    ['files.example'],
    ['https://files.example/a'],
    ['ftp://files.example'],
  ],
  maxRedirects: [-1, 1.5, Number.NaN, '3', null],
  maxContentLength: [0, -1, Number.NaN, '1mb', null],
  pool: ['many', 7, null, { maxSockets: 0 }, { maxSockets: '4' }, { maxSockets: 1.5 }],
  tls: [
    'yes',
    7,
    null,
    { ca: 'no certificate' },
    { cert: 'no certificate' },
    { key: 'no key' },
    { pfx: Buffer.from('none') },
    { rejectUnauthorized: 'no' },
  ],
  validateStatus: [200, 'all', null, [200]],
  storage: [7, null, {}, { get: () => undefined }, 'NOT_PROVIDED', class NotProvided {}],
  lock: ['redis', 7, null, {}],
  auth: [
    undefined,
    null,
    7,
    'a-token',
    {},
    { header: 'x' },
    { provider: undefined },
    { tokenManager: undefined },
    { pipeline: undefined },
    { provider: new StaticTokenProvider('a-token'), tokenManager: 'customers' },
    () => undefined,
    class NoAuthenticator {},
  ],
};

const OF_TOKEN_AUTH: Table = {
  provider: [null, 'static', 7, {}, class NoProvider {}],
  tokenManager: [null, 7, {}, 'nobody', 'orders'],
  pipeline: [null, 7, 'steps', {}, { steps: [] }],
  retry: ['once', 1, null, {}, new SimpleRetryStrategy()],
  headerName: ['', 7, null, 'a b', 'a:'],
  scheme: [7, null, 'a b', 'a\n'],
  placement: ['cookie', 7, null],
  refreshWindowMs: [-1, Number.NaN, '2m', null],
  expiryLeewayMs: [-1, Number.NaN, '2m', null],
  defaultTtlMs: NO_DURATION,
  deadlineMs: NO_DURATION,
  nearCacheTtlMs: [-1, Number.NaN, '5s', null],
  warmUp: ['yes', 1, null],
  excludedPaths: ['/health', 7, [7], ['/health?a=b']],
  excludedPathPatterns: ['/public/*', 7, [7], ['!/public/*']],
};

const OF_A_GRANT: Table = {
  tokenUrl: [
    undefined,
    null,
    7,
    '',
    'issuer.example/token',
    '/token',
    'ftp://issuer.example',
    'http://issuer.example/token',
    'https://id:secret@issuer.example',
  ],
  clientId: [undefined, null, 7, ''],
  clientSecret: [undefined, null, 7, ''],
  scope: [7, null, [7], [undefined], {}],
  audience: [7, null, [7]],
  resource: [7, null, [7]],
  extraParams: ['a=b', 7, null, { a: 7 }, { a: undefined }],
  grantType: [7, null, ''],
  authMethod: ['basic', 7, null],
  basicEncoding: ['base64', 7, null],
  http: [
    'fast',
    7,
    null,
    { timeoutMs: 0 },
    { timeoutMs: '5s' },
    { headers: 'a: b' },
    { headers: { 'a b': 'c' } },
    { headers: { 'x-a': undefined } },
    { headers: { 'x-a': 'b\nc' } },
    { transport: {} },
    { tls: 'yes' },
    { tls: { ca: 'no certificate' } },
    { axios: 7 },
  ],
  allowInsecure: ['yes', 1, null],
  retry: ['twice', 3, null, {}, new SimpleAuthRetryStrategy()],
  onToken: ['log', null, {}],
  compliance: ['strict', null, { tokenRequest: 'x' }, { tokenAnswer: () => undefined }],
};

const OF_THE_ROOT: Table = {
  keyPrefix: [7, null, ''],
  nearCacheTtlMs: [-1, Number.NaN, '5s', null],
  encryption: [
    'aes',
    null,
    {},
    { keys: [] },
    { keys: [{ id: 'a', key: 'short' }] },
    { keys: [{ key: Buffer.alloc(32) }] },
  ],
  lock: ['redis', null, {}],
  storage: [7, null, {}, 'NOT_PROVIDED'],
  services: ['orders', 7, null, [null], [7], [{}], [{ name: '' }], [{ name: 7 }]],
  defaults: ['none', 7, null],
  isGlobal: ['yes', 1, null],
};

/** Everything that is checked where it is made. */
const MADE: Readonly<Record<string, readonly (() => unknown)[]>> = {
  ApiKeyAuth: [
    () => new ApiKeyAuth(undefined as never),
    () => new ApiKeyAuth(''),
    () => new ApiKeyAuth(7 as never),
    () => new ApiKeyAuth('key\n'),
    () => new ApiKeyAuth('key', { headerName: 'a b' }),
    () => new ApiKeyAuth('key', { headerName: 7 as never }),
    () => new ApiKeyAuth('key', { in: 'query', headerName: '' }),
    () => new ApiKeyAuth('key', { in: 'cookie' as never }),
  ],
  BearerAuth: [() => new BearerAuth(undefined as never), () => new BearerAuth(''), () => new BearerAuth('token\n')],
  BasicAuth: [
    () => new BasicAuth(undefined as never, 'password'),
    () => new BasicAuth('', 'password'),
    () => new BasicAuth('a:b', 'password'),
    () => new BasicAuth('alice', undefined as never),
    () => new BasicAuth('alice', 7 as never),
  ],
  CompositeAuth: [
    () => new CompositeAuth(undefined as never),
    () => new CompositeAuth([]),
    () => new CompositeAuth([undefined as never]),
    () => new CompositeAuth(['a-token' as never]),
    () => new CompositeAuth([{} as never]),
    () => new CompositeAuth([new BearerAuth('token')], { strategy: 'any' as never }),
  ],
  TokenAuth: [
    () => new TokenAuth(undefined as never),
    () => new TokenAuth({} as never),
    () => new TokenAuth(new TokenManager({ provider: new StaticTokenProvider('a') }), { placement: 'cookie' as never }),
  ],
  TokenManager: [
    () => ({ tokenManager: new TokenManager({} as never) }),
    () => ({ tokenManager: new TokenManager({ provider: {} as never }) }),
    () => ({ tokenManager: new TokenManager({ provider: new StaticTokenProvider('a'), deadlineMs: 0 }) }),
    () => ({ tokenManager: new TokenManager({ provider: new StaticTokenProvider('a'), storage: {} as never }) }),
  ],
  StaticTokenProvider: [
    () => ({ provider: new StaticTokenProvider(undefined as never) }),
    () => ({ provider: new StaticTokenProvider('') }),
    () => ({ provider: new StaticTokenProvider(7 as never) }),
    () => ({ provider: new StaticTokenProvider({}) }),
    () => ({ provider: new StaticTokenProvider('a\n') }),
  ],
};

const STRATEGIES: Readonly<Record<string, readonly (() => unknown)[]>> = {
  SimpleRetryStrategy: [
    () => new SimpleRetryStrategy({ maxRetries: -1 }),
    () => new SimpleRetryStrategy({ maxRetries: 1.5 }),
    () => new SimpleRetryStrategy({ delayMs: Number.NaN }),
  ],
  ExponentialBackoffRetryStrategy: [
    () => new ExponentialBackoffRetryStrategy({ baseDelayMs: -1 }),
    () => new ExponentialBackoffRetryStrategy({ maxDelayMs: '1m' as never }),
    () => new ExponentialBackoffRetryStrategy({ multiplier: 0.5 }),
    () => new ExponentialBackoffRetryStrategy({ jitter: 'yes' as never }),
    () => new ExponentialBackoffRetryStrategy({ statuses: 503 as never }),
    () => new ExponentialBackoffRetryStrategy({ statuses: [99] }),
  ],
  CircuitBreakerRetryStrategy: [
    () => new CircuitBreakerRetryStrategy({ failureThreshold: 0 }),
    () => new CircuitBreakerRetryStrategy({ recoveryTimeoutMs: -1 }),
    () => new CircuitBreakerRetryStrategy({ halfOpenMaxCalls: 0 }),
  ],
};

const AUTH_STRATEGIES: Readonly<Record<string, readonly (() => unknown)[]>> = {
  SimpleAuthRetryStrategy: [
    () => new SimpleAuthRetryStrategy({ maxRetries: -1 }),
    () => new SimpleAuthRetryStrategy({ delayMs: -1 }),
    () => new SimpleAuthRetryStrategy({ statuses: [1_000] }),
  ],
  ExponentialAuthRetryStrategy: [
    () => new ExponentialAuthRetryStrategy({ baseDelayMs: -1 }),
    () => new ExponentialAuthRetryStrategy({ multiplier: 0 }),
  ],
  ConditionalAuthRetryStrategy: [
    () => new ConditionalAuthRetryStrategy({} as never),
    () => new ConditionalAuthRetryStrategy({ shouldRetry: 401 as never }),
  ],
};

const STORAGES: Readonly<Record<string, readonly (() => unknown)[]>> = {
  InMemoryTokenStorage: [
    () => new InMemoryTokenStorage({ max: 0 }),
    () => new InMemoryTokenStorage({ max: 1.5 }),
    () => new InMemoryTokenStorage({ max: '10' as never }),
  ],
  CacheManagerTokenStorage: [
    () => new CacheManagerTokenStorage(undefined as never),
    () => new CacheManagerTokenStorage({} as never),
    () => new CacheManagerTokenStorage({ stores: [] } as never),
    () => new CacheManagerTokenStorage({ stores: [{}] } as never),
    () => new CacheManagerTokenStorage({ stores: [new Map()] } as never, { deadlineMs: 0 }),
  ],
  RedisTokenStorage: [() => new RedisTokenStorage({}), () => new RedisTokenStorage(undefined as never)],
  RedisTokenLock: [() => new RedisTokenLock({}), () => new RedisTokenLock('redis://localhost' as never)],
};

const base = { name: 'orders', baseUrl: 'https://orders.example', auth: new BearerAuth('a-token') };

/** Returns the error of a start with this service, the options made by a factory. */
function failureOf(make: () => unknown): Promise<Error> {
  const service = ForgeAuthModule.forFeatureAsync({ name: 'orders', useFactory: make as () => ForgeServiceOptions });
  const other = ForgeAuthModule.forFeature({ name: 'customers', auth: { provider: new StaticTokenProvider('a') } });
  return bootFailure({ imports: [service, other] });
}

/** It is ours, names the service and the option, and says what to do. */
function expectToName(error: Error, ...names: readonly string[]): void {
  expect(error).toBeInstanceOf(ConfigurationError);
  expect(error).toMatchObject({ code: 'FORGE_AUTH_CONFIGURATION', serviceName: 'orders' });
  expect(error.message).toContain('Service "orders"');
  for (const name of names) expect(error.message.toLowerCase()).toContain(name.toLowerCase());
  expect(error.message).toMatch(CURE);
  expect(error.message).not.toMatch(/object Object|undefined is not|Cannot read/);
}

function rowsOf(table: Table): [option: string, shown: string, value: unknown][] {
  return Object.entries(table).flatMap(([option, values]) =>
    values.map((value): [string, string, unknown] => [option, shownAs(value), value]),
  );
}

function shownAs(value: unknown): string {
  if (typeof value === 'function') return value.name === '' ? 'a function' : value.name;
  if (typeof value !== 'object' || value === null)
    return typeof value === 'string' ? JSON.stringify(value) : String(value);
  const text = JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' || Array.isArray(part) ? part : String(part),
  );
  return `${value.constructor.name === 'Object' || Array.isArray(value) ? '' : value.constructor.name}${text}`.slice(
    0,
    60,
  );
}

describe('a start is refused', () => {
  it.each(rowsOf(OF_A_SERVICE))(
    'a start is refused for the wrong %s of a service: %s',
    async (option, _shown, value) => {
      expectToName(await failureOf(() => ({ ...base, [option]: value })), option);
    },
  );

  it.each(
    rowsOf(
      Object.fromEntries(Object.entries(OF_A_SERVICE).filter(([option]) => !['baseUrl', 'auth'].includes(option))),
    ),
  )('a start is refused for the wrong %s of defaults: %s', async (option, _shown, value) => {
    const defaults = { [option]: value } as Careless;
    const root = ForgeAuthModule.forRoot({ services: [base], defaults });
    expectToName(await bootFailure({ imports: [root] }), option);
  });

  it.each(rowsOf(OF_TOKEN_AUTH))(
    'a start is refused for the wrong %s of token auth: %s',
    async (option, _shown, value) => {
      const source = ['tokenManager', 'pipeline'].includes(option)
        ? {}
        : { provider: new StaticTokenProvider('a-token') };
      expectToName(await failureOf(() => ({ ...base, auth: { ...source, [option]: value } })), option);
    },
  );

  it.each(rowsOf(OF_TOKEN_AUTH))(
    'a start is refused for the wrong %s of token auth in a composite: %s',
    async (option, _shown, value) => {
      const source = ['tokenManager', 'pipeline'].includes(option)
        ? {}
        : { provider: new StaticTokenProvider('a-token') };
      const auth = (): unknown => new CompositeAuth([new ApiKeyAuth('key'), { ...source, [option]: value } as never]);
      expectToName(await failureOf(() => ({ ...base, auth: auth() })), option);
    },
  );

  it.each(rowsOf(OF_A_GRANT))(
    'a start is refused for the wrong %s of a provider: %s',
    async (option, _shown, value) => {
      const make = (): unknown => new ClientCredentialsTokenProvider({ ...GRANT, [option]: value } as never);
      expectToName(
        await failureOf(() => ({ ...base, auth: { provider: make() } })),
        'ClientCredentialsTokenProvider',
        option,
      );
    },
  );

  it.each(rowsOf({ username: [undefined, null, 7, ''], password: [undefined, null, 7, ''] }))(
    'a start is refused for the wrong %s of a password grant: %s',
    async (option, _shown, value) => {
      const make = (): unknown => new PasswordGrantTokenProvider({ ...USER, [option]: value } as never);
      expectToName(
        await failureOf(() => ({ ...base, auth: { provider: make() } })),
        'PasswordGrantTokenProvider',
        option,
      );
    },
  );

  const incomplete: [string, () => unknown, string[]][] = [
    ['neither tokenUrl nor issuer', () => ({ clientId: 'client', clientSecret: 'secret' }), ['tokenUrl', 'issuer']],
    ['both tokenUrl and issuer', () => ({ ...GRANT, issuer: 'https://issuer.example' }), ['tokenUrl', 'issuer']],
    [
      'an issuer in the clear',
      () => ({ issuer: 'http://issuer.example', clientId: 'a', clientSecret: 'b' }),
      ['issuer', 'allowInsecure: true,'],
    ],
    ['an issuer that is undefined', () => ({ issuer: undefined, clientId: 'a', clientSecret: 'b' }), ['issuer']],
    ['no clientId', () => ({ tokenUrl: GRANT.tokenUrl, clientSecret: 'secret' }), ['clientId']],
    [
      'no clientSecret',
      () => ({ tokenUrl: GRANT.tokenUrl, clientId: 'client' }),
      ['clientSecret', "authMethod: 'none'"],
    ],
    [
      'a method that needs a secret, and none',
      () => ({ tokenUrl: GRANT.tokenUrl, clientId: 'client', authMethod: 'client_secret_post' }),
      ['authMethod', 'clientSecret'],
    ],
    ['no options', () => undefined, []],
  ];
  it.each(incomplete)('a start is refused for a provider with %s', async (_name, options, names) => {
    const make = (): unknown => new ClientCredentialsTokenProvider(options() as never);
    expectToName(
      await failureOf(() => ({ ...base, auth: { provider: make() } })),
      'ClientCredentialsTokenProvider',
      ...names,
    );
  });

  it.each(
    [
      ...Object.entries(MADE).map(([name, makes]) => [name, makes, 'auth'] as const),
      ...Object.entries(STRATEGIES).map(([name, makes]) => [name, makes, 'retry'] as const),
      ...Object.entries(STORAGES).map(([name, makes]) => [name, makes, 'storage'] as const),
    ].flatMap(([name, makes, slot]) =>
      makes.map((make, index): [string, number, () => unknown, string] => [name, index + 1, make, slot]),
    ),
  )('a start is refused for a wrong %s (%i)', async (name, _index, make, slot) => {
    expectToName(await failureOf(() => ({ ...base, [slot]: make() })), name === 'CompositeAuth' ? 'auth' : name);
  });

  it.each(
    Object.entries(AUTH_STRATEGIES).flatMap(([name, makes]) =>
      makes.map((make, index): [string, number, () => unknown] => [name, index + 1, make]),
    ),
  )('a start is refused for a wrong %s (%i)', async (name, _index, make) => {
    const auth = (): unknown => ({ provider: new StaticTokenProvider('a'), retry: make() });
    expectToName(await failureOf(() => ({ ...base, auth: auth() })), name);
  });

  it.each(rowsOf(OF_THE_ROOT))(
    'a start is refused for the wrong %s of the module: %s',
    async (option, _shown, value) => {
      const options = { services: [base], [option]: value } as ForgeAuthRootOptions;
      const factory = { services: ['orders'], useFactory: () => options as ForgeAuthOptions };
      const starts = [() => ForgeAuthModule.forRoot(options)];
      // What must be known at once is not the factory's to answer.
      if (option !== 'isGlobal') starts.push(() => ForgeAuthModule.forRootAsync(factory));
      for (const start of starts) {
        const error = await bootFailure({ imports: [(async () => start())()] });
        expect(error).toBeInstanceOf(ConfigurationError);
        expect(error.message).toContain(option === 'services' ? 'service' : option);
        expect(error.message).toMatch(CURE);
      }
    },
  );

  it("a start is refused for agents and a pool, which would be nobody's", async () => {
    const error = await failureOf(() => ({ ...base, pool: { maxSockets: 4 }, axios: { httpAgent: new Agent() } }));
    expectToName(error, 'pool', 'axios');
  });

  it('a start is refused for two services that name each other as the keeper of their tokens', async () => {
    const services = ['orders', 'customers'].map((name, index, names) => ({
      name,
      auth: { tokenManager: names[1 - index] as string },
    }));
    const error = await bootFailure({ imports: [ForgeAuthModule.forRoot({ services })] });
    expectToName(error, 'tokenManager', 'orders → customers → orders');
  });
});
