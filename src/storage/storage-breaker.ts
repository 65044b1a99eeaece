import type { Clock } from '../clock.js';

/** A storage that failed is left alone for this long at first. */
const FIRST_PAUSE_MS = 500;
/** One that is back is found within this time. */
const LONGEST_PAUSE_MS = 10_000;

/** Stops paying the deadline of a storage that does not answer: after a failure it is left alone, then probed. */
export class StorageBreaker {
  readonly #clock: Clock;
  #failures = 0;
  #closedUntil = 0;
  #probing = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether the last call failed. */
  get failing(): boolean {
    return this.#failures > 0;
  }

  /** Whether a call may be made now; of a failing storage, one at a time. Whoever is admitted tells how it ended. */
  admit(): boolean {
    if (this.#failures === 0) return true;
    if (this.#probing || this.#clock.now() < this.#closedUntil) return false;
    this.#probing = true;
    return true;
  }

  /** @returns whether the storage had been failing */
  succeeded(): boolean {
    const wasFailing = this.failing;
    this.#failures = 0;
    this.#probing = false;
    return wasFailing;
  }

  /** @returns whether the storage had been well */
  failed(): boolean {
    const wasWell = !this.failing;
    this.#failures += 1;
    this.#probing = false;
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.#failures - 1));
    this.#closedUntil = this.#clock.now() + pause;
    return wasWell;
  }
}
