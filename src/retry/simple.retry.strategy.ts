import type { RequestRetryStrategy, RetryOutcome } from './request-retry.strategy.js';
import { definitionPlace, type OptionRules, resolveOptions } from '../option-check/option-check.js';
import { RULES } from '../option-check/option-rules.js';
import { isNetworkFailure } from './transient-failure.js';

/** Options of {@link SimpleRetryStrategy}. */
export interface SimpleRetryStrategyOptions {
  /** Number of attempts after the first. @default 3 */
  readonly maxRetries?: number | undefined;
  /**
   * Milliseconds between two attempts.
   * @default 1_000
   */
  readonly delayMs?: number | undefined;
}

const RULES_OF: OptionRules<SimpleRetryStrategyOptions> = Object.freeze({
  maxRetries: RULES.count,
  delayMs: RULES.delayMs,
});
const DEFAULTS = Object.freeze({ maxRetries: 3, delayMs: 1_000 });

/** Tries again after network failures, at a steady pace. Answers are never retried, whatever their status. */
export class SimpleRetryStrategy implements RequestRetryStrategy {
  readonly #maxRetries: number;
  readonly #delayMs: number;

  /** @throws {ConfigurationError} FORGE_AUTH_CONFIGURATION when an option is out of range */
  constructor(given: SimpleRetryStrategyOptions = {}) {
    const place = definitionPlace(this);
    const { maxRetries, delayMs } = resolveOptions(given, RULES_OF, DEFAULTS, place);
    this.#maxRetries = maxRetries;
    this.#delayMs = delayMs;
  }

  nextDelayMs(outcome: RetryOutcome): number | undefined {
    return outcome.attempt <= this.#maxRetries && isNetworkFailure(outcome) ? this.#delayMs : undefined;
  }
}
