import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { createClient, createCluster } from '@redis/client';
import { Cluster, Redis } from 'ioredis';
import { RedisTokenStorage, Token, TokenManager, type TokenProvider } from 'nestjs-forge-auth';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { until } from '../support/async.js';

const PATIENCE_MS = 30_000;
const CHANNEL = 'changes';
const NODES = `${randomUUID()}.nodes.conf`;

class Counted implements TokenProvider {
  asked = 0;
  readonly identity = [randomUUID()];
  async fetchToken(): Promise<Token> {
    this.asked += 1;
    return new Token({ accessToken: `token-${this.asked}`, expiresAt: Date.now() + 3_600_000 });
  }
}

/** Until it answers: a cluster that was just started again has no slots for a moment. */
async function answering(storage: RedisTokenStorage): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += 50) {
    try {
      await storage.get('warm-up');
      return;
    } catch (error) {
      if (waitedMs > PATIENCE_MS) throw error;
      await setTimeout(50);
    }
  }
}

/** Until calls get another token than `before`. */
async function another(manager: TokenManager, before: string): Promise<void> {
  for (let waitedMs = 0; (await manager.getToken()).accessToken === before; waitedMs += 20) {
    if (waitedMs > PATIENCE_MS) throw new Error('the invalidation was never seen');
    await setTimeout(20);
  }
}

let single: RedisServer;
let cluster: RedisServer;
const cleanups: (() => unknown)[] = [];

beforeAll(async () => {
  single = await startRedis();
  cluster = await startRedis({
    args: ['--cluster-enabled', 'yes', '--cluster-config-file', NODES, '--cluster-announce-ip', '127.0.0.1'],
  });
  await cluster.command('CLUSTER', 'ADDSLOTSRANGE', 0, 16_383);
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});
afterAll(async () => {
  await single.stop();
  await cluster.stop();
  await rm(join(tmpdir(), NODES), { force: true });
});

function onIoredis(lazyConnect: boolean): RedisTokenStorage {
  const client = new Redis(single.url, { lazyConnect, retryStrategy: () => 20 });
  client.on('error', () => undefined);
  cleanups.push(() => client.disconnect());
  return new RedisTokenStorage(client);
}

function onIoredisCluster(): RedisTokenStorage {
  const client = new Cluster([{ host: '127.0.0.1', port: cluster.port }], { clusterRetryStrategy: () => 20 });
  client.on('error', () => undefined);
  cleanups.push(() => client.disconnect());
  return new RedisTokenStorage(client);
}

async function onNodeRedis(): Promise<RedisTokenStorage> {
  const client = createClient({ url: single.url, socket: { reconnectStrategy: 20 } });
  client.on('error', () => undefined);
  await client.connect();
  cleanups.push(() => client.destroy());
  return new RedisTokenStorage(client);
}

async function onNodeRedisCluster(): Promise<RedisTokenStorage> {
  const client = createCluster({ rootNodes: [{ url: cluster.url }], defaults: { socket: { reconnectStrategy: 20 } } });
  client.on('error', () => undefined);
  await client.connect();
  cleanups.push(() => client.destroy());
  return new RedisTokenStorage(client);
}

describe.each<[string, server: () => RedisServer, storage: () => RedisTokenStorage | Promise<RedisTokenStorage>]>([
  ['ioredis', () => single, () => onIoredis(false)],
  ['ioredis that connects when it is used', () => single, () => onIoredis(true)],
  ['a cluster of ioredis', () => cluster, onIoredisCluster],
  ['node-redis', () => single, onNodeRedis],
  ['a cluster of node-redis', () => cluster, onNodeRedisCluster],
])('announcements over %s', (_name, server, storage) => {
  it('announcements count as up only while they are subscribed to, and are heard again when a lost connection is back', async () => {
    const states: boolean[] = [];
    const heard: string[] = [];
    /** Number of listeners whenever it was reported up. */
    const listening: Promise<number>[] = [];
    const kept = await storage();
    const signal = kept.createSignal();
    cleanups.push(
      () => kept.release(),
      () => signal.close?.(),
    );
    const publish = async (message: string): Promise<number> =>
      Number(await server().command('PUBLISH', CHANNEL, message));
    await signal.subscribe(
      CHANNEL,
      (message) => heard.push(message),
      (up) => {
        states.push(up);
        if (up) listening.push(publish('up').catch(() => 0));
      },
    );
    await Promise.all(listening);
    states.length = 0;
    await server().restart();
    await until(() => states.includes(false), 'it hears that the connection is lost', PATIENCE_MS);
    await until(() => states.at(-1) === true, 'it hears that it is up again', PATIENCE_MS);
    await publish('afterwards');
    await until(() => heard.includes('afterwards'), 'a message is heard', PATIENCE_MS);
    expect((await Promise.all(listening)).every((count) => count === 1)).toBe(true);
  }, 90_000);

  it('subscribers see after a gap what was invalidated in it', async () => {
    const provider = new Counted();
    const [kept, its] = [await storage(), await storage()];
    await Promise.all([answering(kept), answering(its)]);
    const make = (on: RedisTokenStorage): TokenManager => {
      const manager = new TokenManager({ name: 'orders', provider, storage: on, nearCacheTtlMs: 3_600_000 });
      cleanups.push(() => manager.close());
      return manager;
    };
    const [one, other] = [make(kept), make(its)];
    const first = await one.getToken();
    await other.getToken();
    for (let round = 0; round < 3; round += 1) {
      const before = (await one.getToken()).accessToken;
      await server().command('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await other.invalidate();
      for (const manager of [one, other]) await another(manager, before);
    }
    expect((await one.getToken()).accessToken).not.toBe(first.accessToken);
    expect(provider.asked).toBeLessThanOrEqual(5);
  }, 90_000);
});
