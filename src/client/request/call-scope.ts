import { Cancellation } from '../../http/cancellation.js';
import { linkSignals } from '../../http/signals.js';
import { ONCE } from '../../option-check/own-options.js';

/**
 * The life of one call: ends when the call does, or before that by the caller's signal, the total timeout or the
 * client's closing.
 */
export class CallScope extends Cancellation {
  /** Runs `listener` when the scope is aborted. Returns a function that takes it back. */
  onAbort(listener: (reason: unknown) => void): () => void {
    this.subscribe(listener);
    return () => this.unsubscribe(listener);
  }

  /** Aborts with `signal`. Returns a function that lets go of it. */
  follow(signal: AbortSignal): () => void {
    const link = linkSignals(signal);
    if (link.signal.aborted) this.abort(signal.reason);
    else link.signal.addEventListener('abort', () => this.abort(signal.reason), ONCE);
    return () => link.release();
  }
}
