import { ConnectionError, TimeoutError } from '../errors.js';
import type { RetryOutcome } from './request-retry.strategy.js';

/**
 * Statuses that may be gone a moment later: 408 Request Timeout, 429 Too Many Requests, 500 Internal Server Error,
 * 502 Bad Gateway, 503 Service Unavailable, 504 Gateway Timeout.
 */
export const TRANSIENT_STATUSES: readonly number[] = Object.freeze([408, 429, 500, 502, 503, 504]);

/**
 * Detects a network failure: a {@link ConnectionError} or {@link TimeoutError}. Nothing else is cured by sending the
 * same again: neither a certificate nor a credential, an origin, an option, an open circuit or a closed client.
 */
export function isNetworkFailure(outcome: RetryOutcome): boolean {
  return outcome.error instanceof ConnectionError || outcome.error instanceof TimeoutError;
}

/** Checks whether the network failed, or the service answered one of `statuses`. */
export function isTransientFailure(outcome: RetryOutcome, statuses: ReadonlySet<number>): boolean {
  return isNetworkFailure(outcome) || (outcome.status !== undefined && statuses.has(outcome.status));
}
