import type { ForgeResponse } from '../http/forge-response.js';
import type { AuthRetryStrategy } from './auth-retry.strategy.js';
import { requireCount, requireDelayMs, requireFunction } from './retry-options.js';
import { ownOptions } from '../own-options.js';

/** Options of {@link ConditionalAuthRetryStrategy}. */
export interface ConditionalAuthRetryStrategyOptions {
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
   * Whether an answer, of any status, says that the credential was rejected. `attempt` counts replays already made.
   * What it throws fails the call.
   */
  readonly shouldRetry: (response: ForgeResponse, attempt: number) => boolean | Promise<boolean>;
}

const OWNER = 'ConditionalAuthRetryStrategy';
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
    const options = ownOptions(given);
    this.maxRetries = requireCount(OWNER, 'maxRetries', options.maxRetries ?? DEFAULTS.maxRetries);
    this.#delayMs = requireDelayMs(OWNER, 'delayMs', options.delayMs ?? DEFAULTS.delayMs);
    this.#shouldRetry = requireFunction(OWNER, 'shouldRetry', options.shouldRetry, '(response, attempt) => boolean');
  }

  shouldRetry(response: ForgeResponse, attempt: number): boolean | Promise<boolean> {
    return this.#shouldRetry(response, attempt);
  }

  delayMs(): number {
    return this.#delayMs;
  }
}
