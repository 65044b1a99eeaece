import { type Clock, millisecondsSince, sleep } from '../../clock.js';
import { AuthenticationError, ConnectionError, ForgeAuthError } from '../../errors.js';
import type { HttpResponse } from '../../http/http-request.js';
import type { Observers } from '../../observer.js';
import { askAtOnce } from '../../option-check/at-once.js';
import type {
  Circuit,
  CircuitPermit,
  CircuitState,
  RequestRetryStrategy,
  RetryOutcome,
} from '../../retry/request-retry.strategy.js';
import { parseRetryAfter } from '../../retry/retry-after.js';
import { wishedDelayMs } from '../../retry/wished-delay.js';
import { type CallRequest, discard, isIdempotent } from '../request/call-request.js';
import type { Layer, Next } from './layer.js';

/** A service that asks to be left alone for longer gets its wish; the caller gets the answer. */
const LONGEST_WAIT_MS = 60_000;

/** Options of retrying that its service gives. */
export interface RetryOptions {
  readonly name: string;
  readonly strategy: RequestRetryStrategy;
  readonly circuit: Circuit | undefined;
  readonly clock: Clock;
  readonly observer?: Observers | undefined;
}

/**
 * Sends a request again after a transient failure, as the strategy decides and the request allows.
 * Never wraps: what the last attempt answered or threw comes through, with `attempts` set.
 */
export function retryLayer({ name, strategy, circuit, clock, observer }: RetryOptions): Layer {
  return async (request, next) => {
    for (let attempt = 1; ; attempt += 1) {
      request.call.attempts = attempt;
      const result = await attemptOnce(request, next, circuit, attempt, clock);
      const delayMs = delayAfter(result, request, strategy, clock);
      // A circuit that this very attempt opened lets nothing pass: the caller learns what opened it.
      if (delayMs === undefined || stateOf(circuit) === 'open') return settle(result, attempt);
      if (result.response !== undefined) discard(result.response);
      if (observer?.active === true) {
        const { status } = result.outcome;
        observer.emit({
          type: 'retry',
          at: clock.now(),
          service: name,
          attempt,
          delayMs,
          ...(status !== undefined && { status }),
        });
      }
      await sleep(clock, delayMs, request.call.scope.signal);
    }
  };
}

/** End of an attempt; one of `response` and `error`. */
interface Result {
  readonly outcome: RetryOutcome;
  readonly response?: HttpResponse;
  readonly error?: unknown;
}

async function attemptOnce(
  request: CallRequest,
  next: Next,
  circuit: Circuit | undefined,
  attempt: number,
  clock: Clock,
): Promise<Result> {
  let permit: CircuitPermit | undefined;
  let unfollow: (() => void) | undefined;
  try {
    permit = circuit && askAtOnce("the circuit's admit()", () => circuit.admit());
    // What the attempt waits for need not hear of the abort: a caller that left must not keep the place of a probe.
    if (permit !== undefined) unfollow = request.call.scope.onAbort(() => releaseEarly(permit));
    const response = await next(request);
    const retryAfterMs = parseRetryAfter(response.headers['retry-after'], clock.now());
    const outcome = { attempt, status: response.status, retryAfterMs };
    record(permit, outcome);
    return { outcome, response };
  } catch (error) {
    const known = error instanceof ForgeAuthError ? error : undefined;
    const outcome: RetryOutcome = { attempt, error: known };
    // A token that could not be obtained, or a caller that left, says nothing about the service.
    if (known !== undefined && !(known instanceof AuthenticationError) && !request.call.scope.aborted)
      record(permit, outcome);
    return { outcome, error };
  } finally {
    unfollow?.();
    release(permit);
  }
}

function record(permit: CircuitPermit | undefined, outcome: RetryOutcome): void {
  if (permit !== undefined) askAtOnce("the circuit's record()", () => permit.record(outcome));
}

function stateOf(circuit: Circuit | undefined): CircuitState | undefined {
  return circuit && askAtOnce("the circuit's state", () => circuit.state);
}

/** Whoever aborts must not hear of a circuit: the end of the attempt releases once more, and says what is wrong. */
function releaseEarly(permit: CircuitPermit | undefined): void {
  try {
    release(permit);
  } catch {
    return;
  }
}

function release(permit: CircuitPermit | undefined): void {
  if (permit !== undefined) askAtOnce("the circuit's release()", () => permit.release());
}

/** Undefined: this was the last attempt. */
function delayAfter(
  { outcome, error }: Result,
  request: CallRequest,
  strategy: RequestRetryStrategy,
  clock: Clock,
): number | undefined {
  const { call } = request;
  if (!call.retry || call.scope.aborted || (error !== undefined && outcome.error === undefined)) return undefined;
  if (error instanceof AuthenticationError || !mayRepeat(request, error)) return undefined;
  const wished = wishedDelayMs(strategy, outcome, clock);
  if (wished === undefined) return undefined;
  const delayMs = Math.max(wished, outcome.retryAfterMs ?? 0);
  const leftMs = call.totalTimeoutMs - millisecondsSince(clock, call.startedAt);
  return delayMs > LONGEST_WAIT_MS || delayMs >= leftMs ? undefined : delayMs;
}

/** A request may be sent twice if it is idempotent, says so, or has certainly not been sent; and if its body can be. */
function mayRepeat(request: CallRequest, error: unknown): boolean {
  if (request.body?.replayable === false) return false;
  if (error instanceof ConnectionError && error.nothingSent) return true;
  return isIdempotent(request);
}

function settle({ response, error }: Result, attempts: number): HttpResponse {
  if (response !== undefined) return response;
  if (error instanceof ForgeAuthError) error.attempts = attempts;
  throw error;
}
