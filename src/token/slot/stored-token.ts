import type { Token } from '../token.js';
import type { SlotSettings } from '../token-settings.js';

/** A token with what is stored beside it. */
export interface StoredToken {
  readonly token: Token;
  /** Instant at which the request that brought it was started, epoch milliseconds. */
  readonly obtainedAt: number;
  /** Orders writes: a later generation supersedes an earlier one. */
  readonly generation: number;
  /**
   * A tombstone: a service rejected this access token, or an app invalidated it. Its refresh token may still be good,
   * which is why a rejection is never a bare delete.
   */
  readonly rejected?: boolean;
  /**
   * Its refresh token was being sent when it was written. Found without anybody holding the lease: nobody knows whether
   * the issuer has seen it, so it is not sent again.
   */
  readonly claimed?: boolean;
}

/** Place of a token in the order of writes. */
export interface WritePlace {
  /** The token that it comes after. */
  readonly after: StoredToken | undefined;
  /** The least generation that it has. @default when it was obtained */
  readonly generation: number | undefined;
}

/** Returns a token with its place in the order of writes, and an end where the service sets one. */
export function toStored(
  token: Token,
  obtainedAt: number,
  { after, generation = obtainedAt }: WritePlace,
  { defaultTtlMs }: Pick<SlotSettings, 'defaultTtlMs'>,
): StoredToken {
  const endless = token.expiresAt === undefined && defaultTtlMs !== undefined;
  return {
    token: endless ? token.with({ expiresAt: obtainedAt + defaultTtlMs }) : token,
    obtainedAt,
    generation: Math.max(generation, (after?.generation ?? 0) + 1),
  };
}

/** Time for which a refresh token is kept when the issuer does not say: the usual order of magnitude. */
const REFRESH_TOKEN_TTL_MS = 30 * 24 * 3_600_000;
/** Time for which a token without an end is kept. */
const ENDLESS_TOKEN_TTL_MS = 24 * 3_600_000;

/** Time by which a storage's clock may be ahead of this process's: as far as clocks that nobody sets. */
const FIRST_AHEAD_MS = 1_000;
const MOST_AHEAD_MS = 48 * 3_600_000;

/**
 * Generations for what must be written, whoever is about to write: the storage's clock may be ahead of ours, and what it
 * orders writes by with it.
 */
export function* generationsFrom(now: number): Generator<number, void> {
  for (let aheadMs = 0; aheadMs <= MOST_AHEAD_MS; aheadMs = aheadMs * 2 || FIRST_AHEAD_MS) yield now + aheadMs;
}

/** Checks whether a stored token is good for anything that `target`, or whatever is stored, is not to be good for any more. */
export function isToBeRejected({ token, rejected }: StoredToken, target: Token | undefined, whole: boolean): boolean {
  const isGood = rejected !== true || (whole && token.refreshToken !== undefined);
  return isGood && (target === undefined || token.fingerprint === target.fingerprint);
}

/** Checks whether a token was dropped by whoever it belongs to, or by a logout: with its refresh token. */
export function isDropped({ rejected, token }: StoredToken): boolean {
  return rejected === true && token.refreshToken === undefined;
}

/** Returns whichever was written later. */
export function newestOf(a: StoredToken | undefined, b: StoredToken | undefined): StoredToken | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a.generation >= b.generation ? a : b;
}

/** Adds the refresh token that this process keeps to itself: the stored token may have come without it. */
export function withRefreshToken(
  known: StoredToken | undefined,
  own: StoredToken | undefined,
): StoredToken | undefined {
  const same = known !== undefined && own?.token.fingerprint === known.token.fingerprint;
  if (!same || known.token.refreshToken !== undefined || own.token.refreshToken === undefined) return known;
  return { ...known, token: known.token.with({ refreshToken: own.token.refreshToken }) };
}

/** As long as the refresh token is good, else as long as the access token is. */
export function ttlMsOf({ token, obtainedAt }: StoredToken, now: number): number {
  const access = (token.expiresAt ?? now + ENDLESS_TOKEN_TTL_MS) - now;
  if (token.refreshToken === undefined) return access;
  return Math.max(access, (refreshExpiryOf(token, obtainedAt) ?? obtainedAt + REFRESH_TOKEN_TTL_MS) - now);
}

/** Returns when the refresh token runs out, where the issuer says (Keycloak and others do); epoch milliseconds. */
export function refreshExpiryOf(token: Token, obtainedAt: number): number | undefined {
  const stated = token.extra['refresh_expires_in'] ?? token.extra['refresh_token_expires_in'];
  // An issuer may answer anything: an object that cannot be written as a number is no lifetime.
  const seconds = typeof stated === 'number' || typeof stated === 'string' ? Number(stated) : 0;
  return seconds > 0 ? obtainedAt + seconds * 1000 : undefined;
}
