import { agesOf, type TokenAges } from './refresh-policy.js';
import type { ServiceScope } from '../runtime.js';
import type { StoredToken } from './stored-token.js';
import type { Token } from '../token.js';

/** A token in use, and what is known of it. */
export interface CachedToken extends StoredToken {
  readonly ages: TokenAges;
  /** Answered as it is, so that a warm call allocates nothing. */
  readonly promise: Promise<Token>;
  /** Until then the token is used without another look at anything. */
  checkAt: number;
  /** Time of that decision, by the same clock: one that says less now was set back, and nothing is known of what is due. */
  checkedAt: number;
}

/** Sets when a token in use is worth another look, of which `lookAt` is the latest. */
export function checkAgain(cached: CachedToken, lookAt: number, now: number): void {
  cached.checkAt = Math.min(cached.ages.dueAt, lookAt);
  cached.checkedAt = now;
}

/** Checks whether a token may be given out without another look at anything. */
export function isUnchecked({ checkAt, checkedAt }: CachedToken, now: number): boolean {
  return now < checkAt && now >= checkedAt;
}

/** @param nextLook when storage is worth another look */
export function toCached(
  { token, obtainedAt, generation }: StoredToken,
  { settings, jitter, clock }: ServiceScope,
  nextLook: number,
): CachedToken {
  const ages = agesOf(obtainedAt, token.expiresAt, settings, jitter);
  const promise = Promise.resolve(token);
  const checkAt = Math.min(ages.dueAt, nextLook);
  return { token, obtainedAt, generation, ages, promise, checkAt, checkedAt: clock.now() };
}

/** Checks whether a stored token may take the place of `replaced`: another one, and none that is older. */
export function supersedes(stored: StoredToken, replaced: StoredToken | undefined): boolean {
  return (
    replaced === undefined ||
    (replaced.token.fingerprint !== stored.token.fingerprint && stored.generation >= replaced.generation)
  );
}
