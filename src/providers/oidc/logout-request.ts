import { refused } from './signed-claims.js';

const WHAT = 'logout';

/** Owner of the tokens that a logout ends, by the issuer's names: a person, or one session. */
export interface LogoutNotice {
  readonly issuer: string;
  readonly subject: string | undefined;
  readonly sessionId: string | undefined;
}

/**
 * Reads what the person's browser brings from the issuer when their session there has ended. Nothing of it is signed:
 * what ties it to the issuer is the session's id, which nobody else knows.
 * @throws {AuthenticationError} FORGE_AUTH_ID_TOKEN_INVALID when it is of another issuer, or names no session
 * @see [OpenID Connect Front-Channel Logout §3](https://openid.net/specs/openid-connect-frontchannel-1_0.html#RPLogout)
 */
export function readLogoutRequest(parameters: URLSearchParams, issuer: string): LogoutNotice {
  const [iss, sessionId] = ['iss', 'sid'].map((name) => {
    const values = parameters.getAll(name);
    if (values.length > 1) throw refused(WHAT, `it has several of ${name}`);
    return values[0] === '' ? undefined : values[0];
  });
  if (sessionId === undefined) throw refused(WHAT, 'it names no session (frontchannel_logout_session_required)');
  if (iss !== issuer) throw refused(WHAT, 'it is of another issuer');
  return { issuer, subject: undefined, sessionId };
}
