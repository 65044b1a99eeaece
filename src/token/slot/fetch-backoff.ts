import { type Clock, Instant, monotonicNow } from '../../clock.js';
import { AuthenticationError } from '../../errors.js';
import { ONCE } from '../../option-check/own-options.js';
import { failureReason, isFailureReason } from './failure-reason.js';

/** First pause after a second failed flight in a row. */
const FIRST_PAUSE_MS = 1_000;
/** An endpoint that is back is found within this time. */
const LONGEST_PAUSE_MS = 30_000;
/** The cap of `Retry-After`: no process of ours holds back for longer, or says so in a note. */
const LONGEST_RETRY_AFTER_MS = 3_600_000;
/** Time by which a note outlives its pause: whoever of the fleet tries next goes on counting. */
const NOTE_REST_MS = 30_000;
/** Part of a pause that jitter takes away, so a fleet does not come back in step. */
const JITTER = 0.2;
/** Time by which the clock of whoever wrote a note may be ahead. */
const MOST_AHEAD_MS = 48 * 3_600_000;
/** Epoch milliseconds until which fetches wait, failures in a row, milliseconds from the failure on, the last reason. */
const NOTE = /^(\d{1,15}) (\d{1,6}) (\d{1,10})(?: ([\w ]{1,60}))?$/;

/** A fetch that was started: its end says something of the endpoint, once. */
export interface FetchAttempt {
  succeeded(): void;
  failed(error: unknown): void;
  /** It ended without saying anything of the endpoint. */
  abandoned(): void;
}

/**
 * Keeps a failing token endpoint from being hammered: it holds back fetches, never the serving of a valid token.
 *
 * The first failure holds back nothing; from the second in a row on fetches are held back for 1, 2, 4 … 30 s. What
 * `Retry-After` asks for always counts. Fetches that were under way together when one failed are one failure. After a
 * failure one fetch goes first, and the others wait for what becomes of it. Time is that of a monotonic clock.
 */
export class FetchBackoff {
  readonly #clock: Clock;
  #failures = 0;
  #failedAt: Instant | undefined;
  /** Monotonic milliseconds. */
  #retryAt = Number.NEGATIVE_INFINITY;
  /** Counts failures that were not under way when the one before them was seen. */
  #epoch = 0;
  #probe: { readonly ended: Promise<void>; readonly end: () => void } | undefined;
  #last: unknown;
  /** Of the last failure, here or elsewhere. */
  #reason: string | undefined;
  #adopted: string | undefined;
  /** True while nobody here knows of an outage that another process noted. */
  #unheard = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Failed flights since the last one that succeeded. */
  get failures(): number {
    return this.#failures;
  }

