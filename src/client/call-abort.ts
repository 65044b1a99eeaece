import type { HttpResponse } from '../http/http-request.js';
import { discard } from './request/call-request.js';
import type { CallScope } from './request/call-scope.js';

/** Has a call aborted by something that is no AbortSignal. Returns a function that lets go of it. */
export type AbortLink = (scope: CallScope) => () => void;

/** Aborts a call by its caller's signal, and by what a face adds. Returns a function that lets go of both. */
export function followAll(
  scope: CallScope,
  signal: AbortSignal | undefined,
  follow: AbortLink | undefined,
): (() => void) | undefined {
  const unfollow = signal === undefined ? undefined : scope.follow(signal);
  const further = follow?.(scope);
  if (unfollow === undefined || further === undefined) return unfollow ?? further;
  return () => {
    unfollow();
    further();
  };
}

/** Settles as `work` does, or rejects as soon as the scope is aborted. What comes later is thrown away. */
export function untilAborted(work: Promise<HttpResponse>, scope: CallScope): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    const release = scope.onAbort((reason) => {
      reject(reason as Error);
      work.then(discard, () => undefined);
    });
    void settle(work, release, resolve, reject);
  });
}

/** As `work.finally(release).then(resolve, reject)`, with half its promises. */
async function settle<T>(
  work: Promise<T>,
  release: () => void,
  resolve: (value: T) => void,
  reject: (reason: unknown) => void,
): Promise<void> {
  try {
    const value = await work;
    release();
    resolve(value);
  } catch (error) {
    release();
    reject(error);
  }
}
