import { type Clock, monotonicNow } from '../clock.js';

/** A timer that is this much late was held up: the process stood still, and what arrived meanwhile is not read yet. */
const STOOD_STILL_MS = 10;

/** Time enough to read what has arrived, unpacking included. */
const CATCH_UP_MS = 100;

/** A process that does not come to rest, for all that has arrived, is waited for no longer. */
const CATCH_UPS = 10;

/** The last part of a delay, and the longest, is timed by itself: what stood still before shows there, too. */
const LAST_PART = 0.2;
const LAST_PART_MS = 100;

/**
 * Runs `task` after `delayMs`. Where the process stood still meanwhile (a blocked loop, a frozen container) it first gets
 * a moment to read the answer that may have been waiting. Returns a function that cancels it.
 *
 * One that stands still until the very end is on time there: so the beginning of the last part is watched as well.
 */
export function afterPatiently(clock: Clock, delayMs: number, task: () => void): () => void {
  const dueAt = monotonicNow(clock) + delayMs;
  const lastPartMs = Math.floor(Math.min(delayMs * LAST_PART, LAST_PART_MS));
  let cancel = clock.after(delayMs - lastPartMs, () => {
    const stoodStill = isLate(clock, dueAt - lastPartMs);
    cancel = clock.after(Math.max(0, dueAt - monotonicNow(clock)), () => {
      if (stoodStill || isLate(clock, dueAt)) catchUp(clock, task, (next) => (cancel = next));
      else task();
    });
  });
  return () => cancel();
}

function isLate(clock: Clock, expectedAt: number): boolean {
  return monotonicNow(clock) - expectedAt >= STOOD_STILL_MS;
}

/** Runs `task` when the process has come to rest. @param onTimer is given what cancels each timer */
function catchUp(clock: Clock, task: () => void, onTimer: (cancel: () => void) => void, times = CATCH_UPS): void {
  const expectedAt = monotonicNow(clock) + CATCH_UP_MS;
  const cancel = clock.after(CATCH_UP_MS, () => {
    if (times > 0 && isLate(clock, expectedAt)) catchUp(clock, task, onTimer, times - 1);
    else task();
  });
  onTimer(cancel);
}
