import type { RequestRetryStrategy, RetryOutcome } from './request-retry.strategy.js';
import { requireCount, requireDelayMs } from './retry-options.js';
import { isNetworkFailure } from './transient-failure.js';
import { ownOptions } from '../own-options.js';

/** Options of {@link SimpleRetryStrategy}. */
export interface SimpleRetryStrategyOptions {
  /**
   * Attempts after the first.
   * @default 3
   */
  readonly maxRetries?: number | undefined;
  /**
   * Milliseconds between two attempts.
   * @default 1_000
   */
  readonly delayMs?: number | undefined;
}

const OWNER = 'SimpleRetryStrategy';
const DEFAULTS = Object.freeze({ maxRetries: 3, delayMs: 1_000 });

/** Tries again after network failures, at a steady pace. Answers are never retried, whatever their status. */
export class SimpleRetryStrategy implements RequestRetryStrategy {
  readonly #maxRetries: number;
  readonly #delayMs: number;

  /** @throws {ConfigurationError} FORGE_AUTH_CONFIGURATION when an option is out of range */
  constructor(given: SimpleRetryStrategyOptions = {}) {
    const options = ownOptions(given);
    this.#maxRetries = requireCount(OWNER, 'maxRetries', options.maxRetries ?? DEFAULTS.maxRetries);
    this.#delayMs = requireDelayMs(OWNER, 'delayMs', options.delayMs ?? DEFAULTS.delayMs);
  }

  nextDelayMs(outcome: RetryOutcome): number | undefined {
    return outcome.attempt <= this.#maxRetries && isNetworkFailure(outcome) ? this.#delayMs : undefined;
  }
}
