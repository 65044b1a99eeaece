import type { HttpHeaders } from '../http/http-request.js';
import type { Authenticator, CredentialParameters } from './authenticator.js';
import { declared, ownOptions } from '../option-check/own-options.js';

/** A request that may have, or refuse, headers of an authenticator's. */
interface Carrier {
  readonly headers: Readonly<HttpHeaders>;
  readonly withheld?: ReadonlySet<string> | undefined;
}

/** Credentials that a call brings itself. */
export interface OwnCredentials {
  /** Names of credential parameters in its query or its form. */
  readonly ownParameters?: ReadonlySet<string> | undefined;
  /** True when it has an `Authorization` header that is not the service's own. */
  readonly ownAuthorization?: boolean | undefined;
}

/**
 * Checks whether the call itself sets a header or a parameter that `authenticator` writes, or says that there be no such
 * header. `Authorization` takes the place of a credential that stands in no header: two ways to authenticate are one too
 * many.
 * @see [RFC 6750 §2](https://www.rfc-editor.org/rfc/rfc6750#section-2)
 */
export function isTaken(
  authenticator: Authenticator,
  { headers, withheld }: Carrier,
  { ownParameters, ownAuthorization = false }: OwnCredentials,
): boolean {
  const written = writtenBy(authenticator);
  if (written.some((name) => headers[name] !== undefined || withheld?.has(name) === true)) return true;
  if (ownAuthorization && written.length === 0) return true;
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

/** Checks whether a header holds nothing but blanks, or a list of such as `fetch` joins it. */
export function isBlank(value: string | readonly string[] | undefined): boolean {
  return value !== undefined && [value].flat().every((text) => /^[\s,]*$/.test(text));
}
