import {
  type AuthenticationError,
  BodyTokenFetcher,
  createForgeClient,
  type ForgeHttpClient,
  InMemoryTokenStorage,
  NoRetryStrategy,
  PipelineTokenProvider,
  RedisTokenStorage,
  Token,
  TokenFetchPipeline,
  type TokenFetcher,
  TokenManager,
} from 'nestjs-forge-auth';
import { Redis } from 'ioredis';
import { type Api, startApi } from '../support/api.js';
import { startRedis } from '../support/redis-server.js';
import { rejection, rejections, times, until } from '../support/async.js';
import { recordingLogger } from '../support/recording-logger.js';
import { CheckingIssuer } from './checking-issuer.js';

let issuer: CheckingIssuer;
let api: Api;
const later: (() => unknown)[] = [];

beforeEach(async () => {
  issuer = await CheckingIssuer.start();
  api = await startApi((token) => issuer.isValid('user', token));
});
afterEach(async () => {
  for (const close of later.splice(0).toReversed()) await close();
  await api.close();
  await issuer.close();
});

const once = { retry: new NoRetryStrategy() };

function twoSteps(): TokenFetcher[] {
  return [issuer.fetcher('app', [], once), issuer.fetcher('user', ['app'], once)];
}

function closing(client: ForgeHttpClient): ForgeHttpClient {
  later.push(() => client.close());
  return client;
}

function own(name: string, fetch: () => Promise<Token>): TokenFetcher {
  return { name, dependsOn: [], fetch };
}

describe('every error names its step', () => {
  it.each<[string, () => TokenFetcher[], string]>([
    [
      'that hangs, the first',
      () => [issuer.fetcher('app', [], { deadlineMs: 60 }), issuer.fetcher('user', ['app'])],
      'app',
    ],
    [
      'that hangs, a later one',
      () => [issuer.fetcher('app'), issuer.fetcher('user', ['app'], { deadlineMs: 60 })],
      'user',
    ],
  ])('one %s', async (_which, steps, name) => {
    const reported: unknown[] = [];
    const fetchers = steps();
    for (const fetcher of fetchers) Object.assign(fetcher, { onFetchError: (error: unknown) => reported.push(error) });
    issuer.answerNext(name, 'hang');
    const error = await rejection<AuthenticationError>(new TokenFetchPipeline({ steps: fetchers }).execute());
    expect(error).toMatchObject({ code: 'FORGE_AUTH_TOKEN_DEADLINE', step: name });
    expect(reported).toHaveLength(1);
    await until(() => issuer.server.openConnections === 0, 'the connection is closed');
  });

  it('a step that is held back after failing is not asked again', async () => {
    const logger = recordingLogger();
    const auth = { pipeline: { steps: twoSteps() } };
    const client = closing(createForgeClient({ name: 'orders', baseUrl: api.origin, auth }, { logger }));
    issuer.answerNext('app', ...times(9, () => ({ status: 500 })));
    for (let call = 0; call < 2; call += 1)
      expect(await rejection(client.get('/'))).toMatchObject({ step: 'app', status: 500, serviceName: 'orders' });
    const held = await rejections<AuthenticationError>(times(100, () => client.get('/')));
    for (const error of held)
      expect(error).toMatchObject({
        code: 'FORGE_AUTH_BACKOFF',
        step: 'app',
        serviceName: 'orders',
        message: expect.stringMatching(/^Token request for "orders", step "app" is held back/),
      });
    expect(issuer.counts).toEqual({ app: 2 });
    const [app, user] = client.pipeline?.describe() ?? [];
    expect(app).toMatchObject({ cached: false, lastError: { code: 'FORGE_AUTH_TOKEN_REQUEST_FAILED' } });
    expect(user).toEqual({ name: 'user', dependsOn: ['app'], cached: false });
    expect(logger.warnings).toEqual([expect.stringContaining('HTTP 500')]);
  });

  it.each<[string, () => Promise<unknown>, string]>([
    ['answers no Token', async () => 'token', 'FORGE_AUTH_TOKEN_RESPONSE_INVALID'],
    [
      'answers one that has run out',
      async () => new Token({ accessToken: 'old', expiresAt: 1 }),
      'FORGE_AUTH_TOKEN_EXPIRED_ON_ARRIVAL',
    ],
    ['throws what it likes', () => Promise.reject(new Error('Bearer secret')), 'FORGE_AUTH_TOKEN_REQUEST_FAILED'],
    ['throws nothing', () => Promise.reject(undefined), 'FORGE_AUTH_TOKEN_REQUEST_FAILED'],
  ])('a step that %s fails with its code', async (_what, fetch, code) => {
    const steps = [{ ...own('app', fetch as () => Promise<Token>), ...once }, issuer.fetcher('user', ['app'])];
    const error = await rejection(new TokenFetchPipeline({ steps }).execute());
    expect(error).toMatchObject({ name: 'AuthenticationError', code, step: 'app' });
    expect(error.message).not.toContain('secret');
  });

  it('a step that cannot be reached fails, and those beside it go on', async () => {
    const user = new BodyTokenFetcher({ name: 'user', baseUrl: 'http://127.0.0.1:1', ...once });
    const client = closing(
      createForgeClient({ name: 'orders', baseUrl: api.origin, auth: { pipeline: { steps: [user] } } }),
    );
    const error = await rejection<AuthenticationError>(client.get('/'));
    expect(error).toMatchObject({ step: 'user', serviceName: 'orders', cause: { name: 'ConnectionError' } });
  });

  it('every error names its step and a branch that fails leaves no rejection unhandled, whatever the others do', async () => {
    const steps = [
      issuer.fetcher('a', [], { ...once, identity: ['a'] }),
      issuer.fetcher('b', [], { ...once, identity: ['b'] }),
      issuer.fetcher('c', ['a', 'b'], { ...once, identity: ['c'] }),
      issuer.fetcher('d', ['a'], { ...once, identity: ['d'] }),
    ];
    const pipeline = new TokenFetchPipeline({ steps });
    issuer.answerNext('a', { status: 400 });
    issuer.answerNext('b', { status: 400 });
    expect(await rejection(pipeline.execute())).toMatchObject({ status: 400 });
    await until(() => issuer.counts['b'] === 1, 'the other branch has failed, too');
    issuer.answerNext('d', { status: 400 });
    expect(await rejection(pipeline.execute({ forceRefresh: true }))).toMatchObject({ step: 'd' });
    await expect(pipeline.execute()).resolves.toBeInstanceOf(Token);
  });
});

