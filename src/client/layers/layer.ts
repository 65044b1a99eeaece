import type { AuthenticatedRequest } from '../../auth/authenticator.js';
import type { HttpResponse } from '../../http/http-request.js';
import type { Call, CallRequest } from '../request/call-request.js';

/** Sends a request on to what is below a layer, and returns its answer. */
export type Next<Request = CallRequest> = (request: Request) => Promise<HttpResponse>;

/**
 * One layer of a client: sees a request going down and its answer coming up.
 * @typeParam Above what it is given
 * @typeParam Below what it hands on
 */
export type Layer<Above = CallRequest, Below = Above> = (request: Above, next: Next<Below>) => Promise<HttpResponse>;

/** A request as it is sent, its credential on it and its body opened: one for each attempt, hop and replay. */
export interface SentRequest extends AuthenticatedRequest {
  readonly call: Call;
}

/** Puts a layer on top of another; without one, what is below stays as it is. */
export function over<Above>(layer: Layer<Above> | undefined, next: Next<Above>): Next<Above>;
export function over<Above, Below>(layer: Layer<Above, Below>, next: Next<Below>): Next<Above>;
export function over<Above>(layer: Layer<Above> | undefined, next: Next<Above>): Next<Above> {
  return layer === undefined ? next : (request) => layer(request, next);
}
