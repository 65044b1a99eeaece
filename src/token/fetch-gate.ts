import type { Clock } from '../clock.js';
import { AuthenticationError } from '../errors.js';

/** First pause after a second failed flight in a row. */
const FIRST_PAUSE_MS = 1_000;
/** An endpoint that is back is found within this time. */
const LONGEST_PAUSE_MS = 30_000;
/** Another process's clock may be off: its note is believed for no longer than this, the cap of `Retry-After`. */
const LONGEST_NOTE_MS = 3_600_000;
/** Part of a pause that jitter takes away, so a fleet does not come back in step. */
const JITTER = 0.2;

/**
 * Keeps a failing token endpoint from being hammered: it holds back fetches, never the serving of a valid token.
 *
 * The first failure closes nothing; from the second in a row on it closes for 1, 2, 4 … 30 s. What `Retry-After` asks for
 * always counts.
 */
export class FetchGate {
  readonly #clock: Clock;
  #failures = 0;
  #closedUntil = 0;
  #last: unknown;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Epoch milliseconds until which no fetch may start; in the past when one may. */
  get closedUntil(): number {
    return this.#closedUntil;
  }

  /** Failed flights since the last one that succeeded. */
  get failures(): number {
    return this.#failures;
  }

  /** @throws {AuthenticationError} FORGE_AUTH_BACKOFF while closed */
  check(service: string): void {
    const waitMs = this.#closedUntil - this.#clock.now();
    if (waitMs <= 0) return;
    const seconds = Math.ceil(waitMs / 1000);
    throw new AuthenticationError(
      `Token request for ${service} is held back for ${seconds} s after ${this.#failures} failed in a row.`,
      {
        code: 'FORGE_AUTH_BACKOFF',
        cause: this.#last,
        transient: true,
      },
    );
  }

  failed(error: unknown): void {
    this.#failures += 1;
    this.#last = error;
    const retryAfterMs = error instanceof AuthenticationError ? (error.retryAfterMs ?? 0) : 0;
    this.#closedUntil = this.#clock.now() + Math.max(retryAfterMs, this.#pauseMs());
  }

  succeeded(): void {
    this.#failures = 0;
    this.#closedUntil = 0;
    this.#last = undefined;
  }

  /** For the other processes: until when, after how many failures. */
  toNote(): string {
    return `${Math.ceil(this.#closedUntil)} ${this.#failures}`;
  }

  /** Another process's note: the fleet backs off together. */
  adopt(note: string | undefined): void {
    const [until = 0, failures = 0] = (note ?? '').split(' ', 2).map(Number);
    if (!(until > this.#closedUntil) || !(failures > 0)) return;
    this.#closedUntil = Math.min(until, this.#clock.now() + LONGEST_NOTE_MS);
    this.#failures = Math.max(this.#failures, failures);
  }

  #pauseMs(): number {
    if (this.#failures < 2) return 0;
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.#failures - 2));
    return pause * (1 - JITTER * this.#clock.random());
  }
}
