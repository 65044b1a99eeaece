import type { ForgeResponse } from '../http/forge-response.js';
import { REJECTION_STATUSES, type AuthRetryStrategy } from './auth-retry.strategy.js';
import { definitionPlace, type OptionRules, resolveOptions } from '../option-check/option-check.js';
import { RULES } from '../option-check/option-rules.js';
import { STATUSES_RULE, statusSet } from './statuses.js';

/** Options of {@link SimpleAuthRetryStrategy}. */
export interface SimpleAuthRetryStrategyOptions {
  /** Number of replays that a call may have. @default 1 */
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

const RULES_OF: OptionRules<SimpleAuthRetryStrategyOptions> = Object.freeze({
  maxRetries: RULES.count,
  delayMs: RULES.delayMs,
  statuses: STATUSES_RULE,
});
const DEFAULTS = Object.freeze({ maxRetries: 1, delayMs: 0, statuses: REJECTION_STATUSES });

/** Sends a rejected call again, at a steady pace. */
export class SimpleAuthRetryStrategy implements AuthRetryStrategy {
  readonly maxRetries: number;
  readonly #delayMs: number;
  readonly #statuses: ReadonlySet<number>;

  /** @throws {ConfigurationError} FORGE_AUTH_CONFIGURATION when an option is out of range */
  constructor(given: SimpleAuthRetryStrategyOptions = {}) {
    const place = definitionPlace(this);
    const { maxRetries, delayMs, statuses } = resolveOptions(given, RULES_OF, DEFAULTS, place);
    this.maxRetries = maxRetries;
    this.#delayMs = delayMs;
    this.#statuses = statusSet(statuses, place);
  }

  shouldRetry(response: ForgeResponse): boolean {
    return this.#statuses.has(response.status);
  }

  delayMs(): number {
    return this.#delayMs;
  }
}
