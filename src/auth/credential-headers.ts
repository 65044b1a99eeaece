import type { HttpHeaders } from '../http/http-request.js';
import type { Authenticator } from './authenticator.js';

/** A request that may have, or refuse, headers of an authenticator's. */
interface Carrier {
  readonly headers: Readonly<HttpHeaders>;
  readonly withheld?: ReadonlySet<string> | undefined;
}

/** Checks whether the call itself sets a header that `authenticator` writes, or says that there be none. */
export function isTaken({ credentialHeaders }: Authenticator, { headers, withheld }: Carrier): boolean {
  return credentialHeaders?.some((name) => headers[name] !== undefined || withheld?.has(name) === true) ?? false;
}

/** Checks whether a header holds nothing but blanks. */
export function isBlank(value: string | readonly string[] | undefined): boolean {
  return value !== undefined && [value].flat().every((text) => text.trim() === '');
}
