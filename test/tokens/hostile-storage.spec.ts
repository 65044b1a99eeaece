import { createCache } from 'cache-manager';
import { Redis } from 'ioredis';
import { Keyv } from 'keyv';
import {
  AuthorizationCodeTokenProvider,
  BodyTokenFetcher,
  CacheManagerTokenStorage,
  type GetSet,
  InMemoryTokenStorage,
  NoRetryStrategy,
  Token,
  TokenFetchPipeline,
  type TokenManager,
  type TokenProvider,
  type TokenStorage,
} from 'nestjs-forge-auth';
import { OneStore } from '../fleet/one-store.js';
import { FakeClock } from '../support/fake-clock.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { CLIENT, USER } from '../support/token-endpoint.js';
import { rejection, turns } from '../support/async.js';
import { recordingLogger } from '../support/recording-logger.js';
import { World } from './world.js';

const world = new World();
afterEach(() => world.close());

const HOUR_MS = 3_600_000;

/** A store that many processes could share, and that has no lock. */
class Shared implements TokenStorage {
  readonly values = new Map<string, string>();
  down = false;
  refuses: ((value: string, ttlMs?: number) => Error | undefined) | undefined;

  async get(key: string): Promise<string | undefined> {
    if (this.down) throw new Error('down');
    return this.values.get(key);
  }

  async set(key: string, value: string, ttlMs?: number): Promise<void> {
    if (this.down) throw new Error('down');
    const refusal = this.refuses?.(value, ttlMs);
    if (refusal !== undefined) throw refusal;
    this.values.set(key, value);
  }
}

describe('a storage that was away', () => {
  it('brings back nothing older than what this process has seen', async () => {
    await world.start({ refreshTokens: 'rotate' });
    const clock = new FakeClock();
    const storage = new Shared();
    const manager = world.manager({
      clock,
      storage,
      provider: world.passwordProvider({ retry: new NoRetryStrategy() }),
    });
    const first = await manager.getToken();
    const kept = new Map(storage.values);
    storage.down = true;
    await clock.advance(1);
    const handle = (await manager.ready()).for();
    const second = (await handle.replace(first))?.token as Token;
    await clock.advance(1);
    handle.recordOutcome(second, true);
    handle.reject(second);
    storage.down = false;
    for (const [key, value] of kept) storage.values.set(key, value);
    await clock.advance(11_000);
    const third = await manager.getToken();
    expect([first.accessToken, second.accessToken]).not.toContain(third.accessToken);
    await manager.forceRefresh();
    expect(world.endpoint.refreshTokenReuses).toBe(0);
  });
});

describe('one-time refresh tokens', () => {
  it('one-time refresh tokens stay in their process on a cache without a lock, and survive a rejection there', async () => {
    await world.start({ refreshTokens: 'rotate' });
    const clock = new FakeClock();
    const storage = new Shared();
    const cache = { stores: [Object.assign(storage, { delete: async (key: string) => storage.values.delete(key) })] };
    const start = (): TokenManager =>
      world.manager({
        clock,
        storage: new CacheManagerTokenStorage(cache as never),
        provider: world.passwordProvider(),
      });
    const [one, other] = [start(), start()];
    await one.getToken();
    await other.getToken();
    expect([...storage.values.values()].join()).not.toContain('refreshToken');
    for (let turn = 0; turn < 4; turn += 1) {
      await clock.advance(HOUR_MS - 60_000);
      await Promise.all([one.forceRefresh(), other.forceRefresh()]);
      await one.invalidate();
      await one.getToken();
    }
    expect(world.endpoint.refreshTokenReuses).toBe(0);
    expect(world.endpoint.grantTypes).toContain('refresh_token');
  });
});

const foreign = (): GetSet => {
  const values = new Map<string, string>();
  return { get: (key) => values.get(key), set: (key, value) => values.set(key, value) };
};
const twice = <T>(storage: T): T[] => [storage, storage];

describe('one-time refresh tokens of two managers on one storage of the app', () => {
  let redis: RedisServer;
  const clients: Redis[] = [];
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterEach(() => {
    for (const client of clients.splice(0)) client.disconnect();
  });
  afterAll(() => redis.stop());

  const raw = (): Redis => {
    const client = new Redis(redis.url);
    clients.push(client);
    return client;
  };
  it.each<[string, storages: () => (GetSet | TokenStorage)[], shared: boolean]>([
    ['a { get, set } without a lock', () => twice(foreign()), false],
    ['a TokenStorage without a lock', () => twice(new Shared()), false],
    ['a Map', () => twice(new Map<string, string>()), true],
    ['memory', () => twice(new InMemoryTokenStorage()), true],
    ['raw ioredis clients', () => [raw(), raw()], true],
  ])(
    'one-time refresh tokens of two managers on one storage of the app are sent once each on %s',
    async (_what, storages, shared) => {
      await world.start({ refreshTokens: 'rotate' });
      const [one, other] = storages().map((storage) => world.manager({ storage, provider: world.passwordProvider() }));
      const both = [one, other].filter((manager) => manager !== undefined);
      for (let turn = 0; turn < 5; turn += 1) {
        await Promise.all(both.map((manager) => manager.getToken()));
        world.endpoint.revokeAll();
        await Promise.all(both.map((manager) => manager.forceRefresh()));
        await both[turn % 2]?.invalidate();
      }
      expect(world.endpoint.refreshTokenReuses).toBe(0);
      expect(world.endpoint.grantTypes).toContain('refresh_token');
      // Two processes that share a refresh token sign in once.
      const signIns = world.endpoint.grantTypes.filter((grant) => grant === 'password').length;
      expect(signIns === 1).toBe(shared);
    },
  );
});

