import type { HttpHeaders } from '../http/http-request.js';
import type { Authenticator, CredentialParameters } from './authenticator.js';
import { declared, ownOptions } from '../option-check/own-options.js';

/** A request that may have, or refuse, headers of an authenticator's. */
interface Carrier {
  readonly headers: Readonly<HttpHeaders>;
  readonly withheld?: ReadonlySet<string> | undefined;
}

/**
 * Checks whether the call itself sets a header or a parameter that `authenticator` writes, or says that there be no such
 * header.
 */
export function isTaken(
  authenticator: Authenticator,
  { headers, withheld }: Carrier,
  ownParameters: ReadonlySet<string> | undefined,
): boolean {
  if (writtenBy(authenticator).some((name) => headers[name] !== undefined || withheld?.has(name) === true)) return true;
  if (ownParameters === undefined) return false;
  const { query, form } = parametersWrittenBy(authenticator);
  return [...query, ...form].some((name) => ownParameters.has(name));
}

/** The headers that an authenticator writes itself, as far as it says so. */
export function writtenBy(authenticator: Authenticator): readonly string[] {
  return declared(authenticator, 'credentialHeaders') ?? NONE;
}

/** The parameters that an authenticator writes itself, as far as it says so. */
export function parametersWrittenBy(authenticator: Authenticator): Required<CredentialParameters> {
  const given = declared(authenticator, 'credentialParameters');
  if (given === undefined) return NO_PARAMETERS;
  const { query = NONE, form = NONE } = ownOptions(given);
  return { query, form };
}

const NONE: readonly string[] = Object.freeze([]);
const NO_PARAMETERS = Object.freeze({ query: NONE, form: NONE });

/** Checks whether a header holds nothing but blanks. */
export function isBlank(value: string | readonly string[] | undefined): boolean {
  return value !== undefined && [value].flat().every((text) => text.trim() === '');
}
