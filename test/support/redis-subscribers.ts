import { setTimeout as delay } from 'node:timers/promises';
import type { RedisEndpoint } from './redis-server.js';

const PATIENCE_MS = 10_000;

/** Waits until so many connections of a Redis hear of changes. */
export async function untilSubscribed(redis: Pick<RedisEndpoint, 'command'>, count: number): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  const found = async (): Promise<number> =>
    [...String(await redis.command('CLIENT', 'LIST')).matchAll(/ p?sub=[1-9]/g)].length;
  while ((await found()) < count) {
    if (performance.now() > end) throw new Error(`There were never ${count} connections that hear of changes.`);
    await delay(5);
  }
}
