import { ConfigurationError } from '../errors.js';
import { checkOptions, type OptionRules } from '../option-check/option-check.js';
import { RULES } from '../option-check/option-rules.js';
import { LeaseRedisLock } from './lease.redis-lock.js';
import type { RedisClient } from './redis-connection.js';
import { type RedisTarget, redisTarget } from './redis-target.js';
import { ownOptions } from '../option-check/own-options.js';

/** Options of {@link RedisTokenLock}. */
export interface RedisTokenLockOptions {
  /**
   * First part of every key, before a colon. Two applications that are not to share locks differ here. Left out: none.
   */
  keyPrefix?: string;
  /** Longest time that one command may take, in milliseconds. @default 250 */
  deadlineMs?: number;
}

const LOCK_RULES: OptionRules<RedisTokenLockOptions> = Object.freeze({
  keyPrefix: RULES.text,
  deadlineMs: RULES.commandMs,
});

/**
 * A lock for a fleet, on a Redis client of the app's: node-redis (a cluster too), ioredis or iovalkey. The client stays
 * the app's to close.
 * @see [Distributed locks with Redis](https://redis.io/docs/latest/develop/clients/patterns/distributed-locks/)
 */
export class RedisTokenLock extends LeaseRedisLock {
  readonly #target: RedisTarget;

  /** @throws {ConfigurationError} when the client is of no library that is known */
  constructor(client: RedisClient, given: RedisTokenLockOptions = {}) {
    checkOptions(given, LOCK_RULES, { refuse: (problem) => new ConfigurationError(`RedisTokenLock: ${problem}`) });
    const options = ownOptions(given);
    const target = redisTarget(client, options.keyPrefix, 'RedisTokenLock');
    super(target, options.deadlineMs);
    this.#target = target;
  }

  override async close(): Promise<void> {
    await super.close();
    await this.#target.release?.();
  }
}
