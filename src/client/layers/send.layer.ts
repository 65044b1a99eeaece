import { Readable } from 'node:stream';
import { type Clock, millisecondsSince, monotonicNow } from '../../clock.js';
import { ConnectionError, ForgeAuthError, InvalidRequestError, TimeoutError } from '../../errors.js';
import { Cancellation } from '../../http/cancellation.js';
import type { HttpRequest, HttpResponse } from '../../http/http-request.js';
import { networkError } from '../../http/network-error.js';
import { frameBody } from '../../http/body/framed-body.js';
import { afterPatiently } from '../../http/patient-timer.js';
import { checkResponse, type Transport } from '../../http/transport.js';
import type { Observers } from '../../observer.js';
import { defineOwn } from '../../option-check/own-options.js';
import { secretsOf } from '../../redaction/known-secrets.js';
import { ownCause, revealOwnCause } from '../../redaction/own-cause.js';
import { type RedactedCause, redactUrl } from '../../redaction/redact.js';
import { isIdempotent } from '../request/call-request.js';
import { withOwnStream } from './foreign-stream.js';
import type { Layer, SentRequest } from './layer.js';
import { WatchedBody } from './watched-body.js';

/** Options of sending that its service gives. */
export interface SendOptions {
  readonly name: string;
  readonly transport: Transport;
  readonly clock: Clock;
  /** True when the transport is none of the app's own. */
  readonly ownsTransport: boolean;
  readonly revealCauses: boolean;
  readonly observer?: Observers | undefined;
}

/** Hands one request to the transport, within its timeout: to the end of the body, to the headers of a stream. */
export function sendLayer(service: SendOptions): Layer<SentRequest, HttpRequest> {
  const { name, transport, clock, observer, ownsTransport, revealCauses } = service;
  const ownCauseOf = (error: unknown, request: SentRequest): RedactedCause =>
    ownCause(error, { reveal: revealCauses, secrets: secretsOf(request) });
  const takesCancellation = transport.takesCancellation === true;
  const send: Layer<SentRequest, HttpRequest> = async (request, next) => {
    if (request.body instanceof Readable && request.body.destroyed) throw spent(request, request.body);
    const counted = frameBody(request);
    const body = request.body instanceof Readable ? new WatchedBody(request.body) : undefined;
    const { scope, timeoutMs } = request.call;
    const cancellation = new Cancellation();
    const release = scope.onAbort((reason) => cancellation.abort(reason));
    const stopTimer = afterPatiently(clock, timeoutMs, () => cancellation.abort(timedOut(request, timeoutMs, name)));
    request.cancellation = cancellation;
    if (!takesCancellation)
      defineOwn(request, 'signal', { value: cancellation.signal, enumerable: true, configurable: true });
    let response: HttpResponse;
    try {
      response = checkResponse(await next(request), request);
      if (!takesCancellation && request.responseType === 'stream')
        response = withOwnStream(response, request, cancellation, (error) => ownCauseOf(error, request));
    } catch (error) {
      release();
      if (counted?.failure !== undefined) throw counted.failure;
      if (body !== undefined && !cancellation.aborted && body.hasCaused(error))
        throw body.error instanceof ForgeAuthError ? body.error : brokenBody(request, ownCauseOf(body.error, request));
      revealOwnCause(error, revealCauses);
      // A transport of the app's own may throw what it likes: an HTTP library's error holds the request, whole.
      const known = error instanceof ForgeAuthError || cancellation.aborted;
      const failure = known
        ? error
        : networkError(request.method, request.url, error, {
            cause: ownsTransport ? error : ownCauseOf(error, request),
          });
      if (!mayGoAgain(request, failure)) throw failure;
      request.freshConnection = true;
      return send(request, next);
    } finally {
      stopTimer();
    }
    // A stream is still under way: the call's end is its end, too.
    if (Buffer.isBuffer(response.body)) release();
    else response.body.on('close', release);
    return response;
  };
  return observer === undefined ? send : observed(send, name, clock, observer);
}

/**
 * Checks whether the server closed the connection of a request, kept from an earlier one, as it was written, and the
 * request may be sent twice: then it goes out on a fresh one, at once. No failed attempt: a pool cannot know better.
 */
function mayGoAgain(request: SentRequest, failure: unknown): boolean {
  if (!(failure instanceof ConnectionError) || !failure.staleConnection || request.freshConnection === true)
    return false;
  return !(request.body instanceof Readable) && isIdempotent(request) && !request.call.scope.aborted;
}

/** Reports to observers how each request ended. */
function observed(
  send: Layer<SentRequest, HttpRequest>,
  service: string,
  clock: Clock,
  observer: Observers,
): Layer<SentRequest, HttpRequest> {
  const observedSend: Layer<SentRequest, HttpRequest> = async (request, next) => {
    const startedAt = monotonicNow(clock);
    const emit = (end: { status?: number; code?: string }): void => {
      const { method, call } = request;
      observer.emit({
        type: 'attempt',
        at: clock.now(),
        service,
        method,
        attempt: call.attempts,
        durationMs: millisecondsSince(clock, startedAt),
        ...end,
      });
    };
    try {
      const response = await send(request, next);
      emit({ status: response.status });
      return response;
    } catch (error) {
      emit(error instanceof ForgeAuthError ? { code: error.code } : {});
      throw error;
    }
  };
  return (request, next) => {
    request.call.sent += 1;
    return observer.hearsAttempts ? observedSend(request, next) : send(request, next);
  };
}

function brokenBody({ method, url }: HttpRequest, cause: RedactedCause): InvalidRequestError {
  return new InvalidRequestError(`${method} ${redactUrl(url)}: the stream of its body failed: ${cause.summary}.`, {
    cause,
  });
}

/** Sent as it is, the request would wait for its end in vain. */
function spent(request: HttpRequest, body: Readable): InvalidRequestError {
  const where = `${request.method} ${redactUrl(request.url)}`;
  return new InvalidRequestError(`${where}: the body is a stream that has failed, or was read before.`, {
    ...(body.errored === null ? undefined : { cause: body.errored }),
  });
}

function timedOut(request: HttpRequest, timeoutMs: number, serviceName: string): TimeoutError {
  const where = `${request.method} ${redactUrl(request.url)}`;
  return new TimeoutError(`${where} did not answer within ${timeoutMs} ms (timeoutMs).`, {
    serviceName,
    limit: 'timeoutMs',
    limitMs: timeoutMs,
  });
}
