import {
  ApiKeyAuth,
  BearerAuth,
  BodyTokenFetcher,
  type BodyTokenFetcherOptions,
  CircuitBreakerRetryStrategy,
  ClientCredentialsTokenProvider,
  CompositeAuth,
  ConditionalAuthRetryStrategy,
  ConfigurationError,
  CorrelationIdHook,
  createForgeClient,
  ExponentialAuthRetryStrategy,
  ExponentialBackoffRetryStrategy,
  ForgeAuthModule,
  type ForgeAuthRootOptions,
  type ForgeServiceOptions,
  HeaderTokenFetcher,
  InMemoryTokenStorage,
  PasswordGrantTokenProvider,
  PipelineTokenProvider,
  RateLimitHook,
  SimpleAuthRetryStrategy,
  SimpleRetryStrategy,
  StaticTokenProvider,
  TokenAuth,
  TokenFetchPipeline,
  TokenManager,
} from 'nestjs-forge-auth';
import { recordingLogger } from '../support/recording-logger.js';
import { boot, bootFailure } from './boot.js';

/** Options as JavaScript may give them. */
type Careless = Record<string, unknown>;

/** Name that was written → the name that the error must offer in its place. */
type Misspelt = readonly (readonly [written: string, meant: string])[];

const base = { name: 'orders', baseUrl: 'https://orders.example' };
const GRANT = { tokenUrl: 'https://issuer.example/token', clientId: 'client', clientSecret: 'secret' };
const SECRET = 'hunter2-very-secret';

const OF_A_SERVICE: Misspelt = [
  ['baseURL', 'baseUrl'],
  ['base_url', 'baseUrl'],
  ['url', 'baseUrl'],
  ['prefixUrl', 'baseUrl'],
  ['timeout', 'timeoutMs'],
  ['timeoutMS', 'timeoutMs'],
  ['timeoutSeconds', 'timeoutMs'],
  ['totalTimeout', 'totalTimeoutMs'],
  ['retries', 'retry'],
  ['maxRetries', 'retry: new ExponentialBackoffRetryStrategy({ maxRetries'],
  ['header', 'headers'],
  ['heders', 'headers'],
  ['query', 'params'],
  ['interceptors', 'hooks'],
  ['beforeRequest', 'hooks: { beforeRequest'],
  ['logger', 'logging'],
  ['followRedirects', 'maxRedirects'],
  ['maxBodyLength', 'maxContentLength'],
  ['proxy', 'axios'],
  ['httpsAgent', 'axios'],
  ['excludePaths', 'excludedPaths'],
  ['excludedPath', 'excludedPaths'],
  ['excludedPathsPatterns', 'excludedPathPatterns'],
  ['allowedOrigin', 'allowedOrigins'],
  ['rejectUnauthorized', 'tls: { rejectUnauthorized'],
  ['maxSockets', 'pool: { maxSockets'],
  ['cache', 'storage'],
  ['apiKey', 'auth'],
  ['provider', 'auth: { provider'],
  ['clientId', 'auth: { provider: new ClientCredentialsTokenProvider({ clientId'],
  ['client_secret', 'auth: { provider: new ClientCredentialsTokenProvider({ clientSecret'],
  ['refreshWindowMs', 'auth: { refreshWindowMs'],
  ['headerName', 'auth: { headerName'],
  ['keyPrefix', 'ForgeAuthModule.forRoot({ keyPrefix'],
];

const OF_TOKEN_AUTH: Misspelt = [
  ['headersName', 'auth.headerName'],
  ['header_name', 'auth.headerName'],
  ['refreshWindow', 'auth.refreshWindowMs'],
  ['leeway', 'auth.expiryLeewayMs'],
  ['ttl', 'auth.defaultTtlMs'],
  ['tokenProvider', 'auth.provider'],
  ['warmup', 'auth.warmUp'],
  ['tokenUrl', 'provider: new ClientCredentialsTokenProvider({ tokenUrl'],
  ['scope', 'provider: new ClientCredentialsTokenProvider({ scope'],
  ['steps', 'pipeline: { steps'],
  ['maxRetries', 'retry: new SimpleAuthRetryStrategy({ maxRetries'],
];

