import type { AuthRetryStrategy } from './auth-retry.strategy.js';

/** Never sends again: a rejection is the call's answer. */
export class NoAuthRetryStrategy implements AuthRetryStrategy {
  readonly maxRetries = 0;

  shouldRetry(): boolean {
    return false;
  }

  delayMs(): number {
    return 0;
  }
}
