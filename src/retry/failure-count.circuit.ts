import { monotonicNow } from '../clock.js';
import { CircuitOpenError } from '../errors.js';
import type { Circuit, CircuitContext, CircuitPermit, CircuitState, RetryOutcome } from './request-retry.strategy.js';
import { isTransientFailure } from './transient-failure.js';

/** Options of a {@link FailureCountCircuit}. Complete: the strategy holds the defaults. */
export interface FailureCountCircuitOptions extends CircuitContext {
  /** Failures in a row that open the circuit. */
  readonly failureThreshold: number;
  /** Milliseconds that it stays open. */
  readonly recoveryTimeoutMs: number;
  /** Attempts under way at once while it is half-open. */
  readonly halfOpenMaxCalls: number;
  /** Answers that count as failures. */
  readonly statuses: ReadonlySet<number>;
}

type Verdict = 'success' | 'failure' | 'none';

/**
 * Opens after a number of failures in a row, lets a few attempts probe once the recovery time has passed, closes with
 * the first probe that succeeds and opens again with the first that fails.
 *
 * Each change of state starts a new generation, and only attempts admitted in the present one have a say: a straggler
 * neither closes nor opens what was decided without it.
 */
export class FailureCountCircuit implements Circuit {
  readonly #options: FailureCountCircuitOptions;
  #state: CircuitState = 'closed';
  #generation = 0;
  /** In a row, in this generation. */
  #failures = 0;
  /** Under way, in this generation, while half-open. */
  #probes = 0;
  /** Monotonic milliseconds. */
  #openedAt = 0;

  constructor(options: FailureCountCircuitOptions) {
    this.#options = options;
  }

  get state(): CircuitState {
    return this.#state === 'open' && this.#closedForMs() === 0 ? 'half-open' : this.#state;
  }

  admit(): CircuitPermit {
    // The recovery time has passed since anybody looked.
    if (this.state !== this.#state) this.#enter(this.state);
    if (this.#state === 'open') throw this.#refusal(`open: nothing is sent for another ${this.#closedForMs()} ms`);
    if (this.#state === 'half-open') {
      if (this.#probes >= this.#options.halfOpenMaxCalls) {
        throw this.#refusal(`half-open: nothing more is sent until one of ${this.#probes} probes has ended`);
      }
      this.#probes += 1;
    }
    return this.#permit(this.#generation);
  }

  #permit(generation: number): CircuitPermit {
    let settled = false;
    const settle = (verdict: Verdict): void => {
      if (!settled && generation === this.#generation) this.#settle(verdict);
      settled = true;
    };
    return {
      record: (outcome) => settle(this.#verdictOn(outcome)),
      release: () => settle('none'),
    };
  }

  #settle(verdict: Verdict): void {
    if (this.#state === 'half-open') {
      this.#probes -= 1;
      if (verdict === 'success') this.#enter('closed');
      if (verdict === 'failure') this.#enter('open');
    } else if (verdict === 'success') {
      this.#failures = 0;
    } else if (verdict === 'failure') {
      this.#failures += 1;
      if (this.#failures >= this.#options.failureThreshold) this.#enter('open');
    }
  }

  #enter(state: CircuitState): void {
    this.#state = state;
    this.#generation += 1;
    this.#failures = 0;
    this.#probes = 0;
    if (state === 'open') this.#openedAt = monotonicNow(this.#options.clock);
    this.#options.onState?.(state);
  }

  #verdictOn(outcome: RetryOutcome): Verdict {
    if (isTransientFailure(outcome, this.#options.statuses)) return 'failure';
    // An answer of any other status came from a service that is up; an error without one says nothing about it.
    return outcome.status === undefined ? 'none' : 'success';
  }

  /** Milliseconds until an open circuit lets a probe pass. Whole ones, by a clock that is not set back, where there is one. */
  #closedForMs(): number {
    const elapsedMs = monotonicNow(this.#options.clock) - this.#openedAt;
    return elapsedMs < 0 ? 0 : Math.max(0, Math.ceil(this.#options.recoveryTimeoutMs - elapsedMs));
  }

  #refusal(state: string): CircuitOpenError {
    const { serviceName } = this.#options;
    return new CircuitOpenError(`The circuit of service "${serviceName}" is ${state}.`, {
      serviceName,
      retryAfterMs: this.#closedForMs(),
    });
  }
}
