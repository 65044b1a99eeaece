import { readdirSync, readFileSync } from 'node:fs';
import { HttpService } from '@nestjs/axios';
import { Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  ApiKeyAuth,
  AuthenticationError,
  BasicAuth,
  BearerAuth,
  CircuitOpenError,
  ClientCredentialsTokenProvider,
  CompositeAuth,
  ConnectionError,
  CorrelationIdHook,
  createForgeClient,
  ForgeAuthModule,
  ForgeAuthService,
  type ForgeServiceOptions,
  GrantTokenProvider,
  InMemoryTokenStorage,
  InvalidRequestError,
  JwtBearerTokenProvider,
  OAuth1Auth,
  PasswordGrantTokenProvider,
  RefreshTokenProvider,
  ResponseParseError,
  SimpleRetryStrategy,
  StaticTokenProvider,
  Token,
  TokenExchangeProvider,
  TokenManager,
  TokenRefreshError,
} from 'nestjs-forge-auth';
import { UndiciTransport } from 'nestjs-forge-auth/undici';
import { markedTables } from '../support/docs.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';

/** Every option that the reference lists, wherever it is given. */
const reference = new URL('../../docs/reference/', import.meta.url);
const LISTED = readdirSync(reference)
  .filter((page) => page.endsWith('.md'))
  .flatMap((page) => markedTables(readFileSync(new URL(page, reference), 'utf8')))
  .filter(({ mark }) => mark.startsWith('options'))
  .flatMap(({ rows }) => rows.map(([name = '']) => /^`(\w+)/.exec(name)?.[1] ?? ''))
  .filter((name) => !['', 'constructor', 'signal'].includes(name));

/** What else is read of an object that an app gives, or that is made of one inside. */
const FURTHER = `
  isGlobal provideHttpService revealCauses maxRetries baseDelayMs maxDelayMs statuses failureThreshold
  jitter recoveryTimeoutMs max headerName lifetimeMs kid alg claims
  concurrency failFast onProgress readHere withheld adapter spelling body
  responseType freshConnection forge accessToken refreshToken expiresAt idToken extra
  tokenType identity
  credentialHeaders onResponse onRejected appliesTo takesTokenRequest signsRequest authenticate createCircuit
  fetch onFetchError ttlMs subject tokens token tokenSecret clientKey placement realm version nonce timestamp
  factory clientFactory maxOrigins maxHeaderSize headersTimeout bodyTimeout keepAliveTimeout keepAliveMaxTimeout
  keepAliveTimeoutThreshold maxRequestsPerClient localAddress maxResponseSize autoSelectFamily connections pipelining
  allowH2 maxConcurrentStreams clientTtl servername httpSocket interceptors socketTimeout connectTimeout pingInterval
  expires_in scope id_token refresh_token
  dispatch pipe getHeaders getLength createSource revokeToken
`
  .trim()
  .split(/\s+/);
const OPTIONS = [...new Set([...LISTED, ...FURTHER])];

/** A value that no option takes: whoever reads one refuses it, or calls it. */
const POISON = (): never => {
  throw new Error('inherited');
};

let api: RecordingServer;

beforeAll(async () => {
  api = await startServer((request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(request.path === '/token' ? '{"access_token":"issued","expires_in":60}' : '{"ok":true}');
  });
});
afterEach(() => api.reset());
afterAll(() => api.close());

/** All at once: each of them would be noticed. */
async function poisoned<R>(names: readonly string[], work: () => R | Promise<R>): Promise<R> {
  for (const name of names)
    // oxlint-disable-next-line no-extend-native -- as an attacker would
    Object.defineProperty(Object.prototype, name, { value: POISON, configurable: true, writable: true });
  try {
    return await work();
  } finally {
    for (const name of names) delete (Object.prototype as Record<string, unknown>)[name];
  }
}

it('knows every option that could be inherited', () => {
  expect(OPTIONS.length).toBeGreaterThan(80);
  expect(OPTIONS).toEqual(expect.arrayContaining(['isGlobal', 'baseUrl', 'clientSecret']));
});

const issuer = (): { tokenUrl: string; clientId: string; clientSecret: string } => ({
  tokenUrl: `${api.origin}/token`,
  clientId: 'app',
  clientSecret: 'secret',
});

it.each<[what: string, auth: () => object, more?: () => Partial<ForgeServiceOptions>]>([
  ['client credentials', () => ({ provider: new ClientCredentialsTokenProvider(issuer()) })],
  ['password', () => ({ provider: new PasswordGrantTokenProvider({ ...issuer(), username: 'u', password: 'p' }) })],
  ['refresh token', () => ({ provider: new RefreshTokenProvider({ ...issuer(), refreshToken: 'r' }) })],
  ['assertion', () => ({ provider: new JwtBearerTokenProvider({ ...issuer(), assertion: { token: () => 'a.b.c' } }) })],
  ['exchange', () => ({ provider: new TokenExchangeProvider({ ...issuer(), subjectToken: 'subject' }) })],
  [
    'own grant',
    () => ({ provider: new GrantTokenProvider({ ...issuer(), grantType: 'urn:own', params: { a: '1' } }) }),
  ],
  ['own provider', () => ({ provider: { fetchToken: async () => new Token({ accessToken: 'own' }) } })],
  ['manager', () => ({ tokenManager: new TokenManager({ provider: new ClientCredentialsTokenProvider(issuer()) }) })],
  ['bearer', () => new BearerAuth('bearer')],
  ['key', () => new ApiKeyAuth('key')],
  ['basic', () => new BasicAuth('user', 'password')],
  ['several', () => new CompositeAuth([new ApiKeyAuth('key'), new BasicAuth('user', 'password')], { strategy: 'all' })],
  ['signatures', () => new OAuth1Auth({ clientId: 'app', clientSecret: 'secret' })],
  ['steps', () => ({ pipeline: { steps: [{ name: 'own', provider: new StaticTokenProvider('of the step') }] } })],
  ['undici', () => new BearerAuth('bearer'), () => ({ transport: new UndiciTransport() })],
])('no option that Object.prototype has is read by a service with %s', async (_what, auth, more = () => ({})) => {
  await poisoned(OPTIONS, async () => {
    const client = createForgeClient({
      name: 'own',
      baseUrl: api.origin,
      auth: auth() as never,
      retry: new SimpleRetryStrategy(),
      hooks: { beforeRequest: [new CorrelationIdHook()] } as never,
      storage: new InMemoryTokenStorage(),
      ...more(),
    });
    expect((await client.get('/orders')).data).toEqual({ ok: true });
    expect((await client.post('/orders', { a: 1 }, { params: { b: 2 } })).status).toBe(200);
    expect((await client.axiosRef.get('/orders')).status).toBe(200);
    expect(await (await client.fetch('/orders')).json()).toEqual({ ok: true });
    await client.close();
  });
});

it('no option that Object.prototype has is read by the module: not isGlobal, not provideHttpService', async () => {
  @Injectable()
  class Orders {
    readonly at = 'orders';
  }
  await poisoned(OPTIONS, async () => {
    @Module({ imports: [ForgeAuthModule.forFeature({ name: 'feature', baseUrl: api.origin })], providers: [Orders] })
    class FeatureModule {}
    const app = await Test.createTestingModule({
      imports: [
        ForgeAuthModule.forRoot({ services: [{ name: 'root', baseUrl: api.origin }] }),
        ForgeAuthModule.forFeatureAsync({ name: 'made', useFactory: () => ({ baseUrl: api.origin }) }),
        FeatureModule,
      ],
    }).compile();
    await app.init();
    const services = app.get(ForgeAuthService, { strict: false });
    for (const name of ['root', 'feature', 'made'])
      expect((await services.client(name).get('/orders')).status).toBe(200);
    expect(() => app.get(HttpService, { strict: false })).toThrow(/HttpService/);
    await app.close();
  });
  await poisonedWith({ isGlobal: false, provideHttpService: true }, async () => {
    expect(ForgeAuthModule.forRoot({}).global).toBe(true);
    expect(ForgeAuthModule.forRootAsync({ useFactory: () => ({}) }).global).toBe(true);
    const modules = [
      ForgeAuthModule.forFeature({ name: 'feature', baseUrl: api.origin }),
      ForgeAuthModule.forFeatureAsync({ name: 'made', useFactory: () => ({ baseUrl: api.origin }) }),
    ];
    for (const { exports } of modules) expect(exports).not.toContain(HttpService);
  });
});

it.each<[string, () => Partial<ForgeServiceOptions>]>([
  ['the default transport', () => ({})],
  ['undici', () => ({ transport: new UndiciTransport() })],
])('no certificate that Object.prototype has is trusted by %s', async (_which, options) => {
  const secure = await startServer((_request, response) => void response.end('{}'), { tls: true });
  const client = createForgeClient({
    name: 'own',
    baseUrl: secure.origin,
    auth: new BearerAuth('bearer'),
    ...options(),
  });
  await poisonedWith({ ca: secure.ca, pskCallback: POISON, secureContext: {} }, async () => {
    await expect(client.get('/orders')).rejects.toMatchObject({ code: 'FORGE_AUTH_TLS' });
  });
  expect(secure.requests).toEqual([]);
  await client.close();
  await secure.close();
});

it('nothing leads an undici transport through a proxy', async () => {
  const proxy = await startServer((_request, response) => void response.end('{}'));
  await poisonedWith({ proxy: proxy.origin, uri: proxy.origin, httpProxy: proxy.origin }, async () => {
    const client = createForgeClient({
      name: 'own',
      baseUrl: api.origin,
      auth: new BearerAuth('bearer'),
      transport: new UndiciTransport({ connections: 1 }),
    });
    expect((await client.get('/orders')).status).toBe(200);
    await client.close();
  });
  expect(proxy.requests).toEqual([]);
  await proxy.close();
});

it('errors are made of what they are given alone', async () => {
  const inherited = {
    code: 'FORGE_AUTH_TLS',
    step: 'planted',
    error: 'planted',
    status: 418,
    chain: ['planted'],
    subject: 'planted',
    errorDescription: 'planted',
    transient: true,
    retryAfterMs: 5,
    nothingSent: true,
    staleConnection: true,
    answer: { status: 418, headers: {} },
    cause: new Error('planted'),
  };
  await poisonedWith(inherited, () => {
    const made = [
      new AuthenticationError('a', {}),
      new TokenRefreshError('a', {}),
      new ConnectionError('a', {}),
      new ResponseParseError('a', {}),
      new InvalidRequestError('a', {}),
      new CircuitOpenError('a', {}),
    ];
    expect(made.map(({ code }) => code)).not.toContain('FORGE_AUTH_TLS');
    expect(made.map((error) => JSON.stringify(Object.assign({}, error.toJSON())))).not.toContainEqual(
      expect.stringMatching(/planted|418/),
    );
    const [authentication, , connection, parse, , circuit] = made as [
      AuthenticationError,
      TokenRefreshError,
      ConnectionError,
      ResponseParseError,
      InvalidRequestError,
      CircuitOpenError,
    ];
    expect([authentication.transient, authentication.errorDescription]).toEqual([false, undefined]);
    expect([connection.nothingSent, connection.staleConnection, connection.answer]).toEqual([false, false, undefined]);
    expect([parse.answer, circuit.retryAfterMs]).toEqual([undefined, undefined]);
    expect(made.filter((error) => Object.hasOwn(error, 'cause'))).toEqual([]);
  });
});

async function poisonedWith(values: Record<string, unknown>, work: () => void | Promise<void>): Promise<void> {
  for (const [name, value] of Object.entries(values))
    // oxlint-disable-next-line no-extend-native -- as an attacker would
    Object.defineProperty(Object.prototype, name, { value, configurable: true, writable: true });
  try {
    await work();
  } finally {
    for (const name of Object.keys(values)) delete (Object.prototype as Record<string, unknown>)[name];
  }
}

/** Names that are no options of ours, but read inside: of headers, listeners, descriptors, documents, contracts, sockets. */
const READ_INSIDE = `
  authorization content-length transfer-encoding content-type signal get set value writable close token revocation tls
  grant_type statusText 0 objectMode readableObjectMode writableObjectMode data end response
`
  .trim()
  .split(/\s+/);

/** What undici itself fails at. */
const FAILS_UNDICI = new Set(['signal']);

it.each(
  READ_INSIDE.flatMap((name) =>
    (FAILS_UNDICI.has(name) ? ['axios'] : ['axios', 'undici']).map((transport) => [name, transport] as const),
  ),
)('no call fails or changes on the wire where Object.prototype has %s, over %s', async (name, transport) => {
  const issuing = await startServer(({ path }, response) => {
    const { origin } = issuing;
    const answers: Record<string, object> = {
      '/.well-known/openid-configuration': {
        issuer: origin,
        token_endpoint: `${origin}/token`,
        token_endpoint_auth_methods_supported: ['client_secret_basic'],
      },
      '/token': { access_token: 'issued', expires_in: 60, token_type: 'Bearer' },
    };
    // What answers is polluted, too: it writes what it would write anyway.
    const written = JSON.stringify(Object.hasOwn(answers, path) ? answers[path] : { ok: true });
    response.setHeader('content-type', 'application/json');
    response.end(written);
  });
  const over = (): { transport?: UndiciTransport } =>
    transport === 'undici' ? { transport: new UndiciTransport() } : {};
  const use = async (): Promise<readonly unknown[]> => {
    const client = createForgeClient({
      name: 'own',
      baseUrl: issuing.origin,
      ...over(),
      auth: {
        provider: new ClientCredentialsTokenProvider({
          issuer: issuing.origin,
          clientId: 'app',
          clientSecret: 'secret',
          http: over(),
        }),
      },
    });
    await client.get('/a');
    await client.post('/b', { a: 1 });
    await client.axiosRef.post('/c', { a: 1 });
    await (await client.fetch('/d', { method: 'POST', body: 'text' })).text();
    await client.close();
    const seen = issuing.requests.map(({ method, path, text, headers }) => [
      method,
      path,
      text,
      Object.entries(headers).filter(([header]) => header !== 'host'),
    ]);
    issuing.reset();
    return seen;
  };
  const expected = await use();
  // oxlint-disable-next-line no-extend-native -- as an attacker would
  (Object.prototype as Record<string, unknown>)[name] = 'planted';
  try {
    expect(await use()).toEqual(expected);
  } finally {
    delete (Object.prototype as Record<string, unknown>)[name];
    await issuing.close();
  }
});
