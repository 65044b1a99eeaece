import { createHash } from 'node:crypto';
import {
  AuthenticationError,
  BodyTokenFetcher,
  createForgeClient,
  ExponentialBackoffRetryStrategy,
  type FetchContext,
  HeaderTokenFetcher,
  HttpTokenFetcher,
  type HttpTokenFetcherOptions,
  InMemoryTokenStorage,
  PipelineTokenProvider,
  SimpleAuthRetryStrategy,
  Token,
  TokenFetchPipeline,
  TokenManager,
} from 'nestjs-forge-auth';
import { json, send } from '../support/answer.js';
import { type Api, startApi } from '../support/api.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { type ChainIssuer, startChainIssuer } from './issuer.js';

const MINUTES = 60_000;
const HOURS = 60 * MINUTES;
const DAYS = 24 * HOURS;

let issuer: ChainIssuer;
let api: Api;

beforeEach(async () => {
  issuer = await startChainIssuer();
  api = await startApi((token) => issuer.isValid(token));
});
afterEach(async () => {
  await api.close();
  await issuer.close();
});

class AppTokenFetcher extends BodyTokenFetcher {
  protected override buildRequestHeaders(context: FetchContext): Record<string, string> {
    return { ...super.buildRequestHeaders(context), 'X-Device-Token': context.accessToken('device_token') };
  }
}

class UserTokenFetcher extends BodyTokenFetcher {
  protected override buildRequestHeaders(context: FetchContext): Record<string, string> {
    const headers = super.buildRequestHeaders(context);
    if (context.has('app_token')) headers['X-App-Token'] = context.token('app_token').accessToken;
    return headers;
  }
}

function appToken(): BodyTokenFetcher {
  return new BodyTokenFetcher({
    name: 'app_token',
    baseUrl: issuer.origin,
    endpoint: '/v1/app/token',
    method: 'POST',
    requestData: { grant_type: 'client_credentials', client_id: 'your-app-id', client_secret: 'your-app-secret' },
    tokenField: 'access_token',
    expiresInField: 'expires_in',
    ttlMs: HOURS,
  });
}

function userToken(dependsOn = ['app_token']): UserTokenFetcher {
  return new UserTokenFetcher({
    name: 'user_token',
    baseUrl: issuer.origin,
    endpoint: '/v1/user/token',
    method: 'POST',
    requestData: { username: 'user@example.com', password: 'password123' },
    tokenField: 'access_token',
    ttlMs: 30 * MINUTES,
    dependsOn,
  });
}

function threeSteps(): TokenFetchPipeline {
  const device = new HeaderTokenFetcher({
    name: 'device_token',
    baseUrl: issuer.origin,
    endpoint: '/v1/device/register',
    method: 'POST',
    requestHeaders: { 'X-Device-ID': 'unique-device-id', 'X-Device-Type': 'mobile' },
    tokenHeader: 'X-Device-Token',
    tokenType: 'Device',
    ttlMs: 30 * DAYS,
  });
  const app = new AppTokenFetcher({
    name: 'app_token',
    baseUrl: issuer.origin,
    endpoint: '/v1/app/token',
    requestData: { client_id: 'app-id', client_secret: 'app-secret' },
    ttlMs: HOURS,
    dependsOn: ['device_token'],
  });
  return new TokenFetchPipeline({
    steps: [device, app, userToken()],
    storage: new InMemoryTokenStorage(),
    cacheKeyPrefix: 'myapp',
  });
}

