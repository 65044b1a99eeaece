import type { Clock } from '../clock.js';
import type { TokenLock, TokenSignal } from '../lock/token-lock.js';

/** Options of a value that a storage is to keep. */
export interface StoredValueOptions {
  /**
   * True when only a person can renew it, such as a user's refresh token: a store with bounds drops others first.
   * @default false
   */
  irreplaceable?: boolean;
}

/**
 * Mark of a {@link TokenStorage}: `readonly [TOKEN_STORAGE] = true`. An object with `get` and `set` alone may be
 * taken for a {@link GetSet} without it; `false` makes a {@link GetSet} of anything. The same symbol in every copy of the package.
 */
export const TOKEN_STORAGE: unique symbol = Symbol.for('nestjs-forge-auth.TokenStorage');

/**
 * Store in which tokens are kept beyond one process's memory.
 *
 * Known by its mark, {@link TOKEN_STORAGE}, or by what no cache or client has: `setIfNewer`, `createLock`,
 * `createSignal`, `deadlineMs`, `shared`, or `delete` (clients call it `del`).
 *
 * Values are opaque strings. A storage may be slow, down or lie: callers give each call a deadline and read what comes
 * back with suspicion, so an implementation need not guard anything.
 */
export interface TokenStorage {
  /** True for a storage that has `get` and `set` alone: it is given the time to live, too. @default by its other members */
  readonly [TOKEN_STORAGE]?: boolean;
  /** Returns the value of a key; null or undefined when there is none. */
  get(key: string): Promise<string | Uint8Array | null | undefined>;
  /**
   * Writes the value of a key.
   * @param ttlMs whole milliseconds above zero after which the value may be dropped; left out, it is kept
   * @param options given where there is something to note
   */
  set(key: string, value: string, ttlMs?: number, options?: StoredValueOptions): Promise<unknown>;
  /** Removes a key. */
  delete?(key: string): Promise<unknown>;
  /**
   * Writes only if nothing of a later generation has been written.
   * @returns whether it was written
   */
  setIfNewer?(key: string, value: string, ttlMs: number, generation: number): Promise<boolean>;
  /** Longest time that one call may take, in milliseconds. @default 250 */
  readonly deadlineMs?: number;
  /** True when other processes see what is stored. @default true */
  readonly shared?: boolean;
  /**
   * A lock on the same store, where it can have one: then one process of a fleet asks for a token, not each.
   * @param clock the time of whoever asks
   */
  createLock?(clock: Clock): TokenLock | undefined;
  /** Announcements on the same store, where it can make them: then a change elsewhere is seen at once. */
  createSignal?(): TokenSignal | undefined;
  /** Connects, where that takes time: called at the start of an application, so that its first callers need not wait. */
  connect?(): Promise<void>;
  /**
   * Whoever used the storage has ended, and others may go on. Called after the last command: connections of the storage's
   * own are closed, and opened again by a command that comes later.
   */
  release?(): Promise<void>;
}

/** Any object that keeps values by key: a Map, a cache, called with two arguments; a raw ioredis or node-redis client is wrapped in a {@link RedisTokenStorage}. */
export interface GetSet {
  /** False for an object that looks like a {@link TokenStorage} and is none. @default by its other members */
  readonly [TOKEN_STORAGE]?: boolean;
  /** Returns the value of a key, or a promise of it; null or undefined when there is none. */
  get(key: string): unknown;
  /** Writes the value of a key. */
  set(key: string, value: string): unknown;
}
