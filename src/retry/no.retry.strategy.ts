import type { RequestRetryStrategy } from './request-retry.strategy.js';

/** Tries once. */
export class NoRetryStrategy implements RequestRetryStrategy {
  nextDelayMs(): undefined {
    return undefined;
  }
}
