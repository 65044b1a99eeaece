import {
  ClientCredentialsTokenProvider,
  type ConfigurationError,
  ForgeAuthModule,
  type ForgeAuthRootOptions,
  type ForgeServiceOptions,
  PasswordGrantTokenProvider,
  SimpleAuthRetryStrategy,
  StaticTokenProvider,
} from 'nestjs-forge-auth';
import { bootFailure } from './boot.js';

/** Options as JavaScript may give them. */
type Careless = Record<string, unknown>;

/** What was written → what the error must offer in its place. */
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
  ])('in %s of a grant: %j', async (part, options, meant) => {
    const provider = new ClientCredentialsTokenProvider({ ...GRANT, [part]: options } as never);
    const error = await failureOf({ ...base, auth: { provider } });
    expectToOffer(error, `${part}.${Object.keys(options)[0]}`, meant);
  });

  it.each(OF_PARTS)('in %s of a service: %j', async (part, options, meant) => {
    expectToOffer(await failureOf({ ...base, [part]: options }), `${part}.${Object.keys(options)[0]}`, meant);
  });

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
