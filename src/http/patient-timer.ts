import { type Clock, monotonicNow } from '../clock.js';

/** A timer that is this much late was held up: the process stood still, and what arrived meanwhile is not read yet. */
const STOOD_STILL_MS = 10;

/** Time enough to read what has arrived, unpacking included. */
const CATCH_UP_MS = 100;

/**
 * Runs `task` after `delayMs`. Where the process stood still meanwhile (a blocked loop, a frozen container) it first gets
 * a moment to read the answer that may have been waiting. Returns a function that cancels it.
 */
export function afterPatiently(clock: Clock, delayMs: number, task: () => void): () => void {
  const dueAt = monotonicNow(clock) + delayMs;
  let cancel = clock.after(delayMs, () => {
    if (monotonicNow(clock) - dueAt < STOOD_STILL_MS) task();
    else cancel = clock.after(CATCH_UP_MS, task);
  });
  return () => cancel();
}
