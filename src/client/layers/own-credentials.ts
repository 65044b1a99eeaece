import type { Authenticator } from '../../auth/authenticator.js';
import { credentialParametersOf } from '../../auth/composite.authenticator.js';
import { isBlank, writtenBy } from '../../auth/credential-headers.js';
import { InvalidRequestError } from '../../errors.js';
import type { HttpBody, HttpHeaders } from '../../http/http-request.js';
import type { ForgeLogger } from '../../logger.js';
import type { Call, CallRequest } from '../request/call-request.js';

/** Notes that a call brought a credential of its own. */
export type Warn = (request: CallRequest, authenticator: Authenticator) => void;

/** Whoever did not mean it, a library perhaps, would look for the cause of a 401 for long. */
export function warnOnce({ name, logger }: { readonly name: string; readonly logger: ForgeLogger }): Warn {
  let warned = false;
  return ({ headers, call }, authenticator) => {
    const written = writtenBy(authenticator).find((candidate) => headers[candidate] !== undefined);
    const parameter = [...(call.ownParameters ?? [])][0];
    const header = written ?? (parameter === undefined && headers['authorization'] ? 'authorization' : undefined);
    const brought = header ?? parameter;
    if (warned || brought === undefined) return;
    warned = true;
    logger.warn(
      `Service "${name}": a call brings the ${header === undefined ? 'parameter' : 'header'} ${brought} itself, so the service's credential is not added. If a library insists on one, set replaceCredential: true.`,
    );
  };
}

/** Checks whether a request has an `Authorization` header that is not one of the service's options. */
export function bringsAuthorization(
  { headers }: Pick<CallRequest, 'headers'>,
  ofService: Readonly<HttpHeaders>,
): boolean {
  const { authorization } = headers;
  return authorization !== undefined && authorization !== ofService['authorization'];
}

/** A credential of the call's own that is blank is a mistake: a variable that is not set, sent as if nobody were to sign in. */
export function assertCredentials({ headers }: CallRequest, authenticator: Authenticator): void {
  const blank = (name: string): boolean => headers[name] !== undefined && isBlank(headers[name]);
  if (!blank('authorization') && !writtenBy(authenticator).some(blank)) return;
  throw new InvalidRequestError(
    'A header that carries a credential is empty. Leave it out to have it written, or call with auth: false.',
  );
}

/**
 * Returns the parameters of an authenticator that a call brings in its query: they are the call's own for as long as it
 * lasts, redirects that drop them included.
 * @throws {InvalidRequestError} when one is blank
 */
export function ownParametersIn(url: string, authenticator: Authenticator | false): ReadonlySet<string> | undefined {
  if (authenticator === false || !url.includes('?')) return undefined;
  const { query } = credentialParametersOf(authenticator);
  return query.length === 0 ? undefined : broughtOf(query, new URL(url).searchParams);
}

/** A form that is about to be sent. */
interface FormCarrier {
  readonly headers: Readonly<HttpHeaders>;
  readonly body?: HttpBody | undefined;
  readonly call: Call;
}

/**
 * Adds to a call's own parameters those that it brings in its form.
 * @throws {InvalidRequestError} when one is blank
 */
export function noteForm(authenticator: Authenticator, { headers, body, call }: FormCarrier): void {
  const { form } = credentialParametersOf(authenticator);
  if (form.length === 0 || (typeof body !== 'string' && !Buffer.isBuffer(body))) return;
  if (!/^application\/x-www-form-urlencoded\b/i.test(String(headers['content-type'] ?? ''))) return;
  const own = broughtOf(form, new URLSearchParams(body.toString()));
  if (own !== undefined) call.ownParameters = new Set([...(call.ownParameters ?? []), ...own]);
}

function broughtOf(names: readonly string[], given: URLSearchParams): ReadonlySet<string> | undefined {
  const own = names.filter((name) => given.has(name));
  if (own.some((name) => isBlank(given.getAll(name)))) {
    throw new InvalidRequestError(
      'A parameter that carries a credential is empty. Leave it out to have it written, or call with auth: false.',
    );
  }
  return own.length === 0 ? undefined : new Set(own);
}
