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
    // One promise, where `work.finally(release).then(resolve, reject)` would make four.
    const releasing =
      <T>(settle: (outcome: T) => void) =>
      (outcome: T): void => {
        release();
        settle(outcome);
      };
    work.then(releasing(resolve), releasing(reject));
  });
}
