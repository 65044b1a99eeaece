import { connectionOf, isRedisClient, type RedisConnection } from '../lock/redis-connection.js';
import type { RedisTarget } from '../lock/redis-target.js';

/** The Redis under a Keyv, and how Keyv writes values there. */
export interface RedisOfCache {
  readonly target: RedisTarget;
  /** A value as Keyv itself would write it, so that Keyv can read it. */
  serialize(value: string, expires: number): Promise<string>;
}

/** A Keyv, as far as it is needed. */
interface KeyvLike {
  readonly namespace?: string;
  readonly useKeyPrefix?: boolean;
  readonly opts?: { store?: unknown };
  readonly store?: unknown;
  serializeData?(data: { value: unknown; expires: number }): Promise<unknown>;
}

/** A Keyv adapter for Redis or Valkey. */
interface RedisAdapter {
  readonly namespace?: string;
  createKeyPrefix?(key: string, namespace?: string): string;
  getClient?(): Promise<object>;
  readonly client?: object;
  readonly redis?: object;
  readonly store?: unknown;
}

/** Finds the Redis that a cache's store stands on; undefined where there is none, or values are written in a way of their own. */
export function redisOfCache(store: unknown, keyPrefix: string): RedisOfCache | undefined {
  const keyv = keyvOf(store);
  const adapter = keyv && adapterOf(keyv.opts?.store ?? keyv.store);
  if (keyv === undefined || adapter === undefined) return undefined;
  const serialize = keyv.serializeData?.bind(keyv);
  if (serialize === undefined) return undefined;
  // Kept: a cache that was closed must not be opened again by a command that comes late.
  let connection: Promise<RedisConnection> | undefined;
  return {
    target: {
      connection: () =>
        (connection ??= connect(adapter).catch((error: unknown) => {
          connection = undefined;
          throw error;
        })),
      fullKey: (key) => fullKey(keyv, adapter, keyPrefix + key),
    },
    serialize: async (value, expires) => {
      const text = await serialize({ value, expires });
      return typeof text === 'string' ? text : JSON.stringify(text);
    },
  };
}

async function connect(adapter: RedisAdapter): Promise<RedisConnection> {
  return connectionOf((await adapter.getClient?.()) ?? adapter.client ?? adapter.redis ?? {});
}

/** A Cacheable keeps its shared store as `secondary`. */
function keyvOf(store: unknown): KeyvLike | undefined {
  const { secondary, serializeData } = (store ?? {}) as { secondary?: unknown; serializeData?: unknown };
  if (typeof serializeData === 'function') return store as KeyvLike;
  return secondary === undefined ? undefined : keyvOf(secondary);
}

/** Keyv 6 may put a bridge between itself and the adapter. */
function adapterOf(store: unknown): RedisAdapter | undefined {
  const adapter = (store ?? {}) as RedisAdapter;
  if (isRedisClient(adapter.client) || isRedisClient(adapter.redis)) return adapter;
  return adapter.store === undefined || adapter.store === store ? undefined : adapterOf(adapter.store);
}

function fullKey(keyv: KeyvLike, adapter: RedisAdapter, key: string): string {
  const { namespace, useKeyPrefix } = keyv;
  const prefixed =
    useKeyPrefix !== false && namespace !== undefined && namespace !== '' && !key.startsWith(`${namespace}:`)
      ? `${namespace}:${key}`
      : key;
  return adapter.createKeyPrefix?.(prefixed, adapter.namespace) ?? prefixed;
}
