import { monotonicNow } from '../../clock.js';
import type { ServiceScope } from '../runtime.js';
import type { Token } from '../token.js';
import { type CachedToken, holdUntil } from './cached-token.js';
import { Flight } from './flight.js';
import { isHeldBack } from './slot-backoff.js';
import { SlotFlights } from './slot-flights.js';
import type { FlightReport } from './slot-observer.js';
import { closedFailure, deadlineFailure, SlotOutage } from './slot-outage.js';
import type { SlotParts } from './slot-parts.js';
import type { SlotTokens } from './slot-tokens.js';
import type { StorageLooks } from './storage-looks.js';
import type { StoredToken } from './stored-token.js';
import { type RenewalRequest, TokenRenewal } from './token-renewal.js';
import type { TokenWork } from './token-work.js';

/** Renewals of the token of a slot: each is a flight, which puts what it brings to use and reports it. */
export class SlotRenewals {
  readonly #scope: ServiceScope;
  readonly #work: TokenWork;
  readonly #parts: SlotParts;
  readonly #tokens: SlotTokens;
  readonly #looks: StorageLooks;
  readonly #renewal: TokenRenewal;
  readonly #flights: SlotFlights;
  readonly #outage: SlotOutage;
  #closed = false;

  constructor(scope: ServiceScope, work: TokenWork, parts: SlotParts, tokens: SlotTokens, looks: StorageLooks) {
    this.#scope = scope;
    this.#work = work;
    this.#parts = parts;
    this.#tokens = tokens;
    this.#looks = looks;
    this.#renewal = new TokenRenewal(scope, work, parts.store, parts.backoff);
    this.#outage = new SlotOutage(scope);
    this.#flights = new SlotFlights(
      (forced) => this.#startFlight(forced),
      (flight, error) => this.#flightFailed(flight, error),
    );
  }

  /** True when a flight is under way. */
  get busy(): boolean {
    return this.#flights.busy;
  }

  /** Returns the token of the current flight, or of a new one. */
  join(signal: AbortSignal | undefined): Promise<Token> {
    return this.#flights.join(signal);
  }

  /** Returns the token of a flight that started after the call, or was forced before. */
  force(signal: AbortSignal | undefined): Promise<Token> {
    return this.#flights.force(signal);
  }

  /** Renews a token that is given out meanwhile, unless its endpoint is to be left alone. */
  beginInBackground(cached: CachedToken): void {
    if (this.busy) return;
    const { waitMs } = this.#parts.backoff;
    if (waitMs > 0) holdUntil(cached, monotonicNow(this.#scope.clock) + waitMs);
    else this.#flights.join(undefined).catch(() => undefined);
  }

  /** Aborts what is under way; nothing is started any more. */
  close(): void {
    this.#closed = true;
    this.#renewal.close();
    this.#flights.abort(closedFailure(this.#scope));
  }

  #startFlight(forced: boolean): Flight<Token> {
    if (this.#closed) throw closedFailure(this.#scope);
    const { clock, settings } = this.#scope;
    const { observer } = this.#parts;
    const report = observer.report(forced ? 'forced' : this.#tokens.cause());
    let request: RenewalRequest | undefined;
    const flight = new Flight<Token>(
      (signal) => observer.around(report, () => this.#renew((request = this.#request(signal, forced, report)))),
      clock,
      settings.deadlineMs,
      () => deadlineFailure(this.#scope),
    );
    observer.flight(flight, report);
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
      isRejected: (token) => token.fingerprint === this.#tokens.rejected,
      dropped: () => {
        if (before !== undefined && this.#tokens.cached === before) this.#tokens.invalidate(before);
        // What came meanwhile is a sign-in's: that stands.
        if (this.#tokens.cached === undefined) this.#tokens.last = undefined;
      },
    };
  }

  async #renew(request: RenewalRequest): Promise<Token> {
    const { store, events } = this.#parts;
    const before = this.#tokens.cached;
    const since = store.changes;
    const renewed = await this.#renewal.run(request);
    request.report.shared = !renewed.fetched;
    if (this.#closed) throw closedFailure(this.#scope);
    this.#tokens.use(this.#tokens.toCached(renewed.stored));
    // Not to be missed: nobody looks again while every change is announced.
    if (store.changes !== since) this.#looks.changed();
    this.#outage.over();
    if (!renewed.fetched) return renewed.stored.token;
    events.refreshed(renewed.stored.token, before?.token);
    return renewed.stored.token;
  }

  /** Uses a stored token in its leeway while a new one is asked for. */
  #useUntilRenewed(stored: StoredToken): CachedToken | undefined {
    const cached = this.#tokens.lastResort(stored);
    if (cached !== undefined) this.#tokens.use(cached);
    return cached;
  }

  #flightFailed(flight: Flight<Token>, error: unknown): void {
    if (this.#closed || flight.abandoned) return;
    if (isHeldBack(error)) {
      // Of a failing endpoint one token's line says enough; its own requests that failed are logged already.
      if (this.#parts.backoff.takeUnheard()) this.#outage.failed(error, this.#tokens.peek() !== undefined);
      return;
    }
    const { last, rejected } = this.#tokens;
    this.#parts.events.failed(error);
    if (last !== undefined && last.token.fingerprint === rejected)
      this.#parts.store.writeTombstone(last.token).catch(() => undefined);
    if (this.#work.isOwnFailure?.(error) !== false) this.#outage.failed(error, this.#tokens.peek() !== undefined);
  }
}
