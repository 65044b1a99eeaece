import type { LogoutNotice } from './logout-request.js';
import { type Claims, type ExpectedParties, refused, verifyClaims } from './signed-claims.js';

const WHAT = 'logout token';
const EVENT = 'http://schemas.openid.net/event/backchannel-logout';

/** Claims of a logout token. */
export interface LogoutClaims extends LogoutNotice {
  /** Names the token: one that comes again ends nothing new. */
  readonly id: string;
}

/**
 * Validates a logout token.
 * @throws {AuthenticationError} FORGE_AUTH_ID_TOKEN_INVALID saying which check failed, and no value of the token
 * @see [OpenID Connect Back-Channel Logout §2.6](https://openid.net/specs/openid-connect-backchannel-1_0.html#Validation)
 */
export async function validateLogoutToken(jwt: unknown, expected: ExpectedParties): Promise<LogoutClaims> {
  const { claims, type } = await verifyClaims(jwt, expected, WHAT);
  // Issuers of before the type was given leave it out or say JWT; an id_token or an access token is neither.
  if (type !== undefined && !/^(?:application\/)?(?:logout\+jwt|jwt)$/i.test(type))
    throw refused(WHAT, 'it is a token of another type');
  const { events, jti, sub, sid } = claims;
  if (typeof events !== 'object' || events === null || typeof (events as Claims)[EVENT] !== 'object')
    throw refused(WHAT, 'it announces no logout');
  if (claims['nonce'] !== undefined) throw refused(WHAT, 'it has a nonce, as only an id_token may');
  if (typeof jti !== 'string' || jti === '') throw refused(WHAT, 'it has no jti');
  const [subject, sessionId] = [textOf(sub), textOf(sid)];
  if (subject === undefined && sessionId === undefined) throw refused(WHAT, 'it names neither sub nor sid');
  return { id: jti, issuer: expected.issuer, subject, sessionId };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
