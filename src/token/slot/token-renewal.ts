import { Instant } from '../../clock.js';
import { ownOptions } from '../../option-check/own-options.js';
import { isHeldBack, type SlotAttempt, type SlotBackoff } from './slot-backoff.js';
import type { FlightReport } from './slot-observer.js';
import type { ServiceScope } from '../runtime.js';
import { keepAlive, type KeptLease } from './lease-keeper.js';
import { RefreshTokenClaims } from './refresh-token-claims.js';
import { RenewalOutage } from './renewal-outage.js';
import { tokenFailure } from '../token-failure.js';
import { droppedFailure } from './slot-outage.js';
import { isDropped, newestOf, type StoredToken, toStored, withRefreshToken } from './stored-token.js';
import { LEASE_MS, type TokenStore } from './token-store.js';
import type { Token } from '../token.js';
import { TokenRequests } from './token-requests.js';
import type { TokenWork } from './token-work.js';

/** One renewal: what is known before it. */
export interface RenewalRequest {
  readonly signal: AbortSignal;
  /** A new token is wanted, whatever storage has. */
  readonly forced: boolean;
  readonly report: FlightReport;
  /** The fetch of this renewal, once it was started. */
  attempt?: SlotAttempt;
  /** The last token known here. */
  readonly current: StoredToken | undefined;
  /** Checks whether a stored token will do. */
  acceptable(stored: StoredToken): boolean;
  /** Takes a stored token that will not do: it may have to, if no new one can be obtained. */
  lastResort(stored: StoredToken): void;
  /** Checks whether something newer has come meanwhile: a result that is late is then dropped. */
  overtaken(): boolean;
  /** Checks whether a service has rejected a token. */
  isRejected(token: Token): boolean;
  /** Called when the token was dropped while it was renewed. */
  dropped(): void;
}

/** Result of a renewal. */
export interface Renewed {
  readonly stored: StoredToken;
  /** False where another process has done it already. */
  readonly fetched: boolean;
  /** Settles when it is stored, where storage was not there: whoever comes next must not have the lease before. */
  readonly written?: Promise<void>;
}

/** Those who wait for another process look this often, in case its announcement is lost. */
const POLL_MS = 250;
/** Part of the polling time that jitter adds, so that a fleet does not look in step. */
const POLL_JITTER = 0.5;

/**
 * One whole renewal: look in storage, ask the backoff, take the lease, look again, fetch, write, hand over.
 * Of all processes on one storage, one fetches; the others wait for what it writes.
 */
export class TokenRenewal {
  readonly #scope: ServiceScope;
  readonly #work: TokenWork;
  readonly #store: TokenStore;
  readonly #backoff: SlotBackoff;
  readonly #claims: RefreshTokenClaims;
  readonly #requests: TokenRequests;
  readonly #outage: RenewalOutage;

  constructor(scope: ServiceScope, work: TokenWork, store: TokenStore, backoff: SlotBackoff) {
    this.#scope = scope;
    this.#work = work;
    this.#store = store;
    this.#claims = new RefreshTokenClaims(store, scope.clock, work.rerunnable ?? true);
    this.#requests = new TokenRequests(scope, work, this.#claims);
    this.#backoff = backoff;
    this.#outage = new RenewalOutage(scope, work, store);
  }

  /** @throws {AuthenticationError} when no token can be obtained */
  async run(request: RenewalRequest): Promise<Renewed> {
    const { signal } = request;
    try {
      // What comes after the look is announced after this: nobody who took the lease to find it announces it again.
      const since = this.#store.changes;
      const stored = await this.#store.read();
      signal.throwIfAborted();
      if (!request.forced && stored !== undefined && request.acceptable(stored)) return this.#found(stored);
      if (stored !== undefined) request.lastResort(stored);
      return await this.#runAlone(request, stored, since);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw tokenFailure(error, this.#scope.owner, this.#scope.serviceName);
    }
  }

  /** @param lookedAt what was heard of before `before` was read: whatever is announced from then on is looked at */
  async #runAlone(request: RenewalRequest, before: StoredToken | undefined, lookedAt: number): Promise<Renewed> {
    const { clock } = this.#scope;
    for (let since = lookedAt; ;) {
      await this.#backoff.check();
      const lateWrite = this.#outage.lateWrite;
      if (lateWrite.pending) return lateWrite.during(this.#runWith(undefined, request, before));
      const spent = this.#outage.spentForGood(newestOf(before, request.current));
      const admission = await this.#store.acquire(LEASE_MS, request.signal, spent !== undefined);
      if (typeof admission !== 'string')
        return this.#runWith(keepAlive(admission, LEASE_MS, clock, request.signal), request, before);
      if (admission === 'held') this.#outage.elsewhere.seen(spent);
      else if (!this.#outage.elsewhere.loseSight(spent)) return this.#runWith(undefined, request, before);
      await this.#store.changed(since, POLL_MS * (1 + POLL_JITTER * clock.random()), request.signal);
      since = this.#store.changes;
      const found = await this.#store.read();
      if (this.#isNews(found, request, before)) return this.#found(found);
    }
  }

  /** @param lease undefined where none is available: better one request too many than none */
  async #runWith(
    lease: KeptLease | undefined,
    request: RenewalRequest,
    before: StoredToken | undefined,
  ): Promise<Renewed> {
    try {
      if (lease !== undefined) await this.#waitForOutcome(request, before, lease);
      const stored = lease === undefined ? before : await this.#store.read();
      const found = this.#isNews(stored, request, before);
      const renewed = found ? this.#found(stored) : await this.#begin(request, stored, lease);
      // Whoever wrote what was found has announced it: the fleet looks once, however many find it.
      const handOver = (): void => {
        if (renewed.fetched) this.#store.announce();
        lease?.release().catch(() => undefined);
      };
      const { written } = ownOptions(renewed);
      if (written === undefined) handOver();
      else written.then(handOver, () => undefined);
      return renewed;
    } catch (error) {
      if (!request.signal.aborted) await this.failed(request, error);
      // There is no token to look at: who waits wants the lease.
      lease?.release().then(
        () => this.#store.announce(),
        () => undefined,
      );
      throw error;
    } finally {
      request.attempt?.abandoned();
    }
  }

  async #begin(
    request: RenewalRequest,
    stored: StoredToken | undefined,
    lease: KeptLease | undefined,
  ): Promise<Renewed> {
    request.attempt = await this.#backoff.begin(request.signal);
    return this.#fetch(request, stored, lease, request.attempt);
  }

