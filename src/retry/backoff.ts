import type { OptionRules } from '../option-check/option-check.js';
import { RULES } from '../option-check/option-rules.js';

/** An exponential backoff, as a value. Times are milliseconds. */
export interface Backoff {
  /** Delay before the first retry. */
  readonly baseMs: number;
  /** No delay is longer. */
  readonly maxMs: number;
  /** Factor from one delay to the next. At least 1. */
  readonly multiplier: number;
  /** True when delays vary by ±25 %, so that those who failed together do not come back together. */
  readonly jitter: boolean;
}

/** The options that strategies describe a backoff by, complete. */
export interface BackoffOptions {
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
  readonly multiplier: number;
  readonly jitter: boolean;
}

/** The rules of {@link BackoffOptions}. */
export const BACKOFF_RULES: OptionRules<BackoffOptions> = Object.freeze({
  baseDelayMs: RULES.delayMs,
  maxDelayMs: RULES.delayMs,
  multiplier: RULES.multiplier,
  jitter: RULES.switch,
});

/** The backoff that a strategy's options describe. */
export function backoffOf({ baseDelayMs, maxDelayMs, multiplier, jitter }: BackoffOptions): Backoff {
  return Object.freeze({ baseMs: baseDelayMs, maxMs: maxDelayMs, multiplier, jitter });
}

/** Share of the delay by which jitter lengthens or shortens it at most. */
const JITTER = 0.25;

/**
 * Milliseconds to wait before a retry: `baseMs · multiplier^retry`, capped, ±25 %, and capped again.
 * @param retry retries already made: 0 before the first
 * @param random returns a number in `[0, 1)`, as `Clock.random` does
 */
export function exponentialDelayMs(retry: number, backoff: Backoff, random: () => number): number {
  // Zero times infinity is no number.
  if (backoff.baseMs === 0) return 0;
  const delayMs = Math.min(backoff.baseMs * backoff.multiplier ** retry, backoff.maxMs);
  // Capped first: else none of the longest delays would vary.
  return backoff.jitter ? Math.min(delayMs * (1 - JITTER + 2 * JITTER * random()), backoff.maxMs) : delayMs;
}
