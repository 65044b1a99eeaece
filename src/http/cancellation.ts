import { ONCE } from '../option-check/own-options.js';

/**
 * Cancellation of a request, reported once, with a reason, to all who listen.
 *
 * Not an AbortSignal, because those are dear and most requests never need one: `signal` makes it on first use.
 */
export class Cancellation {
  #first: ((reason: unknown) => void) | undefined;
  /** Made for the second listener: most have one at a time. */
  #others: Set<(reason: unknown) => void> | undefined;
  #aborted = false;
  #reason: unknown;
  #controller: AbortController | undefined;

  get aborted(): boolean {
    return this.#aborted;
  }

  get reason(): unknown {
    return this.#reason;
  }

  /** The same as an AbortSignal. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** Runs `listener` on abort; at once, if that has been. */
  subscribe(listener: (reason: unknown) => void): void {
    if (this.#aborted) listener(this.#reason);
    else if (this.#first === undefined) this.#first = listener;
    else (this.#others ??= new Set()).add(listener);
  }

  /** Forgets a listener. */
  unsubscribe(listener: (reason: unknown) => void): void {
    if (this.#first === listener) this.#first = undefined;
    else this.#others?.delete(listener);
  }

  /** Runs the listeners, the first time. */
  abort(reason: unknown): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#reason = reason;
    this.#controller?.abort(reason);
    const listeners = [this.#first, ...(this.#others ?? [])];
    this.#first = undefined;
    this.#others = undefined;
    for (const listener of listeners) listener?.(reason);
  }
}

/** Something that may be called off, at little cost or as a signal alone. */
interface Abortable {
  readonly cancellation?: Cancellation | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** @throws the reason, if a request has been called off. Reads the signal only where there is nothing else. */
export function throwIfAborted(request: Abortable): void {
  const abort = request.cancellation ?? request.signal;
  if (abort?.aborted === true) throw abort.reason;
}

/**
 * Runs `listener` when a request is called off; at once, if that has been. Returns a function that takes it back;
 * undefined where nobody can call it off. Reads the signal only where there is nothing else: it may be made for it.
 */
export function whenAborted(request: Abortable, listener: (reason: unknown) => void): (() => void) | undefined {
  const { cancellation } = request;
  if (cancellation !== undefined) {
    cancellation.subscribe(listener);
    return () => cancellation.unsubscribe(listener);
  }
  const { signal } = request;
  if (signal === undefined) return undefined;
  if (signal.aborted) {
    listener(signal.reason);
    return undefined;
  }
  const onAbort = (): void => listener(signal.reason);
  signal.addEventListener('abort', onAbort, ONCE);
  return () => signal.removeEventListener('abort', onAbort);
}
