import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis, type RedisOptions } from 'ioredis';
import { freePort } from './free-port.js';
import { spawnGuarded } from './guarded-process.js';
import { type RedisServer, startRedis } from './redis-server.js';

/** A Redis with a replica that Sentinel puts in its place when it is gone. */
export interface Sentinel {
  readonly master: RedisServer;
  readonly replica: RedisServer;
  /** Options of an ioredis client that asks Sentinel where the master is. */
  readonly client: RedisOptions;
  /** Resolves when the replica is the master. */
  failedOver(): Promise<void>;
  stop(): Promise<void>;
}

const NAME = 'fleet';
const PATIENCE_MS = 60_000;

/** Starts a master, a replica that has all of its data, and one Sentinel that misses a master after half a second. */
export async function startSentinel(): Promise<Sentinel> {
  const master = await startRedis({ args: ['--repl-diskless-sync-delay', '0'] });
  const replica = await startRedis({ args: ['--replicaof', '127.0.0.1', String(master.port)] });
  // Until then a master keeps what is written to itself.
  await until(async () => String(await master.command('INFO', 'replication')).includes('state=online'));
  const port = await freePort();
  const file = join(tmpdir(), `${randomUUID()}.sentinel.conf`);
  await writeFile(
    file,
    [
      `port ${port}`,
      'bind 127.0.0.1',
      `dir ${tmpdir()}`,
      `sentinel monitor ${NAME} 127.0.0.1 ${master.port} 1`,
      `sentinel down-after-milliseconds ${NAME} 500`,
      `sentinel failover-timeout ${NAME} 5000`,
      `sentinel known-replica ${NAME} 127.0.0.1 ${replica.port}`,
    ].join('\n'),
  );
  const watch = await spawnGuarded('redis-server', [file, '--sentinel']);
  const client: RedisOptions = {
    sentinels: [{ host: '127.0.0.1', port }],
    name: NAME,
    sentinelRetryStrategy: () => 50,
    retryStrategy: () => 50,
  };
  await until(async () => {
    const asked = await ask(port, 'SENTINEL', 'REPLICAS', NAME);
    return JSON.stringify(asked).includes(`"${replica.port}"`) && !JSON.stringify(asked).includes('s_down');
  });
  return {
    master,
    replica,
    client,
    failedOver: () =>
      until(
        async () =>
          String(await replica.command('ROLE')).startsWith('master') && (await masterPort(port)) === replica.port,
      ),
    async stop() {
      await Promise.all([master.stop(), replica.stop(), watch.kill()]);
      await rm(file, { force: true });
    },
  };
}

async function masterPort(port: number): Promise<number> {
  const [, at] = (await ask(port, 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME)) as string[];
  return Number(at);
}

async function ask(port: number, name: string, ...args: string[]): Promise<unknown> {
  const client = new Redis({ port, host: '127.0.0.1', retryStrategy: () => null, lazyConnect: true });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await client.call(name, args);
  } finally {
    if (client.status !== 'end') client.disconnect();
  }
}

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await isTrue().catch(() => false))) {
    if (Date.now() > deadline) throw new Error('Sentinel did not get there.');
    await delay(20);
  }
}