const OF_A_GRANT: Misspelt = [
  ['clientID', 'clientId'],
  ['client_id', 'clientId'],
  ['client_secret', 'clientSecret'],
  ['secret', 'clientSecret'],
  ['tokenURL', 'tokenUrl'],
  ['token_url', 'tokenUrl'],
  ['accessTokenUri', 'tokenUrl'],
  ['tokenEndpoint', 'tokenUrl'],
  ['url', 'tokenUrl'],
  ['issuerUrl', 'issuer'],
  ['scopes', 'scope'],
  ['audiences', 'audience'],
  ['extraParameters', 'extraParams'],
  ['grant_type', 'grantType'],
  ['tokenEndpointAuthMethod', 'authMethod'],
  ['revocation_endpoint_auth_method', 'revocationAuthMethod'],
  ['revokeOnShutdown', 'revokeOnClose'],
  ['retries', 'retry'],
  ['timeoutMs', 'http: { timeoutMs'],
  ['timeout', 'http: { timeoutMs'],
  ['headers', 'http: { headers'],
  ['tls', 'http: { tls'],
  ['ca', 'http: { tls: { ca'],
  ['refreshWindowMs', 'auth: { provider, refreshWindowMs'],
];

const OF_THE_MODULE: Misspelt = [
  ['service', 'services'],
  ['global', 'isGlobal'],
  ['default', 'defaults'],
  ['prefix', 'keyPrefix'],
  ['nearCacheTtl', 'nearCacheTtlMs'],
  ['encryptionKey', 'encryption'],
  ['timeoutMs', 'defaults: { timeoutMs'],
  ['timeout', 'defaults: { timeoutMs'],
  ['baseUrl', 'services: [{ baseUrl'],
];

const OF_PARTS: readonly [part: string, options: Careless, meant: string][] = [
  ['tls', { servername: 'x' }, 'cert, key, ca'],
  ['tls', { verify: false }, 'tls.rejectUnauthorized'],
  ['pool', { maxConnections: 4 }, 'pool.maxSockets'],
  ['pool', { keepalive: false }, 'pool.keepAlive'],
  ['hooks', { onRequest: () => undefined }, 'hooks.beforeRequest'],
  ['hooks', { afterResponses: () => undefined }, 'hooks.afterResponse'],
  ['logging', { redact: ['a'] }, 'logging.sensitiveKeys'],
  ['logging', { boddy: true }, 'logging.body'],
];

function failureOf(service: Careless): Promise<ConfigurationError> {
  return bootFailure({ imports: [ForgeAuthModule.forFeature(service as unknown as ForgeServiceOptions)] });
}

function expectToOffer(error: ConfigurationError, written: string, meant: string): void {
  expect(error).toMatchObject({ code: 'FORGE_AUTH_CONFIGURATION', serviceName: 'orders' });
  expect(error.message).toContain('Service "orders"');
  expect(error.message).toContain(`${written}.`);
  expect(error.message.slice(error.message.indexOf(`${written}.`) + written.length)).toContain(meant);
  expect(error.message).not.toContain(SECRET);
}

