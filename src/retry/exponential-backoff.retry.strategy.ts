import { type Backoff, BACKOFF_RULES, backoffOf, exponentialDelayMs } from './backoff.js';
import type { RequestRetryStrategy, RetryOutcome } from './request-retry.strategy.js';
import { definitionPlace, type OptionRules, resolveOptions } from '../option-check/option-check.js';
import { RULES } from '../option-check/option-rules.js';
import { STATUSES_RULE, statusSet } from './statuses.js';
import { isTransientFailure, TRANSIENT_STATUSES } from './transient-failure.js';

/** Options of {@link ExponentialBackoffRetryStrategy}. */
export interface ExponentialBackoffRetryStrategyOptions {
  /** Number of attempts after the first. @default 3 */
  readonly maxRetries?: number | undefined;
  /**
   * Milliseconds before the first retry.
   * @default 1_000
   */
  readonly baseDelayMs?: number | undefined;
  /**
   * Longest delay, in milliseconds, jitter included.
   * @default 60_000
   */
  readonly maxDelayMs?: number | undefined;
  /** Number by which each delay is multiplied for the next. At least 1. @default 2 */
  readonly multiplier?: number | undefined;
  /**
   * True when delays vary by ±25 %.
   * @default true
   */
  readonly jitter?: boolean | undefined;
  /**
   * Answers that are retried beside network failures.
   * @default [408, 429, 500, 502, 503, 504]
   */
  readonly statuses?: Iterable<number> | undefined;
}

const RULES_OF: OptionRules<ExponentialBackoffRetryStrategyOptions> = Object.freeze({
  ...BACKOFF_RULES,
  maxRetries: RULES.count,
  statuses: STATUSES_RULE,
});
const DEFAULTS = Object.freeze({
  maxRetries: 3,
  baseDelayMs: 1_000,
  maxDelayMs: 60_000,
  multiplier: 2,
  jitter: true,
  statuses: TRANSIENT_STATUSES,
});

/** Tries again after network failures and transient statuses, waiting longer each time. */
export class ExponentialBackoffRetryStrategy implements RequestRetryStrategy {
  readonly #maxRetries: number;
  readonly #backoff: Backoff;
  readonly #statuses: ReadonlySet<number>;

  /** @throws {ConfigurationError} FORGE_AUTH_CONFIGURATION when an option is out of range */
  constructor(given: ExponentialBackoffRetryStrategyOptions = {}) {
    const place = definitionPlace(this);
    const { maxRetries, statuses, ...backoff } = resolveOptions(given, RULES_OF, DEFAULTS, place);
    this.#maxRetries = maxRetries;
    this.#backoff = backoffOf(backoff);
    this.#statuses = statusSet(statuses, place);
  }

  nextDelayMs(outcome: RetryOutcome, random: () => number): number | undefined {
    if (outcome.attempt > this.#maxRetries || !isTransientFailure(outcome, this.#statuses)) return undefined;
    return exponentialDelayMs(outcome.attempt - 1, this.#backoff, random);
  }
}
