import type { Clock } from '../clock.js';
import { checkOptions, definitionPlace, type OptionRules } from '../option-check/option-check.js';
import { RULES } from '../option-check/option-rules.js';
import { LeaseRedisLock } from '../redis/lease.redis-lock.js';
import type { RedisClient } from '../redis/redis-connection.js';
import { type RedisTarget, redisTarget } from '../redis/redis-target.js';
import { RedisTokenSignal } from '../redis/redis.token-signal.js';
import { readValue } from '../redis/read-value.js';
import type { TokenLock, TokenSignal } from '../lock/token-lock.js';
import { setIfNewer } from '../redis/redis-fence.js';
import { TOKEN_STORAGE, type TokenStorage } from './token-storage.js';
import { ownOptions } from '../option-check/own-options.js';

/** Options of {@link RedisTokenStorage}. */
export interface RedisTokenStorageOptions {
  /** First part of every key, before a colon. Left out: none. */
  keyPrefix?: string;
  /** Longest time that one command may take, in milliseconds. @default 250 */
  deadlineMs?: number;
}

const REDIS_STORAGE_RULES: OptionRules<RedisTokenStorageOptions> = Object.freeze({
  keyPrefix: RULES.text,
  deadlineMs: RULES.commandMs,
});

/**
 * Tokens on a Redis client of the app's: node-redis (a cluster too), ioredis or iovalkey, with expiry, fencing, locks and
 * announcements. The client stays the app's to close.
 */
export class RedisTokenStorage implements TokenStorage {
  readonly [TOKEN_STORAGE] = true;
  readonly deadlineMs?: number;
  readonly #target: RedisTarget;

  /** @throws {ConfigurationError} when the client is of no library that is known */
  constructor(client: RedisClient, given: RedisTokenStorageOptions = {}) {
    checkOptions(given, REDIS_STORAGE_RULES, definitionPlace(this));
    const options = ownOptions(given);
    this.#target = redisTarget(client, options.keyPrefix, 'RedisTokenStorage');
    if (options.deadlineMs !== undefined) this.deadlineMs = options.deadlineMs;
  }

  get(key: string): Promise<string | undefined> {
    return readValue(this.#target, key);
  }

  async set(key: string, value: string, ttlMs?: number): Promise<void> {
    await this.#command('SET', key, value, ...(ttlMs === undefined ? [] : ['PX', String(ttlMs)]));
  }

  async delete(key: string): Promise<void> {
    await this.#command('DEL', key);
  }

  setIfNewer(key: string, value: string, ttlMs: number, generation: number): Promise<boolean> {
    return setIfNewer(this.#target, key, value, ttlMs, generation);
  }

  createLock(clock?: Clock): TokenLock {
    return new LeaseRedisLock(this.#target, this.deadlineMs, clock);
  }

  createSignal(): TokenSignal {
    return new RedisTokenSignal(this.#target);
  }

  async connect(): Promise<void> {
    await this.#target.connection();
  }

  async release(): Promise<void> {
    await this.#target.release?.();
  }

  async #command(name: string, key: string, ...args: string[]): Promise<unknown> {
    const full = this.#target.fullKey(key);
    return (await this.#target.connection()).command(full, name, full, ...args);
  }
}
