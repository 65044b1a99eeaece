import type { Clock } from '../clock.js';
import type { Lease } from '../lock/token-lock.js';

/** A lease is extended when a third of its term is over: two extensions may fail before it is lost. */
const TERM_PARTS = 3;

/**
 * Extends a lease while its work lasts, until `signal` ends it: a holder that is wedged loses it.
 * @returns gives the lease back
 */
export function keepAlive(lease: Lease, ttlMs: number, clock: Clock, signal: AbortSignal): () => Promise<void> {
  let over = false;
  let cancel: (() => void) | undefined;
  const schedule = (): void => {
    cancel = clock.after(ttlMs / TERM_PARTS, () => {
      if (over || signal.aborted) return;
      // A lost lease is no reason to stop: what is written under it is fenced by its generation.
      lease.extend().then(
        () => over || schedule(),
        () => over || schedule(),
      );
    });
  };
  schedule();
  return async () => {
    over = true;
    cancel?.();
    await lease.release();
  };
}
