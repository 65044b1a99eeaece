import { getMaxListeners, setMaxListeners } from 'node:events';
import { ONCE } from '../option-check/own-options.js';

/** A signal of our own that aborts with its parents, and can be aborted by us. */
export interface SignalLink {
  readonly signal: AbortSignal;
  abort(reason: unknown): void;
  /** Lets go of the parents. Call it when the work is over, or they keep it alive. */
  release(): void;
}

/** Node warns from the eleventh listener on; a signal that guards many concurrent calls has many. */
const MANY_LISTENERS = 10_000;

/** Makes a signal that aborts, with the same reason, as soon as one of `parents` does. */
export function linkSignals(...parents: (AbortSignal | undefined)[]): SignalLink {
  const controller = new AbortController();
  const releases: (() => void)[] = [];
  for (const parent of parents) {
    if (parent === undefined) continue;
    if (parent.aborted) {
      controller.abort(parent.reason);
      break;
    }
    const onAbort = (): void => controller.abort(parent.reason);
    allowManyListeners(parent);
    parent.addEventListener('abort', onAbort, ONCE);
    releases.push(() => parent.removeEventListener('abort', onAbort));
  }
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    release: () => {
      for (const release of releases) release();
    },
  };
}

/** Settles as `work` does, or rejects with the signal's reason as soon as it aborts. The work goes on. */
export function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  const link = linkSignals(signal);
  return new Promise<T>((resolve, reject) => {
    link.signal.addEventListener('abort', () => reject(signal.reason as Error), ONCE);
    if (signal.aborted) reject(signal.reason as Error);
    work.then(resolve, reject).finally(() => link.release());
  });
}

function allowManyListeners(signal: AbortSignal): void {
  if (getMaxListeners(signal) < MANY_LISTENERS) setMaxListeners(MANY_LISTENERS, signal);
}
