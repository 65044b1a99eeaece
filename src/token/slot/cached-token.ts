import { type Clock, Instant, monotonicNow } from '../../clock.js';
import { agesOf, type TokenAges } from './refresh-policy.js';
import type { ServiceScope } from '../runtime.js';
import type { StoredToken } from './stored-token.js';
import type { Token } from '../token.js';

/** A token in use, and what is known of it. */
export interface CachedToken extends StoredToken {
  readonly ages: TokenAges;
  /** Answered as it is, so that a warm call allocates nothing. */
  readonly promise: Promise<Token>;
  /** The instant at which this process took it up. */
  readonly takenAt: Instant;
  /** Milliseconds for which the time of day is trusted: too few for what it is set back meanwhile to outlive the token. */
  readonly trustMs: number;
  /** Monotonic milliseconds from which storage is worth a look. */
  lookAt: number;
  /** Monotonic milliseconds up to which it is not renewed, though it is due: its endpoint is left alone. */
  heldUntil: number;
  /** Until then, and from `checkedAt` on, it is given out with one look at the time of day. Epoch milliseconds. */
  checkAt: number;
  checkedAt: number;
}

/** Longest time between two looks at both clocks. */
const TRUST_MS = 1_000;

/** Sets from when storage is worth a look. */
export function lookFrom(cached: CachedToken, lookAt: number): void {
  cached.lookAt = lookAt;
  cached.checkAt = Number.NEGATIVE_INFINITY;
}

/** Sets until when a token that is due is not renewed. */
export function holdUntil(cached: CachedToken, heldUntil: number): void {
  cached.heldUntil = heldUntil;
  cached.checkAt = Number.NEGATIVE_INFINITY;
}

/**
 * Returns the time by which a token ages, epoch milliseconds. One that this process has had for a while is no younger
 * because the time of day was set back.
 */
export function agingTime({ takenAt }: CachedToken, clock: Clock): number {
  return clock.now() - Math.min(0, takenAt.setMs);
}

/**
 * Looks at both clocks. Returns whether there is nothing to do for a token, neither to renew it nor to look in storage: then
 * it is {@link isUnchecked} for a while.
 */
export function isFresh(cached: CachedToken, clock: Clock): boolean {
  const { ages, lookAt, heldUntil } = cached;
  const [now, monotonic, aging] = [clock.now(), monotonicNow(clock), agingTime(cached, clock)];
  const isDue = aging >= ages.dueAt;
  const freshMs = isDue
    ? Math.min(heldUntil - monotonic, ages.leewayAt - aging)
    : Math.min(lookAt - monotonic, ages.dueAt - aging);
  cached.checkedAt = now;
  cached.checkAt = now + Math.min(freshMs, cached.trustMs);
  return freshMs > 0;
}

/** Checks whether a token may be given out without another look at anything. */
export function isUnchecked({ checkAt, checkedAt }: CachedToken, now: number): boolean {
  return now < checkAt && now >= checkedAt;
}

/**
 * @param lookAt when storage is worth another look, monotonic milliseconds
 * @param last the token that this process had last: it ages on where it comes again
 */
export function toCached(
  { token, obtainedAt, generation }: StoredToken,
  { settings, jitter, clock }: ServiceScope,
  lookAt: number,
  last?: CachedToken,
): CachedToken {
  const ages = agesOf(obtainedAt, token.expiresAt, settings, jitter);
  const comesAgain = last?.token.fingerprint === token.fingerprint && last.ages.expiresAt === ages.expiresAt;
  return {
    token,
    obtainedAt,
    generation,
    ages,
    promise: Promise.resolve(token),
    takenAt: comesAgain ? last.takenAt : new Instant(clock),
    trustMs: token.expiresAt === undefined ? TRUST_MS : Math.min(TRUST_MS, ages.expiresAt - ages.dueAt),
    lookAt,
    heldUntil: Number.NEGATIVE_INFINITY,
    checkAt: Number.NEGATIVE_INFINITY,
    checkedAt: Number.NEGATIVE_INFINITY,
  };
}

/** Checks whether a stored token may take the place of `replaced`: another one, and none that is older. */
export function supersedes(stored: StoredToken, replaced: StoredToken | undefined): boolean {
  return (
    replaced === undefined ||
    (replaced.token.fingerprint !== stored.token.fingerprint && stored.generation >= replaced.generation)
  );
}
