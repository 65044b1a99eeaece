import type { ClientCore } from '../client/client-core.js';
import type { Clock } from '../clock.js';

/**
 * Waits until no call is under way, for `graceMs` at most. Calls that are made meanwhile are made, too: a handler that
 * makes one after the other is between two of them for a turn of the event loop.
 */
export async function drain(cores: () => readonly ClientCore[], graceMs: number, clock: Clock): Promise<void> {
  if (graceMs === 0) return;
  let cancel: (() => void) | undefined;
  const over = new Promise<void>((resolve) => {
    cancel = clock.after(graceMs, resolve, true);
  });
  await Promise.race([over, whenIdle(cores)]);
  cancel?.();
}

async function whenIdle(cores: () => readonly ClientCore[]): Promise<void> {
  do {
    await Promise.all(cores().map((core) => core.idle()));
    await nextTurn();
  } while (cores().some(({ busy }) => busy));
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(() => setImmediate(resolve));
  });
}
