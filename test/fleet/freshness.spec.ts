import { Redis } from 'ioredis';
import {
  type ForgeHttpClient,
  RedisTokenStorage,
  type TokenManager,
  type TokenManagerOptions,
} from 'nestjs-forge-auth';
import { FakeClock } from '../support/fake-clock.js';
import { useRedis } from '../support/redis-of-spec.js';
import { rejection, times, until } from '../support/async.js';
import { World } from '../tokens/world.js';
import { OneStore } from './one-store.js';

const HOUR_MS = 3_600_000;

const world = new World();
beforeEach(() => world.start());
afterEach(() => world.close());

interface Process {
  readonly manager: TokenManager;
  readonly client: ForgeHttpClient;
}

function start(options: Partial<TokenManagerOptions>): Process {
  const manager = world.manager(options);
  return { manager, client: world.client({ auth: { tokenManager: manager } }) };
}

/** The next call looks, and waits for nothing. */
async function look({ client, manager }: Process): Promise<void> {
  const before = manager.peek()?.accessToken;
  await client.get('/');
  await until(() => manager.peek()?.accessToken !== before, 'storage was looked at');
}

describe('where changes are announced, without any time passing,', () => {
  let one: Process;
  let other: Process;

  const redis = useRedis();
  beforeEach(async () => {
    await redis.flushAll();
    [one, other] = [onRedis(), onRedis()];
    await one.client.get('/');
    await other.client.get('/');
    await listening();
  });

  /** Its clock stands still: it learns of nothing by looking. */
  function onRedis(): Process {
    const client = new Redis(redis.url);
    world.closeLater({ close: async () => void (await client.quit()) });
    return start({ storage: new RedisTokenStorage(client), clock: new FakeClock(), nearCacheTtlMs: HOUR_MS });
  }

  /** Until both listen. */
  async function listening(): Promise<void> {
    for (let subscribers = 0; subscribers < 2;) {
      const [channel = ''] = (await redis.command('PUBSUB', 'CHANNELS')) as string[];
      const [, count] = (await redis.command('PUBSUB', 'NUMSUB', channel)) as [string, number];
      subscribers = Number(count);
    }
  }

  it("another process's renewal is used, and nobody sees a 401", async () => {
    const renewed = await one.manager.forceRefresh();
    await until(() => other.manager.peek()?.accessToken === renewed.accessToken, 'the new token has come');
    world.endpoint.revoke(world.endpoint.issued[0]?.accessToken as string);
    await Promise.all([one, other].map(({ client }) => client.get('/')));
    expect(world.endpoint.tokenRequests).toBe(2);
    expect(world.api.unauthorized).toBe(0);
  });

  it("another process's invalidation is followed, and one of them renews", async () => {
    world.endpoint.revokeAll();
    await one.manager.invalidate();
    await until(() => other.manager.peek() === undefined, 'the token is forgotten');
    await Promise.all([one, other].map(({ client }) => client.get('/')));
    expect(world.endpoint.tokenRequests).toBe(2);
    expect(world.api.unauthorized).toBe(0);
  });

  it("another process's invalidation is followed though a renewal has come to nothing since", async () => {
    world.endpoint.configure({ respond: () => ({ status: 400, body: JSON.stringify({ error: 'invalid_client' }) }) });
    await rejection(one.manager.forceRefresh());
    await one.manager.invalidate();
    await until(() => other.manager.peek() === undefined, 'the token is forgotten');
  });

  it("another process's rejection is followed before the next call", async () => {
    world.endpoint.revokeAll();
    await one.client.get('/');
    const renewed = one.manager.peek();
    await until(() => other.manager.peek()?.accessToken === renewed?.accessToken, 'the new token has come');
    await other.client.get('/');
    expect(world.endpoint.tokenRequests).toBe(2);
    expect(world.api.unauthorized).toBe(1);
  });
});

