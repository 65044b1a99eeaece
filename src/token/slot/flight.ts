import { afterOwnTime, type Clock } from '../../clock.js';
import { ONCE } from '../../option-check/own-options.js';

/**
 * One piece of work that many callers wait for.
 *
 * A caller that is cancelled leaves alone; the work is aborted when the last one has left. It has a deadline, at which
 * it rejects even if the work ignores its signal. Everybody gets the same value or the same error, at once.
 */
export class Flight<T> {
  /** Settles as the work does. Never an unhandled rejection. */
  readonly settled: Promise<T>;
  readonly #controller = new AbortController();
  #waiting = 0;
  #over = false;
  #abandoned = false;

  constructor(work: (signal: AbortSignal) => Promise<T>, clock: Clock, deadlineMs: number, onDeadline: () => Error) {
    const { signal } = this.#controller;
    this.settled = new Promise<T>((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error), ONCE);
      const cancel = afterOwnTime(clock, deadlineMs, () => this.abort(onDeadline()));
      work(signal)
        .then(resolve, reject)
        .finally(() => {
          this.#over = true;
          cancel();
        });
    });
    this.settled.catch(() => undefined);
  }

  /** True when the work was aborted: nobody waits for it any more, its deadline is over, or it was cancelled. */
  get aborted(): boolean {
    return this.#controller.signal.aborted;
  }

  /** True when the work was aborted because the last caller left. */
  get abandoned(): boolean {
    return this.#abandoned;
  }

  /** Waits for the work, without keeping it from being aborted on somebody else's behalf when `signal` aborts. */
  join(signal?: AbortSignal): Promise<T> {
    this.#waiting += 1;
    if (signal === undefined) return this.settled;
    return new Promise<T>((resolve, reject) => {
      const leave = (): void => {
        reject(signal.reason as Error);
        this.#waiting -= 1;
        if (this.#waiting > 0) return;
        this.#abandoned = true;
        this.abort(signal.reason);
      };
      if (signal.aborted) {
        leave();
        return;
      }
      signal.addEventListener('abort', leave, ONCE);
      this.settled.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
    });
  }

  /** Ends the work for everybody. */
  abort(reason: unknown): void {
    if (!this.#over) this.#controller.abort(reason);
  }
}
