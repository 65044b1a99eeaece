import { checkOptions, definitionPlace, type OptionRules } from '../option-check/option-check.js';
import { RULES } from '../option-check/option-rules.js';
import type { Cache } from 'cache-manager';
import { systemClock, withDeadline } from '../clock.js';
import { ConfigurationError, TimeoutError } from '../errors.js';
import { LeaseRedisLock } from '../redis/lease.redis-lock.js';
import { RedisTokenSignal } from '../redis/redis.token-signal.js';
import { readValue } from '../redis/read-value.js';
import type { TokenLock, TokenSignal } from '../lock/token-lock.js';
import { setIfNewer } from '../redis/redis-fence.js';
import { type RedisOfCache, redisOfCache } from './redis-of-cache.js';
import { sharedStoreOf, standsOnMemcached } from './shared-store.js';
import { TOKEN_STORAGE, type TokenStorage } from './token-storage.js';
import { ownOptions } from '../option-check/own-options.js';

/** Options of {@link CacheManagerTokenStorage}. */
export interface CacheManagerTokenStorageOptions {
  /** First part of every key, before a colon. Left out: none. */
  keyPrefix?: string;
  /** Longest time that one call to the cache may take, in milliseconds. @default 250 */
  deadlineMs?: number;
}

/** Far above a healthy Redis round trip, far below what a caller notices. */
export const DEFAULT_STORAGE_DEADLINE_MS = 250;

/**
 * Memcached takes a longer time for a date in 1970, and drops the value at once.
 * @see [Memcached protocol: expiration times](https://github.com/memcached/memcached/blob/master/doc/protocol.txt)
 */
const LONGEST_IN_MEMCACHED_MS = 30 * 24 * 3_600_000;

/** The part of a Keyv that every version has. */
interface Store {
  get(key: string): Promise<unknown>;
  set(key: string, value: string, ttlMs?: number): Promise<unknown>;
  delete(key: string): Promise<unknown>;
}

const RULES_OF: OptionRules<CacheManagerTokenStorageOptions> = Object.freeze({
  keyPrefix: RULES.text,
  deadlineMs: RULES.commandMs,
});

/**
 * Tokens in Nest's cache-manager.
 *
 * Only the last store is used, the most shared one (of a Cacheable the secondary): with a memory layer above Redis
 * `cache.get` would answer a token that another process has already replaced. A Redis is spoken to over a connection of
 * our own, a duplicate of the store's, in the store's own format: a command that a frozen Redis does not answer keeps
 * nobody from closing the cache.
 */
export class CacheManagerTokenStorage implements TokenStorage {
  readonly [TOKEN_STORAGE] = true;
  readonly deadlineMs: number;
  readonly #store: Store;
  readonly #prefix: string;
  readonly #redis: RedisOfCache | undefined;
  readonly #longestMs: number;

  /** @throws {ConfigurationError} when `cache` is no cache-manager cache, or has no store */
  constructor(cache: Cache, given: CacheManagerTokenStorageOptions = {}) {
    checkOptions(given, RULES_OF, definitionPlace(this));
    const options = ownOptions(given);
    const store = Array.isArray((cache as Partial<Cache> | undefined)?.stores) ? sharedStoreOf(cache) : undefined;
    if (!isStore(store)) {
      throw new ConfigurationError(
        'CacheManagerTokenStorage needs a cache of cache-manager 6 or later with at least one store. Give it what @Inject(CACHE_MANAGER) gives.',
      );
    }
    this.#store = store;
    this.#prefix = options.keyPrefix === undefined ? '' : `${options.keyPrefix}:`;
    this.#redis = redisOfCache(store, this.#prefix);
    this.#longestMs = standsOnMemcached(store) ? LONGEST_IN_MEMCACHED_MS : Infinity;
    if (this.#redis !== undefined) {
      const redis = this.#redis;
      this.setIfNewer = (key, value, ttlMs, generation) => this.#within(fence(redis, key, value, ttlMs, generation));
    }
    this.deadlineMs = options.deadlineMs ?? DEFAULT_STORAGE_DEADLINE_MS;
  }

  async get(key: string): Promise<string | Uint8Array | null | undefined> {
    const redis = this.#redis;
    const reading = redis === undefined ? this.#store.get(this.#prefix + key) : read(redis, key);
    return (await this.#within(reading)) as string | undefined;
  }

  async set(key: string, value: string, ttlMs?: number): Promise<unknown> {
    const redis = this.#redis;
    return this.#within(redis === undefined ? this.#put(key, value, ttlMs) : write(redis, key, value, ttlMs));
  }

  async delete(key: string): Promise<unknown> {
    const redis = this.#redis;
    return this.#within(redis === undefined ? this.#store.delete(this.#prefix + key) : command(redis, 'DEL', key));
  }

  /**
   * Writes only if nothing of a later generation has been written. Left out where the store is no Redis: then writes
   * are in the order in which they arrive.
   */
  readonly setIfNewer?: (key: string, value: string, ttlMs: number, generation: number) => Promise<boolean>;

  /** Makes a lock on the store's Redis; undefined where it has none. */
  createLock(): TokenLock | undefined {
    return this.#redis && new LeaseRedisLock(this.#redis.target, this.deadlineMs);
  }

  /** Makes a signal on the store's Redis; undefined where it has none. */
  createSignal(): TokenSignal | undefined {
    return this.#redis && new RedisTokenSignal(this.#redis.target);
  }

  async connect(): Promise<void> {
    await this.#redis?.target.connection();
  }

  async release(): Promise<void> {
    await this.#redis?.release();
  }

  async #put(key: string, value: string, ttlMs: number | undefined): Promise<unknown> {
    const ttl = ttlMs === undefined ? undefined : Math.min(ttlMs, this.#longestMs);
    const written = await this.#store.set(this.#prefix + key, value, ttl);
    // A Keyv swallows what its store throws.
    if (written === false) throw new Error('The cache did not take what was written.');
    return written;
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

async function read(redis: RedisOfCache, key: string): Promise<unknown> {
  return redis.deserialize(await readValue(redis.target, key));
}

async function write(redis: RedisOfCache, key: string, value: string, ttlMs: number | undefined): Promise<unknown> {
  const expires = ttlMs === undefined ? undefined : systemClock.now() + ttlMs;
  const written = await redis.serialize(value, expires);
  return command(redis, 'SET', key, written, ...(ttlMs === undefined ? [] : ['PX', String(ttlMs)]));
}

async function command(redis: RedisOfCache, name: string, key: string, ...args: string[]): Promise<unknown> {
  const full = redis.target.fullKey(key);
  return (await redis.target.connection()).command(full, name, full, ...args);
}

async function fence(
  redis: RedisOfCache,
  key: string,
  value: string,
  ttlMs: number,
  generation: number,
): Promise<boolean> {
  return setIfNewer(redis.target, key, await redis.serialize(value, systemClock.now() + ttlMs), ttlMs, generation);
}