describe('an option that does not exist stops the start', () => {
  it.each(OF_A_SERVICE)('%s of a service: it is %s', async (written, meant) => {
    expectToOffer(await failureOf({ ...base, [written]: SECRET }), written, meant);
  });

  it.each(OF_A_SERVICE.filter(([, meant]) => meant !== 'baseUrl'))(
    '%s of defaults: it is %s',
    async (written, meant) => {
      const defaults = { [written]: SECRET };
      const root = ForgeAuthModule.forRoot({ services: [base], defaults });
      expectToOffer(await bootFailure({ imports: [root] }), `defaults.${written}`, meant);
    },
  );

  it.each(OF_TOKEN_AUTH)('%s of token auth: it is %s', async (written, meant) => {
    const auth = { provider: new StaticTokenProvider('a-token'), [written]: SECRET };
    expectToOffer(await failureOf({ ...base, auth }), `auth.${written}`, meant);
  });

  it.each(OF_A_GRANT)('%s of a grant: it is %s', async (written, meant) => {
    const provider = new ClientCredentialsTokenProvider({ ...GRANT, [written]: SECRET });
    const error = await failureOf({ ...base, auth: { provider } });
    expectToOffer(error, written, meant);
    expect(error.message).toContain('ClientCredentialsTokenProvider');
  });

  it('an option of one grant is not one of another', async () => {
    const provider = new ClientCredentialsTokenProvider({ ...GRANT, username: SECRET } as never);
    expectToOffer(await failureOf({ ...base, auth: { provider } }), 'username', 'There are');
    const password = new PasswordGrantTokenProvider({ ...GRANT, user: SECRET, password: SECRET } as never);
    expectToOffer(await failureOf({ ...base, auth: { provider: password } }), 'user', 'username');
  });

  it.each([
    ['http', { timeout: 5_000 }, 'http.timeoutMs'],
    ['http', { rejectUnauthorized: false }, 'http: { tls: { rejectUnauthorized'],
    ['http', { header: {} }, 'http.headers'],
    ['compliance', { onTokenRequest: () => undefined }, 'compliance.tokenRequest'],
  ])('an option that does not exist stops the start in %s of a grant: %j', async (part, options, meant) => {
    const provider = new ClientCredentialsTokenProvider({ ...GRANT, [part]: options } as never);
    const error = await failureOf({ ...base, auth: { provider } });
    expectToOffer(error, `${part}.${Object.keys(options)[0]}`, meant);
  });

  it.each(OF_PARTS)(
    'an option that does not exist stops the start in %s of a service: %j',
    async (part, options, meant) => {
      expectToOffer(await failureOf({ ...base, [part]: options }), `${part}.${Object.keys(options)[0]}`, meant);
    },
  );

  it.each(OF_THE_MODULE)('%s of forRoot: it is %s', (written, meant) => {
    const forRoot = (): unknown => ForgeAuthModule.forRoot({ [written]: SECRET } as ForgeAuthRootOptions);
    expect(forRoot).toThrow(`ForgeAuthModule: there is no option ${written}.`);
    expect(forRoot).toThrow(meant);
    expect(forRoot).not.toThrow(SECRET);
  });

  it('offers the name where a service has another word for it', () => {
    const services = [{ serviceName: 'orders', baseUrl: 'https://orders.example' }] as never;
    expect(() => ForgeAuthModule.forRoot({ services })).toThrow(
      'ForgeAuthModule: there is no option services[0].serviceName. Did you mean services[0].name?',
    );
  });

  it('lists what there is where nothing is like it, and shows no name that may be a value', async () => {
    const { message } = await failureOf({ ...base, zzzz: 1 });
    expect(message).toContain('there is no option zzzz. There are auth, excludedPaths,');
    const spread = await failureOf({ ...base, [`sk_live_${SECRET}1x`]: true });
    expect(spread.message).toContain('[a name with other characters in it]');
    expect(spread.message).not.toContain(SECRET);
  });
});

