import type { HttpRequest, HttpResponse } from './http-request.js';

/**
 * Sends one request and answers one response. The only seam that knows an HTTP library.
 *
 * A transport follows no redirect, retries nothing, keeps no cookies, and answers every status.
 * It rejects with the signal's reason when `request.signal` aborts, else with a `ConnectionError`, `TlsError`
 * or `ResponseParseError`.
 */
export interface Transport {
  send(request: HttpRequest): Promise<HttpResponse>;
  /** Closes kept-alive connections. */
  close?(): void | Promise<void>;
}
