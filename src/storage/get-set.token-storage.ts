import type { Clock } from '../clock.js';
import { ConfigurationError } from '../errors.js';
import { InProcessTokenLock } from '../lock/in-process.token-lock.js';
import type { TokenLock } from '../lock/token-lock.js';
import { LeaseRedisLock } from '../redis/lease.redis-lock.js';
import { isRedisClient } from '../redis/redis-connection.js';
import { type RedisTarget, redisTarget } from '../redis/redis-target.js';
import { sharedStoreOf } from './shared-store.js';
import type { GetSet, TokenStorage } from './token-storage.js';

/**
 * Lets any `{ get, set }` be a storage.
 *
 * A foreign object is called with two arguments: a third one means seconds to one client, milliseconds to another and
 * a syntax error to a third. The envelope carries its own expiry, so nothing depends on the store's.
 */
export class GetSetTokenStorage implements TokenStorage {
  readonly #target: GetSet & { delete?: unknown };

  readonly shared: boolean;
  readonly #redis: RedisTarget | undefined;

  constructor(target: GetSet) {
    this.#target = target;
    this.shared = !(target instanceof Map);
    this.#redis = isRedisClient(target) ? redisTarget(target, undefined) : undefined;
  }

  async get(key: string): Promise<string | Uint8Array | null | undefined> {
    const value = await this.#target.get(key);
    return typeof value === 'string' || value instanceof Uint8Array ? value : undefined;
  }

  async set(key: string, value: string): Promise<void> {
    await this.#target.set(key, value);
  }

  async delete(key: string): Promise<void> {
    const remove = this.#target.delete;
    // Overwritten where the object cannot delete: what is no envelope is read as a miss.
    await (typeof remove === 'function' ? remove.call(this.#target, key) : this.#target.set(key, ''));
  }

  /** On a Redis for all its processes, on a Map for all who keep their tokens there. */
  createLock(clock: Clock): TokenLock | undefined {
    if (this.#redis !== undefined) return new LeaseRedisLock(this.#redis);
    return this.shared ? undefined : lockOfMap(this.#target, clock);
  }

  async release(): Promise<void> {
    await this.#redis?.release?.();
  }
}

/** The locks of the app's own Maps: each is its Map's, and goes with it. */
const LOCKS_OF_MAPS = new WeakMap<object, TokenLock>();

function lockOfMap(map: object, clock: Clock): TokenLock {
  const known = LOCKS_OF_MAPS.get(map);
  if (known !== undefined) return known;
  const lock = new InProcessTokenLock(clock);
  LOCKS_OF_MAPS.set(map, lock);
  return lock;
}

/**
 * Takes what the `storage` option was given: a {@link TokenStorage}, or any {@link GetSet}.
 *
 * A storage of the user's own declares three parameters for `set`; whatever declares fewer, and every known client
 * and cache, is called with two. Of a cache it is the most shared store that is called.
 * @throws {ConfigurationError} when it has no `get` and `set`
 */
export function storageOf(given: TokenStorage | GetSet, owner: string): TokenStorage {
  const { get, set } = (given ?? {}) as Partial<GetSet>;
  if (typeof get !== 'function' || typeof set !== 'function') {
    throw new ConfigurationError(
      `${owner}: storage must have get(key) and set(key, value), as a Map, a Redis client or a TokenStorage has.`,
    );
  }
  if (isCache(given)) return new GetSetTokenStorage((sharedStoreOf(given) ?? given) as GetSet);
  return isTokenStorage(given) ? given : new GetSetTokenStorage(given as GetSet);
}

/** Of cache-manager, or a Cacheable. */
function isCache(given: TokenStorage | GetSet): boolean {
  return typeof (given as { wrap?: unknown }).wrap === 'function';
}

function isTokenStorage(given: TokenStorage | GetSet): given is TokenStorage {
  const marks = given as { setIfNewer?: unknown; deadlineMs?: unknown; duplicate?: unknown };
  if (typeof marks.setIfNewer === 'function' || typeof marks.deadlineMs === 'number') return true;
  if (given instanceof Map || typeof marks.duplicate === 'function') return false;
  return given.set.length >= 3 || given instanceof GetSetTokenStorage;
}
