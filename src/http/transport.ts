import { ResponseParseError } from '../errors.js';
import { redactUrl } from '../redaction/redact.js';
import type { HttpRequest, HttpResponse, ResponseType } from './http-request.js';

/**
 * Sends one request and returns one response. The only seam that knows an HTTP library.
 *
 * A transport follows no redirect, retries nothing, keeps no cookies, and returns every status.
 * It rejects with the signal's reason when `request.signal` aborts, else with a `ConnectionError`, `TlsError`
 * or `ResponseParseError`. Whoever makes a transport closes it: one that an app gives to its services outlives them.
 */
export interface Transport {
  /**
   * Sends one request, and returns the answer, whatever its status.
   * @throws {ConnectionError | TlsError | ResponseParseError} when there is no answer
   */
  send(request: HttpRequest): Promise<HttpResponse>;
  /** Follows `request.cancellation`, cheaper than `request.signal`, which is then made on demand. @default false */
  readonly takesCancellation?: boolean;
  /** Bytes of a body, unpacked, after which it is given up where neither call nor service says. @default the service's */
  readonly maxContentLength?: number | undefined;
  /** Closes kept-alive connections. */
  close?(): void | Promise<void>;
}

/**
 * Returns what a transport answered, if that is a response.
 * @throws {ResponseParseError} saying what of it is none
 */
export function checkResponse(answered: HttpResponse, { method, url, responseType }: HttpRequest): HttpResponse {
  const problem = problemOf(answered as unknown, responseType);
  if (problem === undefined) return answered;
  throw new ResponseParseError(`${method} ${redactUrl(url)}: the transport returned no response: ${problem}.`);
}

function problemOf(answered: unknown, responseType: ResponseType): string | undefined {
  if (typeof answered !== 'object' || answered === null) return 'it must be an object with status, headers and body';
  const { status, headers, body } = answered as Partial<Record<keyof HttpResponse, unknown>>;
  if (!Number.isInteger(status) || (status as number) < 100 || (status as number) > 999)
    return 'status must be a whole number of three digits';
  if (typeof headers !== 'object' || headers === null || Symbol.iterator in headers)
    return 'headers must be an object of lower-case names and their values';
  if (Buffer.isBuffer(body)) return undefined;
  if (!isStream(body)) return 'body must be a Buffer, or a Readable';
  return responseType === 'stream' ? undefined : "body must be a Buffer: it was not asked for as 'stream'";
}

function isStream(body: unknown): boolean {
  const { pipe, on } = (body ?? {}) as { pipe?: unknown; on?: unknown };
  return typeof pipe === 'function' && typeof on === 'function';
}
