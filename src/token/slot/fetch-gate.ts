import type { Clock } from '../../clock.js';
import { AuthenticationError } from '../../errors.js';

/** First pause after a second failed flight in a row. */
const FIRST_PAUSE_MS = 1_000;
/** An endpoint that is back is found within this time. */
const LONGEST_PAUSE_MS = 30_000;
/** Another process's note is believed for no longer than this, the cap of `Retry-After`. */
const LONGEST_NOTE_MS = 3_600_000;
/** How long a note outlives its pause: whoever of the fleet tries next goes on counting. */
const NOTE_REST_MS = 30_000;
/** Part of a pause that jitter takes away, so a fleet does not come back in step. */
const JITTER = 0.2;
/** Epoch milliseconds until which fetches wait, failures in a row, milliseconds from the failure on. */
const NOTE = /^(\d{1,15}) (\d{1,6}) (\d{1,10})$/;

/**
 * Keeps a failing token endpoint from being hammered: it holds back fetches, never the serving of a valid token.
 *
 * The first failure closes nothing; from the second in a row on it closes for 1, 2, 4 … 30 s. What `Retry-After` asks for
 * always counts.
 */
export class FetchGate {
  readonly #clock: Clock;
  #failures = 0;
  #failedAt = Number.NEGATIVE_INFINITY;
  #closedUntil = 0;
  #closedForMs = 0;
  #last: unknown;
  #adopted: string | undefined;

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

  /** Milliseconds until a fetch may start, zero when one may. A clock that was set back closes it for no longer. */
  get waitMs(): number {
    const waitMs = this.#closedUntil - this.#clock.now();
    return waitMs > 0 && waitMs <= this.#closedForMs ? waitMs : 0;
  }

  /** @throws {AuthenticationError} FORGE_AUTH_BACKOFF while closed */
  check(service: string): void {
    const { waitMs } = this;
    if (waitMs === 0) return;
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
    this.#failedAt = this.#clock.now();
    this.#last = error;
    const retryAfterMs = error instanceof AuthenticationError ? (error.retryAfterMs ?? 0) : 0;
    this.#close(this.#failedAt, Math.max(retryAfterMs, this.#pauseMs()));
  }

  succeeded(): void {
    this.#failures = 0;
    this.#closedUntil = 0;
    this.#last = undefined;
  }

  /** Another process has got a token since: the next failure is the first again. What is closed stays so. */
  succeededElsewhere(obtainedAt: number): void {
    if (obtainedAt > this.#failedAt && this.waitMs === 0) this.succeeded();
  }

  /** For the other processes, and how long it is worth keeping. */
  toNote(): { readonly text: string; readonly ttlMs: number } {
    const waitMs = Math.ceil(this.waitMs);
    return { text: `${Math.ceil(this.#closedUntil)} ${this.#failures} ${waitMs}`, ttlMs: waitMs + NOTE_REST_MS };
  }

  /**
   * Another process's note: the fleet backs off together. That clock may be off, so the note holds back for no longer than
   * it did where it was written, and once.
   */
  adopt(note: string | undefined): void {
    const parts = NOTE.exec(note ?? '');
    if (parts === null || note === this.#adopted) return;
    this.#adopted = note;
    const [until, failures, forMs] = parts.slice(1).map(Number) as [number, number, number];
    const now = this.#clock.now();
    // A store that forgets nothing answers old ones.
    if (until + NOTE_REST_MS <= now) return;
    this.#failures = Math.max(this.#failures, failures);
    const waitMs = Math.min(until - now, forMs, LONGEST_NOTE_MS);
    if (waitMs > this.waitMs) this.#close(now, waitMs);
  }

  #close(now: number, forMs: number): void {
    this.#closedUntil = forMs > 0 ? Math.ceil(now + forMs) : now;
    this.#closedForMs = this.#closedUntil - now;
  }

  #pauseMs(): number {
    if (this.#failures < 2) return 0;
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.#failures - 2));
    return pause * (1 - JITTER * this.#clock.random());
  }
}
