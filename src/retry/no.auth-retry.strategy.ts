import type { AuthRetryStrategy } from './auth-retry.strategy.js';

/** Takes no answer for a rejection: a 401 is the call's answer, and the token stays in use until it is due. */
export class NoAuthRetryStrategy implements AuthRetryStrategy {
  readonly maxRetries = 0;

  shouldRetry(): boolean {
    return false;
  }

  delayMs(): number {
    return 0;
  }
}