describe('a value in the wrong place is named with its cure', () => {
  const provider = new StaticTokenProvider('a-token');
  it.each<[string, Careless, string]>([
    ['a text as auth', { auth: SECRET }, 'auth: new BearerAuth(token)'],
    ['a provider as auth', { auth: provider }, 'auth: { provider: … }'],
    ['the class of a provider as auth', { auth: StaticTokenProvider }, 'auth: { provider: … }'],
    ['a list as auth', { auth: [provider] }, 'new CompositeAuth('],
    ['a function as provider', { auth: { provider: () => SECRET } }, 'fetchToken: async () =>'],
    ['an async function as provider', { auth: { provider: async () => SECRET } }, 'fetchToken: async () =>'],
    ['a text as provider', { auth: { provider: SECRET } }, 'new StaticTokenProvider(token)'],
    ['steps as pipeline', { auth: { pipeline: [] } }, 'pipeline: { steps:'],
    ['a number as retry', { retry: 3 }, 'new ExponentialBackoffRetryStrategy({ maxRetries: 3 })'],
    ['options as retry', { retry: { maxRetries: 3 } }, 'new ExponentialBackoffRetryStrategy({ maxRetries'],
    ['a strategy of auth as retry', { retry: new SimpleAuthRetryStrategy() }, 'auth: { retry'],
    ['a number as retry of auth', { auth: { provider, retry: 2 } }, 'new SimpleAuthRetryStrategy({ maxRetries: 2 })'],
    ['a class as retry of auth', { auth: { provider, retry: SimpleAuthRetryStrategy } }, 'an instance'],
    ['a function that reads a token as auth', { auth: () => SECRET }, 'auth: new BearerAuth(readToken)'],
    [
      'a class as lock',
      {
        lock: class Lock {
          acquire(): void {}
        },
      },
      'new RedisTokenLock(client)',
    ],
    ['a glob among exact paths', { excludedPaths: ['/health', '/public/*'] }, 'excludedPathPatterns'],
    ['alternatives among exact paths', { excludedPaths: ['/{health,ready}'] }, 'excludedPathPatterns'],
    ['a wildcard origin', { allowedOrigins: ['https://*.example.com'] }, 'each origin'],
    ['any origin', { allowedOrigins: ['*'] }, 'each origin'],
  ])('%s', async (_what, options, cure) => {
    const error = await failureOf({ ...base, ...options });
    expect(error).toMatchObject({ code: 'FORGE_AUTH_CONFIGURATION', serviceName: 'orders' });
    expect(error.message).toContain('Service "orders"');
    expect(error.message).toContain(cure);
    expect(error.message).not.toContain(SECRET);
  });
});

