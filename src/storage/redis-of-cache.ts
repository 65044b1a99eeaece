import { systemClock, withDeadline } from '../clock.js';
import { TimeoutError } from '../errors.js';
import { connectionOf, isRedisClient } from '../lock/redis-connection.js';
import type { RedisTarget } from '../lock/redis-target.js';

/** Far above what the last commands take; a Redis that is frozen never ends them. */
const CLOSE_DEADLINE_MS = 250;

/** The Redis under a Keyv, and how Keyv writes values there. */
export interface RedisOfCache {
  readonly target: RedisTarget;
  /** Before each use by way of Keyv, which opens a closed connection again. */
  use(): void;
  /** Closes the connection if its owner had closed it, and only a later use has opened it again. */
  release(): Promise<void>;
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
  const connection = new SharedConnection(adapter);
  return {
    use: () => connection.use(),
    release: () => connection.release(),
    target: {
      connection: async () => connectionOf(await connection.open()),
      fullKey: (key) => fullKey(keyv, adapter, keyPrefix + key),
    },
    serialize: async (value, expires) => {
      const text = await serialize({ value, expires });
      return typeof text === 'string' ? text : JSON.stringify(text);
    },
  };
}

/** node-redis, as far as its life is concerned. */
interface NodeRedisLife {
  readonly isOpen?: boolean;
  close?(): Promise<unknown>;
  destroy?(): unknown;
  unref?(): void;
}

/**
 * The connection of a cache. Its owner may close it while we still give leases back and write the last token: Nest does,
 * before it ends the requests that are under way. Keyv then opens it again, and nobody would close it any more.
 */
class SharedConnection {
  readonly #adapter: RedisAdapter;
  #seenOpen = false;
  #reopened = false;

  constructor(adapter: RedisAdapter) {
    this.#adapter = adapter;
  }

  use(): void {
    const { isOpen } = this.#life;
    if (isOpen === true) this.#seenOpen = true;
    else if (isOpen === false && this.#seenOpen) this.#reopened = true;
  }

  async open(): Promise<object> {
    this.use();
    const { client, redis } = this.#adapter;
    const opened: NodeRedisLife = (await this.#adapter.getClient?.()) ?? client ?? redis ?? {};
    // Closed while it connected, node-redis leaves a socket open that nobody can reach: it must not keep the process alive.
    if (opened.isOpen === false) opened.unref?.();
    this.use();
    return opened;
  }

  async release(): Promise<void> {
    const life = this.#life;
    if (!this.#reopened || life.isOpen !== true) return;
    this.#reopened = false;
    const closing = Promise.resolve(life.close?.());
    await withDeadline(systemClock, closing, CLOSE_DEADLINE_MS, () => new TimeoutError('Redis does not answer.')).catch(
      () => life.destroy?.(),
    );
  }

  get #life(): NodeRedisLife {
    return (this.#adapter.client ?? {}) as NodeRedisLife;
  }
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
