import type { TokenRequestCause } from '../../observer.js';
import type { ServiceScope } from '../runtime.js';
import type { TakenOutListener } from '../shared-tokens.js';
import type { Token } from '../token.js';
import { agingTime, type CachedToken, supersedes, toCached } from './cached-token.js';
import { agesOf } from './refresh-policy.js';
import type { SlotParts } from './slot-parts.js';
import type { StoredToken } from './stored-token.js';

/** Tokens that a slot knows: the one in use, the last one, and the one that was rejected; and what may take their place. */
export class SlotTokens {
  readonly #scope: ServiceScope;
  readonly #parts: SlotParts;
  /** The token in use. */
  cached: CachedToken | undefined;
  /** The last token known, used or not: its refresh token may still be good. */
  last: CachedToken | undefined;
  /** Fingerprint of the token that was rejected last: it is not taken from storage again. */
  rejected: string | undefined;

  #takenOut: TakenOutListener[] | undefined;

  constructor(scope: ServiceScope, parts: SlotParts) {
    this.#scope = scope;
    this.#parts = parts;
  }

  /** The current token if it has not run out. */
  peek(): Token | undefined {
    const { cached } = this;
    return cached !== undefined && this.#now(cached) < cached.ages.expiresAt ? cached.token : undefined;
  }

  /** Returns the newest of the tokens known here and in storage, unless it is good for nothing any more. */
  newest(stored?: StoredToken): Token | undefined {
    const own = this.cached ?? this.last;
    const last = own === undefined || (stored !== undefined && stored.generation > own.generation) ? stored : own;
    if (last === undefined) return undefined;
    const known = this.toCached(last);
    const usable = last.rejected !== true && this.#now(known) < known.ages.expiresAt;
    return usable || last.token.refreshToken !== undefined ? last.token : undefined;
  }

  /** Returns why a token is asked for that nobody forces. */
  cause(): TokenRequestCause {
    const { cached, last } = this;
    if (cached !== undefined) return this.#now(cached) < cached.ages.leewayAt ? 'window' : 'expired';
    if (last === undefined) return 'missing';
    return last.token.fingerprint === this.rejected ? 'rejection' : 'missing';
  }

  /**
   * Checks whether what storage has may be used: newer than the token that is to be replaced, not rejected, not about to
   * expire. An announcement may have brought it meanwhile.
   */
  accepts(stored: StoredToken, replaced: CachedToken | undefined): boolean {
    if (!this.#believes(stored)) return false;
    const cached = this.toCached(stored);
    return supersedes(stored, replaced) && this.#now(cached) < cached.ages.leewayAt;
  }

  /** Returns a stored token that is used while a new one is asked for: in its leeway, where nothing else is in use. */
  lastResort(stored: StoredToken): CachedToken | undefined {
    const cached = this.toCached(stored);
    const isUsable = this.#believes(stored) && this.#now(cached) < cached.ages.expiresAt;
    return this.cached === undefined && isUsable ? cached : undefined;
  }

  toCached(stored: StoredToken): CachedToken {
    return toCached(stored, this.#scope, this.nextLook(), this.last);
  }

  /** Returns the time when storage is worth another look, in monotonic milliseconds. */
  nextLook(): number {
    return this.#parts.store.nextLook(this.#scope.settings.nearCacheTtlMs);
  }

  onTakenOut(listener: TakenOutListener): void {
    (this.#takenOut ??= []).push(listener);
  }

  use(cached: CachedToken): void {
    const before = this.cached;
    // One that takes the place of a token in use says nothing of the unproven one.
    if (this.cached === undefined) this.#parts.rejections.begin(cached, this.last?.token);
    this.cached = cached;
    this.last = cached;
    if (before !== undefined && before.token.fingerprint !== cached.token.fingerprint) this.#reportTakenOut(before);
  }

  /** Takes a token out of use, for good, as its owner wishes. */
  invalidate(cached: CachedToken): void {
    this.#parts.observer.invalidated();
    this.drop(cached);
  }

  /** Takes a token out of use, for good. */
  drop(cached: CachedToken): void {
    this.rejected = cached.token.fingerprint;
    if (this.cached === cached) this.cached = undefined;
    this.#parts.events.invalidated(cached.token);
    for (const report of this.#takenOut ?? []) report(cached.token, true);
  }

  clear(): void {
    this.cached = undefined;
    this.last = undefined;
  }

  /** Another token took the place of one: early is what no process would have done yet for its age. */
  #reportTakenOut(cached: CachedToken): void {
    if (this.#takenOut === undefined) return;
    const { token, obtainedAt } = cached;
    const { settings } = this.#scope;
    const early = this.#now(cached) < agesOf(obtainedAt, token.expiresAt, settings, 0).dueAt;
    for (const report of this.#takenOut) report(token, early);
  }

  /** The time by which a token ages. */
  #now(cached: CachedToken): number {
    return agingTime(cached, this.#scope.clock);
  }

  /** Checks for a token that is not rejected, and no older than what this process has seen: a storage may be behind. */
  #believes(stored: StoredToken): boolean {
    const isRejected = stored.rejected === true || stored.token.fingerprint === this.rejected;
    if (isRejected || this.last === undefined) return !isRejected;
    // A note of a claim gives an old token a new generation.
    const isOld = stored.claimed !== undefined && stored.obtainedAt < this.last.obtainedAt;
    return !isOld && stored.generation >= this.last.generation;
  }
}
