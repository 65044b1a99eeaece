import { linkSignals } from '../http/signals.js';

/**
 * The life of one call: ends when the call does, or before that by the caller's signal, the total timeout or the
 * client's closing.
 *
 * Not an AbortSignal, because those are dear and most calls never need one: `signal` makes it on first use.
 */
export class CallScope {
  readonly #listeners = new Set<(reason: unknown) => void>();
  #reason: unknown;
  #aborted = false;
  #controller: AbortController | undefined;

  get aborted(): boolean {
    return this.#aborted;
  }

  get reason(): unknown {
    return this.#reason;
  }

  /** The scope as an AbortSignal. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** Runs `listener` when the scope is aborted. Returns a function that takes it back. */
  onAbort(listener: (reason: unknown) => void): () => void {
    if (this.#aborted) listener(this.#reason);
    else this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  abort(reason: unknown): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#reason = reason;
    this.#controller?.abort(reason);
    for (const listener of this.#listeners) listener(reason);
    this.#listeners.clear();
  }

  /** Aborts with `signal`. Returns a function that lets go of it. */
  follow(signal: AbortSignal): () => void {
    const link = linkSignals(signal);
    if (link.signal.aborted) this.abort(signal.reason);
    else link.signal.addEventListener('abort', () => this.abort(signal.reason), { once: true });
    return () => link.release();
  }
}