const cacheOver = (values: Map<string, string>) => {
  const adapter = {
    opts: {},
    on: () => undefined,
    get: async (key: string) => values.get(key),
    set: async (key: string, value: string) => void values.set(key, value),
    delete: async (key: string) => values.delete(key),
    clear: async () => values.clear(),
  };
  return createCache({ stores: [new Keyv({ store: adapter as never })] });
};

describe('a person whose token two applications of a process keep in one store', () => {
  it.each<[string, storages: () => (GetSet | TokenStorage)[]]>([
    ['a { get, set }', () => twice(foreign())],
    ['a TokenStorage', () => twice(new Shared())],
    ['a cache', () => twice(cacheOver(new Map()) as never)],
    ['a CacheManagerTokenStorage', () => twice(new CacheManagerTokenStorage(cacheOver(new Map())))],
  ])(
    'a person whose token two applications of a process keep in one store has each one-time refresh token sent once, on %s without a lock',
    async (_what, storages) => {
      await world.start({ refreshTokens: 'rotate' });
      const { url } = world.endpoint;
      const redirectUri = 'https://app.example/callback';
      const options = { ...CLIENT, tokenUrl: url, authorizationUrl: url, redirectUri };
      const managers = storages().map((storage) =>
        world.manager({ storage, provider: new AuthorizationCodeTokenProvider(options) }),
      );
      const body = new URLSearchParams({
        grant_type: 'password',
        ...USER,
        client_id: CLIENT.clientId,
        client_secret: CLIENT.clientSecret,
      });
      const consent = await (await fetch(url, { method: 'POST', body })).json();
      await managers[0]?.forSubject('alice').setToken(Token.fromResponse(consent as never));
      const request = { subject: 'alice' };
      for (let turn = 0; turn < 5; turn += 1) {
        await Promise.all(managers.map((manager) => manager.getToken(request)));
        world.endpoint.revokeAll();
        await Promise.all(managers.map((manager) => manager.forceRefresh(request)));
      }
      expect(world.endpoint.refreshTokenReuses).toBe(0);
      expect(world.endpoint.grantTypes).toContain('refresh_token');
    },
  );
});

describe('what a storage refuses or holds', () => {
  it('a lifetime beyond all bounds is kept within what stores take', async () => {
    await world.start();
    const clock = new FakeClock();
    const storage = new Shared();
    const ttls: (number | undefined)[] = [];
    storage.refuses = (_value, ttlMs) => void ttls.push(ttlMs) as undefined;
    world.endpoint.configure({ expiresIn: '9223372036854775807' });
    const manager = world.manager({ clock, storage });
    const token = await manager.getToken();
    expect(new Date(token.expiresAt ?? 0).getUTCFullYear()).toBe(2125);
    for (const ttl of ttls) expect(ttl).toBeLessThanOrEqual(365 * 24 * HOUR_MS);
  });

  it.each([
    "ERR invalid expire time in 'set' command",
    'ERR string exceeds maximum allowed size',
    'object too large for cache',
  ])('a value refused with %j says nothing of others', async (message) => {
    await world.start();
    const storage = new Shared();
    const logger = recordingLogger();
    storage.refuses = (value) => (value.includes('"scope":"odd"') ? new Error(message) : undefined);
    world.endpoint.configure({ extra: { scope: 'odd' } });
    const manager = world.manager({ storage, logger });
    await manager.getToken({ scope: 'odd' });
    world.endpoint.configure({ extra: {} });
    await manager.getToken();
    expect(logger.warnings).toEqual([]);
    expect(storage.values.size).toBe(1);
  });

  it.each<[string, (value: string) => string]>([
    [
      'a generation that leaves no room above',
      (value) => value.replace(/"generation":\d+/, '"generation":9007199254740991'),
    ],
    [
      'a generation that leaves hardly any room above',
      (value) => value.replace(/"generation":\d+/, `"generation":${2 ** 52 - 2}`),
    ],
    [
      'nesting beyond all bounds',
      (value) => value.replace('"v":1', `"v":1,"x":${'['.repeat(200_000)}${']'.repeat(200_000)}`),
    ],
    ['a value of megabytes', (value) => value.replace('"v":1', `"v":1,"x":"${'x'.repeat(5_000_000)}"`)],
  ])('%s is a miss for its key, and is written over', async (_what, spoil) => {
    await world.start();
    const storage = new Shared();
    await world.manager({ storage }).getToken();
    const [entry] = [...storage.values];
    const [key, value] = entry as [string, string];
    storage.values.set(key, spoil(value));
    const logger = recordingLogger();
    const manager = world.manager({ storage, logger });
    await manager.getToken();
    await manager.invalidate();
    await manager.getToken();
    expect([world.endpoint.tokenRequests, logger.warnings]).toEqual([3, []]);
    expect(storage.values.get(key)?.length).toBeLessThan(2_000);
  });

  it('a token that is set while the storage is ahead of this process is stored', async () => {
    await world.start();
    const clock = new FakeClock();
    const storage = Object.assign(new Shared(), { last: clock.now() + 2_000 });
    const fenced = Object.assign(storage, {
      setIfNewer: async (key: string, value: string, ttlMs: number, generation: number) => {
        if (generation < storage.last) return false;
        storage.last = generation;
        await storage.set(key, value, ttlMs);
        return true;
      },
    });
    await world.manager({ clock, storage: fenced }).setToken(new Token({ accessToken: 'given' }));
    expect((await world.manager({ clock, storage: fenced }).getToken()).accessToken).toBe('given');
    fenced.setIfNewer = async () => false;
    expect(
      await rejection(world.manager({ clock, storage: fenced }).setToken(new Token({ accessToken: 'late' }))),
    ).toMatchObject({
      message: 'The token for "orders" was not stored: storage has one from the future. Check the clocks.',
    });
  });

  it.each([
    'my app',
    'my{app',
    'a}b',
    'tab\there',
    'two\nlines',
    '{}',
    '}{',
    '{a}{b}',
    '*?[x]',
    '%20',
    '\u0000',
    'ünï 😀',
  ])('announcements are heard under the prefix %j', async (keyPrefix) => {
    await world.start();
    const store = new OneStore();
    const [one, other] = [1, 2].map(() => world.manager({ storage: store.announcing, keyPrefix })) as [
      TokenManager,
      TokenManager,
    ];
    const token = await one.getToken();
    expect(await other.getToken()).toMatchObject({ accessToken: token.accessToken });
    await new Promise((resolve) => setImmediate(resolve));
    await one.forceRefresh();
    await turns(20);
    expect(other.peek()?.accessToken).toBe(one.peek()?.accessToken);
    for (const key of store.values.keys()) expect(key).toMatch(/^[^\s{}]+$/);
  });
});

