import type { ForgeResponse } from '../http/forge-response.js';
import { REJECTION_STATUSES, type AuthRetryStrategy } from './auth-retry.strategy.js';
import { requireCount, requireDelayMs, requireStatuses } from './retry-options.js';
import { ownOptions } from '../own-options.js';

/** Options of {@link SimpleAuthRetryStrategy}. */
export interface SimpleAuthRetryStrategyOptions {
  /**
   * Replays a call may have.
   * @default 1
   */
  readonly maxRetries?: number | undefined;
  /**
   * Milliseconds before each replay.
   * @default 0
   */
  readonly delayMs?: number | undefined;
  /**
   * Answers that say that the credential was rejected.
   * @default [401]
   */
  readonly statuses?: Iterable<number> | undefined;
}

const OWNER = 'SimpleAuthRetryStrategy';
const DEFAULTS = Object.freeze({ maxRetries: 1, delayMs: 0, statuses: REJECTION_STATUSES });

/** Sends a rejected call again, at a steady pace. */
export class SimpleAuthRetryStrategy implements AuthRetryStrategy {
  readonly maxRetries: number;
  readonly #delayMs: number;
  readonly #statuses: ReadonlySet<number>;

  /** @throws {ConfigurationError} FORGE_AUTH_CONFIGURATION when an option is out of range */
  constructor(given: SimpleAuthRetryStrategyOptions = {}) {
    const options = ownOptions(given);
    this.maxRetries = requireCount(OWNER, 'maxRetries', options.maxRetries ?? DEFAULTS.maxRetries);
    this.#delayMs = requireDelayMs(OWNER, 'delayMs', options.delayMs ?? DEFAULTS.delayMs);
    this.#statuses = requireStatuses(OWNER, 'statuses', options.statuses ?? DEFAULTS.statuses);
  }

  shouldRetry(response: ForgeResponse): boolean {
    return this.#statuses.has(response.status);
  }

  delayMs(): number {
    return this.#delayMs;
  }
}
