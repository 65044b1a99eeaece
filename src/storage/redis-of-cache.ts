import { connectionOf, isNodeRedis, isRedisClient } from '../lock/redis-connection.js';
import type { RedisTarget } from '../lock/redis-target.js';
import { OwnRedisConnection } from '../lock/own.redis-connection.js';

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

/** A Keyv, as far as it is needed. */
interface KeyvLike {
  readonly namespace?: string;
  readonly useKeyPrefix?: boolean;
  readonly opts?: { store?: unknown };
  readonly store?: unknown;
  serializeData?(data: KeyvData): Promise<unknown>;
  deserializeData?(written: string): Promise<unknown>;
}

/** What Keyv writes. */
interface KeyvData {
  value: unknown;
  expires: number | undefined;
}

/** A Keyv adapter for Redis or Valkey. */
interface RedisAdapter {
  readonly namespace?: string;
  createKeyPrefix?(key: string, namespace?: string): string;
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
  const deserialize = keyv.deserializeData?.bind(keyv);
  if (serialize === undefined || deserialize === undefined) return undefined;
  const { client = adapter.redis ?? {} } = adapter;
  const own = isNodeRedis(client) ? new OwnRedisConnection(client) : undefined;
  return {
    release: async () => own?.close(),
    target: {
      connection: async () => own?.open() ?? connectionOf(client),
      fullKey: (key) => fullKey(keyv, adapter, keyPrefix + key),
    },
    serialize: async (value, expires) => {
      const text = await serialize({ value, expires });
      return typeof text === 'string' ? text : JSON.stringify(text);
    },
    deserialize: async (written) => {
      if (typeof written !== 'string') return undefined;
      try {
        const read = await deserialize(written);
        const { value, expires } = (typeof read === 'string' ? JSON.parse(read) : read) as Partial<KeyvData>;
        return typeof expires === 'number' && expires < Date.now() ? undefined : value;
      } catch {
        return undefined; // Of another program: a miss.
      }
    },
  };
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
