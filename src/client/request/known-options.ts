import { InvalidRequestError } from '../../errors.js';
import { suggestionFor } from '../../option-check/option-suggestion.js';
import type { TokenRequest } from '../../token/token-provider.js';
import type { ForgeRequest } from './request-config.js';

/** Options that one call may have. Read for every call: a table without a prototype is the quickest. */
const OF_A_CALL: Readonly<Record<keyof ForgeRequest, true>> = table({
  url: true,
  method: true,
  params: true,
  headers: true,
  data: true,
  timeoutMs: true,
  totalTimeoutMs: true,
  signal: true,
  responseType: true,
  validateStatus: true,
  maxRedirects: true,
  maxContentLength: true,
  idempotent: true,
  retry: true,
  auth: true,
});

/** Parameters that one call may ask of its token. */
const OF_A_TOKEN: Readonly<Record<keyof TokenRequest, true>> = table({
  scope: true,
  audience: true,
  resource: true,
  subject: true,
  subjectToken: true,
  claims: true,
  extraParams: true,
});

/** Places of options that are given to a call in error. */
const NEARBY = [{ known: Object.keys(OF_A_TOKEN), as: (name: string) => `auth: { ${name}: … }` }];

/** @throws {InvalidRequestError} naming the option of a call that does not exist, and the one that was meant */
export function assertRequest(request: ForgeRequest): void {
  for (const name in request) {
    if (name in OF_A_CALL || !Object.hasOwn(request, name)) continue;
    throw new InvalidRequestError(suggestionFor(name, { known: Object.keys(OF_A_CALL), prefix: '', nearby: NEARBY }));
  }
}

/** @throws {InvalidRequestError} naming the parameter of a token that does not exist, and the one that was meant */
export function assertTokenRequest(request: TokenRequest): void {
  for (const name in request) {
    if (name in OF_A_TOKEN || !Object.hasOwn(request, name)) continue;
    throw new InvalidRequestError(suggestionFor(name, { known: Object.keys(OF_A_TOKEN), prefix: 'auth.', nearby: [] }));
  }
}

function table<T extends object>(entries: T): Readonly<T> {
  return Object.freeze(Object.assign(Object.create(null) as T, entries));
}
