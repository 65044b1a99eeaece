import { createCache } from 'cache-manager';
import {
  AuthenticationError,
  BodyTokenFetcher,
  CacheManagerTokenStorage,
  ClientCredentialsTokenProvider,
  ConditionalAuthRetryStrategy,
  createForgeClient,
  ExponentialAuthRetryStrategy,
  ExponentialBackoffRetryStrategy,
  type FetchContext,
  type ForgeHttpClient,
  type ForgeServiceOptions,
  HttpClientConfigBuilder,
  HttpStatusError,
  InMemoryTokenStorage,
  PasswordGrantTokenProvider,
  PipelineTokenProvider,
  SimpleAuthRetryStrategy,
  Token,
  TokenFetchPipeline,
  TokenManager,
  type TokenProvider,
  type TokenStorage,
} from 'nestjs-forge-auth';
import { give } from '../support/answer.js';
import { type Api, startApi } from '../support/api.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { CLIENT, startTokenEndpoint, type TokenEndpoint, USER } from '../support/token-endpoint.js';

let tokens: TokenEndpoint;
let api: Api;
let clients: ForgeHttpClient[];

beforeEach(async () => {
  tokens = await startTokenEndpoint();
  api = await startApi(tokens);
  clients = [];
});

afterEach(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await Promise.all([api.close(), tokens.close()]);
});

/** `HttpClient(config)`. */
function clientOf(options: ForgeServiceOptions): ForgeHttpClient {
  const client = createForgeClient(options);
  clients.push(client);
  return client;
}

function builder(name = 'example-api'): HttpClientConfigBuilder {
  return new HttpClientConfigBuilder(name).withBaseUrl(api.origin);
}

function provider(options: object = {}): ClientCredentialsTokenProvider {
  return new ClientCredentialsTokenProvider({ tokenUrl: tokens.url, ...CLIENT, ...options });
}

/** alf's `Client(token_endpoint, client_id, client_secret)`. */
function alf(options: Partial<ForgeServiceOptions> = {}, grant: object = {}): ForgeHttpClient {
  return clientOf({ name: 'alf', allowedOrigins: [api.origin], auth: { provider: provider(grant) }, ...options });
}

const lastHeaders = (): Record<string, unknown> => ({ ...api.server.requests.at(-1)?.headers });
const lastTokenRequest = (): URLSearchParams => tokens.server.requests.at(-1)?.form() ?? new URLSearchParams();

