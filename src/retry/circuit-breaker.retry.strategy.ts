import { ExponentialBackoffRetryStrategy } from './exponential-backoff.retry.strategy.js';
import { FailureCountCircuit, type FailureCountCircuitOptions } from './failure-count.circuit.js';
import type { Circuit, CircuitContext, RequestRetryStrategy, RetryOutcome } from './request-retry.strategy.js';
import { definitionPlace, type OptionRules, resolveOptions } from '../option-check/option-check.js';
import { RULES } from '../option-check/option-rules.js';
import { STATUSES_RULE, statusSet } from './statuses.js';
import { TRANSIENT_STATUSES } from './transient-failure.js';

/** Options of {@link CircuitBreakerRetryStrategy}. */
export interface CircuitBreakerRetryStrategyOptions {
  /** Number of attempts after the first. @default 3 */
  readonly maxRetries?: number | undefined;
  /** Number of failed attempts in a row, of all calls of the service, that open the circuit. At least 1. @default 5 */
  readonly failureThreshold?: number | undefined;
  /**
   * Milliseconds that the circuit stays open before it lets attempts probe.
   * @default 30_000
   */
  readonly recoveryTimeoutMs?: number | undefined;
  /**
   * Number of probes that may be under way at once while the circuit is half-open. The first that succeeds closes it,
   * the first that fails opens it again. At least 1.
   * @default 3
   */
  readonly halfOpenMaxCalls?: number | undefined;
  /**
   * Milliseconds before the first retry; doubles with each, ±25 %, up to 60 s.
   * @default 1_000
   */
  readonly baseDelayMs?: number | undefined;
  /**
   * Answers that are retried, and count as failures, beside network failures.
   * @default [408, 429, 500, 502, 503, 504]
   */
  readonly statuses?: Iterable<number> | undefined;
}

const RULES_OF: OptionRules<CircuitBreakerRetryStrategyOptions> = Object.freeze({
  statuses: STATUSES_RULE,
  maxRetries: RULES.count,
  baseDelayMs: RULES.delayMs,
  failureThreshold: RULES.countFromOne,
  recoveryTimeoutMs: RULES.delayMs,
  halfOpenMaxCalls: RULES.countFromOne,
});
const DEFAULTS = Object.freeze({
  maxRetries: 3,
  failureThreshold: 5,
  recoveryTimeoutMs: 30_000,
  halfOpenMaxCalls: 3,
  baseDelayMs: 1_000,
  statuses: TRANSIENT_STATUSES,
});

/**
 * Tries again with exponential backoff, and leaves a service alone that keeps failing: calls then fail at once with a
 * `CircuitOpenError`. Each service that the strategy is given to has a circuit of its own.
 */
export class CircuitBreakerRetryStrategy implements RequestRetryStrategy {
  readonly #backoff: ExponentialBackoffRetryStrategy;
  readonly #circuit: Omit<FailureCountCircuitOptions, keyof CircuitContext>;

  /** @throws {ConfigurationError} FORGE_AUTH_CONFIGURATION when an option is out of range */
  constructor(given: CircuitBreakerRetryStrategyOptions = {}) {
    const place = definitionPlace(this);
    const options = resolveOptions(given, RULES_OF, DEFAULTS, place);
    const { maxRetries, baseDelayMs, failureThreshold, recoveryTimeoutMs, halfOpenMaxCalls } = options;
    const statuses = statusSet(options.statuses, place);
    this.#backoff = new ExponentialBackoffRetryStrategy({ maxRetries, baseDelayMs, statuses });
    this.#circuit = Object.freeze({ failureThreshold, recoveryTimeoutMs, halfOpenMaxCalls, statuses });
  }

  nextDelayMs(outcome: RetryOutcome, random: () => number): number | undefined {
    return this.#backoff.nextDelayMs(outcome, random);
  }

  createCircuit(context: CircuitContext): Circuit {
    return new FailureCountCircuit({ ...this.#circuit, ...context });
  }
}
