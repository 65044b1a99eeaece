import type { RedisTarget } from './redis-target.js';

/** No token comes near it, however it is wrapped. */
const LONGEST_VALUE = 2 * 1_048_576;

/**
 * Reads what stands under `key`; of what is too long to be ours, the beginning alone: a value of hundreds of megabytes would
 * outlast every deadline, and count as a store that does not answer. An empty value is none.
 */
export async function readValue(target: RedisTarget, key: string): Promise<string | undefined> {
  const full = target.fullKey(key);
  const connection = await target.connection();
  const value = await connection.command(full, 'GETRANGE', full, '0', String(LONGEST_VALUE));
  return value === null || value === undefined || value === '' ? undefined : String(value);
}