describe('onFetchError', () => {
  it('calls onFetchError for a flight that failed, once, and not for a refusal that was healed', async () => {
    const reported: [string, unknown][] = [];
    const steps = [issuer.fetcher('app', [], once), issuer.fetcher('user', ['app'], once)].map((fetcher) =>
      Object.assign(fetcher, { onFetchError: (error: unknown) => void reported.push([fetcher.name, error]) }),
    );
    const pipeline = new TokenFetchPipeline({ steps });
    await pipeline.execute();
    await pipeline.invalidateStep('user');
    issuer.revoke('app');
    await pipeline.execute();
    expect(issuer.counts).toEqual({ app: 2, user: 3 });
    expect(reported).toEqual([]);

    await pipeline.invalidateStep('user');
    const refusal = { status: 403, json: { error: 'access_denied' } };
    issuer.answerNext('user', refusal, refusal, refusal);
    const error = await rejection(pipeline.execute());
    expect(reported).toEqual([['user', error]]);
  });

  it('does not call onFetchError for a step that was never asked, because one before it failed', async () => {
    const reported: string[] = [];
    const steps = twoSteps().map((fetcher) =>
      Object.assign(fetcher, { onFetchError: () => void reported.push(fetcher.name) }),
    );
    issuer.answerNext('app', { status: 400 });
    await expect(new TokenFetchPipeline({ steps }).execute()).rejects.toMatchObject({ step: 'app' });
    expect(reported).toEqual(['app']);
  });
});

