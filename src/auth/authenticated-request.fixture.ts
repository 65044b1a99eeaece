import { systemClock } from '../clock.js';
import type { AuthenticatedRequest } from './authenticator.js';

/** Makes a request as an authenticator receives it: a GET that was not sent before, but for what a spec says of it. */
export function authenticatedRequest(more: Partial<AuthenticatedRequest> = {}): AuthenticatedRequest {
  return {
    method: 'GET',
    url: 'https://api.example/',
    headers: {},
    responseType: 'json',
    serviceName: 'orders',
    tokenRequest: undefined,
    call: {},
    callSignal: new AbortController().signal,
    clock: systemClock,
    replays: 0,
    replayable: true,
    ...more,
  };
}
