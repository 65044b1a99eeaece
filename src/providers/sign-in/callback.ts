import { AuthenticationError } from '../../errors.js';
import { registeredCode } from '../../token/registered-code.js';
import { sameText } from '../oidc/id-token.js';

/** Parameters that the browser brought back from the authorization server. */
export interface Callback {
  readonly state: string;
  readonly code: string | undefined;
  readonly error: string | undefined;
  readonly iss: string | undefined;
}

/** A callback: the URL that was requested, or the parameters of a `form_post`. */
export type CallbackSource = string | URL | URLSearchParams;

/** @throws {AuthenticationError} FORGE_AUTH_SIGN_IN_FAILED when it has no state, or says something twice */
export function readCallback(source: CallbackSource): Callback {
  const parameters = parametersOf(source);
  const one = (name: string): string | undefined => {
    const values = parameters.getAll(name);
    // Not to be included more than once (RFC 6749 §3.1).
    if (values.length > 1) throw signInFailed(`the callback has several of ${name}`);
    return values[0] === '' ? undefined : values[0];
  };
  const [state, code, error, iss] = [one('state'), one('code'), one('error'), one('iss')];
  if (state === undefined) throw signInFailed('the callback has no state');
  return { state, code, error, iss };
}

/**
 * The code, where the callback is an answer to our request.
 * @throws {AuthenticationError} FORGE_AUTH_SIGN_IN_FAILED when it is of another issuer, an error, or has no code
 * @see [RFC 9207 §2.4](https://www.rfc-editor.org/rfc/rfc9207#section-2.4)
 */
export function codeOf(callback: Callback, issuer: { identifier: string; namesItself: boolean }): string {
  const { iss, error } = callback;
  if (iss === undefined ? issuer.namesItself : iss !== issuer.identifier)
    throw signInFailed('the callback is of another issuer');
  if (error !== undefined) {
    const code = registeredCode(error);
    throw signInFailed(`the issuer answered ${code}`, code);
  }
  if (callback.code === undefined) throw signInFailed('the callback has no code');
  return callback.code;
}

/** Checks whether a state that the app kept itself is that of the callback. */
export function sameState(kept: string, received: string): boolean {
  return sameText(kept, received);
}

/** The error of a sign-in that came to nothing: the person may start again. */
export function signInFailed(why: string, error?: string): AuthenticationError {
  return new AuthenticationError(`The sign-in failed: ${why}.`, {
    code: 'FORGE_AUTH_SIGN_IN_FAILED',
    transient: false,
    ...(error === undefined ? undefined : { error }),
  });
}

/** The parameters of a URL that a browser requested, or of a form that it posted. */
export function parametersOf(source: CallbackSource): URLSearchParams {
  if (source instanceof URLSearchParams) return source;
  const text = String(source).split('#', 1)[0] ?? '';
  return new URLSearchParams(text.includes('?') ? text.slice(text.indexOf('?') + 1) : '');
}
