import type { ForgeResponse } from '../http/forge-response.js';
import type { AuthRetryStrategy } from './auth-retry.strategy.js';
import { definitionPlace, type OptionRules, resolveOptions } from '../option-check/option-check.js';
import { RULES } from '../option-check/option-rules.js';

/** Options of {@link ConditionalAuthRetryStrategy}. */
export interface ConditionalAuthRetryStrategyOptions {
  /** Number of replays that a call may have. @default 1 */
  readonly maxRetries?: number | undefined;
  /**
   * Milliseconds before each replay.
   * @default 0
   */
  readonly delayMs?: number | undefined;
  /**
   * Decides whether an answer, of any status, says that the credential was rejected. `attempt` counts earlier replays.
   * What it throws fails the call.
   */
  readonly shouldRetry: (response: ForgeResponse, attempt: number) => boolean | Promise<boolean>;
}

const RULES_OF: OptionRules<ConditionalAuthRetryStrategyOptions> = Object.freeze({
  maxRetries: RULES.count,
  delayMs: RULES.delayMs,
  shouldRetry: RULES.function,
});
const DEFAULTS = Object.freeze({ maxRetries: 1, delayMs: 0 });

/**
 * Sends a call again when a function says so: for services that reject a credential with a status of their own, or
 * whose 401 has other reasons too.
 */
export class ConditionalAuthRetryStrategy implements AuthRetryStrategy {
  readonly maxRetries: number;
  readonly #delayMs: number;
  readonly #shouldRetry: ConditionalAuthRetryStrategyOptions['shouldRetry'];

  /** @throws {ConfigurationError} FORGE_AUTH_CONFIGURATION when an option is missing or out of range */
  constructor(given: ConditionalAuthRetryStrategyOptions) {
    const place = definitionPlace(this);
    const { maxRetries, delayMs, shouldRetry } = resolveOptions(given, RULES_OF, DEFAULTS, place);
    if (shouldRetry === undefined)
      throw place.refuse('shouldRetry is missing. Give a function: (response, attempt) => boolean.');
    this.maxRetries = maxRetries;
    this.#delayMs = delayMs;
    this.#shouldRetry = shouldRetry;
  }

  shouldRetry(response: ForgeResponse, attempt: number): boolean | Promise<boolean> {
    return this.#shouldRetry(response, attempt);
  }

  delayMs(): number {
    return this.#delayMs;
  }
}