describe("Request Forge's documentation", () => {
  it('Bearer Token', async () => {
    const client = clientOf(builder().withBearerToken('your-api-token-here').build());
    await client.get('/public/resource');
    expect(lastHeaders()['authorization']).toBe('Bearer your-api-token-here');
  });

  it('API Key Authentication', async () => {
    const client = clientOf(builder().withApiKey('your-api-key', { headerName: 'X-Key' }).build());
    await client.get('/public/resource');
    expect(lastHeaders()['x-key']).toBe('your-api-key');
    await clientOf(builder().withApiKey('your-api-key').build()).get('/public/resource');
    expect(lastHeaders()['x-api-key']).toBe('your-api-key');
  });

  it('Basic Authentication', async () => {
    await clientOf(builder().withBasicAuth('user', 'pass').build()).get('/public/resource');
    expect(lastHeaders()['authorization']).toBe('Basic dXNlcjpwYXNz');
  });

  it('Token Manager: fetches and caches, reuses, refreshes when expired', async () => {
    const manager = new TokenManager({
      provider: provider({ scope: 'read write' }),
      storage: new InMemoryTokenStorage(),
    });
    const client = clientOf(
      builder()
        .withTokenAuth(manager, { excludedPaths: new Set(['/health', '/public']) })
        .build(),
    );
    tokens.configure({ expiresIn: 1 });
    await client.get('/protected-resource');
    expect(tokens.tokenRequests).toBe(1);
    expect(lastTokenRequest().get('scope')).toBe('read write');
    await client.get('/another-resource');
    expect(tokens.tokenRequests).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 1_050));
    await client.get('/resource');
    expect(tokens.tokenRequests).toBe(2);
    await client.get('/health');
    expect(lastHeaders()['authorization']).toBeUndefined();
    await manager.close();
  });

  it.each([
    ['body', undefined],
    ['header', `Basic ${Buffer.from(`${CLIENT.clientId}:${CLIENT.clientSecret}`).toString('base64')}`],
  ] as const)('Client Credentials Flow, auth_method=%s', async (authMethod, header) => {
    const options = { scope: 'read write delete', grantType: 'client_credentials', authMethod };
    await clientOf(builder().withTokenAuth(provider(options)).build()).get('/resource');
    const request = tokens.server.requests[0];
    expect(request?.headers.authorization).toBe(header);
    expect(request?.form().get('client_secret')).toBe(header === undefined ? CLIENT.clientSecret : null);
    expect(request?.form().get('scope')).toBe('read write delete');
  });

  it('Password Grant Flow', async () => {
    const grant = new PasswordGrantTokenProvider({ tokenUrl: tokens.url, ...CLIENT, ...USER, scope: 'profile email' });
    await clientOf(builder().withTokenAuth(grant).build()).get('/resource');
    expect(Object.fromEntries(lastTokenRequest())).toMatchObject({
      grant_type: 'password',
      ...USER,
      scope: 'profile email',
    });
    expect(api.tokens).toHaveLength(1);
  });

  it('Custom Token Provider', async () => {
    class CustomTokenProvider implements TokenProvider {
      constructor(
        private readonly apiUrl: string,
        private readonly apiKey: string,
      ) {}

      async fetchToken(): Promise<Token> {
        const response = await fetch(`${this.apiUrl}/auth`, { method: 'POST', headers: { 'X-API-Key': this.apiKey } });
        const data = (await response.json()) as { token: string; expires_in: number };
        return new Token({
          accessToken: data.token,
          tokenType: 'Bearer',
          expiresAt: Date.now() + data.expires_in * 1_000,
        });
      }

      refreshToken(): Promise<Token> {
        return this.fetchToken();
      }
    }
    const issuer = await startServer((_request, response) =>
      give(response, { json: { token: 'custom', expires_in: 60 } }),
    );
    await clientOf(builder().withTokenAuth(new CustomTokenProvider(issuer.origin, 'key')).build()).get('/public/x');
    expect(issuer.requests[0]?.headers['x-api-key']).toBe('key');
    expect(lastHeaders()['authorization']).toBe('Bearer custom');
    await issuer.close();
  });

  it('Django Cache Storage: two clients, one token', async () => {
    const cache = createCache();
    const client = (): ForgeHttpClient => {
      const storage = new CacheManagerTokenStorage(cache, { keyPrefix: 'api_tokens' });
      return clientOf(
        builder()
          .withTokenAuth(new TokenManager({ name: 'shared', provider: provider(), storage }))
          .build(),
      );
    };
    await client().get('/resource');
    await client().get('/resource');
    expect(tokens.tokenRequests).toBe(1);
    expect(new Set(api.tokens).size).toBe(1);
  });

  it('Custom Storage', async () => {
    class RedisTokenStorage implements TokenStorage {
      readonly entries = new Map<string, { value: string | Uint8Array; ttlMs: number | undefined }>();

      async get(key: string): Promise<string | Uint8Array | undefined> {
        return this.entries.get(key)?.value;
      }

      async set(key: string, value: string | Uint8Array, ttlMs?: number): Promise<void> {
        this.entries.set(key, { value, ttlMs });
      }

      async delete(key: string): Promise<void> {
        this.entries.delete(key);
      }
    }
    const storage = new RedisTokenStorage();
    const manager = (): TokenManager => new TokenManager({ name: 'shared', provider: provider(), storage });
    await clientOf(builder().withTokenAuth(manager()).build()).get('/resource');
    await clientOf(builder().withTokenAuth(manager()).build()).get('/resource');
    expect(tokens.tokenRequests).toBe(1);
    const [key, entry] = [...storage.entries][0] ?? [];
    expect(key).not.toContain(CLIENT.clientSecret);
    expect(entry?.ttlMs).toBeGreaterThan(3_000_000);
  });

  describe('Multi-Step Authentication', () => {
    let issuer: RecordingServer;

    beforeEach(async () => {
      issuer = await startServer((request, response) => {
        const isApp = request.path === '/v1/app/token';
        give(response, { json: { access_token: isApp ? 'app-token' : 'user-token', expires_in: 3_600 } });
      });
    });

    afterEach(async () => {
      await issuer.close();
    });

    const app = (): BodyTokenFetcher =>
      new BodyTokenFetcher({
        name: 'app_token',
        baseUrl: issuer.origin,
        endpoint: '/v1/app/token',
        method: 'POST',
        requestData: { grant_type: 'client_credentials', client_id: 'app-id', client_secret: 'app-secret' },
        tokenField: 'access_token',
        expiresInField: 'expires_in',
        ttlMs: 3_600_000,
      });

    it('Basic Pipeline', async () => {
      const user = new BodyTokenFetcher({
        name: 'user_token',
        baseUrl: issuer.origin,
        endpoint: '/v1/user/token',
        method: 'POST',
        requestData: { username: 'user@example.com', password: 'password123' },
        tokenField: 'access_token',
        ttlMs: 30 * 60_000,
        dependsOn: ['app_token'],
      });
      const pipeline = new TokenFetchPipeline({
        steps: [app(), user],
        storage: new InMemoryTokenStorage(),
        cacheKeyPrefix: 'myapp',
      });
      const manager = new TokenManager({ provider: new PipelineTokenProvider({ pipeline }) });
      const client = clientOf(builder().withTokenAuth(manager).build());
      await client.get('/public/profile');
      await client.get('/public/profile');
      expect(issuer.requests.map(({ path }) => path)).toEqual(['/v1/app/token', '/v1/user/token']);
      expect(lastHeaders()['authorization']).toBe('Bearer user-token');
    });

    it('Advanced Pipeline', async () => {
      class UserTokenFetcher extends BodyTokenFetcher {
        protected override buildRequestHeaders(context: FetchContext): Record<string, string> {
          const headers = super.buildRequestHeaders(context);
          if (context.has('app_token')) headers['X-App-Token'] = context.accessToken('app_token');
          return headers;
        }
      }
      const user = new UserTokenFetcher({
        name: 'user_token',
        baseUrl: issuer.origin,
        endpoint: '/v1/user/token',
        dependsOn: ['app_token'],
      });
      const pipeline = new TokenFetchPipeline({ steps: [app(), user] });
      await clientOf(builder().withTokenAuth(new PipelineTokenProvider({ pipeline })).build()).get('/public/profile');
      expect(issuer.requests[1]?.headers['x-app-token']).toBe('app-token');
    });
  });

  describe('Authentication Retry', () => {
    it.each([
      ['Simple Retry', new SimpleAuthRetryStrategy({ maxRetries: 1, delayMs: 5 }), 2],
      [
        'Exponential Backoff',
        new ExponentialAuthRetryStrategy({ maxRetries: 3, baseDelayMs: 2, maxDelayMs: 5, multiplier: 2, jitter: true }),
        4,
      ],
    ])('%s', async (_name, retry, sends) => {
      const client = clientOf(builder().withTokenAuth(provider(), { retry }).build());
      const refused = Array.from({ length: sends }, () => ({ status: 401, json: {} }));
      api.answerNext(...refused);
      await expect(client.get('/resource')).rejects.toMatchObject({ status: 401 });
      expect(api.server.count('/resource')).toBe(sends);
    });

    it('Custom Retry Logic', async () => {
      const retry = new ConditionalAuthRetryStrategy({
        maxRetries: 2,
        // Only if the error is "token_expired".
        shouldRetry: (response) => response.status === 401 && response.jsonOrNull()?.['error'] === 'token_expired',
      });
      const client = clientOf(builder().withTokenAuth(provider(), { retry }).build());
      api.answerNext({ status: 401, json: { error: 'token_expired' } });
      await client.get('/resource');
      expect(api.server.count('/resource')).toBe(2);
      api.answerNext({ status: 401, json: { error: 'locked' } });
      await expect(client.get('/locked')).rejects.toBeInstanceOf(HttpStatusError);
      expect(api.server.count('/locked')).toBe(1);
    });
  });

  it('Path Exclusion', async () => {
    const exact = { excludedPaths: new Set(['/health', '/status', '/public/docs']) };
    const globs = { excludedPaths: new Set(['/health']), excludedPathPatterns: ['/public/*', '/docs/*', '*/health'] };
    const first = clientOf(builder().withTokenAuth(provider(), exact).build());
    const second = clientOf(builder().withTokenAuth(provider(), globs).build());
    await Promise.all(['/health', '/public/docs'].map((path) => first.get(path)));
    await second.get('/public/a/b');
    await second.get('/deep/health').catch(() => undefined);
    expect(api.tokens).toEqual([]);
    expect(tokens.tokenRequests).toBe(0);
    await second.get('/users');
    expect(api.tokens).toHaveLength(1);
  });

  it('OAuth2 with Django: retries and logging beside tokens', async () => {
    const manager = new TokenManager({ provider: provider(), storage: new CacheManagerTokenStorage(createCache()) });
    const config = builder()
      .withTokenAuth(manager)
      .withRetry({ maxRetries: 3, baseDelayMs: 1, maxDelayMs: 2 })
      .withLogging()
      .build();
    const lines: string[] = [];
    const write = (line: string): void => void lines.push(line);
    const client = createForgeClient(config, { logger: { log: write, warn: write, error: write } });
    clients.push(client);
    api.answerNext({ status: 503 }, { status: 503 });
    expect((await client.get('/users')).status).toBe(200);
    expect(api.server.count('/users')).toBe(3);
    expect(lines.filter((line) => line.includes('/users'))).toHaveLength(3);
  });

  it('Multi-Service Authentication: different tokens for different services', async () => {
    const a = clientOf(
      builder('a')
        .withTokenAuth(new TokenManager({ provider: provider({ scope: 'a' }) }))
        .build(),
    );
    const b = clientOf(
      builder('b')
        .withTokenAuth(new TokenManager({ provider: provider({ scope: 'b' }) }))
        .build(),
    );
    await Promise.all([a.get('/resource'), b.get('/resource'), a.get('/resource')]);
    expect(tokens.tokenRequests).toBe(2);
    expect(new Set(api.tokens).size).toBe(2);
  });

  it('Reuse TokenManager', async () => {
    const manager = new TokenManager({ provider: provider(), storage: new InMemoryTokenStorage() });
    const client = clientOf(builder().withTokenAuth(manager).build());
    const other = clientOf(builder('other').withTokenAuth(manager).build());
    await Promise.all([client.get('/resource1'), client.get('/resource2'), other.get('/resource3')]);
    expect(tokens.tokenRequests).toBe(1);
  });

  it('Handle Auth Errors', async () => {
    tokens.configure({ respond: () => ({ status: 401, json: { error: 'invalid_client' } }) });
    const client = clientOf(builder().withTokenAuth(provider()).build());
    const error: unknown = await client.get('/protected').catch((e: unknown) => e);
    expect(error).toBeInstanceOf(AuthenticationError);
    expect((error as AuthenticationError).serviceName).toBe('example-api');
    expect(api.server.requests).toHaveLength(0);
  });
});