describe('an option that a class does not know', () => {
  const step = { name: 'app', baseUrl: 'https://issuer.example' };
  const provider = new StaticTokenProvider('a-token');
  it.each<[string, string, string, () => unknown]>([
    ['SimpleRetryStrategy: ', 'retries', 'maxRetries', () => new SimpleRetryStrategy({ retries: 3 } as never)],
    ['SimpleRetryStrategy: ', 'interval', 'delayMs', () => new SimpleRetryStrategy({ interval: 3 } as never)],
    ['SimpleRetryStrategy: ', 'maxRetrys', 'maxRetries', () => new SimpleRetryStrategy({ maxRetrys: 3 } as never)],
    [
      'ExponentialBackoffRetryStrategy: ',
      'initialDelay',
      'baseDelayMs',
      () => new ExponentialBackoffRetryStrategy({ initialDelay: 3 } as never),
    ],
    [
      'ExponentialBackoffRetryStrategy: ',
      'factor',
      'multiplier',
      () => new ExponentialBackoffRetryStrategy({ factor: 3 } as never),
    ],
    [
      'CircuitBreakerRetryStrategy: ',
      'threshold',
      'failureThreshold',
      () => new CircuitBreakerRetryStrategy({ threshold: 3 } as never),
    ],
    [
      'CircuitBreakerRetryStrategy: ',
      'resetTimeout',
      'recoveryTimeoutMs',
      () => new CircuitBreakerRetryStrategy({ resetTimeout: 3 } as never),
    ],
    ['SimpleAuthRetryStrategy: ', 'delay', 'delayMs', () => new SimpleAuthRetryStrategy({ delay: 3 } as never)],
    [
      'ExponentialAuthRetryStrategy: ',
      'maxDelay',
      'maxDelayMs',
      () => new ExponentialAuthRetryStrategy({ maxDelay: 3 } as never),
    ],
    [
      'ConditionalAuthRetryStrategy: ',
      'retryIf',
      'shouldRetry',
      () => new ConditionalAuthRetryStrategy({ retryIf: () => true } as never),
    ],
    ['InMemoryTokenStorage: ', 'maxSize', 'max', () => new InMemoryTokenStorage({ maxSize: 3 } as never)],
    [
      'TokenManager "orders": ',
      'cache',
      'storage',
      () => new TokenManager({ name: 'orders', provider, cache: 1 } as never),
    ],
    [
      'TokenManager: ',
      'refreshWindow',
      'refreshWindowMs',
      () => new TokenManager({ provider, refreshWindow: 1 } as never),
    ],
    ['ApiKeyAuth: ', 'header', 'headerName', () => new ApiKeyAuth('key', { header: 'x' } as never)],
    ['ApiKeyAuth: ', 'location', 'in', () => new ApiKeyAuth('key', { location: 'query' } as never)],
    [
      'CompositeAuth: ',
      'strategie',
      'strategy',
      () => new CompositeAuth([new BearerAuth('a')], { strategie: 1 } as never),
    ],
    [
      'TokenAuth: ',
      'tokenPrefix',
      'scheme',
      () => new TokenAuth(new TokenManager({ provider }), { tokenPrefix: 'x' } as never),
    ],
    ['CorrelationIdHook: ', 'header', 'headerName', () => new CorrelationIdHook({ header: 'x' } as never)],
    ['RateLimitHook: ', 'onLimits', 'onLimit', () => new RateLimitHook({ onLimits: 1 } as never)],
    ['BodyTokenFetcher "app": ', 'url', 'baseUrl', () => new BodyTokenFetcher({ ...step, url: 'x' } as never)],
    ['BodyTokenFetcher "app": ', 'ttl', 'ttlMs', () => new BodyTokenFetcher({ ...step, ttl: 1 } as never)],
    [
      'BodyTokenFetcher "app": ',
      'tokenFields',
      'tokenField',
      () => new BodyTokenFetcher({ ...step, tokenFields: 'x' } as never),
    ],
    ['BodyTokenFetcher "app": ', 'body', 'requestData', () => new BodyTokenFetcher({ ...step, body: {} } as never)],
    [
      'HeaderTokenFetcher "app": ',
      'headers',
      'requestHeaders',
      () => new HeaderTokenFetcher({ ...step, headers: {} } as never),
    ],
    ['TokenFetchPipeline: ', 'fetchers', 'steps', () => new TokenFetchPipeline({ fetchers: [] } as never)],
    [
      'TokenFetchPipeline: ',
      'prefix',
      'cacheKeyPrefix',
      () => new TokenFetchPipeline({ steps: [new BodyTokenFetcher(step)], prefix: 'x' } as never),
    ],
    [
      'PipelineTokenProvider: ',
      'refreshFrom',
      'refreshFromStep',
      () =>
        new PipelineTokenProvider({
          pipeline: new TokenFetchPipeline({ steps: [new BodyTokenFetcher(step)] }),
          refreshFrom: 'app',
        } as never),
    ],
    ['createForgeClient("orders"): ', 'cache', 'storage', () => createForgeClient(base, { cache: new Map() } as never)],
    [
      '',
      'encryption.key',
      'keys',
      () =>
        new TokenManager({
          provider,
          encryption: { keys: [{ id: 'a', key: Buffer.alloc(32) }], key: SECRET } as never,
        }),
    ],
  ])('%s %s: it is %s', (owner, written, meant, make) => {
    expect(make).toThrow(ConfigurationError);
    expect(make).toThrow(`there is no option ${written}.`);
    expect(make).toThrow(meant);
    expect(make).not.toThrow(SECRET);
    expect(make).toThrow(`${owner}there is`);
  });

  it('an option that a class does not know is let pass where a class of the app has it, and warned of where it resembles one of ours', async () => {
    class TenantFetcher extends BodyTokenFetcher {
      constructor(options: BodyTokenFetcherOptions & { tenant: string; ttl?: number }) {
        super({ ...options, name: 'app' });
      }
    }
    const logger = recordingLogger();
    const steps = [new TenantFetcher({ ...step, tenant: 'acme', ttl: 60 })];
    const service = { ...base, auth: { pipeline: { steps } } };
    const app = await boot({ imports: [ForgeAuthModule.forFeature(service)] }, { logger });
    await app.close();
    const warnings = logger.warnings.filter((line) => line.includes('there is no option'));
    expect(warnings).toEqual([
      expect.stringContaining('TenantFetcher "app": there is no option ttl. Did you mean ttlMs'),
    ]);
  });
});

