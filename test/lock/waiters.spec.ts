import { createKeyv } from '@keyv/redis';
import { Redis } from 'ioredis';
import {
  type AuthenticationError,
  CacheManagerTokenStorage,
  ForgeAuthModule,
  ForgeAuthService,
  type ForgeHttpClient,
  RedisTokenLock,
  RedisTokenStorage,
  type TokenManager,
  type TokenStorage,
} from 'nestjs-forge-auth';
import { createCache } from 'cache-manager';
import { boot } from '../module/boot.js';
import { nestAppOver } from '../storage/members.js';
import { FakeClock } from '../support/fake-clock.js';
import { useRedis } from '../support/redis-of-spec.js';
import { startRedis } from '../support/redis-server.js';
import { rejection, times, until } from '../support/async.js';
import { recordingLogger } from '../support/recording-logger.js';
import { World } from '../tokens/world.js';

const world = new World();
const cleanups: (() => unknown)[] = [];

const redis = useRedis();
beforeEach(async () => {
  await redis.flushAll();
  await redis.command('CONFIG', 'RESETSTAT');
  await world.start();
});
afterEach(async () => {
  await world.close();
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

function ioredis(): Redis {
  const client = new Redis(redis.url, { retryStrategy: () => 20 });
  client.on('error', () => undefined);
  cleanups.push(() => client.disconnect());
  return client;
}

/** Calls of these names that Redis has carried out. */
async function calls(...names: string[]): Promise<number> {
  const info = String(await redis.command('INFO', 'commandstats'));
  return [...info.matchAll(/cmdstat_(\w+):calls=(\d+)/g)]
    .filter(([, name = '']) => names.includes(name))
    .reduce((sum, [, , count]) => sum + Number(count), 0);
}

async function comesTo(what: string, condition: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 10_000;
  while (!(await condition())) if (performance.now() > end) throw new Error(`It never came to be: ${what}.`);
}

/** A storage that fences and locks, and announces nothing. */
function mute(): TokenStorage {
  const storage = new RedisTokenStorage(ioredis());
  return {
    get: (key) => storage.get(key),
    set: (key, value, ttlMs) => storage.set(key, value, ttlMs),
    setIfNewer: (key, value, ttlMs, generation) => storage.setIfNewer(key, value, ttlMs, generation),
    createLock: () => storage.createLock(),
  };
}

/** Until two are subscribed, and both have asked for the lease. */
async function bothListen(): Promise<void> {
  await comesTo('two listen', async () => {
    const [, count] = (await redis.command('PUBSUB', 'NUMSUB', 'forge-auth:changes')) as [string, number];
    return count === 2 && (await calls('eval')) >= 2;
  });
}

/** A manager whose time stands still: it can be woken, but polls only when the test says so. */
function waiter(storage: TokenStorage): { manager: TokenManager; clock: FakeClock } {
  const clock = new FakeClock({ now: Date.now() });
  return { manager: world.manager({ storage, clock }), clock };
}

describe('who waits for a lease that somebody else has', () => {
  it('who waits for a lease that somebody else has is woken by the announcement of the token', async () => {
    const holder = world.manager({ storage: new RedisTokenStorage(ioredis()) });
    const { manager } = waiter(new RedisTokenStorage(ioredis()));
    world.endpoint.hold();
    const [first] = [holder.getToken()];
    await world.endpoint.server.received(1);
    const second = manager.getToken();
    await bothListen();
    world.endpoint.release();
    expect((await second).fingerprint).toBe((await first).fingerprint);
    expect(world.endpoint.tokenRequests).toBe(1);
  });

  it('who waits for a lease that somebody else has is woken when the holder is refused, and asks in its place', async () => {
    const holder = world.manager({ storage: new RedisTokenStorage(ioredis()) });
    const { manager } = waiter(new RedisTokenStorage(ioredis()));
    world.endpoint.answerNext({ status: 400, json: { error: 'unauthorized_client' } });
    world.endpoint.hold();
    const first = rejection<AuthenticationError>(holder.getToken());
    await world.endpoint.server.received(1);
    const second = manager.getToken();
    await bothListen();
    world.endpoint.release();
    expect((await first).error).toBe('unauthorized_client');
    expect(world.endpoint.isValid((await second).accessToken)).toBe(true);
    expect(world.endpoint.tokenRequests).toBe(2);
  });

  it('polls with jitter where nothing is announced', async () => {
    const holder = world.manager({ storage: mute() });
    const { manager, clock } = waiter(mute());
    world.endpoint.hold();
    const first = holder.getToken();
    await world.endpoint.server.received(1);
    const second = manager.getToken();
    await comesTo('the lease was asked for twice', async () => (await calls('eval')) >= 2);
    await until(() => clock.nextIn !== undefined && clock.pending > 0, 'it waits');
    world.endpoint.release();
    const token = await first;
    const state = { waiting: true };
    void second.finally(() => (state.waiting = false));
    expect(state.waiting).toBe(true);
    // From 250 to 375 ms, and as much again if it looked just before.
    for (let round = 0; state.waiting && round < 40; round += 1) {
      await clock.advance(375);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect((await second).fingerprint).toBe(token.fingerprint);
    expect(world.endpoint.tokenRequests).toBe(1);
  });
});

it('two namespaces of one Redis never share a lock, nor a token', async () => {
  const logger = recordingLogger();
  const clients: ForgeHttpClient[] = [];
  for (const namespace of ['shop', 'bank']) {
    const join = nestAppOver((url) => createKeyv(url, { namespace }));
    const place = { redisUrl: redis.url, apiUrl: world.api.origin, tokenUrl: world.endpoint.url, logger };
    const { client, close } = await join(place);
    clients.push(client);
    cleanups.push(close);
  }
  world.endpoint.hold();
  const answers = clients.map((client) => client.get('/orders'));
  // Neither waits for the other.
  await world.endpoint.server.received(2);
  const locks = ((await redis.command('KEYS', '*:lock')) as string[]).toSorted();
  world.endpoint.release();
  await Promise.all(answers);
  expect(locks).toEqual([
    expect.stringMatching(/^\{bank::forge-auth:orders:.+\}:lock$/),
    expect.stringMatching(/^\{shop::forge-auth:orders:.+\}:lock$/),
  ]);
  expect([world.endpoint.tokenRequests, new Set(world.api.tokens).size]).toEqual([2, 2]);
});

describe('a lock that is given apart from the storage', () => {
  it('a lock that is given apart from the storage over memories that are not shared lets each process ask for its own token, one after the other', async () => {
    const clients = times(4, () => world.client({}, { lock: new RedisTokenLock(ioredis()) }));
    await Promise.all(clients.flatMap((client) => times(5, () => client.get('/'))));
    expect([world.endpoint.tokenRequests, world.endpoint.server.maxConcurrent()]).toEqual([4, 1]);
    expect(world.api.unauthorized).toBe(0);
  });

  it('a lock that is given apart from the storage over a store that cannot lock makes one process of many ask', async () => {
    const shared = new Map<string, string>();
    const clients = times(4, () => world.client({}, { storage: shared, lock: new RedisTokenLock(ioredis()) }));
    await Promise.all(clients.flatMap((client) => times(5, () => client.get('/'))));
    expect([world.endpoint.tokenRequests, new Set(world.api.tokens).size]).toEqual([1, 1]);
  });

  it('a lock that is given apart from the storage of one service of an app serves that service alone, over the storage of all', async () => {
    const clients: ForgeHttpClient[] = [];
    for (let app = 0; app < 2; app += 1) {
      const provider = world.provider();
      const lock = new RedisTokenLock(ioredis(), { keyPrefix: 'locks' });
      const services = [
        { name: 'orders', baseUrl: world.api.origin, auth: { provider }, lock },
        { name: 'customers', baseUrl: world.api.origin, auth: { provider } },
      ];
      const storage = new RedisTokenStorage(ioredis(), { keyPrefix: 'app' });
      const booted = await boot({ imports: [ForgeAuthModule.forRoot({ services, storage })] });
      cleanups.push(() => booted.close());
      for (const { name } of services) clients.push(booted.get(ForgeAuthService).client(name));
    }
    world.endpoint.hold();
    const answers = clients.map((client) => client.get('/'));
    await world.endpoint.server.received(2);
    const locks = ((await redis.command('KEYS', '*:lock')) as string[]).toSorted();
    world.endpoint.release();
    await Promise.all(answers);
    expect(locks).toEqual([
      expect.stringMatching(/^\{app:forge-auth:customers:.+\}:lock$/),
      expect.stringMatching(/^\{locks:forge-auth:orders:.+\}:lock$/),
    ]);
    expect([world.endpoint.tokenRequests, new Set(world.api.tokens).size]).toEqual([2, 2]);
  });

  it("takes the place of the storage's own", async () => {
    const storage = (): CacheManagerTokenStorage => {
      const keyv = createKeyv(redis.url, { namespace: 'app' });
      cleanups.push(() => keyv.disconnect());
      return new CacheManagerTokenStorage(createCache({ stores: [keyv] }));
    };
    const clients = times(2, () =>
      world.client({}, { storage: storage(), lock: new RedisTokenLock(ioredis(), { keyPrefix: 'locks' }) }),
    );
    world.endpoint.hold();
    const answers = clients.map((client) => client.get('/'));
    await world.endpoint.server.received(1);
    expect(await redis.command('KEYS', '*:lock')).toEqual([
      expect.stringMatching(/^\{locks:forge-auth:orders:.+\}:lock$/),
    ]);
    world.endpoint.release();
    await Promise.all(answers);
    expect(world.endpoint.tokenRequests).toBe(1);
  });

  it('logs a lock whose Redis is gone once, and each process asks for its own token meanwhile', async () => {
    const gone = await startRedis();
    const client = new Redis(gone.url, { retryStrategy: () => 20 });
    client.on('error', () => undefined);
    await client.ping();
    await gone.kill();
    const logger = recordingLogger();
    const shared = new Map<string, string>();
    const forge = world.client({}, { storage: shared, logger, lock: new RedisTokenLock(client) });
    for (let index = 0; index < 10; index += 1) await forge.get('/', { auth: { scope: `scope-${index}` } });
    expect(world.endpoint.tokenRequests).toBe(10);
    expect(logger.warnings).toEqual([
      'Token lock is not answering (no answer within 250 ms). Each process asks for its own tokens until it is back.',
    ]);
    await gone.restart();
    const end = performance.now() + 30_000;
    while (logger.lines.length === 0 && performance.now() < end) await forge.tokens?.forceRefresh();
    expect([logger.lines, logger.warnings.length]).toEqual([['Token lock is back.'], 1]);
    client.disconnect();
    await gone.stop();
  }, 60_000);
});