describe('app token → user token', () => {
  it('serves a client: each step is run once, with the header of the one before', async () => {
    const pipeline = new TokenFetchPipeline({
      steps: [appToken(), userToken()],
      storage: new InMemoryTokenStorage(),
      cacheKeyPrefix: 'myapp',
    });
    const provider = new PipelineTokenProvider({ pipeline, refreshFromStep: 'user_token' });
    await using client = createForgeClient({
      name: 'myapp',
      baseUrl: api.origin,
      auth: { tokenManager: new TokenManager({ provider }) },
    });
    await Promise.all(Array.from({ length: 100 }, () => client.get('/user/profile')));
    expect(issuer.counts).toEqual([0, 1, 1]);
    const [request] = issuer.server.requests.filter(({ path }) => path === '/v1/user/token');
    expect(request?.headers['x-app-token']).toMatch(/^app-token-/);
    expect(request?.form().get('username')).toBe('user@example.com');
  });

  it('renews the user token alone when the service rejects it, once for a hundred calls', async () => {
    const pipeline = { steps: [appToken(), userToken()], refreshFromStep: 'user_token' };
    await using client = createForgeClient({ name: 'myapp', baseUrl: api.origin, auth: { pipeline } });
    await client.get('/user/profile');
    issuer.revoke('user');
    await Promise.all(Array.from({ length: 100 }, () => client.get('/user/profile')));
    expect(issuer.counts).toEqual([0, 1, 2]);
  });

  it('renews every step when the service rejects it and no step is named', async () => {
    await using client = createForgeClient({
      name: 'myapp',
      baseUrl: api.origin,
      auth: { pipeline: { steps: [appToken(), userToken()] } },
    });
    await client.get('/user/profile');
    issuer.revoke('user');
    await Promise.all(Array.from({ length: 100 }, () => client.get('/user/profile')));
    expect(issuer.counts).toEqual([0, 2, 2]);
  });
});

describe('device token → app token → user token', () => {
  it('runs each step once, cold, for 100 callers', async () => {
    const pipeline = threeSteps();
    const tokens = await Promise.all(Array.from({ length: 100 }, () => pipeline.execute()));
    expect(new Set(tokens.map(({ accessToken }) => accessToken)).size).toBe(1);
    expect(issuer.counts).toEqual([1, 1, 1]);
  });

  it('invalidates a step and those that depend on it', async () => {
    const pipeline = threeSteps();
    await pipeline.execute();
    await pipeline.invalidateStep('user_token');
    await pipeline.execute();
    expect(issuer.counts).toEqual([1, 1, 2]);
    await pipeline.invalidateStep('app_token');
    await pipeline.execute();
    expect(issuer.counts).toEqual([1, 2, 3]);
    await pipeline.invalidateStep('device_token');
    await pipeline.execute();
    expect(issuer.counts).toEqual([2, 3, 4]);
    await pipeline.execute({ forceRefresh: true });
    expect(issuer.counts).toEqual([3, 4, 5]);
    await pipeline.invalidateAll();
    await pipeline.execute();
    expect(issuer.counts).toEqual([4, 5, 6]);
    await expect(pipeline.invalidateStep('nobody')).rejects.toThrow(
      'no step "nobody". Steps: device_token, app_token, user_token.',
    );
  });

  it('renews what a refusal points at, back to the root', async () => {
    const pipeline = threeSteps();
    const provider = new PipelineTokenProvider({ pipeline, refreshFromStep: 'user_token' });
    await using client = createForgeClient({ name: 'myapp', baseUrl: api.origin, auth: { provider } });
    await client.get('/user/profile');
    issuer.revoke('user');
    await client.get('/user/profile');
    expect(issuer.counts).toEqual([1, 1, 2]);
    await new Promise((resolve) => setTimeout(resolve, 5));
    for (const kind of ['device', 'app', 'user'] as const) issuer.revoke(kind);
    await client.get('/user/profile');
    // user refused → app renewed: refused → device renewed → app → user.
    expect(issuer.counts).toEqual([2, 3, 4]);
  });

  it('names the step that failed, through the client, and its repair is a recipe', async () => {
    const pipeline = threeSteps();
    await using client = createForgeClient({
      name: 'myapp',
      baseUrl: api.origin,
      auth: { provider: new PipelineTokenProvider({ pipeline, refreshFromStep: 'user_token' }) },
      retry: new ExponentialBackoffRetryStrategy({ maxRetries: 3, baseDelayMs: 1 }),
    });
    issuer.failures.set('/v1/app/token', [{ status: 400, body: { error: 'invalid_client' } }]);
    const error = await client.get('/user/profile').catch((reason: unknown) => reason as AuthenticationError);
    expect(error).toBeInstanceOf(AuthenticationError);
    expect(error).toMatchObject({ step: 'app_token', serviceName: 'myapp', error: 'invalid_client', status: 400 });
    await client.pipeline?.invalidateStep((error as AuthenticationError).step ?? '');
    await client.get('/user/profile');
    expect(issuer.counts).toEqual([1, 2, 1]);
  });

  it('draws itself and describes what each step is doing', async () => {
    const pipeline = threeSteps();
    expect(pipeline.stepNames).toEqual(['device_token', 'app_token', 'user_token']);
    expect(pipeline.toMermaid()).toBe(
      [
        'flowchart LR',
        '  s0["device_token"]',
        '  s1["app_token"]',
        '  s2["user_token"]',
        '  s0 --> s1',
        '  s1 --> s2',
      ].join('\n'),
    );
    expect(pipeline.describe().map(({ cached }) => cached)).toEqual([false, false, false]);
    await pipeline.execute();
    expect(pipeline.describe()).toMatchObject([
      { name: 'device_token', cached: true, secondsToExpiry: expect.any(Number) },
      { name: 'app_token', dependsOn: ['device_token'], cached: true },
      { name: 'user_token', dependsOn: ['app_token'], cached: true, fingerprint: expect.stringMatching(/^.{8}$/) },
    ]);
  });
});