describe('where nothing is announced,', () => {
  let clock: FakeClock;
  let store: OneStore;
  beforeEach(() => {
    clock = new FakeClock();
    store = new OneStore();
  });

  async function startTwo(nearCacheTtlMs: number): Promise<[Process, Process]> {
    const make = (): Process => start({ storage: store.storage, lock: store.lock, clock, nearCacheTtlMs });
    const [one, other] = [make(), make()];
    await one.client.get('/');
    await other.client.get('/');
    return [one, other];
  }

  it("another process's renewal is found by the first look after nearCacheTtlMs, not before", async () => {
    const [one, other] = await startTwo(5_000);
    const renewed = await one.manager.forceRefresh();
    await clock.advance(4_999);
    await Promise.all(times(20, () => other.client.get('/')));
    expect(other.manager.peek()?.accessToken).toBe(world.endpoint.issued[0]?.accessToken);
    await clock.advance(1);
    await look(other);
    expect(other.manager.peek()?.accessToken).toBe(renewed.accessToken);
    expect(world.endpoint.tokenRequests).toBe(2);
    expect(world.api.unauthorized).toBe(0);
  });

  it("another process's invalidation is found by the first look after nearCacheTtlMs", async () => {
    const [one, other] = await startTwo(5_000);
    await one.manager.invalidate();
    await clock.advance(5_000);
    await look(other);
    expect(other.manager.peek()).toBeUndefined();
    for (const { client } of [other, one]) await client.get('/');
    expect(world.endpoint.tokenRequests).toBe(2);
  });

  it("another process's renewal is found at the first 401 at the latest, and no call fails", async () => {
    const [one, other] = await startTwo(HOUR_MS);
    world.endpoint.revokeAll();
    await one.client.get('/');
    const responses = await Promise.all(times(50, () => other.client.get('/')));
    expect(responses.every(({ status }) => status === 200)).toBe(true);
    expect(world.endpoint.tokenRequests).toBe(2);
    expect(other.manager.peek()?.accessToken).toBe(one.manager.peek()?.accessToken);
  });

  it("another process's invalidation is found at the first 401 at the latest, and no call fails", async () => {
    const [one, other] = await startTwo(HOUR_MS);
    world.endpoint.revokeAll();
    await one.manager.invalidate();
    const responses = await Promise.all(times(50, () => other.client.get('/')));
    expect(responses.every(({ status }) => status === 200)).toBe(true);
    await one.client.get('/');
    expect(world.endpoint.tokenRequests).toBe(2);
  });
});

describe('a change that is announced while storage is being looked at', () => {
  let store: OneStore;
  let one: TokenManager;
  let other: TokenManager;
  beforeEach(async () => {
    store = new OneStore();
    const options = { storage: store.announcing, clock: new FakeClock() };
    [one, other] = [world.manager(options), world.manager(options)];
    await one.getToken();
  });

  it('a change that is announced while storage is being looked at is looked at again: what was read may be older', async () => {
    await other.getToken();
    const [key] = [...store.values.keys()] as [string];
    const signal = store.announcing.createSignal?.();
    store.reads.hold();
    await signal?.publish('', `stranger ${key}`);
    await until(() => store.reads.waiting >= 2, 'both look');
    // Written and announced by a process that reads nothing.
    store.values.set(key, (store.values.get(key) as string).replace('"v":1', '"v":1,"rejected":true'));
    await signal?.publish('', `stranger ${key}`);
    store.reads.release();
    await until(() => other.peek() === undefined, 'the tombstone is found');
  });

  it('a change that is announced while storage is being looked at is looked at once the token is in use, where there was none before', async () => {
    store.reads.hold();
    const cold = other.getToken();
    await until(() => store.reads.waiting === 1, 'it is being looked at');
    const [key] = [...store.values.keys()] as [string];
    store.values.set(key, (store.values.get(key) as string).replace('"v":1', '"v":1,"rejected":true'));
    await store.announcing.createSignal?.()?.publish('', `stranger ${key}`);
    store.reads.release();
    await cold;
    await until(() => other.peek() === undefined, 'the tombstone is found');
  });
});

describe('where changes are not announced, and the time of day is set back,', () => {
  it.each([1_500, 2_000, 60_000, HOUR_MS, 48 * HOUR_MS])(
    'where the time of day is set back by %d ms, storage is looked at no later',
    async (backMs) => {
      const store = new OneStore();
      const clock = new FakeClock();
      const options = { storage: store.storage, lock: store.lock, nearCacheTtlMs: 5_000, clock };
      const [one, other] = [start(options), start({ ...options, clock: new FakeClock() })];
      await one.client.get('/');
      await other.client.get('/');
      await clock.advance(2_000);
      clock.jump(-backMs);
      await other.manager.forceRefresh();
      await clock.advance(3_000);
      await look(one);
      expect(one.manager.peek()?.accessToken).toBe(other.manager.peek()?.accessToken);
      // One look, not one for each call.
      let reads = 0;
      const { get } = store.storage;
      store.storage.get = (key) => {
        reads += 1;
        return get(key);
      };
      for (let call = 0; call < 10; call += 1) await one.client.get('/');
      expect(reads).toBeLessThan(2);
      expect(world.endpoint.tokenRequests).toBe(2);
    },
  );
});
