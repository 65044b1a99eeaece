import type { Clock } from '../clock.js';
import type { ForgeAuthError } from '../errors.js';

/** Outcome of one attempt of a call. */
export interface RetryOutcome {
  /** Number of the attempt that ended: 1 for the first. */
  readonly attempt: number;
  /** Error that the attempt failed with, unless it was answered. */
  readonly error?: ForgeAuthError | undefined;
  /** HTTP status of the answer, unless there was none. */
  readonly status?: number | undefined;
  /** Wait that the answer's `Retry-After` asked for, in milliseconds. The retry loop obeys it; a strategy need not. */
  readonly retryAfterMs?: number | undefined;
}

/**
 * Decides whether a call that failed is tried again, and when.
 *
 * A pure decision without state: one strategy may serve many services. What stands elsewhere is the loop itself,
 * Retry-After, deadlines, and whether the request may be sent twice at all.
 */
export interface RequestRetryStrategy {
  /**
   * Milliseconds to wait before the next attempt; undefined to give up. May be asked about successes too.
   * @param random returns a number in `[0, 1)`
   */
  nextDelayMs(outcome: RetryOutcome, random: () => number): number | undefined;
  /** Creates the state that attempts must pass; called once for each service. */
  createCircuit?(context: CircuitContext): Circuit;
}

/** Service that a circuit is created for. */
export interface CircuitContext {
  readonly serviceName: string;
  readonly clock: Clock;
  /** Called with each state that the circuit enters. */
  readonly onState?: ((state: CircuitState) => void) | undefined;
}

/** `closed`: everything passes. `open`: nothing does. `half-open`: a few attempts do, to see if the service is back. */
export type CircuitState = 'closed' | 'open' | 'half-open';

/** Holds attempts back from a service that is down. State of one service, shared by its concurrent calls. */
export interface Circuit {
  readonly state: CircuitState;
  /**
   * Lets one attempt pass. Whoever gets a permit settles it.
   * @throws {CircuitOpenError} FORGE_AUTH_CIRCUIT_OPEN when the attempt must not be sent
   */
  admit(): CircuitPermit;
}

/** One attempt that a circuit let pass. Only the first of its calls counts, so `release` may stand in a `finally`. */
export interface CircuitPermit {
  /** Reports how the attempt ended. */
  record(outcome: RetryOutcome): void;
  /** Gives the permit back without a verdict: the attempt was aborted, or never sent. */
  release(): void;
}
