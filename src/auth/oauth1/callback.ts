import { AuthenticationError } from '../../errors.js';
import { knownProblem } from './oauth-problem.js';

/** Callback that a server sends the browser to: the whole URL, its query, or the query as a framework has parsed it. */
export type OAuth1Callback = string | URL | URLSearchParams | Readonly<Record<string, unknown>>;

/**
 * Reads a callback.
 * @throws {AuthenticationError} when the user refused, or token and verifier are missing
 * @see [RFC 5849 §2.2](https://www.rfc-editor.org/rfc/rfc5849#section-2.2)
 */
export function readCallback(callback: OAuth1Callback, owner: string): { token: string; verifier: string } {
  const query = queryOf(callback);
  const problem = query.has('denied')
    ? 'user_refused'
    : knownProblem(`oauth_problem=${query.get('oauth_problem') ?? ''}`);
  if (problem !== undefined || query.has('oauth_problem')) {
    throw new AuthenticationError(
      `${owner}: the user was sent back without consent: ${problem ?? 'no reason known'}.`,
      {
        code: 'FORGE_AUTH_TOKEN_REFUSED',
        ...(problem === undefined ? undefined : { error: problem }),
      },
    );
  }
  const [token, verifier] = [query.get('oauth_token'), query.get('oauth_verifier')];
  if (token && verifier) return { token, verifier };
  throw new AuthenticationError(`${owner}: the callback brings no ${token ? 'oauth_verifier' : 'oauth_token'}.`, {
    code: 'FORGE_AUTH_TOKEN_RESPONSE_INVALID',
  });
}

function queryOf(callback: OAuth1Callback): URLSearchParams {
  if (callback instanceof URL) return callback.searchParams;
  if (callback instanceof URLSearchParams) return callback;
  if (typeof callback === 'string')
    return new URLSearchParams(
      callback.includes('?') ? callback.slice(callback.indexOf('?')).split('#', 1)[0] : callback,
    );
  const texts = Object.entries(callback).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  return new URLSearchParams(texts);
}