describe("alf's documentation", () => {
  it('Usage: PUT, GET, DELETE with a token that is kept', async () => {
    const client = alf();
    const resource = `${api.origin}/resource`;
    await client.put(resource, '{"name": "alf"}', { headers: { 'Content-Type': 'application/json' } });
    await client.get(resource);
    await client.delete(resource);
    expect(api.server.requests.map(({ method, text }) => `${method} ${text}`)).toEqual([
      'PUT {"name": "alf"}',
      'GET ',
      'DELETE ',
    ]);
    expect(tokens.tokenRequests).toBe(1);
  });

  it('Using your custom token storage: anything with get and set', async () => {
    const redis = new Map<string, unknown>();
    const storage = {
      get: (key: string) => redis.get(key),
      set: (key: string, value: unknown) => redis.set(key, value),
    };
    await alf({ storage }).get(`${api.origin}/resource`);
    await alf({ storage }).get(`${api.origin}/resource`);
    expect(tokens.tokenRequests).toBe(1);
  });

  it('How does it work: a 401 renews the token once, and a second one stands', async () => {
    const client = alf();
    await client.get(`${api.origin}/resource/1`);
    tokens.revokeAll();
    expect((await client.get(`${api.origin}/resource/1`)).status).toBe(200);
    expect(tokens.tokenRequests).toBe(2);
    api.answerNext({ status: 401, json: {} }, { status: 401, json: {} });
    await expect(client.get(`${api.origin}/resource/2`)).rejects.toMatchObject({ status: 401 });
    expect(api.server.count('/resource/2')).toBe(2);
  });

  it('Token Retrying: five times on 500, with backoff', async () => {
    const retry = new ExponentialBackoffRetryStrategy({
      maxRetries: 5,
      baseDelayMs: 1,
      maxDelayMs: 3,
      statuses: [500],
    });
    tokens.answerNext(...Array.from({ length: 5 }, () => ({ status: 500 })));
    await alf({}, { retry }).get(`${api.origin}/resource`);
    expect(tokens.tokenRequests).toBe(6);
    expect(api.server.requests).toHaveLength(1);
  });

  it('Troubleshooting: without a token the real request does not happen', async () => {
    tokens.configure({ respond: () => ({ status: 400, json: { error: 'invalid_scope' } }) });
    await expect(alf().get(`${api.origin}/resource`)).rejects.toMatchObject({ error: 'invalid_scope', status: 400 });
    expect(api.server.requests).toHaveLength(0);
  });
});
