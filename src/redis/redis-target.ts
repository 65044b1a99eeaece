import { DedicatedRedisConnection } from './dedicated.redis-connection.js';
import { READ_TEXT } from './redis-script.js';
import { connectionOf, isNodeRedis, type RedisClient, type RedisConnection } from './redis-connection.js';

/** A Redis, and where in it our keys stand. */
export interface RedisTarget {
  /** The connection; one inside a cache is made on first use, and may take its time. */
  connection(): Promise<RedisConnection>;
  /** A key as it stands in Redis, namespaces included: two namespaces never share a lock. */
  fullKey(key: string): string;
  /** Closes what was connected beside the client; a later command connects again. */
  release?(): Promise<void>;
}

/**
 * The Redis of a client that the app hands over. Of node-redis only the settings are used: it waits for every answer before
 * it is closed, and ours would be among those that never come.
 * @param owner class that was given the client
 * @throws {ConfigurationError} when it is of no library that is known
 */
export function redisTarget(client: RedisClient, keyPrefix: string | undefined, owner: string): RedisTarget {
  const given = connectionOf(client, `${owner}: the client`);
  const own = isNodeRedis(client) ? new DedicatedRedisConnection(client) : undefined;
  const prefix = keyPrefix === undefined ? '' : `${hashTagSafe(keyPrefix)}:`;
  return {
    connection: async () => own?.open() ?? given,
    fullKey: (key) => prefix + key,
    release: async () => own?.close(),
  };
}

/** Braces that are no well-formed hash tag would name a cluster two nodes for a key and what stands beside it. */
function hashTagSafe(prefix: string): string {
  return /^[^{}]*\{[^{}]+\}[^{}]*$/.test(prefix) ? prefix : prefix.replace(/[{}]/g, encodeURIComponent);
}

/**
 * A key beside `key`, on the same node of a cluster: what is between the first braces decides where a key lives.
 * @see [Redis Cluster hash tags](https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags)
 */
export function siblingKey(key: string, name: string): string {
  return /\{[^}]+\}/.test(key) ? `${key}:${name}` : `{${key}}:${name}`;
}

/** Generations outlive every token, so that a holder that slept for days is still recognised as late. */
export const GENERATION_TTL_MS = 30 * 24 * 3_600_000;

/** Lua: the last generation, from the second key. What is no generation there (another type, no safe integer) counts as none. */
export const READ_LAST_GENERATION = `${READ_TEXT}
local written = read(KEYS[2])
local last = type(written) == 'string' and tonumber(written) or 0
if not (last < ${2 ** 52}) then last = 0 end`;
