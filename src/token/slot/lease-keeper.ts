import type { Clock } from '../../clock.js';
import type { Lease } from '../../lock/token-lock.js';

/** A lease is extended when a third of its term is over: two extensions may fail before it is lost. */
const TERM_PARTS = 3;

/** A lease that is extended while its work lasts. */
export interface KeptLease {
  readonly generation: number;
  /** True when it has run out, and may be somebody else's. What is written under it is fenced by its generation. */
  readonly lost: boolean;
  /** Extends it no more, and gives it back. */
  release(): Promise<void>;
}

/** Extends a lease until it is released, lost, or `signal` ends it: a holder that is wedged loses it. */
export function keepAlive(lease: Lease, ttlMs: number, clock: Clock, signal: AbortSignal): KeptLease {
  let over = false;
  let lost = false;
  let cancel: (() => void) | undefined;
  const schedule = (): void => {
    if (!over) cancel = clock.after(ttlMs / TERM_PARTS, () => void extend());
  };
  const extend = async (): Promise<void> => {
    if (over || signal.aborted) return;
    try {
      lost = !(await lease.extend());
    } catch {
      // The lock store is down for a moment: the lease is good until its term is over.
    }
    if (!lost) schedule();
  };
  schedule();
  return {
    generation: lease.generation,
    get lost() {
      return lost;
    },
    async release() {
      over = true;
      cancel?.();
      await lease.release();
    },
  };
}