describe('a duration that looks like seconds is warned of', () => {
  it.each<[string, Careless]>([
    ['timeoutMs', { timeoutMs: 30 }],
    ['totalTimeoutMs', { totalTimeoutMs: 60 }],
    ['auth.refreshWindowMs', { auth: { provider: new StaticTokenProvider('a'), refreshWindowMs: 120 } }],
    ['auth.expiryLeewayMs', { auth: { provider: new StaticTokenProvider('a'), expiryLeewayMs: 30 } }],
    ['auth.defaultTtlMs', { auth: { provider: new StaticTokenProvider('a'), defaultTtlMs: 3_600 } }],
    ['auth.deadlineMs', { auth: { provider: new StaticTokenProvider('a'), deadlineMs: 10 } }],
    ['auth.nearCacheTtlMs', { auth: { provider: new StaticTokenProvider('a'), nearCacheTtlMs: 5 } }],
    ['delayMs', { retry: new SimpleRetryStrategy({ delayMs: 1 }) }],
    ['maxDelayMs', { retry: new ExponentialBackoffRetryStrategy({ maxDelayMs: 60 }) }],
    ['recoveryTimeoutMs', { retry: new CircuitBreakerRetryStrategy({ recoveryTimeoutMs: 30 }) }],
    [
      'delayMs',
      { auth: { provider: new StaticTokenProvider('a'), retry: new SimpleAuthRetryStrategy({ delayMs: 1 }) } },
    ],
    [
      'http.timeoutMs',
      { auth: { provider: new ClientCredentialsTokenProvider({ ...GRANT, http: { timeoutMs: 10 } }) } },
    ],
    [
      'ttlMs',
      {
        auth: {
          pipeline: { steps: [new BodyTokenFetcher({ name: 'a', baseUrl: 'https://a.example', ttlMs: 3_600 })] },
        },
      },
    ],
  ])('%s of %j', async (option, options) => {
    const logger = recordingLogger();
    const service = { ...base, ...options } as ForgeServiceOptions;
    const app = await boot({ imports: [ForgeAuthModule.forFeature(service)] }, { logger });
    await app.close();
    const warnings = logger.warnings.filter((line) => line.includes('seconds?'));
    expect(warnings).toEqual([expect.stringContaining(`${option} is`)]);
  });
});

describe('options of forRootAsync and forFeatureAsync', () => {
  it.each([
    ['factory', 'useFactory'],
    ['injects', 'inject'],
    ['providers', 'extraProviders'],
    ['global', 'isGlobal'],
    ['defaults', 'useFactory: () => ({ defaults'],
  ])('forRootAsync refuses %s: it is %s', (written, meant) => {
    const options = { services: ['orders'], useFactory: () => ({}), [written]: [] };
    const forRootAsync = (): unknown => ForgeAuthModule.forRootAsync(options as never);
    expect(forRootAsync).toThrow(`there is no option ${written}. Did you mean ${meant}`);
  });

  it.each([
    ['import', 'imports'],
    ['baseUrl', 'useFactory: () => ({ baseUrl'],
    ['provideHttp', 'provideHttpService'],
  ])('forFeatureAsync refuses %s: it is %s', (written, meant) => {
    const options = { name: 'orders', useFactory: () => ({}), [written]: [] };
    const forFeatureAsync = (): unknown => ForgeAuthModule.forFeatureAsync(options as never);
    expect(forFeatureAsync).toThrow(`Service "orders": there is no option ${written}. Did you mean ${meant}`);
  });
});

