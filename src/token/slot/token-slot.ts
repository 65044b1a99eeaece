// More than 250 lines: the life of one token; when it is given out, renewed, looked at again and dropped is read together.
import { AuthenticationError } from '../../errors.js';
import type { CachedToken } from './cached-token.js';
import { RejectionTracker } from './rejection-tracker.js';
import { RefusingResources } from '../refusing-resources.js';
import { Flight } from './single-flight.js';
import type { ServiceScope } from '../runtime.js';
import { guardedEvents, type SlotEvents } from './slot-events.js';
import { isHeldBack, SlotBackoff } from './slot-backoff.js';
import { SlotFlights } from './slot-flights.js';
import { type FlightReport, SlotObserver } from './slot-observer.js';
import { closedFailure, deadlineFailure, SlotOutage } from './slot-outage.js';
import { SlotTokens } from './slot-tokens.js';
import { type RenewalRequest, TokenRenewal } from './token-renewal.js';
import type { TokenWork } from './token-work.js';
import { generationsFrom, type StoredToken } from './stored-token.js';
import { TokenStore } from './token-store.js';
import type { Replacement, TokenHandle, TokenKind } from '../token-source.js';
import type { Token } from '../token.js';
import { ownOptions } from '../../option-check/own-options.js';

/**
 * The life of one token: one key, at most one flight.
 *
 * fresh → used; due → used, and refreshed once in the background; in the leeway → waited for, and used if that fails;
 * expired → never used again.
 */
export class TokenSlot implements TokenHandle {
  readonly #scope: ServiceScope;
  readonly #events: SlotEvents;
  readonly #store: TokenStore;
  readonly #renewal: TokenRenewal;
  readonly #backoff: SlotBackoff;
  readonly #observer: SlotObserver;
  readonly #flights: SlotFlights;
  readonly #rejections: RejectionTracker;
  readonly refusing: RefusingResources;
  readonly #outage: SlotOutage;
  readonly #work: TokenWork;
  readonly #tokens: SlotTokens;
  #rereading = false;
  /** True when an announcement during a look may have come too late for it. */
  #lookAgain = false;
  #closed = false;