describe('a TokenManager over a pipeline that no module has', () => {
  it('names its service, emits its events, and shares the state of the definition', async () => {
    const pipeline = new TokenFetchPipeline({ steps: twoSteps() });
    const logger = recordingLogger();
    const manager = new TokenManager({ name: 'myapp', provider: new PipelineTokenProvider({ pipeline }), logger });
    later.push(() => manager.close());
    const reported: string[] = [];
    manager.on('refreshed', ({ token }) => reported.push(`refreshed ${token.accessToken}`));
    manager.on('invalidated', ({ token }) => reported.push(`invalidated ${token.accessToken}`));
    manager.on('failed', () => reported.push('failed'));
    const token = await manager.getToken();
    expect((await pipeline.execute()).accessToken).toBe(token.accessToken);
    await pipeline.invalidateStep('user');
    issuer.answerNext('user', { status: 400, json: { error: 'invalid_request' } });
    expect(await rejection(manager.getToken())).toMatchObject({ serviceName: 'myapp', step: 'user' });
    expect(reported).toEqual(['refreshed user-2', 'invalidated user-2', 'failed']);
    expect(logger.warnings).toHaveLength(1);
  });

  it('encrypts what its pipeline stores, where it is configured to', async () => {
    const storage = new Map<string, string>();
    const manager = new TokenManager({
      provider: new PipelineTokenProvider({ pipeline: new TokenFetchPipeline({ steps: twoSteps(), storage }) }),
      encryption: { keys: [{ id: 'one', key: Buffer.alloc(32, 7) }] },
    });
    later.push(() => manager.close());
    const token = await manager.getToken();
    expect(storage.size).toBe(2);
    expect([...storage.values()].join('\n')).not.toContain(token.accessToken);
  });

  it('refuses a step to refresh from that is not there', () => {
    const pipeline = new TokenFetchPipeline({ steps: twoSteps() });
    expect(() => new PipelineTokenProvider({ pipeline, refreshFromStep: 'nobody' })).toThrow('Steps: app, user.');
  });

  it('refuses a step to refresh from that is not there once a class among its steps was created', async () => {
    const OnlyStep = class implements TokenFetcher {
      readonly name = 'app';
      readonly dependsOn = [];
      fetch = async (): Promise<Token> => new Token({ accessToken: 'of-a-class' });
    };
    const pipeline = new TokenFetchPipeline({ steps: [OnlyStep] });
    const manager = new TokenManager({ provider: new PipelineTokenProvider({ pipeline, refreshFromStep: 'nobody' }) });
    later.push(() => manager.close());
    expect(String(await rejection(manager.getToken()))).toContain('Steps: app.');
  });

  it('holds no connection to its storage once it is closed', async () => {
    const redis = await startRedis();
    later.push(() => redis.stop());
    const client = new Redis(redis.url);
    later.push(() => client.disconnect());
    const connections = async (): Promise<number> =>
      String(await client.client('LIST'))
        .trim()
        .split('\n').length;
    const before = await connections();
    const pipeline = new TokenFetchPipeline({ steps: twoSteps(), storage: new RedisTokenStorage(client) });
    await pipeline.execute();
    expect(await connections()).toBeGreaterThan(before);
    await pipeline.close();
    let now = before + 1;
    for (let turn = 0; turn < 100 && now > before; turn += 1) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      now = await connections();
    }
    expect(now).toBe(before);
  });
});

describe('client.pipeline', () => {
  it.each<[string, () => ForgeHttpClient]>([
    [
      'of its own steps',
      () => createForgeClient({ name: 'orders', baseUrl: api.origin, auth: { pipeline: { steps: twoSteps() } } }),
    ],
    [
      'behind a provider',
      () => {
        const provider = new PipelineTokenProvider({ pipeline: new TokenFetchPipeline({ steps: twoSteps() }) });
        return createForgeClient({ name: 'orders', baseUrl: api.origin, auth: { provider } });
      },
    ],
    [
      'behind a manager',
      () => {
        const provider = new PipelineTokenProvider({ pipeline: new TokenFetchPipeline({ steps: twoSteps() }) });
        const tokenManager = new TokenManager({ provider });
        return createForgeClient({ name: 'orders', baseUrl: api.origin, auth: { tokenManager } });
      },
    ],
  ])('%s can be run before the first call, and is the one that the client uses', async (_which, make) => {
    const client = closing(make());
    expect(client.pipeline).toBeInstanceOf(TokenFetchPipeline);
    const token = await client.pipeline?.execute();
    await client.get('/');
    expect(api.tokens).toEqual([token?.accessToken]);
    expect(client.pipeline?.describe().map(({ cached }) => cached)).toEqual([true, true]);
    expect(issuer.counts).toEqual({ app: 1, user: 1 });
  });

  it('client.pipeline can be drawn before the first call, where its steps are instances', () => {
    const client = createForgeClient({
      name: 'orders',
      baseUrl: api.origin,
      auth: { pipeline: { steps: twoSteps() } },
    });
    expect(closing(client).pipeline?.stepNames).toEqual(['app', 'user']);
    expect(client.pipeline?.toMermaid()).toContain('s0 --> s1');
    expect(client.pipeline?.describe()).toHaveLength(2);
  });

  it('client.pipeline is not there where tokens come from elsewhere', async () => {
    const client = closing(createForgeClient({ name: 'open', baseUrl: api.origin }));
    await expect(client.get('/health')).resolves.toMatchObject({ status: 200 });
    expect(client.pipeline).toBeUndefined();
  });
});

it('a storage that is gone costs requests, never a failure', async () => {
  const storage = {
    get: () => Promise.reject(new Error('gone')),
    set: () => Promise.reject(new Error('gone')),
  };
  const pipeline = new TokenFetchPipeline({ steps: twoSteps(), storage });
  const tokens = await Promise.all(times(100, () => pipeline.execute()));
  expect(new Set(tokens.map(({ accessToken }) => accessToken)).size).toBe(1);
  expect(issuer.counts).toEqual({ app: 1, user: 1 });
});

it('two applications on one storage fetch each step once', async () => {
  const storage = new InMemoryTokenStorage();
  const clients = times(2, () =>
    closing(
      createForgeClient(
        { name: 'orders', baseUrl: api.origin, auth: { pipeline: { steps: twoSteps() } } },
        { storage },
      ),
    ),
  );
  for (const client of clients) await client.get('/');
  expect(issuer.counts).toEqual({ app: 1, user: 1 });
});
