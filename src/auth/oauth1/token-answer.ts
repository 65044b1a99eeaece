import { AuthenticationError } from '../../errors.js';
import type { ForgeResponse } from '../../http/forge-response.js';
import { parseRetryAfter } from '../../retry/retry-after.js';
import { oauthProblemOf } from './oauth-problem.js';
import { OAuth1Token } from './oauth1-token.js';

/**
 * The token that a server has answered: in form encoding, whatever its label says, or as JSON.
 * @param what name of the request, in words that follow the owner's name in a message
 * @throws {AuthenticationError} FORGE_AUTH_TOKEN_REFUSED, or FORGE_AUTH_TOKEN_RESPONSE_INVALID when it is no answer
 * @see [RFC 5849 §2.1, §2.3](https://www.rfc-editor.org/rfc/rfc5849#section-2.1)
 */
export function tokenIn(response: ForgeResponse, what: string, now: number): OAuth1Token {
  const { status } = response;
  const problem = oauthProblemOf(response);
  if (!response.isSuccess || problem !== undefined) {
    const retryAfterMs = parseRetryAfter(response.headers['retry-after'], now);
    const redirected =
      status >= 300 && status < 400 ? ' It was redirected, which is not followed: give the final URL.' : '';
    throw new AuthenticationError(
      `${what} was refused: ${problem ?? 'no reason named'} (HTTP ${status}).${redirected}`,
      {
        code: 'FORGE_AUTH_TOKEN_REFUSED',
        status,
        ...(problem === undefined ? undefined : { error: problem }),
        ...(retryAfterMs === undefined ? undefined : { retryAfterMs }),
      },
    );
  }
  const text = response.text().trim();
  if (text.startsWith('<')) throw invalid(what, 'the answer is a page', status);
  const { oauth_token, oauth_token_secret, oauth_callback_confirmed, ...extra } = fieldsOf(text);
  if (!oauth_token) throw invalid(what, 'the answer holds no oauth_token', status);
  if (!oauth_token_secret) throw invalid(what, 'the answer holds no oauth_token_secret', status);
  if ((oauth_callback_confirmed ?? 'true') !== 'true')
    throw invalid(what, 'the server did not take the callback URL', status);
  return new OAuth1Token(oauth_token, oauth_token_secret, extra);
}

function fieldsOf(text: string): Record<string, string> {
  if (!text.startsWith('{')) return Object.fromEntries(new URLSearchParams(text));
  try {
    const entries = Object.entries(JSON.parse(text) as object);
    return Object.fromEntries(entries.filter(([, value]) => typeof value !== 'object').map(([k, v]) => [k, String(v)]));
  } catch {
    return {};
  }
}

function invalid(what: string, why: string, status: number): AuthenticationError {
  return new AuthenticationError(`${what} failed: ${why} (HTTP ${status}).`, {
    code: 'FORGE_AUTH_TOKEN_RESPONSE_INVALID',
    status,
    transient: false,
  });
}