  constructor(scope: ServiceScope, work: TokenWork, events: SlotEvents) {
    const { clock, storage } = scope;
    this.#scope = scope;
    this.#events = guardedEvents(events, scope);
    this.#store = new TokenStore(
      storage,
      () => work.key(),
      clock,
      () => this.#changedElsewhere(),
      work.rerunnable === false,
    );
    this.#tokens = new SlotTokens(scope, () => this.#nextLook());
    this.#backoff = new SlotBackoff(scope, this.#store, ownOptions(work).endpoint);
    this.#observer = new SlotObserver(scope, work);
    this.#rejections = new RejectionTracker(clock);
    this.#outage = new SlotOutage(scope);
    this.refusing = new RefusingResources(clock);
    this.#flights = new SlotFlights(
      (forced) => this.#startFlight(forced),
      (flight, error) => this.#flightFailed(flight, error),
    );
    this.#work = work;
    this.#renewal = new TokenRenewal(scope, work, this.#store, this.#backoff);
  }

  /** A valid token. Without I/O, timers or allocation while the current one is fresh. */
  get(signal?: AbortSignal): Promise<Token> {
    const cached = this.#tokens.cached;
    if (cached === undefined || this.#scope.clock.now() >= cached.checkAt) return this.#getSlowly(signal);
    if (this.#scope.observer.active) this.#observer.served('fresh');
    return cached.promise;
  }

  /** The current token while `get` would answer it without another look at anything. */
  peekFresh(): Token | undefined {
    const cached = this.#tokens.cached;
    if (cached === undefined || this.#scope.clock.now() >= cached.checkAt) return undefined;
    if (this.#scope.observer.active) this.#observer.served('fresh');
    return cached.token;
  }

  /** The current token if it has not run out; nothing is fetched. */
  peek(): Token | undefined {
    return this.#tokens.peek();
  }

  /** The token in use and what is known of it, whatever its age; nothing is fetched. */
  get current(): StoredToken | undefined {
    return this.#tokens.cached;
  }

  /** The last token known here, while it or its refresh token is good for anything; nothing is fetched. */
  get last(): Token | undefined {
    return this.#tokens.newest();
  }

  /** Takes over what another process has stored, if it is newer than what was rejected here. */
  async adoptStored(): Promise<boolean> {
    const stored = await this.#store.read();
    if (stored === undefined || this.#tokens.cached !== undefined || !this.#tokens.accepts(stored, undefined))
      return false;
    this.#useStored(stored);
    return true;
  }

  /** True when a flight is under way. */
  get busy(): boolean {
    return this.#flights.busy;
  }

  /** A new token, whatever the age of the current one. Concurrent calls share one flight. */
  forceRefresh(signal?: AbortSignal): Promise<Token> {
    return this.#observer.waited(this.#flights.force(signal));
  }

  /**
   * A service rejected `rejected`: answers a newer token, having it fetched if need be, however many calls report the
   * same one. Undefined when no newer one is available: renewal pauses, or the issuer answers the same token again.
   */
  async replace(rejected: Token, signal?: AbortSignal): Promise<Replacement | undefined> {
    if (!this.reject(rejected)) return undefined;
    const token = await this.get(signal);
    if (token.fingerprint !== rejected.fingerprint)
      return { token, obtainedAfterRejection: this.#rejections.includes(token) };
    this.#rejections.answeredAgain();
    return undefined;
  }

  /** A service rejected `rejected`: it is not used again. Answers false while renewal pauses: then it is. */
  reject(rejected: Token): boolean {
    const cached = this.#tokens.cached;
    if (cached === undefined || cached.token.fingerprint !== rejected.fingerprint) return true;
    this.#observer.rejected();
    if (!this.#rejections.reject(cached)) return false;
    this.#drop(cached);
    return true;
  }

  /** Records what a service made of a token that was obtained for it. */
  recordOutcome(token: Token, accepted: boolean): void {
    this.#rejections.recordOutcome(token, accepted, this.#tokens.cached);
  }

  /** Forgets the current token, or `rejected` if that is the current one. Other processes see it in storage. */
  async invalidate(rejected?: Token): Promise<void> {
    const cached = this.#tokens.cached;
    if (rejected !== undefined && cached !== undefined && cached.token.fingerprint !== rejected.fingerprint) return;
    if (rejected !== undefined) this.#rejections.noteRejection(rejected);
    const target = cached?.token ?? rejected;
    if (cached !== undefined) this.#invalidate(cached);
    const previous = await this.#store.writeTombstone(target);
    if (cached === undefined && previous !== undefined) this.#tokens.rejected = previous.fingerprint;
  }

  /** Forgets the current token and whatever is stored, be it newer. */
  async discard(): Promise<void> {
    const cached = this.#tokens.cached;
    if (cached !== undefined) this.#invalidate(cached);
    const previous = await this.#store.writeTombstone(undefined);
    if (previous !== undefined) this.#tokens.rejected = previous.fingerprint;
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
    let forgotten: Token | undefined;
    // Looks again: another process may have renewed it at the same time.
    for (let token = await this.#known(); token !== undefined && which(token); token = await this.#known()) {
      if (token.fingerprint === forgotten?.fingerprint) break;
      await this.#forget(token, true);
      forgotten = token;
    }
    return forgotten !== undefined;
  }

  async #forget(token: Token, whole: boolean): Promise<void> {
    const cached = this.#tokens.cached;
    if (cached?.token.fingerprint === token.fingerprint) this.#invalidate(cached);
    this.#tokens.rejected = token.fingerprint;
    if (whole && this.#tokens.last?.token.fingerprint === token.fingerprint) this.#tokens.last = undefined;
    await this.#store.writeTombstone(token, whole);
  }

  async introspect(): Promise<Record<string, unknown>> {
    return this.#work.introspect(await this.get());
  }

  /** Takes a token that came from elsewhere. */
  async set(token: Token): Promise<void> {
    this.#tokens.rejected = undefined;
    const now = this.#scope.clock.now();
    for (const generation of generationsFrom(now)) {
      const cached = this.#tokens.toCached(this.#renewal.toStored(token, now, this.#tokens.last, generation));
      this.#use(cached);
      if ((await this.#store.put(cached)) === 'superseded') continue;
      this.#store.announce();
      return;
    }
    throw new AuthenticationError(
      `The token for ${this.#scope.owner} was not stored: storage has one from the future. Check the clocks.`,
    );
  }

  /** Forgotten by its owner: listens no longer, and looks from time to time for whoever still has it. */
  release(): void {
    this.#store.close();
    const cached = this.#tokens.cached;
    if (cached !== undefined) cached.checkAt = Math.min(cached.checkAt, this.#nextLook());
  }

  /** Aborts what is under way; every later call is refused. */
  close(): void {
    this.#closed = true;
    const reason = closedFailure(this.#scope);
    this.#flights.abort(reason);
    this.#tokens.clear();
    this.#store.close();
  }

  /** The last token known here or in storage, unless it is good for nothing any more. */
  async #known(): Promise<Token | undefined> {
    return this.#tokens.newest(await this.#store.read());
  }

  #getSlowly(signal: AbortSignal | undefined): Promise<Token> {
    if (this.#closed) return Promise.reject(closedFailure(this.#scope));
    const cached = this.#tokens.cached;
    const now = this.#scope.clock.now();
    if (cached !== undefined && now < cached.ages.leewayAt) {
      const due = now >= cached.ages.dueAt;
      if (due) this.#refreshInBackground(cached, now);
      else this.#rereadInBackground(cached);
      this.#observer.served(due ? 'due' : 'fresh');
      return cached.promise;
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
    const report = this.#observer.report(forced ? 'forced' : this.#tokens.cause());
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

  #request(signal: AbortSignal, forced: boolean, report: FlightReport): RenewalRequest {
    let before = this.#tokens.cached;
    return {
      signal,
      forced,
      report,
      current: before ?? this.#tokens.last,
      acceptable: (stored) => this.#tokens.accepts(stored, before),
      lastResort: (stored) => {
        before ??= this.#useUntilRenewed(stored);
      },
      overtaken: () => this.busy || this.#tokens.cached !== before,
      dropped: () => {
        if (before !== undefined && this.#tokens.cached === before) this.#invalidate(before);
        // What came meanwhile is a sign-in's: that stands.
        if (this.#tokens.cached === undefined) this.#tokens.last = undefined;
      },
    };
  }

  async #renew(request: RenewalRequest): Promise<Token> {
    const before = this.#tokens.cached;
    const since = this.#store.changes;
    const renewed = await this.#renewal.run(request);
    request.report.shared = !renewed.fetched;
    if (this.#closed) throw closedFailure(this.#scope);
    this.#use(this.#tokens.toCached(renewed.stored));
    // Not to be missed: nobody looks again while every change is announced.
    if (this.#store.changes !== since) this.#changedElsewhere();
    if (!renewed.fetched) return renewed.stored.token;
    this.#outage.over();
    this.#events.refreshed(renewed.stored.token, before?.token);
    return renewed.stored.token;
  }

  /** Uses a stored token in its leeway while a new one is asked for. */
  #useUntilRenewed(stored: StoredToken): CachedToken | undefined {
    const cached = this.#tokens.lastResort(stored);
    if (cached !== undefined) this.#use(cached);
    return cached;
  }

  #nextLook(): number {
    return this.#store.nextLook(this.#scope.settings.nearCacheTtlMs);
  }

  #use(cached: CachedToken): void {
    // One that takes the place of a token in use says nothing of the unproven one.
    if (this.#tokens.cached === undefined) this.#rejections.begin(cached, this.#tokens.last?.token);
    this.#tokens.use(cached);
  }

  #useStored(stored: StoredToken): void {
    this.#backoff.succeededElsewhere(stored.obtainedAt);
    this.#use(this.#tokens.toCached(stored));
  }

  #refreshInBackground(cached: CachedToken, now: number): void {
    if (this.busy) return;
    if (this.#backoff.waitMs > 0) {
      cached.checkAt = Math.min(now + this.#backoff.waitMs, cached.ages.leewayAt);
      return;
    }
    this.#flights.join(undefined).catch(() => undefined);
  }

  #rereadInBackground(cached: CachedToken): void {
    cached.checkAt = Math.min(cached.ages.dueAt, this.#nextLook());
    if (this.#rereading) return;
    this.#rereading = true;
    this.#look(cached)
      .catch(() => undefined) // The key could not be made: the next flight tells why.
      .finally(() => {
        this.#rereading = false;
        if (this.#lookAgain) this.#changedElsewhere();
      });
  }

  #changedElsewhere(): void {
    this.#lookAgain = this.#rereading;
    if (this.#tokens.cached !== undefined && !this.#closed) this.#rereadInBackground(this.#tokens.cached);
  }

  /** Takes over what another process did to the token: a newer one, or a tombstone. */
  async #look(cached: CachedToken): Promise<void> {
    const stored = await this.#store.read();
    if (stored === undefined || this.#tokens.cached !== cached) return;
    if (stored.rejected === true && stored.token.fingerprint === cached.token.fingerprint) this.#drop(cached);
    else if (this.#tokens.accepts(stored, cached)) this.#useStored(stored);
  }

  #invalidate(cached: CachedToken): void {
    this.#observer.invalidated();
    this.#drop(cached);
  }

  #drop(cached: CachedToken): void {
    this.#tokens.drop(cached);
    this.#events.invalidated(cached.token);
  }

  #flightFailed(flight: Flight<Token>, error: unknown): void {
    if (this.#closed || flight.abandoned || isHeldBack(error)) return;
    this.#events.failed(error);
    if (this.#tokens.last !== undefined && this.#tokens.last.token.fingerprint === this.#tokens.rejected)
      this.#store.writeTombstone(this.#tokens.last.token).catch(() => undefined);
    if (this.#work.isOwnFailure?.(error) !== false) this.#outage.failed(error, this.peek() !== undefined);
  }
}
