import type { Cache } from 'cache-manager';
import { systemClock, withDeadline } from '../clock.js';
import { ConfigurationError, TimeoutError } from '../errors.js';
import { LeaseRedisLock } from '../lock/lease.redis-lock.js';
import { RedisTokenSignal } from '../lock/redis.token-signal.js';
import type { TokenLock, TokenSignal } from '../lock/token-lock.js';
import { setIfNewer } from './redis-fence.js';
import { type RedisOfCache, redisOfCache } from './redis-of-cache.js';
import type { TokenStorage } from './token-storage.js';

/** Options of {@link CacheManagerTokenStorage}. */
export interface CacheManagerTokenStorageOptions {
  /** Put before every key, with a colon. */
  keyPrefix?: string;
  /** Longest time that one call to the cache may take, in milliseconds. @default 250 */
  deadlineMs?: number;
}

/** Far above a healthy Redis round trip, far below what a caller notices. */
export const DEFAULT_STORAGE_DEADLINE_MS = 250;

/** The part of a Keyv that every version has. */
interface Store {
  get(key: string): Promise<unknown>;
  set(key: string, value: string, ttlMs?: number): Promise<unknown>;
  delete(key: string): Promise<unknown>;
}

/**
 * Tokens in Nest's cache-manager.
 *
 * Only the last store is used, the most shared one: with a memory layer above Redis `cache.get` would answer a token
 * that another process has already replaced.
 */
export class CacheManagerTokenStorage implements TokenStorage {
  readonly deadlineMs: number;
  readonly #store: Store;
  readonly #prefix: string;
  readonly #redis: RedisOfCache | undefined;

  /** @throws {ConfigurationError} when `cache` is no cache-manager cache, or has no store */
  constructor(cache: Cache, options: CacheManagerTokenStorageOptions = {}) {
    const stores: unknown = (cache as Partial<Cache> | undefined)?.stores;
    const store: unknown = Array.isArray(stores) ? stores.at(-1) : undefined;
    if (!isStore(store)) {
      throw new ConfigurationError(
        'CacheManagerTokenStorage needs a cache of cache-manager 6 or later with at least one store. Give it what @Inject(CACHE_MANAGER) gives.',
      );
    }
    this.#store = store;
    this.#prefix = options.keyPrefix === undefined ? '' : `${options.keyPrefix}:`;
    this.#redis = redisOfCache(store, this.#prefix);
    if (this.#redis !== undefined) {
      const redis = this.#redis;
      this.setIfNewer = (key, value, ttlMs, generation) => this.#within(fence(redis, key, value, ttlMs, generation));
    }
    this.deadlineMs = options.deadlineMs ?? DEFAULT_STORAGE_DEADLINE_MS;
    if (!(this.deadlineMs > 0)) {
      throw new ConfigurationError(
        `CacheManagerTokenStorage: deadlineMs must be above zero, not ${String(this.deadlineMs)}. It is in milliseconds.`,
      );
    }
  }

  get(key: string): Promise<string | Uint8Array | null | undefined> {
    this.#redis?.use();
    return this.#within(this.#store.get(this.#prefix + key)) as Promise<string | undefined>;
  }

  set(key: string, value: string, ttlMs?: number): Promise<unknown> {
    this.#redis?.use();
    return this.#within(this.#store.set(this.#prefix + key, value, ttlMs));
  }

  delete(key: string): Promise<unknown> {
    this.#redis?.use();
    return this.#within(this.#store.delete(this.#prefix + key));
  }

  /** Where the store is a Redis. Left out otherwise: then writes are in the order in which they arrive. */
  readonly setIfNewer?: (key: string, value: string, ttlMs: number, generation: number) => Promise<boolean>;

  /** On the store's Redis; undefined where it has none. */
  createLock(): TokenLock | undefined {
    return this.#redis && new LeaseRedisLock(this.#redis.target, this.deadlineMs);
  }

  /** On the store's Redis; undefined where it has none. */
  createSignal(): TokenSignal | undefined {
    return this.#redis && new RedisTokenSignal(this.#redis.target);
  }

  async release(): Promise<void> {
    await this.#redis?.release();
  }

  #within<T>(work: Promise<T>): Promise<T> {
    const onTimeout = (): Error => new TimeoutError(`The cache did not answer within ${this.deadlineMs} ms.`);
    return withDeadline(systemClock, work, this.deadlineMs, onTimeout);
  }
}

function isStore(value: unknown): value is Store {
  const store = (value ?? {}) as Partial<Store>;
  return [store.get, store.set, store.delete].every((method) => typeof method === 'function');
}

async function fence(
  redis: RedisOfCache,
  key: string,
  value: string,
  ttlMs: number,
  generation: number,
): Promise<boolean> {
  return setIfNewer(redis.target, key, await redis.serialize(value, Date.now() + ttlMs), ttlMs, generation);
}
