import { AuthenticationError } from '../errors.js';
import { registeredCode } from './registered-code.js';

let warned = false;

/**
 * Returns what an authorization server put into a URL's fragment (RFC 6749 §4.2.2). The first use in a process warns.
 * @throws {AuthenticationError} when it is an error, or of another state
 */
export function implicitResponse(url: string | URL, state: string | undefined): Record<string, unknown> {
  if (!warned) {
    warned = true;
    process.emitWarning(
      'Token.fromCallback() reads the token of an implicit flow, which is deprecated (RFC 9700 section 2.1.2): the token stands in a URL. Use AuthorizationCodeTokenProvider.',
      { type: 'SecurityWarning', code: 'FORGE_AUTH_IMPLICIT_FLOW' },
    );
  }
  const text = String(url);
  const fragment = new URLSearchParams(text.includes('#') ? text.slice(text.indexOf('#') + 1) : '');
  const { error, state: received, ...response } = Object.fromEntries(fragment);
  // The state first: an error of somebody else's request says nothing.
  if (state !== undefined && received !== state) throw refused('its state is not that of the request');
  if (error === undefined) return response;
  throw refused(registeredCode(error), registeredCode(error));
}

function refused(why: string, error?: string): AuthenticationError {
  return new AuthenticationError(`The callback brings no token: ${why}.`, {
    code: 'FORGE_AUTH_TOKEN_REFUSED',
    ...(error === undefined ? undefined : { error }),
  });
}
