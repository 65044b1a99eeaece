import { Redis } from 'ioredis';
import { NoRetryStrategy, RefreshTokenProvider, type TokenManager } from 'nestjs-forge-auth';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { CLIENT } from '../support/token-endpoint.js';
import { Gate } from '../support/gate.js';
import { times, until } from '../support/async.js';
import { recordingLogger } from '../support/recording-logger.js';
import { World } from '../tokens/world.js';
import { WatchedStorage } from './watched-storage.js';

const PATIENCE_MS = 60_000;
/** Of a command of a storage that is held back. */
const DEADLINE_MS = 5_000;

const world = new World();
let redis: RedisServer;
/** Members of the fleet that were refused the lease: another one renews. */
const refused = new Set<object>();
beforeEach(async () => {
  refused.clear();
  redis = await startRedis();
  await world.start({ refreshTokens: 'rotate' });
});
afterEach(async () => {
  await world.close();
  await redis.stop();
});

const presented = (): readonly string[] => world.endpoint.presentedRefreshTokens;

const watched = (client: Redis, _index: number): WatchedStorage => new WatchedStorage(client, refused);

/** Has the first member's late write come when another one has the lease, and has not yet put back what was sent. */
class Meeting {
  readonly #leased = new Gate();
  readonly #lateWriter = new Gate();
  #armed = false;

  begin(): void {
    this.#armed = true;
    this.#leased.hold();
  }

  storageOf(client: Redis, index: number): WatchedStorage {
    return index === 0 ? this.#first(client) : this.#other(client);
  }

  #first(client: Redis): WatchedStorage {
    const storage = new WatchedStorage(client, refused, { deadlineMs: DEADLINE_MS });
    const [get, setIfNewer] = [storage.get.bind(storage), storage.setIfNewer.bind(storage)];
    let isRefused = false;
    storage.setIfNewer = async (...args) => {
      await this.#leased.pass();
      const written = await setIfNewer(...args);
      isRefused ||= !written;
      return written;
    };
    storage.get = async (key) => {
      const found = await get(key);
      if (isRefused) this.#lateWriter.release();
      return found;
    };
    return storage;
  }

  #other(client: Redis): WatchedStorage {
    const storage = new WatchedStorage(client, refused, { deadlineMs: DEADLINE_MS });
    const [get, createLock] = [storage.get.bind(storage), storage.createLock.bind(storage)];
    storage.createLock = (clock) => {
      const lock = createLock(clock);
      const acquire = lock.acquire.bind(lock);
      lock.acquire = async (...args) => {
        const lease = await acquire(...args);
        if (lease === null || !this.#armed) return lease;
        this.#armed = false;
        this.#lateWriter.hold();
        this.#leased.release();
        return lease;
      };
      return lock;
    };
    storage.get = async (key) => {
      const found = await get(key);
      await this.#lateWriter.pass();
      return found;
    };
    return storage;
  }
}

/** A fleet of three, each with the token of a person in its memory. */
async function fleet(logger = recordingLogger(), storageOf = watched): Promise<readonly TokenManager[]> {
  const { refreshToken = '' } = await world.manager({ provider: world.passwordProvider() }).getToken();
  const managers = times(3, (index) => {
    const client = new Redis(redis.url);
    client.on('error', () => undefined);
    world.closeLater({ close: () => void client.disconnect() });
    return world.manager({
      name: 'orders',
      provider: new RefreshTokenProvider({
        tokenUrl: world.endpoint.url,
        ...CLIENT,
        refreshToken,
        retry: new NoRetryStrategy(),
      }),
      storage: storageOf(client, index),
      deadlineMs: PATIENCE_MS,
      logger,
    });
  });
  await managers[0]?.getToken();
  await Promise.all(managers.map((manager) => manager.getToken()));
  return managers;
}

/** Has the first of a fleet send its refresh token, and the others wait for what comes of it; the issuer holds its answer. */
async function renewTogether([first, ...others]: readonly TokenManager[]) {
  const { endpoint } = world;
  refused.clear();
  const asked = endpoint.server.requests.length;
  endpoint.hold();
  const renewal = first?.forceRefresh();
  await endpoint.server.received(asked + 1);
  const waiting = others.map((manager) => manager.forceRefresh());
  await until(() => refused.size === others.length, 'the others wait', PATIENCE_MS);
  return { first: renewal, others: waiting };
}

it(
  'a refresh token that no grant can take the place of is sent once by a fleet whose storage stands still meanwhile',
  async () => {
    const { endpoint } = world;
    const logger = recordingLogger();
    const managers = await fleet(logger);
    const { first, others } = await renewTogether(managers);
    redis.freeze();
    endpoint.release();
    const renewed = await first;
    // The one that has it goes on with it.
    const next = await managers[0]?.forceRefresh();
    expect(next?.accessToken).not.toBe(renewed?.accessToken);
    expect(presented()).toHaveLength(3);
    redis.thaw();
    await Promise.all(others);
    for (const manager of managers) await manager.forceRefresh();
    expect(new Set(presented()).size).toBe(presented().length);
    expect(endpoint.refreshTokenReuses).toBe(0);
    const lines = logger.warnings.filter((line) => line.includes('only this process has it'));
    expect(lines).toEqual(['The token for "orders" was not stored: only this process has it until storage is back.']);
  },
  2 * PATIENCE_MS,
);

it(
  'a refresh token that no grant can take the place of is sent once by a fleet whose storage comes back empty meanwhile',
  async () => {
    const managers = await fleet();
    const { first, others } = await renewTogether(managers);
    await redis.kill();
    world.endpoint.release();
    await first;
    await redis.restart();
    const renewed = await Promise.all(others);
    expect(new Set(renewed.map(({ accessToken }) => accessToken)).size).toBe(1);
    for (const manager of managers) await manager.forceRefresh();
    expect(new Set(presented()).size).toBe(presented().length);
    expect(world.endpoint.refreshTokenReuses).toBe(0);
  },
  2 * PATIENCE_MS,
);

it(
  'a refresh token is sent once, though it is written late between the lease of another and what that puts back',
  async () => {
    const meeting = new Meeting();
    const managers = await fleet(recordingLogger(), (client, index) => meeting.storageOf(client, index));
    const { first, others } = await renewTogether(managers);
    await redis.kill();
    world.endpoint.release();
    await first;
    meeting.begin();
    await redis.restart();
    const renewed = await Promise.all(others);
    expect(new Set(renewed.map(({ accessToken }) => accessToken)).size).toBe(1);
    expect(new Set(presented()).size).toBe(presented().length);
    expect(world.endpoint.refreshTokenReuses).toBe(0);
  },
  2 * PATIENCE_MS,
);
