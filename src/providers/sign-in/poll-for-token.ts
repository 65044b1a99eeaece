import { monotonicNow, sleep } from '../../clock.js';
import { AuthenticationError } from '../../errors.js';
import { isTransient } from '../../token/token-failure.js';
import type { Token } from '../../token/token.js';
import type { GrantExchange, GrantParameters } from '../grants/grant.js';
import { signInFailed } from './callback.js';

/** Lifetime and polling interval of a wait for a person's answer, in seconds as in RFC 8628 §3.2. */
export interface Pending {
  /** Instant at which the request was started, epoch milliseconds. */
  readonly startedAt: number;
  readonly expiresIn: number;
  readonly interval: number;
}

/** Interval that is assumed where none is given (RFC 8628 §3.2), and the step that `slow_down` adds (§3.5). */
const INTERVAL_S = 5;
/** Lifetime that is assumed where an issuer leaves out that of a code, against the RFC. */
const EXPIRES_IN_S = 600;

/** Reads lifetime and interval of an answer, leniently. */
export function pendingOf(answer: Readonly<Record<string, unknown>>, startedAt: number): Pending {
  const seconds = (name: string, otherwise: number): number => {
    const value = Number(answer[name] ?? Number.NaN);
    return Number.isFinite(value) && value >= 0 ? value : otherwise;
  };
  return {
    startedAt,
    expiresIn: seconds('expires_in', EXPIRES_IN_S),
    interval: Math.max(1, seconds('interval', INTERVAL_S)),
  };
}

/**
 * Asks for the token at the pace the issuer wants, until the person has answered, or the code is too old.
 * @throws {AuthenticationError} FORGE_AUTH_SIGN_IN_FAILED when the person refused, or did not answer in time
 * @see [RFC 8628 §3.5](https://www.rfc-editor.org/rfc/rfc8628#section-3.5)
 */
export async function pollForToken(context: GrantExchange, pending: Pending, own: GrantParameters): Promise<Token> {
  const { clock, signal } = context;
  const expiresAt = monotonicNow(clock) + pending.startedAt + pending.expiresIn * 1_000 - clock.now();
  let waitMs = pending.interval * 1_000;
  for (;;) {
    if (monotonicNow(clock) + waitMs >= expiresAt) {
      await sleep(clock, Math.max(0, expiresAt - monotonicNow(clock)), signal);
      throw signInFailed('the person did not answer in time', 'expired_token');
    }
    await sleep(clock, waitMs, signal);
    try {
      return await context.requestToken(own);
    } catch (error) {
      signal.throwIfAborted();
      const code = error instanceof AuthenticationError ? error.error : undefined;
      if (code === 'slow_down') waitMs += INTERVAL_S * 1_000;
      else if (code === 'access_denied' || code === 'expired_token') throw signInFailed(REASONS[code], code);
      else if (code !== 'authorization_pending') {
        if (!isTransient(error)) throw error;
        // A server that does not answer is asked less often (RFC 8628 §3.5).
        waitMs *= 2;
      }
    }
  }
}

const REASONS = Object.freeze({
  access_denied: 'the person refused',
  expired_token: 'the person did not answer in time',
});