  /** Milliseconds until a fetch may start, zero when one may. */
  get waitMs(): number {
    return Math.max(0, this.#retryAt - monotonicNow(this.#clock));
  }

  /** Epoch milliseconds until which no fetch may start; in the past when one may. */
  get retryAt(): number {
    return this.waitMs === 0 ? 0 : Math.ceil(this.#clock.now() + this.waitMs);
  }

  /** Settles when the fetch ends that goes first; undefined where none does. */
  get probing(): Promise<void> | undefined {
    return this.#probe?.ended;
  }

  /** @throws {AuthenticationError} FORGE_AUTH_BACKOFF while fetches are held back */
  assertNotBackingOff(service: string): void {
    const { waitMs } = this;
    if (waitMs === 0) return;
    const seconds = Math.ceil(waitMs / 1000);
    const reason = this.#reason === undefined ? '' : ` (${this.#reason})`;
    throw new AuthenticationError(
      `Token request for ${service} is held back for ${seconds} s after ${this.#failures} failed in a row${reason}.`,
      {
        code: 'FORGE_AUTH_BACKOFF',
        cause: this.#last,
        transient: true,
        retryAfterMs: waitMs,
      },
    );
  }

  /** Starts a fetch; after a failure it is the one that goes first. */
  begin(): FetchAttempt {
    const epoch = this.#epoch;
    const probe = this.#failures > 0 && this.#probe === undefined ? (this.#probe = startProbe()) : undefined;
    let over = false;
    const end = (work: () => void): void => {
      if (over) return;
      over = true;
      work();
      if (probe === undefined) return;
      if (this.#probe === probe) this.#probe = undefined;
      probe.end();
    };
    return {
      // What started before a failure was seen says nothing against it.
      succeeded: () => end(() => epoch === this.#epoch && this.succeeded()),
      failed: (error) => end(() => (epoch === this.#epoch ? this.failed(error) : this.#holdBack(retryAfterOf(error)))),
      abandoned: () => end(() => undefined),
    };
  }

  failed(error: unknown): void {
    this.#failures += 1;
    this.#epoch += 1;
    this.#failedAt = new Instant(this.#clock);
    this.#last = error;
    this.#reason = failureReason(error);
    this.#unheard = false;
    this.#retryAt = Number.NEGATIVE_INFINITY;
    this.#holdBack(Math.max(retryAfterOf(error), this.#pauseMs()));
  }

  succeeded(): void {
    this.#failures = 0;
    this.#retryAt = Number.NEGATIVE_INFINITY;
    this.#last = undefined;
    this.#reason = undefined;
    this.#unheard = false;
  }

  /** Another process has obtained a token since: the next failure is the first again. What is held back stays so. */
  succeededElsewhere(obtainedAt: number): void {
    if (obtainedAt > (this.#failedAt?.epochMs ?? Number.NEGATIVE_INFINITY) && this.waitMs === 0) this.succeeded();
  }

  /** For the other processes, and how long it is worth keeping. */
  toNote(): { readonly text: string; readonly ttlMs: number } {
    const waitMs = Math.ceil(this.waitMs);
    const until = Math.ceil(this.#clock.now() + waitMs);
    const reason = this.#reason === undefined ? '' : ` ${this.#reason}`;
    return { text: `${until} ${this.#failures} ${waitMs}${reason}`, ttlMs: waitMs + NOTE_REST_MS };
  }

  /**
   * Takes over another process's note: the fleet backs off together. That clock may be off, so the note holds back for no
   * longer than it did where it was written, and once. One that no process of ours can have written is none.
   */
  adopt(note: string | undefined): void {
    const parts = NOTE.exec(note ?? '');
    if (parts === null || note === this.#adopted) return;
    this.#adopted = note;
    const [until, failures, forMs] = parts.slice(1, 4).map(Number) as [number, number, number];
    const reason = parts[4];
    if (reason !== undefined && !isFailureReason(reason)) return;
    const now = this.#clock.now();
    // A store that forgets nothing returns old ones.
    if (until + NOTE_REST_MS <= now || forMs > LONGEST_RETRY_AFTER_MS || until - forMs > now + MOST_AHEAD_MS) return;
    if (this.#failures === 0) this.#unheard = true;
    this.#failures = Math.max(this.#failures, failures);
    this.#reason = reason ?? this.#reason;
    this.#holdBack(Math.min(until - now, forMs));
  }

  /** True once for an outage that this process knows of by a note alone: whoever asks logs it. */
  takeUnheard(): boolean {
    const unheard = this.#unheard;
    this.#unheard = false;
    return unheard;
  }

  /** Holds back for `forMs` from now on, if not for longer already. */
  #holdBack(forMs: number): void {
    if (forMs <= this.waitMs) return;
    const now = this.#clock.now();
    // To a whole millisecond of the wall clock, which notes speak of.
    this.#retryAt = monotonicNow(this.#clock) + (Math.ceil(now + forMs) - now);
  }

  #pauseMs(): number {
    if (this.#failures < 2) return 0;
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.#failures - 2));
    return pause * (1 - JITTER * this.#clock.random());
  }
}

function retryAfterOf(error: unknown): number {
  const retryAfterMs = error instanceof AuthenticationError ? (error.retryAfterMs ?? 0) : 0;
  return Math.min(retryAfterMs, LONGEST_RETRY_AFTER_MS);
}

function startProbe(): { readonly ended: Promise<void>; readonly end: () => void } {
  const controller = new AbortController();
  const ended = new Promise<void>((resolve) => controller.signal.addEventListener('abort', () => resolve(), ONCE));
  return { ended, end: () => controller.abort() };
}
