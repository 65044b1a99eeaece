import type { Clock } from '../clock.js';
import { TimeoutError } from '../errors.js';
import type { HttpRequest, HttpResponse } from '../http/http-request.js';
import type { Transport } from '../http/transport.js';
import { redactUrl } from '../redact.js';
import type { Send } from './auth.interceptor.js';

/** Sends one request within its timeout: to the end of the body, to the headers of a stream. */
export function sender(transport: Transport, clock: Clock, serviceName: string): Send {
  return async (request, call) => {
    const controller = new AbortController();
    const release = call.scope.onAbort((reason) => controller.abort(reason));
    const cancel = clock.after(call.timeoutMs, () => controller.abort(timedOut(request, call.timeoutMs, serviceName)));
    request.signal = controller.signal;
    let response: HttpResponse;
    try {
      response = await transport.send(request);
    } catch (error) {
      release();
      throw error;
    } finally {
      cancel();
    }
    // A stream is still under way: the call's end is its end, too.
    if (Buffer.isBuffer(response.body)) release();
    else response.body.once('close', release);
    return response;
  };
}

function timedOut(request: HttpRequest, timeoutMs: number, serviceName: string): TimeoutError {
  return new TimeoutError(`${request.method} ${redactUrl(request.url)} did not answer within ${timeoutMs} ms.`, {
    serviceName,
  });
}