  async #fetch(
    request: RenewalRequest,
    stored: StoredToken | undefined,
    lease: KeptLease | undefined,
    attempt: SlotAttempt,
  ): Promise<Renewed> {
    const { signal } = request;
    // Of the same token storage knows more: that its refresh token was being sent.
    const newestKnown = newestOf(stored, request.current);
    // A user's is stored as it is: one that is not there any more was dropped.
    const storedWhole = this.#store.shared || this.#work.rerunnable === false;
    const known = storedWhole ? newestKnown : withRefreshToken(newestKnown, request.current);
    const startedAt = new Instant(this.#scope.clock);
    const token = await this.#requests.obtain({ known, stored, lease }, request);
    // Too late: nobody's, unless a one-time refresh token was spent for it and nothing newer has come.
    if (signal.aborted && (token.refreshToken === undefined || request.overtaken())) throw signal.reason;
    const meanwhile = await this.#writtenMeanwhile(known, lease);
    if (meanwhile !== undefined && isDropped(meanwhile)) {
      await attempt.succeeded();
      request.dropped();
      throw droppedFailure(this.#scope, this.#work.subject);
    }
    const place = { after: meanwhile ?? known, generation: lease?.generation };
    const next = toStored(token, startedAt.epochMs, place, this.#scope.settings);
    // Written before it is used: a rotated refresh token that is lost cannot be obtained again.
    let newer = meanwhile !== undefined && request.acceptable(meanwhile) ? meanwhile : undefined;
    if (newer === undefined && lease?.lost === true) newer = await this.#newerThan(next, request);
    const outcome = newer === undefined ? await this.#store.put(next) : undefined;
    if (outcome === 'superseded') newer = await this.#newerThan(next, request);
    await attempt.succeeded();
    const isMissing = outcome === 'failed' && this.#outage.isAloneWith(token);
    const isRejected = (one: Token): boolean => request.isRejected(one);
    const written = isMissing
      ? this.#outage.lateWrite.begin(next, known?.token.refreshToken === undefined ? undefined : known, isRejected)
      : undefined;
    return { stored: newer ?? next, fetched: true, ...(written && { written }) };
  }

  /** Gives whoever has sent a refresh token the time to write what came of it, where nobody here knows. */
  #waitForOutcome(request: RenewalRequest, before: StoredToken | undefined, lease: KeptLease): Promise<void> {
    const isOutcome = (found: StoredToken | undefined): boolean => this.#isNews(found, request, before);
    const known = newestOf(before, request.current);
    return this.#outage.waitForOutcome(known, isOutcome, lease.generation, request.signal);
  }

  /** Gives up what could not be stored. */
  close(): void {
    this.#outage.lateWrite.close();
  }

  /**
   * Returns what has been written since a user's token was taken up to be renewed: a sign-in, a logout, a rejection.
   * What a machine asks for is its own all the same.
   */
  async #writtenMeanwhile(
    known: StoredToken | undefined,
    lease: KeptLease | undefined,
  ): Promise<StoredToken | undefined> {
    if (this.#work.rerunnable !== false || known === undefined) return undefined;
    return this.#claims.writtenSince({ known, lease });
  }

  /** Written by whoever has the lease now. */
  async #newerThan(stored: StoredToken, request: RenewalRequest): Promise<StoredToken | undefined> {
    const newer = await this.#store.read();
    return newer !== undefined && newer.generation > stored.generation && request.acceptable(newer) ? newer : undefined;
  }

  #found(stored: StoredToken): Renewed {
    this.#backoff.succeededElsewhere(stored.obtainedAt);
    return { stored, fetched: false };
  }

  /** Of a stored token, whether it is what this renewal was to bring; a forced one wants one that came after its start. */
  #isNews(
    found: StoredToken | undefined,
    request: RenewalRequest,
    before: StoredToken | undefined,
  ): found is StoredToken {
    if (found === undefined) return false;
    const since = newestOf(before, request.current)?.generation ?? 0;
    return request.acceptable(found) && (!request.forced || found.generation > since);
  }

  /** A fetch came to nothing: the endpoint is left alone for a while, by the other processes, too. */
  async failed({ attempt }: RenewalRequest, error: unknown): Promise<void> {
    if (isHeldBack(error) || this.#work.isOwnFailure?.(error) === false) attempt?.abandoned();
    else await attempt?.failed(error);
  }
}
