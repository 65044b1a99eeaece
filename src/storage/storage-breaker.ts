import { type Clock, monotonicNow } from '../clock.js';

/** A storage that failed is left alone for this long at first. */
const FIRST_PAUSE_MS = 500;
/** One that is back is found within this time. */
const LONGEST_PAUSE_MS = 10_000;

/** Way in which a call was let through: while all is well, or to find out whether a failing storage is back. */
export type Pass = 'call' | 'probe';

/** Stops paying the deadline of a storage that does not answer: after a failure it is left alone, then probed. */
export class StorageBreaker {
  readonly #clock: Clock;
  #failures = 0;
  #retryAt = 0;
  #probing = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** True when the last call failed. */
  get failing(): boolean {
    return this.#failures > 0;
  }

  /**
   * Lets a call through, or not: to a failing storage, one at a time. Whoever is let through reports how it ended.
   * Calls that were under way when it failed prove nothing any more: many of them are one failure.
   */
  admit(): Pass | undefined {
    if (this.#failures === 0) return 'call';
    const waitMs = this.#retryAt - monotonicNow(this.#clock);
    // A clock that knows the time of day alone may have been set back.
    const waits = waitMs > 0 && waitMs <= LONGEST_PAUSE_MS;
    if (this.#probing || waits) return undefined;
    this.#probing = true;
    return 'probe';
  }

  succeeded(pass: Pass): void {
    if (pass !== 'probe') return;
    this.#failures = 0;
    this.#probing = false;
  }

  /** Whoever was let through gave up before the end: nothing is known. */
  cancelled(pass: Pass): void {
    if (pass === 'probe') this.#probing = false;
  }

  /** Forgets the failures: their cause is another. */
  reset(): void {
    this.#failures = 0;
    this.#probing = false;
  }

  failed(pass: Pass): void {
    if (pass === 'probe') this.#probing = false;
    else if (this.failing) return;
    this.#failures += 1;
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.#failures - 1));
    this.#retryAt = monotonicNow(this.#clock) + pause;
  }
}
