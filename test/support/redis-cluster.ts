import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { freePort } from './free-port.js';
import { type RedisServer, startRedis } from './redis-server.js';

const PATIENCE_MS = 30_000;
const SLOTS = 16_384;

/** A Redis Cluster of two masters; all slots but one are the first one's, until they are moved. */
export interface RedisCluster {
  readonly nodes: readonly [RedisServer, RedisServer];
  /** Names of all keys, with those of the other node after them. */
  keys(): Promise<string[]>;
  /** From now on the slot of a key is about to leave the first node: what is not there any more is asked for at the second (ASK). */
  beginToMove(key: string): Promise<void>;
  /** Takes the keys of the slot along that are there by now, or those given. */
  moveKeys(key: string, ...which: string[]): Promise<void>;
  /** The slot is the second node's: the first one says so (MOVED). */
  finishMove(key: string): Promise<void>;
  stop(): Promise<void>;
}

/** Starts two `redis-server --cluster-enabled` that know each other. */
export async function startRedisCluster(): Promise<RedisCluster> {
  const files: string[] = [];
  const start = async (): Promise<RedisServer> => {
    const file = `${randomUUID()}.nodes.conf`;
    files.push(file);
    const settings = ['--cluster-enabled', 'yes', '--cluster-config-file', file, '--cluster-announce-ip', '127.0.0.1'];
    return startRedis({ args: [...settings, '--cluster-port', String(await freePort())] });
  };
  const [first, second] = [await start(), await start()];
  // A node without any slot is known to nobody.
  await first.command('CLUSTER', 'ADDSLOTSRANGE', 1, SLOTS - 1);
  await second.command('CLUSTER', 'ADDSLOTS', 0);
  await first.command('CLUSTER', 'MEET', '127.0.0.1', second.port, await busPortOf(second));
  for (let waitedMs = 0; !(await knowsAll(first)) || !(await knowsAll(second)); waitedMs += 20) {
    if (waitedMs > PATIENCE_MS) throw new Error('The nodes of the cluster did not meet.');
    await setTimeout(20);
  }
  const [firstId, secondId] = [
    String(await first.command('CLUSTER', 'MYID')),
    String(await second.command('CLUSTER', 'MYID')),
  ];
  const slotOf = async (key: string): Promise<number> => Number(await first.command('CLUSTER', 'KEYSLOT', key));
  return {
    nodes: [first, second],
    keys: async () => (await Promise.all([first, second].map((node) => node.command('KEYS', '*')))).flat() as string[],
    async beginToMove(key) {
      const slot = await slotOf(key);
      await second.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', firstId);
      await first.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', secondId);
    },
    async moveKeys(key, ...which) {
      const all = (await first.command('CLUSTER', 'GETKEYSINSLOT', await slotOf(key), 100)) as string[];
      const keys = which.length === 0 ? all : which;
      if (keys.length > 0) await first.command('MIGRATE', '127.0.0.1', second.port, '', 0, 5_000, 'KEYS', ...keys);
    },
    async finishMove(key) {
      const slot = await slotOf(key);
      for (const node of [second, first]) await node.command('CLUSTER', 'SETSLOT', slot, 'NODE', secondId);
    },
    async stop() {
      await Promise.all([first.stop(), second.stop()]);
      for (const file of files) await rm(join(tmpdir(), file), { force: true });
    },
  };
}

async function busPortOf(node: RedisServer): Promise<string> {
  return ((await node.command('CONFIG', 'GET', 'cluster-port')) as string[])[1] ?? '';
}

async function knowsAll(node: RedisServer): Promise<boolean> {
  const info = String(await node.command('CLUSTER', 'INFO'));
  return /cluster_state:ok/.test(info) && /cluster_known_nodes:2/.test(info);
}
