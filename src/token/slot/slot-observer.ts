import { monotonicNow } from '../../clock.js';
import { ForgeAuthError } from '../../errors.js';
import type { TokenRequestCause } from '../../observer.js';
import type { ServiceScope } from '../runtime.js';
import type { Token } from '../token.js';
import type { Flight } from './flight.js';

/** Report on a flight beside its end. */
export interface FlightReport {
  /** Number of the flight. */
  readonly flight: number;
  readonly cause: TokenRequestCause;
  /** The grant that was asked for last: a registered grant type, or `custom`. */
  grant: string;
  /** True when another process obtained the token. */
  shared: boolean;
}

/** Tokens that a slot observes. */
export interface ObservedTokens {
  /** The grant type of its fetches. @default 'custom' */
  readonly grantType?: string | undefined;
  /** Pipelines: the step's name. */
  readonly step?: string | undefined;
  /** True when calls ask for it with parameters of their own. @default false */
  readonly perCall?: boolean;
}

/** Reports to the application's observers what happens to one token. Nothing is made of it while nobody listens. */
export class SlotObserver {
  readonly #scope: ServiceScope;
  readonly #tokens: ObservedTokens;
  /** The flight that started last: the one that callers wait for. */
  #flight: number | undefined;

  constructor(scope: ServiceScope, tokens: ObservedTokens) {
    this.#scope = scope;
    this.#tokens = tokens;
  }

  served(age: 'fresh' | 'due' | 'leeway'): void {
    const { observer, clock, serviceName: service } = this.#scope;
    if (observer.active) observer.emit({ type: 'token_served', at: clock.now(), service, age });
  }

  /** Reports how long a caller waited for a flight. */
  waited<T>(work: Promise<T>): Promise<T> {
    const { observer, clock } = this.#scope;
    if (!observer.active) return work;
    const startedAt = monotonicNow(clock);
    const flight = this.#flight === undefined ? undefined : { flight: this.#flight };
    return work.finally(() =>
      observer.emit({ type: 'token_wait', ...this.#now(), ...flight, durationMs: monotonicNow(clock) - startedAt }),
    );
  }

  rejected(): void {
    this.#scope.observer.emit({ type: 'token_rejected', ...this.#now() });
  }

  invalidated(): void {
    this.#scope.observer.emit({ type: 'token_invalidated', ...this.#now() });
  }

  report(cause: TokenRequestCause): FlightReport {
    return {
      flight: this.#scope.observer.nextFlight(),
      cause,
      grant: this.#tokens.grantType ?? 'custom',
      shared: false,
    };
  }

  /** Runs the work of a flight within the observers' contexts. */
  around(report: FlightReport, work: () => Promise<Token>): Promise<Token> {
    const { observer, serviceName } = this.#scope;
    const { step } = this.#tokens;
    return observer.around(
      {
        kind: 'token_request',
        flight: report.flight,
        service: serviceName,
        cause: report.cause,
        grant: report.grant,
        ...(step === undefined ? undefined : { step }),
      },
      work,
    );
  }

  /** Reports how a flight ended. */
  flight(flight: Flight<Token>, report: FlightReport): void {
    const { observer, clock } = this.#scope;
    const { step, perCall = false } = this.#tokens;
    const startedAt = monotonicNow(clock);
    this.#flight = report.flight;
    const end = (outcome: 'obtained' | 'failed' | 'aborted', token?: Token, error?: unknown): void =>
      observer.emit({
        type: 'token_request',
        ...this.#now(),
        ...report,
        outcome,
        durationMs: monotonicNow(clock) - startedAt,
        ...(step === undefined ? undefined : { step }),
        ...(perCall ? { perCall } : undefined),
        ...(token?.expiresAt === undefined ? undefined : { expiresAt: token.expiresAt }),
        ...(error instanceof ForgeAuthError ? { code: error.code } : undefined),
      });
    flight.settled.then(
      (token) => end('obtained', token),
      (error: unknown) => end(flight.abandoned ? 'aborted' : 'failed', undefined, error),
    );
  }

  #now(): { readonly at: number; readonly service: string | undefined } {
    return { at: this.#scope.clock.now(), service: this.#scope.serviceName };
  }
}
