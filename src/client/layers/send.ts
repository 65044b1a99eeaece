import { Readable } from 'node:stream';
import type { Clock } from '../../clock.js';
import { ForgeAuthError, InvalidRequestError, TimeoutError } from '../../errors.js';
import { AxiosTransport } from '../../http/axios.transport.js';
import { Cancellation } from '../../http/cancellation.js';
import type { HttpRequest, HttpResponse } from '../../http/http-request.js';
import { networkError } from '../../http/network-error.js';
import type { Transport } from '../../http/transport.js';
import { redactUrl } from '../../redact.js';
import type { Send } from './auth.interceptor.js';
import { assertFraming } from '../request/request-headers.js';

/** Sends one request within its timeout: to the end of the body, to the headers of a stream. */
export function sender(transport: Transport, clock: Clock, serviceName: string): Send {
  const takesCancellation = transport.send === AxiosTransport.prototype.send;
  return async (request, call) => {
    if (request.body instanceof Readable && request.body.destroyed) throw spent(request, request.body);
    assertFraming(request);
    const cancellation = new Cancellation();
    const release = call.scope.onAbort((reason) => cancellation.abort(reason));
    const stopTimer = clock.after(call.timeoutMs, () =>
      cancellation.abort(timedOut(request, call.timeoutMs, serviceName)),
    );
    if (takesCancellation) request.cancellation = cancellation;
    else request.signal = cancellation.signal;
    let response: HttpResponse;
    try {
      response = await transport.send(request);
    } catch (error) {
      release();
      // A transport of the app's own may throw what it likes: an HTTP library's error holds the request, whole.
      const known = error instanceof ForgeAuthError || cancellation.aborted;
      throw known ? error : networkError(request.method, request.url, error);
    } finally {
      stopTimer();
    }
    // A stream is still under way: the call's end is its end, too.
    if (Buffer.isBuffer(response.body)) release();
    else response.body.once('close', release);
    return response;
  };
}

/** Sent as it is, the request would wait for its end in vain. */
function spent(request: HttpRequest, body: Readable): InvalidRequestError {
  const where = `${request.method} ${redactUrl(request.url)}`;
  return new InvalidRequestError(`${where}: the body is a stream that has failed, or was read before.`, {
    ...(body.errored === null ? undefined : { cause: body.errored }),
  });
}

function timedOut(request: HttpRequest, timeoutMs: number, serviceName: string): TimeoutError {
  return new TimeoutError(`${request.method} ${redactUrl(request.url)} did not answer within ${timeoutMs} ms.`, {
    serviceName,
  });
}
