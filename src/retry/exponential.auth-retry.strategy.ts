import type { ForgeResponse } from '../http/forge-response.js';
import { REJECTION_STATUSES, type AuthRetryStrategy } from './auth-retry.strategy.js';
import { type Backoff, BACKOFF_RULES, backoffOf, exponentialDelayMs } from './backoff.js';
import { definitionPlace, type OptionRules, resolveOptions } from '../option-check/option-check.js';
import { RULES } from '../option-check/option-rules.js';

/** Options of {@link ExponentialAuthRetryStrategy}. */
export interface ExponentialAuthRetryStrategyOptions {
  /** Number of replays that a call may have. @default 2 */
  readonly maxRetries?: number | undefined;
  /**
   * Milliseconds before the first replay.
   * @default 500
   */
  readonly baseDelayMs?: number | undefined;
  /**
   * Longest delay, in milliseconds, jitter included.
   * @default 5_000
   */
  readonly maxDelayMs?: number | undefined;
  /** Number by which each delay is multiplied for the next. At least 1. @default 2 */
  readonly multiplier?: number | undefined;
  /**
   * True when delays vary by ±25 %.
   * @default true
   */
  readonly jitter?: boolean | undefined;
}

const RULES_OF: OptionRules<ExponentialAuthRetryStrategyOptions> = Object.freeze({
  ...BACKOFF_RULES,
  maxRetries: RULES.count,
});
const DEFAULTS = Object.freeze({ maxRetries: 2, baseDelayMs: 500, maxDelayMs: 5_000, multiplier: 2, jitter: true });

/** Sends a call again that was answered 401, waiting longer each time: for services that learn of new tokens late. */
export class ExponentialAuthRetryStrategy implements AuthRetryStrategy {
  readonly maxRetries: number;
  readonly #backoff: Backoff;

  /** @throws {ConfigurationError} FORGE_AUTH_CONFIGURATION when an option is out of range */
  constructor(given: ExponentialAuthRetryStrategyOptions = {}) {
    const place = definitionPlace(this);
    const { maxRetries, ...backoff } = resolveOptions(given, RULES_OF, DEFAULTS, place);
    this.maxRetries = maxRetries;
    this.#backoff = backoffOf(backoff);
  }

  shouldRetry(response: ForgeResponse): boolean {
    return REJECTION_STATUSES.includes(response.status);
  }

  delayMs(attempt: number, random: () => number): number {
    return exponentialDelayMs(attempt, this.#backoff, random);
  }
}