describe('an issuer that hands out the same token until it runs out', () => {
  it('fails no call, though it rounds lifetimes down', async () => {
    const clock = new FakeClock();
    let [count, until, requests] = [0, 0, 0];
    const provider: TokenProvider = {
      fetchToken: async () => {
        requests += 1;
        const now = clock.now();
        if (now >= until) [count, until] = [count + 1, now + 30_500];
        const expiresIn = Math.floor((until - now) / 1_000);
        return new Token({ accessToken: `token-${count}`, expiresAt: now + expiresIn * 1_000 });
      },
    };
    const manager = world.manager({ clock, provider });
    const errors: unknown[] = [];
    for (let call = 0; call < 500; call += 1) {
      const work = manager.getToken().then(
        (token) => token.accessToken === `token-${count}` || errors.push('an old token'),
        (error: unknown) => errors.push(error),
      );
      const state = { settled: false };
      void work.finally(() => (state.settled = true));
      await new Promise((resolve) => setImmediate(resolve));
      await clock.advance(137);
      while (!state.settled) await clock.advance(100);
    }
    expect(errors).toEqual([]);
    expect(count).toBeGreaterThan(2);
    expect(requests).toBeLessThan(60);
  });
});

describe('a pipeline step', () => {
  it('a pipeline step that is a function and no class is refused by name', async () => {
    const pipeline = new TokenFetchPipeline({ steps: [(() => undefined) as never] });
    await expect(pipeline.execute()).rejects.toThrow(
      'TokenFetchPipeline: a step: the class cannot be created without arguments. Give an instance.',
    );
  });

  it('a pipeline step that is missing names itself and what may be wrong', () => {
    expect(() => new TokenFetchPipeline({ steps: [undefined as never] })).toThrow(
      'TokenFetchPipeline: step 1 is undefined. Is its file part of a circular import?',
    );
  });

  it.each<[string, string]>([
    ['without a token', '{"token_type":"Bearer"}'],
    ['with one that cannot be used', '{"access_token":"a\\u0000b"}'],
  ])('a pipeline step is asked once when it answers 200 %s', async (_what, body) => {
    await world.start();
    world.endpoint.configure({
      respond: () => ({ status: 200, headers: { 'content-type': 'application/json' }, body }),
    });
    const { origin, pathname } = new URL(world.endpoint.url);
    const step = new BodyTokenFetcher({ name: 'app', baseUrl: origin, endpoint: pathname });
    const pipeline = world.closeLater(new TokenFetchPipeline({ steps: [step] }));
    expect(await rejection(pipeline.execute())).toMatchObject({
      step: 'app',
      code: 'FORGE_AUTH_TOKEN_RESPONSE_INVALID',
    });
    expect(world.endpoint.tokenRequests).toBe(1);
  });
});