it('accepts every option that is documented', async () => {
  const logger = recordingLogger();
  const service: Required<Omit<ForgeServiceOptions, 'axios' | 'transport' | 'tls' | 'lock' | 'storage'>> = {
    ...base,
    auth: {
      provider: new ClientCredentialsTokenProvider({
        ...GRANT,
        scope: ['read'],
        audience: 'api',
        resource: 'https://orders.example',
        extraParams: { a: 'b' },
        grantType: 'client_credentials',
        authMethod: 'client_secret_post',
        basicEncoding: 'raw',
        http: { timeoutMs: 5_000, headers: { 'x-a': 'b' }, pool: { maxSockets: 4, keepAlive: true } },
        allowInsecure: false,
        retry: new SimpleRetryStrategy(),
        onToken: () => undefined,
        compliance: { tokenRequest: () => undefined },
        revocationUrl: 'https://issuer.example/revoke',
        introspectionUrl: 'https://issuer.example/introspect',
      }),
      retry: new SimpleAuthRetryStrategy({ maxRetries: 1, delayMs: 0, statuses: [401] }),
      excludedPaths: new Set(['/a']),
      excludedPathPatterns: ['/b/*'],
      headerName: 'Authorization',
      scheme: 'Bearer',
      placement: 'header',
      refreshWindowMs: 120_000,
      expiryLeewayMs: 30_000,
      defaultTtlMs: 60_000,
      deadlineMs: 10_000,
      nearCacheTtlMs: 5_000,
      warmUp: false,
    },
    excludedPaths: ['/health'],
    excludedPathPatterns: ['/public/*'],
    headers: { 'x-tenant': 'acme' },
    params: { version: 2 },
    timeoutMs: 30_000,
    totalTimeoutMs: 60_000,
    retry: new ExponentialBackoffRetryStrategy({
      maxRetries: 3,
      baseDelayMs: 1_000,
      maxDelayMs: 60_000,
      multiplier: 2,
    }),
    hooks: { beforeRequest: [], afterResponse: [], onError: [] },
    logging: { headers: true, body: ['state'], sensitiveKeys: ['pin'], asObject: true },
    replaceCredential: false,
    allowedOrigins: ['https://files.example'],
    maxRedirects: 10,
    maxContentLength: 1_000_000,
    pool: { maxSockets: 16, keepAlive: true },
    validateStatus: (status) => status < 400,
    provideHttpService: false,
  };
  const root: Required<Omit<ForgeAuthRootOptions, 'lock'>> = {
    services: [service],
    defaults: { timeoutMs: 10_000 },
    storage: new InMemoryTokenStorage({ max: 10 }),
    encryption: { keys: [{ id: 'a', key: Buffer.alloc(32, 1) }] },
    keyPrefix: 'forge-auth',
    nearCacheTtlMs: 5_000,
    shutdownGraceMs: 5_000,
    requestContext: false,
    revealCauses: false,
    isGlobal: true,
  };
  const app = await boot({ imports: [ForgeAuthModule.forRoot(root)] }, { logger });
  await app.close();
  expect(logger.warnings).toEqual([]);
});

it.each(['orders', undefined, null, 7])(
  'createForgeClient(%j) says that it takes the options of a service',
  (given) => {
    expect(() => createForgeClient(given as never, { baseUrl: 'https://orders.example' } as never)).toThrow(
      /takes the options of a service, its name among them/,
    );
  },
);
