import { runScript } from './redis-script.js';
import { GENERATION_TTL_MS, READ_LAST_GENERATION, type RedisTarget, siblingKey } from './redis-target.js';

/**
 * The generation stands beside the value, so the value stays opaque: serialised by a cache, or encrypted. A lease mints
 * its generation there, too: from then on earlier holders are late.
 */
const SET_IF_NEWER = `
${READ_LAST_GENERATION}
if last > tonumber(ARGV[2]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[4])
return 1`;

/** Writes `value`, unless something of a later generation was written or is about to be. @param value as it is to stand in Redis */
export async function setIfNewer(
  target: RedisTarget,
  key: string,
  value: string,
  ttlMs: number,
  generation: number,
): Promise<boolean> {
  const full = target.fullKey(key);
  const connection = await target.connection();
  const args = [value, String(generation), String(ttlMs), String(GENERATION_TTL_MS)];
  const keys = [full, siblingKey(full, 'generation')] as const;
  return Number(await runScript(connection, SET_IF_NEWER, keys, args)) === 1;
}
