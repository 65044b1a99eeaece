import type { Clock } from '../../clock.js';

/** `Date` has whole seconds, and answers take their time: less than this is no sign of a clock that is off. */
const NOTICEABLE_MS = 5_000;

/**
 * The time of an issuer, by the `Date` of its answers.
 *
 * Only what is signed with a time follows it (assertions, proofs of possession). Tokens expire by this machine's clock,
 * counted from their request.
 */
export class IssuerClock {
  readonly #clock: Clock;
  #offsetMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Epoch milliseconds, as near to the issuer's as is known. */
  now(): number {
    return this.#clock.now() + this.#offsetMs;
  }

  /** Milliseconds by which this machine's clock is behind the issuer's; 0 until an answer shows otherwise. */
  get offsetMs(): number {
    return this.#offsetMs;
  }

  /** Reads the `Date` of an answer that has just come. */
  observe(date: string | readonly string[] | undefined): void {
    const stated = Date.parse(String([date ?? ''].flat()[0]));
    if (Number.isNaN(stated)) return;
    const offsetMs = stated - this.#clock.now();
    this.#offsetMs = Math.abs(offsetMs) < NOTICEABLE_MS ? 0 : offsetMs;
  }

  /** Checks whether the time has turned out to be another one since `offsetMs` was read. */
  hasMoved(offsetMs: number): boolean {
    return Math.abs(this.#offsetMs - offsetMs) >= NOTICEABLE_MS;
  }
}
