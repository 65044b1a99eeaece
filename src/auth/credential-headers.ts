import type { HttpHeaders } from '../http/http-request.js';
import type { Authenticator } from './authenticator.js';
import { declared } from '../option-check/own-options.js';

/** A request that may have, or refuse, headers of an authenticator's. */
interface Carrier {
  readonly headers: Readonly<HttpHeaders>;
  readonly withheld?: ReadonlySet<string> | undefined;
}

/** Checks whether the call itself sets a header that `authenticator` writes, or says that there be none. */
export function isTaken(authenticator: Authenticator, { headers, withheld }: Carrier): boolean {
  return writtenBy(authenticator).some((name) => headers[name] !== undefined || withheld?.has(name) === true);
}

/** The headers that an authenticator writes itself, as far as it says so. */
export function writtenBy(authenticator: Authenticator): readonly string[] {
  return declared(authenticator, 'credentialHeaders') ?? NONE;
}

const NONE: readonly string[] = Object.freeze([]);

/** Checks whether a header holds nothing but blanks. */
export function isBlank(value: string | readonly string[] | undefined): boolean {
  return value !== undefined && [value].flat().every((text) => text.trim() === '');
}
