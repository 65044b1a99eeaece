import { type Clock, monotonicNow, withDeadline } from '../clock.js';
import { TimeoutError } from '../errors.js';
import type { ForgeLogger } from '../logger.js';
import { silence } from './guarded-lock.js';
import { isValueRefused, outageReason, refusalOf } from './outage-reason.js';
import { type Pass, StorageBreaker } from './storage-breaker.js';
import type { StorageCommand, StorageObserver } from './storage-observer.js';

/** Options of {@link StorageCommands}. */
export interface StorageCommandsOptions {
  readonly clock: Clock;
  readonly logger: ForgeLogger;
  readonly observer: StorageObserver;
  readonly deadlineMs: number;
}

/**
 * Commands to one store, none of which ever rejects: each has a deadline, and a store that does not answer, or takes no
 * writes, is left alone for a while. It is logged once when it goes and once when it is back.
 */
export class StorageCommands {
  readonly #clock: Clock;
  readonly #logger: ForgeLogger;
  readonly #observer: StorageObserver;
  readonly #deadlineMs: number;
  /** Tracks whether it answers at all. */
  readonly #answers: StorageBreaker;
  /** Tracks whether it takes writes: a replica, or a Redis that is full, refuses them and answers all the same. */
  readonly #writes: StorageBreaker;
  readonly #calls = new Set<Promise<unknown>>();
  #closed = false;
  #troubled = false;

  constructor({ clock, logger, observer, deadlineMs }: StorageCommandsOptions) {
    this.#clock = clock;
    this.#logger = logger;
    this.#observer = observer;
    this.#deadlineMs = deadlineMs;
    this.#answers = new StorageBreaker(clock);
    this.#writes = new StorageBreaker(clock);
  }

  /** True when it does not answer. */
  get failing(): boolean {
    return this.#answers.failing;
  }

  /** True from a failure, of a read or a write, until it answers again. */
  get troubled(): boolean {
    return this.#troubled;
  }

  /** Returns what was read; undefined where it failed or was not tried. */
  read<T>(work: () => Promise<T>): Promise<T | undefined> {
    return this.#call('get', this.#answers, work);
  }

  /** Returns what a write answered; undefined where it failed or was not tried. */
  write<T>(work: () => Promise<T>): Promise<T | undefined> {
    return this.#call('set', this.#writes, work);
  }

  /** Begins no command from now on, and waits for those under way. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#calls);
  }

  async #call<T>(command: StorageCommand, breaker: StorageBreaker, work: () => Promise<T>): Promise<T | undefined> {
    const startedAt = monotonicNow(this.#clock);
    const closed = this.#closed || (breaker === this.#writes && this.failing);
    const pass = closed ? undefined : breaker.admit();
    if (pass === undefined) {
      this.#observer.command(command, 'skipped', startedAt);
      return undefined;
    }
    const call = this.#admitted(command, breaker, pass, work);
    this.#calls.add(call);
    try {
      return await call;
    } finally {
      this.#calls.delete(call);
    }
  }

  /** Never rejects. */
  async #admitted<T>(
    command: StorageCommand,
    breaker: StorageBreaker,
    pass: Pass,
    work: () => Promise<T>,
  ): Promise<T | undefined> {
    const startedAt = monotonicNow(this.#clock);
    try {
      // An async function, so that a storage that throws at once is a rejection like any other.
      const answer = await this.within((async () => work())());
      breaker.succeeded(pass);
      this.#logRecovery();
      this.#observer.answered(command, answer, startedAt);
      return answer;
    } catch (error) {
      if (isValueRefused(error)) {
        breaker.succeeded(pass);
        this.#observer.command(command, 'refused', startedAt);
        return undefined;
      }
      breaker.failed(pass);
      this.trouble(error, breaker === this.#writes);
      // A store that does not answer says nothing of what it takes: it is back when it answers, written to or not.
      if (this.#answers.failing) this.#writes.reset();
      this.#observer.failed(command, error, startedAt);
      return undefined;
    }
  }

  /** Ends what takes longer than the deadline. @throws {TimeoutError} */
  within<T>(work: Promise<T>): Promise<T> {
    return withDeadline(this.#clock, work, this.#deadlineMs, silence);
  }

  /** Takes note of a failure: the first one is logged. @param writing whether it was a write */
  trouble(error: unknown, writing = false): void {
    // Who lets a write or a lease wait would let a read wait, too.
    if (error instanceof TimeoutError) this.#answers.failed('call');
    if (this.#troubled) return;
    this.#troubled = true;
    this.#observer.state('down');
    const what = writing && refusalOf(error) !== undefined ? 'takes no writes' : 'is not answering';
    this.#logger.warn(
      `Token storage ${what} (${outageReason(error, this.#deadlineMs)}). Tokens are not shared until it is back; calls go on.`,
    );
  }

  #logRecovery(): void {
    if (!this.#troubled || this.#answers.failing || this.#writes.failing) return;
    this.#troubled = false;
    this.#observer.state('up');
    this.#logger.log('Token storage is back.');
  }
}
