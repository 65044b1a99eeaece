import type { Clock } from '../../clock.js';
import { AuthenticationError } from '../../errors.js';
import type { Observers } from '../../observer.js';
import { agingTime, isFresh, isUnchecked, lookFrom } from './cached-token.js';
import { RejectionTracker } from './rejection-tracker.js';
import { RefusingResources } from '../refusing-resources.js';
import type { ServiceScope } from '../runtime.js';
import type { TakenOutListener } from '../shared-tokens.js';
import { guardedEvents, type SlotEvents } from './slot-events.js';
import { SlotBackoff } from './slot-backoff.js';
import { SlotObserver } from './slot-observer.js';
import { closedFailure, SlotPause } from './slot-outage.js';
import type { SlotParts } from './slot-parts.js';
import { SlotRenewals } from './slot-renewals.js';
import { SlotTokens } from './slot-tokens.js';
import type { TokenWork } from './token-work.js';
import { StorageLooks } from './storage-looks.js';
import { generationsFrom, type StoredToken, toStored } from './stored-token.js';
import { TokenStore } from './token-store.js';
import { TokenWithdrawal } from './token-withdrawal.js';
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
  // Of the scope, for the two that are called without end.
  readonly #clock: Clock;
  readonly #observers: Observers;
  readonly #store: TokenStore;
  readonly #renewals: SlotRenewals;
  readonly #backoff: SlotBackoff;
  readonly #observer: SlotObserver;
  readonly #rejections: RejectionTracker;
  readonly refusing: RefusingResources;
  readonly #work: TokenWork;
  readonly #tokens: SlotTokens;
  readonly #looks: StorageLooks;
  readonly #withdrawal: TokenWithdrawal;
  #closed = false;

  constructor(scope: ServiceScope, work: TokenWork, given: SlotEvents) {
    const { clock, storage } = scope;
    this.#scope = scope;
    this.#clock = clock;
    this.#observers = scope.observer;
    const changed = (): void => this.#looks.changed();
    this.#store = new TokenStore(storage, () => work.key(), clock, changed, work.rerunnable === false);
    this.#backoff = new SlotBackoff(scope, this.#store, ownOptions(work).endpoint);
    this.#observer = new SlotObserver(scope, work);
    this.#rejections = new RejectionTracker(clock, new SlotPause(scope, work));
    const parts: SlotParts = {
      store: this.#store,
      backoff: this.#backoff,
      rejections: this.#rejections,
      observer: this.#observer,
      events: guardedEvents(given, scope),
    };
    this.#tokens = new SlotTokens(scope, parts);
    this.#looks = new StorageLooks(this.#store, this.#tokens, (stored) => this.#useStored(stored));
    this.#renewals = new SlotRenewals(scope, work, parts, this.#tokens, this.#looks);
    this.#withdrawal = new TokenWithdrawal(scope, work, parts, this.#tokens);
    this.refusing = new RefusingResources(clock);
    this.#work = work;
  }

  /** A valid token. Without I/O, timers or allocation while the current one is fresh. */
  get(signal?: AbortSignal): Promise<Token> {
    const cached = this.#tokens.cached;
    if (cached === undefined || !isUnchecked(cached, this.#clock.now())) return this.#getSlowly(signal);
    if (this.#observers.active) this.#observer.served('fresh');
    return cached.promise;
  }

  /** The current token while `get` would answer it without another look at anything. */
  peekFresh(): Token | undefined {
    const cached = this.#tokens.cached;
    if (cached === undefined) return undefined;
    if (!isUnchecked(cached, this.#clock.now()) && !isFresh(cached, this.#clock)) return undefined;
    if (this.#observers.active) this.#observer.served('fresh');
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
    if (!stored || this.#tokens.cached !== undefined || !this.#tokens.accepts(stored, undefined)) return false;
    this.#useStored(stored);
    return true;
  }

  /** True when a flight is under way. */
  get busy(): boolean {
    return this.#renewals.busy;
  }

  /** A new token, whatever the age of the current one. Concurrent calls share one flight. */
  forceRefresh(signal?: AbortSignal): Promise<Token> {
    return this.#observer.waited(this.#renewals.force(signal));
  }

  /**
   * A service rejected `rejected`: returns a newer token, having it fetched if need be, however many calls report the
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

  /** A service rejected `rejected`: it is not used again. Returns false while renewal pauses: then it is. */
  reject(rejected: Token): boolean {
    const cached = this.#tokens.cached;
    if (cached === undefined || cached.token.fingerprint !== rejected.fingerprint) return true;
    this.#observer.rejected();
    if (!this.#rejections.reject(cached)) return false;
    this.#tokens.drop(cached);
    return true;
  }

  /** Ends a pause of renewal: `rejected` was revoked, if it is the token in use. */
  resume(rejected: Token): void {
    if (this.#tokens.cached?.token.fingerprint === rejected.fingerprint) this.#rejections.resume();
  }

  /** Records what a service made of a token that was obtained for it. */
  recordOutcome(token: Token, accepted: boolean): void {
    this.#rejections.recordOutcome(token, accepted, this.#tokens.cached);
  }

  /** Forgets the current token, or `rejected` if that is the current one. Other processes see it in storage. */
  invalidate(rejected?: Token): Promise<void> {
    return this.#withdrawal.invalidate(rejected);
  }

  /** Forgets the current token and whatever is stored, be it newer. */
  discard(): Promise<void> {
    return this.#withdrawal.discard();
  }

  /**
   * Revokes the last token known here or in storage, and forgets it. `access_token` leaves its refresh token as it is.
   * @throws {AuthenticationError} when the issuer refuses, or there is no such token
   */
  revoke(kind?: TokenKind): Promise<void> {
    return this.#withdrawal.revoke(kind);
  }

  async has(): Promise<boolean> {
    return (await this.#withdrawal.known()) !== undefined;
  }

  forget(which: (token: Token) => boolean = () => true): Promise<boolean> {
    return this.#withdrawal.forget(which);
  }

  async introspect(): Promise<Record<string, unknown>> {
    return this.#work.introspect(await this.get());
  }

  onTakenOut(listener: TakenOutListener): void {
    this.#tokens.onTakenOut(listener);
  }

  /** Takes a token that came from elsewhere. */
  async set(token: Token): Promise<void> {
    this.#tokens.rejected = undefined;
    const now = this.#scope.clock.now();
    for (const generation of generationsFrom(now)) {
      const cached = this.#tokens.toCached(
        toStored(token, now, { after: this.#tokens.last, generation }, this.#scope.settings),
      );
      this.#tokens.use(cached);
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
    if (cached !== undefined) lookFrom(cached, Math.min(cached.lookAt, this.#tokens.nextLook()));
  }

  /** Aborts what is under way; every later call is refused. */
  close(): void {
    this.#closed = true;
    this.#renewals.close();
    this.#tokens.clear();
    this.#store.close();
  }

  #getSlowly(signal: AbortSignal | undefined): Promise<Token> {
    if (this.#closed) return Promise.reject(closedFailure(this.#scope));
    const cached = this.#tokens.cached;
    if (cached !== undefined && agingTime(cached, this.#clock) < cached.ages.leewayAt) {
      const isDue = agingTime(cached, this.#clock) >= cached.ages.dueAt;
      const nothingToDo = isFresh(cached, this.#clock);
      if (!nothingToDo && isDue) this.#renewals.beginInBackground(cached);
      else if (!nothingToDo) this.#looks.begin(cached);
      this.#observer.served(isDue ? 'due' : 'fresh');
      return cached.promise;
    }
    return this.#observer.waited(this.#renewals.join(signal)).catch((error: unknown) => {
      // In the leeway: better than none, while it has really not expired.
      const valid = signal?.aborted === true ? undefined : this.peek();
      if (valid === undefined) throw error;
      this.#observer.served('leeway');
      return valid;
    });
  }

  #useStored(stored: StoredToken): void {
    this.#backoff.succeededElsewhere(stored.obtainedAt);
    this.#tokens.use(this.#tokens.toCached(stored));
  }
}
