import { ONCE } from './option-check/own-options.js';

/**
 * Time and randomness, as one seam.
 *
 * Everything in this package that reads the time, waits, or draws a random number does it through a `Clock`,
 * so a test can own all three. Timers do not keep the process alive, unless somebody waits for them.
 */
export interface Clock {
  /** Current time in epoch milliseconds. */
  now(): number;
  /**
   * Milliseconds since some point in time, never set back or forward: durations run on it.
   * @default `now()`
   */
  monotonic?(): number;
  /** A number in `[0, 1)`. */
  random(): number;
  /**
   * Runs `task` once, after `delayMs`. Returns a function that cancels it.
   * @param keepAlive whether the process stays alive for it: a script that awaits a retry must not end before. @default false
   */
  after(delayMs: number, task: () => void, keepAlive?: boolean): () => void;
}

/** Longest delay a Node timer can hold; above it `setTimeout` fires at once. */
const MAX_TIMER_MS = 2_147_483_647;

/** The machine's own clock. */
export const systemClock: Clock = Object.freeze({
  now: () => Date.now(),
  monotonic: () => performance.now(),
  random: () => Math.random(),
  after(delayMs: number, task: () => void, keepAlive = false): () => void {
    const timer = setTimeout(task, Math.min(Math.max(0, delayMs), MAX_TIMER_MS));
    if (!keepAlive) timer.unref();
    return () => clearTimeout(timer);
  },
});

/** Milliseconds since some point in time, by the clock that is never set back where there is one. */
export function monotonicNow(clock: Clock): number {
  return clock.monotonic === undefined ? clock.now() : clock.monotonic();
}

/** Returns how many whole milliseconds have passed since an instant of the monotonic clock. */
export function millisecondsSince(clock: Clock, startedAt: number): number {
  return Math.round(monotonicNow(clock) - startedAt);
}

/** Less than this is a time of day that was adjusted, not set. */
const NOTICEABLE_MS = 100;

/** The instant at which it was made, by both clocks: what the time of day is set to afterwards moves it nowhere. */
export class Instant {
  readonly #clock: Clock;
  readonly #epochMs: number;
  readonly #monotonic: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#epochMs = clock.now();
    this.#monotonic = monotonicNow(clock);
  }

  /** Epoch milliseconds of the instant, by the time of day as it is now. */
  get epochMs(): number {
    return this.#epochMs + this.setMs;
  }

  /** Milliseconds since. */
  get elapsedMs(): number {
    return monotonicNow(this.#clock) - this.#monotonic;
  }

  /** Milliseconds by which the time of day was set forward since; below zero where it was set back. */
  get setMs(): number {
    const setMs = Math.round(this.#clock.now() - this.#epochMs - this.elapsedMs);
    return Math.abs(setMs) < NOTICEABLE_MS ? 0 : setMs;
  }
}

/**
 * Waits `delayMs`, or rejects with the signal's reason as soon as it aborts.
 */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason as Error);
      return;
    }
    const onAbort = (): void => {
      cancel();
      reject(signal?.reason as Error);
    };
    const cancel = clock.after(
      delayMs,
      () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      },
      true,
    );
    signal?.addEventListener('abort', onAbort, ONCE);
  });
}

/** Aborts after `delayMs`, as `AbortSignal.timeout()` does, by a clock of one's own. */
export function timeoutSignal(clock: Clock, delayMs: number): AbortSignal {
  const controller = new AbortController();
  clock.after(delayMs, () => controller.abort(new DOMException(`Not done within ${delayMs} ms.`, 'TimeoutError')));
  return controller.signal;
}

/** A deadline is counted in so many parts. */
const DEADLINE_PARTS = 10;
/** A part that took so many times as long as it should was no time for anybody: the process stood still. */
const STOOD_STILL = 2;

/**
 * Runs `task` when `deadlineMs` of the process's own time have passed. Returns a function that cancels it.
 *
 * A busy event loop, or a process that was frozen, is no timeout: work that takes several turns (to connect, then to ask)
 * stands still meanwhile. The deadline is counted in parts; one in which the process stood still is counted again.
 */
export function afterOwnTime(clock: Clock, deadlineMs: number, task: () => void): () => void {
  const partMs = deadlineMs / DEADLINE_PARTS;
  let partsLeft = DEADLINE_PARTS;
  let repeatsLeft = DEADLINE_PARTS;
  let cancel: () => void;
  const countPart = (): void => {
    const startedAt = monotonicNow(clock);
    cancel = clock.after(partMs, () => {
      const stoodStill = monotonicNow(clock) - startedAt > partMs * STOOD_STILL;
      if (stoodStill && repeatsLeft > 0) repeatsLeft -= 1;
      else partsLeft -= 1;
      if (partsLeft > 0) countPart();
      else task();
    });
  };
  countPart();
  return () => cancel();
}

/**
 * Settles as `work` does, unless `deadlineMs` of the process's own time pass first: then rejects with what `onTimeout`
 * makes. The work itself goes on; a late failure of it is swallowed, never an unhandled rejection.
 */
export function withDeadline<T>(
  clock: Clock,
  work: Promise<T>,
  deadlineMs: number,
  onTimeout: () => Error,
): Promise<T> {
  return new Promise((resolve, reject) => {
    // The last part and the answer may be due at once, the timer first: the answer still counts.
    const cancel = afterOwnTime(clock, deadlineMs, () => setImmediate(() => reject(onTimeout())));
    work.then(resolve, reject).finally(cancel);
  });
}
