import { AuthenticationError } from '../../errors.js';
import type { TokenRequestCause } from '../../observer.js';
import { type HeldToken, holdToken, supersedes } from './held-token.js';
import { Probation } from './probation.js';
import { RefusingResources } from '../refusing-resources.js';
import { Flight } from './single-flight.js';
import type { ServiceScope } from '../runtime.js';
import { guardedEvents, type SlotEvents } from './slot-events.js';
import { isHeldBack, SlotBackoff } from './slot-backoff.js';
import { SlotFlights } from './slot-flights.js';
import { type FlightReport, SlotObserver } from './slot-observer.js';
import { closedFailure, deadlineFailure, SlotOutage } from './slot-outage.js';
import { type RenewalRequest, TokenRenewal, type TokenWork } from './token-renewal.js';
import { type ShelvedToken, TokenShelf } from './token-shelf.js';
import type { Replacement, TokenHandle, TokenKind } from '../token-source.js';
import type { Token } from '../token.js';
import { ownOptions } from '../../option-check/own-options.js';

/** How far a storage's clock may be ahead of this process's: as far as clocks that nobody sets. */
const FIRST_AHEAD_MS = 1_000;
const MOST_AHEAD_MS = 48 * 3_600_000;

/**
 * The life of one token: one key, at most one flight.
 *
 * fresh → used; due → used, and refreshed once in the background; in the leeway → waited for, and used if that fails;
 * expired → never used again.
 */
export class TokenSlot implements TokenHandle {
  readonly #scope: ServiceScope;
  readonly #events: SlotEvents;
  readonly #shelf: TokenShelf;
  readonly #renewal: TokenRenewal;
  readonly #backoff: SlotBackoff;
  readonly #observer: SlotObserver;
  readonly #flights: SlotFlights;
  readonly #probation: Probation;
  readonly refusing: RefusingResources;
  readonly #outage: SlotOutage;
  readonly #work: TokenWork;
  #held: HeldToken | undefined;
  /** The last token known, used or not: its refresh token may still be good. */
  #last: ShelvedToken | undefined;
  /** Fingerprint of the token that was rejected last: it is not taken from storage again. */
  #rejected: string | undefined;
  #rereading = false;
  /** What was heard of during a look may have come too late for it. */
  #lookAgain = false;
  #closed = false;

