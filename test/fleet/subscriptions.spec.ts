import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, createCluster } from '@redis/client';
import { Cluster, Redis } from 'ioredis';
import { RedisTokenStorage } from 'nestjs-forge-auth';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { until } from '../tokens/world.js';

const PATIENCE_MS = 30_000;
const CHANNEL = 'changes';
const NODES = `${randomUUID()}.nodes.conf`;

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
  it('count as up only while they are subscribed to, and are heard again when a lost connection is back', async () => {
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
});
