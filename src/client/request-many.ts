import { checkOptions, type OptionRules } from '../option-check/option-check.js';
import { RULES } from '../option-check/option-rules.js';
import { InvalidRequestError } from '../errors.js';
import type { ForgeResponse } from '../http/forge-response.js';
import type { CallScope } from './request/call-scope.js';
import type { AbortLink } from './call-abort.js';
import type { ForgeRequest } from './request/request-config.js';
import { ONCE, ownOptions } from '../option-check/own-options.js';

/** Progress of a {@link ForgeHttpClient.requestMany}. */
export interface RequestManyProgress<T = unknown> {
  /** Number of requests that have ended, failed ones included. */
  readonly completed: number;
  /** Number of requests that have failed. */
  readonly failed: number;
  /** Number of all requests; undefined where they come from an iterable, which only its end knows. */
  readonly total: number | undefined;
  /** Number of the request that has just ended, counted from 0. */
  readonly index: number;
  readonly result: PromiseSettledResult<ForgeResponse<T>>;
}

/** Options of {@link ForgeHttpClient.requestMany}. */
export interface RequestManyOptions<T = unknown> {
  /** Number of requests under way at once. @default 5 */
  concurrency?: number;
  /** Aborts the rest at the first failure, and throws it. @default false */
  failFast?: boolean;
  /** Called when a request has ended; a promise is waited for before the next is made. What it throws aborts the rest. */
  onProgress?: (progress: RequestManyProgress<T>) => unknown;
  /** `false` returns an empty list: for more results than fit into memory, taken one by one in `onProgress`. @default true */
  keepResults?: boolean;
  /** Aborts all of them; the signal's reason is thrown. */
  signal?: AbortSignal;
}

const RULES_OF: OptionRules<RequestManyOptions> = Object.freeze({
  concurrency: RULES.any,
  failFast: RULES.switch,
  onProgress: RULES.function,
  keepResults: RULES.switch,
  signal: RULES.any,
});

/** Source of requests. An iterable is read no faster than its requests are made. */
export type RequestSource = Iterable<ForgeRequest> | AsyncIterable<ForgeRequest>;

type Call<T> = (request: ForgeRequest, follow: AbortLink) => Promise<ForgeResponse<T>>;
type Next = () => IteratorResult<ForgeRequest> | Promise<IteratorResult<ForgeRequest>>;

/** Makes many calls, a few at a time, and answers their results in the order of the requests. */
export async function requestMany<T>(
  call: Call<T>,
  requests: RequestSource,
  options: RequestManyOptions<T> = {},
): Promise<PromiseSettledResult<ForgeResponse<T>>[]> {
  const { concurrency = 5, failFast = false, onProgress, keepResults = true, signal } = ownOptions(options);
  checkOptions(options, RULES_OF, { refuse: (problem) => new InvalidRequestError(`requestMany: ${problem}`) });
  if (!Number.isInteger(concurrency) || concurrency < 1) {
    throw new InvalidRequestError(`requestMany: concurrency must be a whole number above zero, not ${concurrency}.`);
  }
  const { next, close } = iterate(requests);
  const total = Array.isArray(requests) ? requests.length : undefined;
  const results: PromiseSettledResult<ForgeResponse<T>>[] = [];
  const scopes = new Set<CallScope>();
  const follow: AbortLink = (scope) => {
    scopes.add(scope);
    return () => scopes.delete(scope);
  };
  let [started, completed, failed] = [0, 0, 0];
  const state = { stopped: false };

  return new Promise((resolve, reject) => {
    const stop = (reason: unknown): void => {
      if (state.stopped) return;
      state.stopped = true;
      signal?.removeEventListener('abort', onAbort);
      for (const scope of scopes) scope.abort(reason);
      reject(reason as Error);
      try {
        close();
      } catch {
        // As in a loop that ends with an error: that error is the one to report.
      }
    };
    const onAbort = (): void => stop(signal?.reason);

    const settle = (index: number, result: PromiseSettledResult<ForgeResponse<T>>): unknown => {
      if (state.stopped) return undefined;
      completed += 1;
      if (result.status === 'rejected') failed += 1;
      if (keepResults) results[index] = result;
      const reported = onProgress?.({ completed, failed, total, index, result });
      if (failFast && result.status === 'rejected') stop(result.reason);
      return reported;
    };

    const work = async (): Promise<void> => {
      while (!state.stopped) {
        const step = next();
        const { done, value } = step instanceof Promise ? await step : step;
        if (done === true || state.stopped) return;
        const index = started;
        started += 1;
        let result: PromiseSettledResult<ForgeResponse<T>>;
        try {
          result = { status: 'fulfilled', value: await call(value, follow) };
        } catch (reason) {
          result = { status: 'rejected', reason };
        }
        try {
          const reported = settle(index, result);
          if (reported !== undefined) await reported;
        } catch (error) {
          stop(error);
        }
      }
    };

    signal?.addEventListener('abort', onAbort, ONCE);
    if (signal?.aborted === true) onAbort();
    const finish = async (): Promise<void> => {
      try {
        await Promise.all(Array.from({ length: concurrency }, work));
        signal?.removeEventListener('abort', onAbort);
        resolve(results);
      } catch (error) {
        stop(error);
      }
    };
    void finish();
  });
}

/** Reads an iterable, an asynchronous one only ever one step at a time. */
function iterate(requests: RequestSource): { next: Next; close: () => void } {
  if (typeof requests === 'object' && requests !== null && Symbol.iterator in requests) {
    const iterator = requests[Symbol.iterator]();
    let ended = false;
    return {
      next: () => {
        if (ended) return { done: true, value: undefined };
        const step = iterator.next();
        ended = step.done === true;
        return step;
      },
      close: () => {
        if (!ended) iterator.return?.();
      },
    };
  }
  if (typeof (requests as Partial<AsyncIterable<ForgeRequest>> | null)?.[Symbol.asyncIterator] !== 'function') {
    throw new InvalidRequestError('requestMany needs a list, an iterable or an async iterable of requests.');
  }
  const iterator = requests[Symbol.asyncIterator]();
  let last: Promise<IteratorResult<ForgeRequest>> = Promise.resolve({ done: false, value: {} });
  let ended = false;
  return {
    next: () => {
      last = last.then(async (previous) => {
        if (previous.done === true) return previous;
        const step = await iterator.next();
        ended = step.done === true;
        return step;
      });
      return last;
    },
    close: () => {
      // A generator that is in the middle of a step ends when that does; nobody waits for it.
      if (!ended) iterator.return?.().catch(() => undefined);
    },
  };
}
