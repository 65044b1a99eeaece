import { canBeDuplicated } from '../redis/own.redis-client.js';
import { DedicatedRedisConnection } from '../redis/dedicated.redis-connection.js';
import { connectionOf } from '../redis/redis-connection.js';
import type { RedisTarget } from '../redis/redis-target.js';
import { clientOf, decodedBy, encodedBy, keyIn, layersOf } from './keyv-layers.js';

/** The Redis under a Keyv, and how Keyv writes values there. */
export interface RedisOfCache {
  readonly target: RedisTarget;
  /** Closes what is connected beside the cache's own connection; a later command opens it again. */
  release(): Promise<void>;
  /** A value as Keyv itself would write it, so that Keyv can read it. */
  serialize(value: string, expires: number | undefined): Promise<string>;
  /** The value in what Keyv wrote; undefined where that is none, or has run out. */
  deserialize(written: unknown): Promise<unknown>;
}

/** Finds the Redis that a cache's store stands on; undefined where there is none, or values are written in a way of their own. */
export function redisOfCache(store: unknown, keyPrefix: string): RedisOfCache | undefined {
  const layers = layersOf(store);
  const adapter = layers.at(-1);
  const client = adapter && clientOf(adapter);
  if (client === undefined) return undefined;
  const own = canBeDuplicated(client) ? new DedicatedRedisConnection(client) : undefined;
  return {
    release: async () => own?.close(),
    target: {
      connection: async () => own?.open() ?? connectionOf(client),
      fullKey: (key) => keyIn(layers, keyPrefix + key),
    },
    serialize: (value, expires) => encodedBy(layers, value, expires),
    deserialize: (written) => decodedBy(layers, written),
  };
}
