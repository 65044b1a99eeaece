import { declared } from '../option-check/own-options.js';
import type { Clock } from '../clock.js';
import { ConfigurationError } from '../errors.js';
import { lockOf } from '../lock/in-process.token-lock.js';
import type { TokenLock } from '../lock/token-lock.js';
import type { ForgeLogger } from '../logger.js';
import { isRedisClient } from '../redis/redis-connection.js';
import { RedisTokenStorage } from './redis.token-storage.js';
import { sharedStoreOf } from './shared-store.js';
import { type GetSet, TOKEN_STORAGE, type TokenStorage } from './token-storage.js';

/**
 * Lets any `{ get, set }` be a storage.
 *
 * A foreign object is called with two arguments: a third one means seconds to one client, milliseconds to another and
 * a syntax error to a third. The envelope carries its own expiry, so nothing depends on the store's.
 */
export class GetSetTokenStorage implements TokenStorage {
  readonly [TOKEN_STORAGE] = true;
  readonly #target: GetSet & { delete?: unknown };

  readonly shared: boolean;
  #remark: string | undefined;

  /** @param remark line for the log of whoever uses it first */
  constructor(target: GetSet, remark?: string) {
    this.#target = target;
    this.shared = !(target instanceof Map);
    this.#remark = remark;
  }

  /** Logs the line that there is, once. */
  remark(logger: ForgeLogger): void {
    if (this.#remark !== undefined) logger.warn(this.#remark);
    this.#remark = undefined;
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

  /** For all of this process who keep their tokens in the same object. */
  createLock(clock: Clock): TokenLock {
    return lockOf(this.#target, clock);
  }
}

/**
 * Takes what the `storage` option was given: a {@link TokenStorage}, a client of a Redis library, or any {@link GetSet}.
 * Of a cache it is the most shared store that is called.
 * @throws {ConfigurationError} when it has no `get` and `set`, or a member that is not what a storage's is
 */
export function storageOf(given: TokenStorage | GetSet, owner: string): TokenStorage {
  const { get, set } = (given ?? {}) as Partial<GetSet>;
  if (typeof get !== 'function' || typeof set !== 'function') {
    throw new ConfigurationError(
      `${owner}: storage must have get(key) and set(key, value), as a Map, a Redis client or a TokenStorage has.`,
    );
  }
  if (isTokenStorage(given, owner)) return checkedStorage(given, owner);
  if (isRedisClient(given)) return new RedisTokenStorage(given);
  const remark = isGuessed(given)
    ? `${owner}: storage has get and set alone and does not say whether its set takes a lifetime: it is called as set(key, value), and what it keeps does not end there. Mark it [TOKEN_STORAGE]: true if it takes milliseconds as a third argument, false if it takes none.`
    : undefined;
  return new GetSetTokenStorage(((isCache(given) && sharedStoreOf(given)) || given) as GetSet, remark);
}

/** Of cache-manager, or a Cacheable. */
function isCache(given: TokenStorage | GetSet): boolean {
  return typeof declared(given as { wrap?: unknown }, 'wrap') === 'function';
}

/** Members of a storage that no cache and no client has. */
const MEMBERS_OF_STORAGES = ['setIfNewer', 'createLock', 'createSignal', 'deadlineMs', 'shared'] as const;
/** Members of clients and caches that may have a `delete`, too. */
const MEMBERS_OF_CLIENTS = ['del', 'duplicate', 'wrap'] as const;

/** Checks whether an object without a mark is called with two arguments for want of anything that says more. */
function isGuessed(given: TokenStorage | GetSet): boolean {
  const isKnown = given[TOKEN_STORAGE] !== undefined || given instanceof Map;
  return (
    !isKnown && !MEMBERS_OF_CLIENTS.some((name) => (given as unknown as Record<string, unknown>)[name] !== undefined)
  );
}

function isTokenStorage(given: TokenStorage | GetSet, owner: string): given is TokenStorage {
  const mark = given[TOKEN_STORAGE];
  if (mark !== undefined && typeof mark !== 'boolean') {
    throw new ConfigurationError(
      `${owner}: storage[TOKEN_STORAGE] is no boolean. Write true for a TokenStorage, false for an object that is called with two arguments.`,
    );
  }
  if (mark !== undefined) return mark;
  const member = (name: string): unknown => declared(given as unknown as Record<string, unknown>, name);
  if (MEMBERS_OF_STORAGES.some((name) => member(name) !== undefined)) return true;
  if (given instanceof Map || MEMBERS_OF_CLIENTS.some((name) => member(name) !== undefined)) return false;
  if (typeof member('delete') === 'function') return true;
  // A TokenStorage needs no more than `get(key)` and `set(key, value, ttlMs)`, and none has to be marked: an unmarked object
  // of these two is known by the third parameter alone, or what it keeps would lose its lifetime. Where that says nothing
  // (a default, a rest parameter, a bound function), two arguments are the safe guess: a value without a lifetime stays
  // longer than it is used, no more, as its envelope knows its end; a client that takes the third argument for something
  // else (an option, seconds) fails every write, or drops tokens before their time.
  return given.set.length >= 3;
}

const METHODS_OF_STORAGES = [
  'delete',
  'setIfNewer',
  'createLock',
  'createSignal',
  'connect',
  'release',
] as const satisfies readonly (keyof TokenStorage)[];

function checkedStorage(storage: TokenStorage, owner: string): TokenStorage {
  const wrong = METHODS_OF_STORAGES.find((name) => !['function', 'undefined'].includes(typeof declared(storage, name)));
  if (wrong === undefined) return storage;
  throw new ConfigurationError(
    `${owner}: storage.${wrong} must be a function, as a TokenStorage has it. Leave it out, or mark the object with [TOKEN_STORAGE]: false if it is no TokenStorage.`,
  );
}