function pass(header: string, step: string) {
  return (context: FetchContext): Record<string, string> => ({ [header]: context.accessToken(step) });
}

describe('other fetchers of the page', () => {
  let server: RecordingServer;

  afterEach(() => server.close());

  it('session → API key → access token: a chain of headers', async () => {
    server = await startServer((request, response) => {
      if (request.path === '/v1/login') return send(response, 200, '', { 'x-session-token': 'session-1' });
      if (request.path === '/v1/apikey/generate')
        return send(response, 200, '', { 'x-api-key': `key-of-${request.headers['x-session-token']}` });
      return json(response, 200, { access_token: `token-of-${request.headers['x-api-key']}` });
    });
    const pipeline = new TokenFetchPipeline({
      steps: [
        new HeaderTokenFetcher({
          name: 'session_token',
          baseUrl: server.origin,
          endpoint: '/v1/login',
          requestData: { username: 'user', password: 'pass' },
          tokenHeader: 'X-Session-Token',
          tokenType: 'Session',
          ttlMs: DAYS,
        }),
        new HeaderTokenFetcher({
          name: 'api_key',
          baseUrl: server.origin,
          endpoint: '/v1/apikey/generate',
          requestHeaders: pass('X-Session-Token', 'session_token'),
          tokenHeader: 'X-API-Key',
          tokenType: 'ApiKey',
          ttlMs: 12 * HOURS,
          dependsOn: ['session_token'],
        }),
        new BodyTokenFetcher({
          name: 'access_token',
          baseUrl: server.origin,
          endpoint: '/v1/token',
          requestHeaders: pass('X-API-Key', 'api_key'),
          requestData: { grant_type: 'api_key' },
          ttlMs: 30 * MINUTES,
          dependsOn: ['api_key'],
        }),
      ],
      cacheKeyPrefix: 'complex_auth',
    });
    expect((await pipeline.execute()).accessToken).toBe('token-of-key-of-session-1');
  });

  it('a device token in the header and more in the body', async () => {
    server = await startServer((request, response) => {
      if (request.path === '/device/register') return send(response, 200, '', { 'X-Device-Token': 'device-1' });
      return json(response, 200, {
        access_token: `${request.headers['x-device-token']} ${request.form().get('device_validated')}`.replace(
          ' ',
          '-',
        ),
      });
    });
    class MixedTokenFetcher extends BodyTokenFetcher {
      protected override buildRequestHeaders(context: FetchContext): Record<string, string> {
        return { ...super.buildRequestHeaders(context), 'X-Device-Token': context.accessToken('device_token') };
      }
      protected override buildRequestData(context: FetchContext): Record<string, unknown> {
        return { ...super.buildRequestData(context), device_validated: true };
      }
    }
    const pipeline = new TokenFetchPipeline({
      steps: [
        new HeaderTokenFetcher({
          name: 'device_token',
          baseUrl: server.origin,
          endpoint: '/device/register',
          requestHeaders: { 'X-Device-ID': 'device-123' },
          tokenHeader: 'X-Device-Token',
          ttlMs: 30 * DAYS,
        }),
        new MixedTokenFetcher({
          name: 'access_token',
          baseUrl: server.origin,
          endpoint: '/token',
          requestData: { username: 'user', password: 'pass' },
          ttlMs: 30 * MINUTES,
          dependsOn: ['device_token'],
        }),
      ],
    });
    expect((await pipeline.execute()).accessToken).toBe('device-1-true');
  });

  it("a signed request of one's own", async () => {
    server = await startServer((_request, response) => json(response, 200, { token: 'signed-1', ttl: 60 }));
    class SignedTokenFetcher extends HttpTokenFetcher {
      readonly #secretKey: string;
      constructor(secretKey: string, options: HttpTokenFetcherOptions) {
        super(options);
        this.#secretKey = secretKey;
      }
      async fetch(): Promise<Token> {
        const timestamp = String(Math.floor(Date.now() / 1000));
        const signature = createHash('sha256')
          .update(this.#secretKey + timestamp)
          .digest('hex');
        const response = await this.makeRequest({
          method: 'POST',
          endpoint: '/auth/token',
          headers: { 'X-Timestamp': timestamp, 'X-Signature': signature },
          json: { grant_type: 'signed' },
        });
        if (!response.isSuccess)
          throw new AuthenticationError(`Signed auth failed: ${response.status}`, { serviceName: this.name });
        const data = response.json<{ token: string; ttl: number }>();
        return new Token({
          accessToken: data.token,
          tokenType: 'Signed',
          expiresAt: Date.now() + data.ttl * 1000,
          extra: { signature },
        });
      }
    }
    const fetcher = new SignedTokenFetcher('my-secret-key', {
      name: 'signed_token',
      baseUrl: server.origin,
      timeoutMs: 30_000,
    });
    const token = await fetcher.fetch();
    expect(token.authorizationHeader).toBe('Signed signed-1');
    expect(server.requests[0]?.headers['x-signature']).toHaveLength(64);
    expect(server.requests[0]?.json()).toEqual({ grant_type: 'signed' });
  });

  it('onFetchError is called once per failed fetch, after its retries, and the caller gets the error', async () => {
    server = await startServer((_request, response) => json(response, 503, { error: 'temporarily_unavailable' }));
    const reported: unknown[] = [];
    class RobustTokenFetcher extends BodyTokenFetcher {
      override onFetchError(error: unknown): void {
        reported.push(error);
        throw new Error('the alert failed, too');
      }
    }
    const pipeline = new TokenFetchPipeline({
      steps: [
        new RobustTokenFetcher({
          name: 'robust_token',
          baseUrl: server.origin,
          endpoint: '/token',
          requestData: { client_id: 'id' },
        }),
      ],
    });
    const errors = await Promise.all(
      Array.from({ length: 10 }, () => pipeline.execute().catch((error: unknown) => error)),
    );
    expect(new Set(errors).size).toBe(1);
    expect(errors[0]).toMatchObject({ step: 'robust_token', status: 503, attempts: 3 });
    expect(reported).toEqual([errors[0]]);
    expect(server.requests.length).toBe(3);
  });

  it('the production setup: request and auth retries, an excluded path, logging', async () => {
    server = await startServer((_request, response) => json(response, 200, {}));
    await using client = createForgeClient({
      name: 'myapp',
      baseUrl: api.origin,
      timeoutMs: 30_000,
      logging: true,
      retry: new ExponentialBackoffRetryStrategy({ maxRetries: 3, baseDelayMs: 1_000, maxDelayMs: 60_000 }),
      auth: {
        pipeline: { steps: [userToken(), appToken()], refreshFromStep: 'user_token' },
        retry: new SimpleAuthRetryStrategy({ maxRetries: 1, delayMs: 5 }),
        excludedPaths: ['/health'],
      },
    });
    await client.get('/health');
    expect(issuer.counts).toEqual([0, 0, 0]);
    await client.get('/user/profile');
    issuer.revoke('user');
    expect((await client.get('/user/profile')).status).toBe(200);
    expect(issuer.counts).toEqual([0, 1, 2]);
  });
});
