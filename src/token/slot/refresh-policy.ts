/** Windows before a token's expiry in which it is renewed. */
export interface RefreshWindows {
  /**
   * Time before expiry at which a refresh starts in the background; calls keep using the current token meanwhile.
   * Capped to a fifth of the token's lifetime, less a jitter of 0–20 % so that a fleet does not refresh in step.
   */
  refreshWindowMs: number;
  /** Time before expiry from which on calls wait for a new token. Capped to a tenth of the token's lifetime. */
  expiryLeewayMs: number;
}

/** The ages of one token, as points in time (epoch milliseconds; `Infinity` for a token without an end). */
export interface TokenAges {
  /** Until then fresh: used. */
  readonly dueAt: number;
  /** From `dueAt` until then due: used, and refreshed once in the background. */
  readonly leewayAt: number;
  /** From `leewayAt` until then: used only if no new one is available. Never sent from then on. */
  readonly expiresAt: number;
}

/** A refresh window is at most this part of the lifetime, so short tokens are not refreshed all the time. */
const WINDOW_PART = 5;
/** The leeway is at most this part of the lifetime. */
const LEEWAY_PART = 10;
/** Largest part of the refresh window that jitter takes away. */
const MAX_JITTER = 0.2;

/**
 * The ages of a token obtained at `obtainedAt`.
 * @param jitter in `[0, 1)`, drawn once per process
 */
export function agesOf(
  obtainedAt: number,
  expiresAt: number | undefined,
  windows: RefreshWindows,
  jitter: number,
): TokenAges {
  if (expiresAt === undefined) {
    return { dueAt: Number.POSITIVE_INFINITY, leewayAt: Number.POSITIVE_INFINITY, expiresAt: Number.POSITIVE_INFINITY };
  }
  const lifetime = Math.max(0, expiresAt - obtainedAt);
  const leeway = Math.min(windows.expiryLeewayMs, lifetime / LEEWAY_PART);
  const window = Math.min(windows.refreshWindowMs, lifetime / WINDOW_PART) * (1 - jitter * MAX_JITTER);
  return { dueAt: expiresAt - Math.max(window, leeway), leewayAt: expiresAt - leeway, expiresAt };
}
