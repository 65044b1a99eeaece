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
  const isLate = (expectedAt: number): boolean => monotonicNow(clock) - expectedAt >= STOOD_STILL_MS;
  const catchUp = (times: number): (() => void) => {
    const expectedAt = monotonicNow(clock) + CATCH_UP_MS;
    return clock.after(CATCH_UP_MS, () => {
      if (times > 0 && isLate(expectedAt)) cancel = catchUp(times - 1);
      else task();
    });
  };
  let cancel = clock.after(delayMs - lastPartMs, () => {
    const stoodStill = isLate(dueAt - lastPartMs);
    cancel = clock.after(Math.max(0, dueAt - monotonicNow(clock)), () => {
      if (stoodStill || isLate(dueAt)) cancel = catchUp(CATCH_UPS);
      else task();
    });
  });
  return () => cancel();
}
