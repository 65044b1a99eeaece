import type { ForgeResponse } from '../http/forge-response.js';

/**
 * Decides whether a call whose credential was rejected is sent again.
 *
 * A pure decision without state: one strategy may serve many services. Independent of the retries of transient
 * failures, and for every method. The first replay carries a renewed credential; later ones resend the current one.
 */
export interface AuthRetryStrategy {
  /** Number of replays that a call may have. The caller of the strategy keeps count. */
  readonly maxRetries: number;
  /**
   * Decides whether this answer says that the credential was rejected.
   * @param attempt replays already made: 0 for the answer to the first sending
   */
  shouldRetry(response: ForgeResponse, attempt: number): boolean | Promise<boolean>;
  /**
   * Milliseconds to wait before the credential is renewed and the call sent again.
   * @param attempt replays already made: 0 before the first
   * @param random returns a number in `[0, 1)`
   */
  delayMs(attempt: number, random: () => number): number;
}

/** Statuses of a rejected credential. @see [RFC 9110 §15.5.2](https://www.rfc-editor.org/rfc/rfc9110#section-15.5.2) */
export const REJECTION_STATUSES: readonly number[] = Object.freeze([401]);
