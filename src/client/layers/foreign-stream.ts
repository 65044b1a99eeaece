import { ForgeAuthError, ResponseParseError } from '../../errors.js';
import { BytesOnly } from '../../http/body/bytes-only.js';
import type { Cancellation } from '../../http/cancellation.js';
import { type HttpRequest, type HttpResponse, headOf } from '../../http/http-request.js';
import { networkError } from '../../http/network-error.js';
import { typedStream } from '../../http/body/typed-stream.js';
import { redactUrl } from '../../redaction/redact.js';

/**
 * Returns what a transport of the app's own answered to a request for a stream, with a stream of ours: it gives bytes
 * alone, fails with an error of this package, and ends with the call. A body in memory is left as it is.
 * @param causeOf what may be shown of the transport's own errors
 */
export function withOwnStream(
  answered: HttpResponse,
  { method, url }: HttpRequest,
  cancellation: Cancellation,
  causeOf: (error: unknown) => unknown,
): HttpResponse {
  if (Buffer.isBuffer(answered.body)) return answered;
  const answer = headOf(answered);
  const refuse = (what: string): Error =>
    new ResponseParseError(`${method} ${redactUrl(url)}: the stream of the transport gives ${what}.`, { answer });
  const failureOf = (error: unknown): unknown =>
    error instanceof ForgeAuthError
      ? error
      : networkError(method, url, error ?? CLOSED, { answer, ...(error !== undefined && { cause: causeOf(error) }) });
  const body = typedStream(answered.body, failureOf, new BytesOnly(refuse));
  const end = (reason: unknown): void => void body.destroy(reason as Error);
  cancellation.subscribe(end);
  body.once('close', () => cancellation.unsubscribe(end));
  return { ...answered, body };
}

const CLOSED = Object.freeze({ code: 'ECONNRESET' });
