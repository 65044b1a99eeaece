import { setTimeout } from 'node:timers/promises';
import { createCluster } from '@redis/client';
import { Cluster } from 'ioredis';
import { RedisTokenStorage, type TokenManager } from 'nestjs-forge-auth';
import { startRedisCluster, type RedisCluster } from '../support/redis-cluster.js';
import { times } from '../support/async.js';
import { recordingLogger } from '../support/recording-logger.js';
import { World } from '../tokens/world.js';

const PATIENCE_MS = 60_000;
/** Patience with a busy machine. */
const DEADLINE_MS = 5_000;

const world = new World();
let cluster: RedisCluster;
let moving: Promise<void> | undefined;
beforeEach(async () => {
  await world.start();
  cluster = await startRedisCluster();
}, PATIENCE_MS);
afterEach(async () => {
  await world.close();
  await cluster.stop();
});

const STORES: Record<string, () => Promise<RedisTokenStorage>> = {
  async ioredis() {
    const client = new Cluster([{ host: '127.0.0.1', port: cluster.nodes[0].port }]);
    client.on('error', () => undefined);
    world.closeLater({ close: () => client.disconnect() });
    return new RedisTokenStorage(client, { deadlineMs: DEADLINE_MS });
  },
  async 'node-redis'() {
    const client = createCluster({ rootNodes: [{ url: cluster.nodes[0].url }] });
    client.on('error', () => undefined);
    await client.connect();
    world.closeLater({ close: () => client.destroy() });
    return new RedisTokenStorage(client, { deadlineMs: DEADLINE_MS });
  },
};

/** Moves of the slot of a token while it is renewed: what is done before and after the issuer answers. */
const MOVES: Record<string, [(key: string) => Promise<void>, (key: string) => Promise<void>]> = {
  'was moved (MOVED)': [
    async (key) => {
      await cluster.beginToMove(key);
      await cluster.moveKeys(key);
      await cluster.finishMove(key);
    },
    async () => undefined,
  ],
  'is being moved, its keys first (ASK)': [
    async (key) => {
      await cluster.beginToMove(key);
      await cluster.moveKeys(key);
    },
    async (key) => {
      await cluster.moveKeys(key);
      await cluster.finishMove(key);
    },
  ],
  'is being moved, one key after the other (TRYAGAIN)': [
    async (key) => {
      await cluster.beginToMove(key);
      await cluster.moveKeys(key, key);
      moving = setTimeout(1_000)
        .then(() => cluster.moveKeys(key))
        .then(() => cluster.finishMove(key));
      // Those who wait for the lease look again meanwhile.
      await setTimeout(600);
    },
    async () => moving,
  ],
  'is about to be moved': [
    (key) => cluster.beginToMove(key),
    async (key) => {
      await cluster.moveKeys(key);
      await cluster.finishMove(key);
    },
  ],
};

/** Name of the lease that is held. */
const lock = async (): Promise<string | undefined> => (await cluster.keys()).find((key) => key.endsWith(':lock'));

const CASES = Object.keys(STORES).flatMap((client) => Object.keys(MOVES).map((move) => [client, move] as const));

it.each(CASES)(
  'a fleet on a Redis Cluster by %s asks for one token, and fails no call, where the slot %s amid a renewal',
  async (client, move) => {
    const logger = recordingLogger();
    const failures: unknown[] = [];
    const managers: TokenManager[] = [];
    for (const _ of times(3, () => 0)) {
      const storage = await (STORES[client] as () => Promise<RedisTokenStorage>)();
      const manager = world.manager({ storage, logger, deadlineMs: PATIENCE_MS });
      manager.on('failed', ({ error }) => failures.push(error));
      managers.push(manager);
    }
    const [before, after] = MOVES[move] as (typeof MOVES)[string];
    for (const manager of managers) await manager.getToken();
    expect(world.endpoint.tokenRequests).toBe(1);
    world.endpoint.hold();
    const renewing = managers.map((manager) => manager.forceRefresh());
    await world.endpoint.server.received(2);
    const key = (await lock()) as string;
    await before(key);
    world.endpoint.release();
    const tokens = await Promise.all(renewing);
    await after(key);
    expect(new Set(tokens.map(({ accessToken }) => accessToken)).size).toBe(1);
    expect(world.endpoint.tokenRequests).toBe(2);
    while ((await lock()) !== undefined) await setTimeout(5);
    // Another renewal, and a process that comes then.
    const next = await managers[1]?.forceRefresh();
    const late = world.manager({ storage: await (STORES[client] as () => Promise<RedisTokenStorage>)() });
    expect((await late.getToken()).accessToken).toBe(next?.accessToken);
    expect([world.endpoint.tokenRequests, failures, logger.warnings]).toEqual([3, [], []]);
  },
  PATIENCE_MS,
);