  constructor(scope: ServiceScope, work: TokenWork, events: SlotEvents) {
    const { clock, storage } = scope;
    this.#scope = scope;
    this.#events = guardedEvents(events, scope.logger);
    this.#shelf = new TokenShelf(
      storage,
      () => work.key(),
      clock,
      () => this.#changedElsewhere(),
      work.rerunnable === false,
    );
    this.#backoff = new SlotBackoff(scope, this.#shelf, ownOptions(work).endpoint);
    this.#observer = new SlotObserver(scope, work);
    this.#probation = new Probation(clock);
    this.#outage = new SlotOutage(scope);
    this.refusing = new RefusingResources(clock);
    this.#flights = new SlotFlights(
      (forced) => this.#startFlight(forced),
      (flight, error) => this.#landedBadly(flight, error),
    );
    this.#work = work;
    this.#renewal = new TokenRenewal(scope, work, this.#shelf, this.#backoff);
  }

  /** A valid token. Without I/O, timers or allocation while the current one is fresh. */
  get(signal?: AbortSignal): Promise<Token> {
    const held = this.#held;
    if (held === undefined || this.#scope.clock.now() >= held.checkAt) return this.#getSlowly(signal);
    if (this.#scope.observer.active) this.#observer.served('fresh');
    return held.promise;
  }

  /** The current token while `get` would answer it without another look at anything. */
  peekFresh(): Token | undefined {
    const held = this.#held;
    if (held === undefined || this.#scope.clock.now() >= held.checkAt) return undefined;
    if (this.#scope.observer.active) this.#observer.served('fresh');
    return held.token;
  }

  /** The current token if it has not run out; nothing is fetched. */
  peek(): Token | undefined {
    const held = this.#held;
    return held !== undefined && this.#scope.clock.now() < held.ages.expiresAt ? held.token : undefined;
  }

  /** The token in use and what is known of it, whatever its age; nothing is fetched. */
  get current(): ShelvedToken | undefined {
    return this.#held;
  }

  /** The last token known here, while it or its refresh token is good for anything; nothing is fetched. */
  get last(): Token | undefined {
    return this.#usable(this.#held ?? this.#last);
  }

  /** Takes over what another process has stored, if it is newer than what was rejected here. */
  async adoptStored(): Promise<boolean> {
    const stored = await this.#shelf.read();
    if (stored === undefined || this.#held !== undefined || !this.#acceptable(stored, undefined)) return false;
    this.#adopt(stored);
    return true;
  }

  /** Whether a flight is under way. */
  get busy(): boolean {
    return this.#flights.busy;
  }

  /** A new token, whatever the age of the current one. Concurrent calls share one flight. */
  forceRefresh(signal?: AbortSignal): Promise<Token> {
    return this.#observer.waited(this.#flights.force(signal));
  }

  /**
   * A service rejected `rejected`: answers a newer token, having it fetched if need be, however many calls report the
   * same one. Undefined when there is no newer one to be had: renewal pauses, or the issuer answers the same token again.
   */
  async replace(rejected: Token, signal?: AbortSignal): Promise<Replacement | undefined> {
    if (!this.reject(rejected)) return undefined;
    const token = await this.get(signal);
    if (token.fingerprint !== rejected.fingerprint) return { token, onProbation: this.#probation.includes(token) };
    this.#probation.answeredAgain();
    return undefined;
  }

  /** A service rejected `rejected`: it is not used again. Answers false while renewal pauses: then it is. */
  reject(rejected: Token): boolean {
    const held = this.#held;
    if (held === undefined || held.token.fingerprint !== rejected.fingerprint) return true;
    this.#observer.rejected();
    if (!this.#probation.reject(held)) return false;
    this.#drop(held);
    return true;
  }

  /** Records what a service made of a token that was obtained for it. */
  recordOutcome(token: Token, accepted: boolean): void {
    this.#probation.judge(token, accepted, this.#held);
  }

  /** Forgets the current token, or `rejected` if that is the current one. Other processes see it in storage. */
  async invalidate(rejected?: Token): Promise<void> {
    const held = this.#held;
    if (rejected !== undefined && held !== undefined && held.token.fingerprint !== rejected.fingerprint) return;
    if (rejected !== undefined) this.#probation.noteRejection(rejected);
    const target = held?.token ?? rejected;
    if (held !== undefined) this.#invalidate(held);
    const buried = await this.#shelf.bury(target);
    if (held === undefined && buried !== undefined) this.#rejected = buried.fingerprint;
  }

  /** Forgets the current token and whatever is stored, be it newer. */
  async discard(): Promise<void> {
    const held = this.#held;
    if (held !== undefined) this.#invalidate(held);
    const buried = await this.#shelf.bury(undefined);
    if (buried !== undefined) this.#rejected = buried.fingerprint;
  }

  /**
   * Revokes the last token known here or in storage, and forgets it. `access_token` leaves its refresh token as it is.
   * @throws {AuthenticationError} when the issuer refuses, or there is no such token
   */
  async revoke(kind?: TokenKind): Promise<void> {
    const token = await this.#known();
    if (token === undefined) return;
    const whole = kind !== 'access_token';
    if (kind === 'refresh_token' && token.refreshToken === undefined)
      throw new AuthenticationError(`The token of ${this.#scope.owner} has no refresh token to revoke.`);
    await this.#work.revoke(whole ? token : token.with({ refreshToken: undefined }));
    await this.#forget(token, whole);
  }

  async has(): Promise<boolean> {
    return (await this.#known()) !== undefined;
  }

  async forget(which: (token: Token) => boolean = () => true): Promise<boolean> {
    const token = await this.#known();
    if (token === undefined || !which(token)) return false;
    await this.#forget(token, true);
    return true;
  }

  async #forget(token: Token, whole: boolean): Promise<void> {
    const held = this.#held;
    if (held?.token.fingerprint === token.fingerprint) this.#invalidate(held);
    this.#rejected = token.fingerprint;
    if (whole && this.#last?.token.fingerprint === token.fingerprint) this.#last = undefined;
    await this.#shelf.bury(token, whole);
  }

  async introspect(): Promise<Record<string, unknown>> {
    return this.#work.introspect(await this.get());
  }

  /** Takes a token that came from elsewhere. */
  async set(token: Token): Promise<void> {
    this.#rejected = undefined;
    const now = this.#scope.clock.now();
    // The storage's clock may be ahead of ours, and what it orders writes by with it.
    for (let aheadMs = 0; aheadMs <= MOST_AHEAD_MS; aheadMs = aheadMs * 2 || FIRST_AHEAD_MS) {
      const held = this.#heldOf(this.#renewal.shelve(token, now, this.#last, now + aheadMs));
      this.#use(held);
      if ((await this.#shelf.put(held)) === 'superseded') continue;
      this.#shelf.announce();
      return;
    }
    throw new AuthenticationError(
      `The token for ${this.#scope.owner} was not stored: storage has one from the future. Check the clocks.`,
    );
  }

  /** Forgotten by its owner: listens no longer, and looks from time to time for whoever still has it. */
  release(): void {
    this.#shelf.close();
    const held = this.#held;
    if (held !== undefined) held.checkAt = Math.min(held.checkAt, this.#nextLook());
  }

  /** Aborts what is under way; every later call is refused. */
  close(): void {
    this.#closed = true;
    const reason = closedFailure(this.#scope);
    this.#flights.abort(reason);
    this.#held = undefined;
    this.#last = undefined;
    this.#shelf.close();
  }

  /** The last token known here or in storage, unless it is good for nothing any more. */
  async #known(): Promise<Token | undefined> {
    const stored = await this.#shelf.read();
    const own = this.#held ?? this.#last;
    const last = own === undefined || (stored !== undefined && stored.generation > own.generation) ? stored : own;
    return this.#usable(last);
  }

  #usable(last: ShelvedToken | undefined): Token | undefined {
    if (last === undefined) return undefined;
    const usable = last.rejected !== true && this.#scope.clock.now() < (last.token.expiresAt ?? Infinity);
    return usable || last.token.refreshToken !== undefined ? last.token : undefined;
  }

  #getSlowly(signal: AbortSignal | undefined): Promise<Token> {
    if (this.#closed) return Promise.reject(closedFailure(this.#scope));
    const held = this.#held;
    const now = this.#scope.clock.now();
    if (held !== undefined && now < held.ages.leewayAt) {
      const due = now >= held.ages.dueAt;
      if (due) this.#refreshInBackground(held, now);
      else this.#rereadInBackground(held);
      this.#observer.served(due ? 'due' : 'fresh');
      return held.promise;
    }
    return this.#observer.waited(this.#flights.join(signal)).catch((error: unknown) => {
      // In the leeway: better than none, while it has really not expired.
      const valid = signal?.aborted === true ? undefined : this.peek();
      if (valid === undefined) throw error;
      this.#observer.served('leeway');
      return valid;
    });
  }

  #startFlight(forced: boolean): Flight<Token> {
    if (this.#closed) throw closedFailure(this.#scope);
    const { clock, settings } = this.#scope;
    const report = this.#observer.report(this.#causeOf(forced));
    let request: RenewalRequest | undefined;
    const flight = new Flight<Token>(
      (signal) => this.#observer.around(report, () => this.#renew((request = this.#request(signal, forced, report)))),
      clock,
      settings.deadlineMs,
      () => deadlineFailure(this.#scope),
    );
    this.#observer.flight(flight, report);
    // A deadline is only seen here, and the work may not hear of it.
    flight.settled.catch(async (error: unknown) => {
      if (request === undefined || !flight.aborted) return;
      if (flight.abandoned || this.#closed) request.attempt?.abandoned();
      else await this.#renewal.failed(request, error);
    });
    return flight;
  }

  #causeOf(forced: boolean): TokenRequestCause {
    if (forced) return 'forced';
    const [held, last] = [this.#held, this.#last];
    if (held !== undefined) return this.#scope.clock.now() < held.ages.leewayAt ? 'window' : 'expired';
    if (last === undefined) return 'missing';
    return last.token.fingerprint === this.#rejected ? 'rejection' : 'missing';
  }

  #request(signal: AbortSignal, forced: boolean, report: FlightReport): RenewalRequest {
    let before = this.#held;
    return {
      signal,
      forced,
      report,
      current: before ?? this.#last,
      acceptable: (stored) => this.#acceptable(stored, before),
      lastResort: (stored) => {
        before ??= this.#takeUp(stored);
      },
      overtaken: () => this.busy || this.#held !== before,
    };
  }

  async #renew(request: RenewalRequest): Promise<Token> {
    const before = this.#held;
    const since = this.#shelf.changes;
    const renewed = await this.#renewal.run(request);
    request.report.shared = !renewed.fetched;
    if (this.#closed) throw closedFailure(this.#scope);
    this.#use(this.#heldOf(renewed.shelved));
    // Not to be missed: nobody looks again while every change is announced.
    if (this.#shelf.changes !== since) this.#changedElsewhere();
    if (!renewed.fetched) return renewed.shelved.token;
    this.#outage.over();
    this.#events.refreshed(renewed.shelved.token, before?.token);
    return renewed.shelved.token;
  }

  /**
   * Whether what storage has may be used: newer than the token that is to be replaced, not rejected, not about to expire.
   * An announcement may have brought it meanwhile.
   */
  #acceptable(stored: ShelvedToken, replaced: HeldToken | undefined): boolean {
    if (!this.#believable(stored)) return false;
    return supersedes(stored, replaced) && this.#scope.clock.now() < this.#heldOf(stored).ages.leewayAt;
  }

  /** Not rejected, and nothing older than what this process has seen: a storage that was away may be behind. */
  #believable(stored: ShelvedToken): boolean {
    const isRejected = stored.rejected === true || stored.token.fingerprint === this.#rejected;
    if (isRejected || this.#last === undefined) return !isRejected;
    // A note of a redemption gives an old token a new generation.
    const isOld = stored.redeeming !== undefined && stored.obtainedAt < this.#last.obtainedAt;
    return !isOld && stored.generation >= this.#last.generation;
  }

  /** A stored token in its leeway is held while a new one is asked for. */
  #takeUp(stored: ShelvedToken): HeldToken | undefined {
    const held = this.#heldOf(stored);
    if (this.#held !== undefined || !this.#believable(stored) || this.#scope.clock.now() >= held.ages.expiresAt)
      return undefined;
    this.#use(held);
    return held;
  }

  #nextLook(): number {
    return this.#shelf.nextLook(this.#scope.settings.nearCacheTtlMs);
  }

  #heldOf(shelved: ShelvedToken): HeldToken {
    return holdToken(shelved, this.#scope, this.#nextLook());
  }

  #use(held: HeldToken): void {
    // One that takes the place of a token in use says nothing of the one on probation.
    if (this.#held === undefined) this.#probation.begin(held, this.#last?.token);
    this.#held = held;
    this.#last = held;
  }

  #adopt(stored: ShelvedToken): void {
    this.#backoff.succeededElsewhere(stored.obtainedAt);
    this.#use(this.#heldOf(stored));
  }

  #refreshInBackground(held: HeldToken, now: number): void {
    if (this.busy) return;
    if (this.#backoff.waitMs > 0) {
      held.checkAt = Math.min(now + this.#backoff.waitMs, held.ages.leewayAt);
      return;
    }
    this.#flights.join(undefined).catch(() => undefined);
  }

  #rereadInBackground(held: HeldToken): void {
    held.checkAt = Math.min(held.ages.dueAt, this.#nextLook());
    if (this.#rereading) return;
    this.#rereading = true;
    this.#look(held)
      .catch(() => undefined) // The key could not be made: the next flight tells why.
      .finally(() => {
        this.#rereading = false;
        if (this.#lookAgain) this.#changedElsewhere();
      });
  }

  #changedElsewhere(): void {
    this.#lookAgain = this.#rereading;
    if (this.#held !== undefined && !this.#closed) this.#rereadInBackground(this.#held);
  }

  /** Takes over what another process did to the token: a newer one, or a tombstone. */
  async #look(held: HeldToken): Promise<void> {
    const stored = await this.#shelf.read();
    if (stored === undefined || this.#held !== held) return;
    if (stored.rejected === true && stored.token.fingerprint === held.token.fingerprint) this.#drop(held);
    else if (this.#acceptable(stored, held)) this.#adopt(stored);
  }

  #invalidate(held: HeldToken): void {
    this.#observer.invalidated();
    this.#drop(held);
  }

  #drop(held: HeldToken): void {
    this.#rejected = held.token.fingerprint;
    if (this.#held === held) this.#held = undefined;
    this.#events.invalidated(held.token);
  }

  #landedBadly(flight: Flight<Token>, error: unknown): void {
    if (this.#closed || flight.abandoned || isHeldBack(error)) return;
    this.#events.failed(error);
    if (this.#last !== undefined && this.#last.token.fingerprint === this.#rejected)
      this.#shelf.bury(this.#last.token).catch(() => undefined);
    if (this.#work.isOwnFailure?.(error) !== false) this.#outage.failed(error, this.peek() !== undefined);
  }
}
