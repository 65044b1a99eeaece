import { createHash, timingSafeEqual } from 'node:crypto';
import { type Claims, type ExpectedParties, refused, subjectOf, timeOf, verifyClaims } from './signed-claims.js';

/** Values that an id_token must agree with, beyond its issuer and audience. */
export interface ExpectedIdToken extends ExpectedParties {
  /** The access token that came with it: compared with `at_hash` where there is one. */
  readonly accessToken?: string | undefined;
  /** The nonce of the authorization request. Undefined where there was none, as in a refresh. */
  readonly nonce?: string | undefined;
  /** Seconds for which an earlier sign-in of the person counts. */
  readonly maxAge?: number | undefined;
  /** The subject that it must be about, where that is known. */
  readonly subject?: string | undefined;
}

const WHAT = 'id_token';

/**
 * Validates an id_token and returns its claims.
 * @throws {AuthenticationError} FORGE_AUTH_ID_TOKEN_INVALID saying which check failed, and no value of the token
 * @see [OpenID Connect Core §3.1.3.7](https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation)
 */
export async function validateIdToken(idToken: unknown, expected: ExpectedIdToken): Promise<Claims> {
  const { claims, algorithm } = await verifyClaims(idToken, expected, WHAT);
  const subject = subjectOf(claims, WHAT);
  if (expected.subject !== undefined && subject !== expected.subject)
    throw refused(WHAT, 'it is about another subject');
  if (expected.nonce !== undefined && claims['nonce'] !== expected.nonce)
    throw refused(WHAT, 'its nonce is not that of the request');
  checkAge(claims, expected);
  checkAccessTokenHash(claims, algorithm, expected.accessToken);
  return claims;
}

function checkAge(claims: Claims, { maxAge, now, clockToleranceMs }: ExpectedIdToken): void {
  if (maxAge === undefined) return;
  const signedInAt = timeOf(claims, 'auth_time', WHAT);
  if (signedInAt === undefined) throw refused(WHAT, 'max_age was asked for and it has no auth_time');
  if (now > signedInAt + maxAge * 1_000 + clockToleranceMs)
    throw refused(WHAT, 'the person signed in longer ago than max_age allows');
}

/** Ties the access token to the id_token (OpenID Connect Core §3.1.3.8). */
function checkAccessTokenHash(claims: Claims, algorithm: string, accessToken: string | undefined): void {
  const { at_hash: hash } = claims;
  if (hash === undefined || accessToken === undefined) return;
  const digest = createHash(digestOf(algorithm)).update(accessToken, 'ascii').digest();
  const expected = digest.subarray(0, digest.length / 2).toString('base64url');
  if (typeof hash !== 'string' || !sameText(hash, expected))
    throw refused(WHAT, 'its at_hash is of another access token');
}

function digestOf(algorithm: string): string {
  return algorithm.startsWith('Ed') ? 'sha512' : `sha${algorithm.slice(-3)}`;
}

/** Compares in a time that does not depend on where the texts differ. */
export function sameText(a: string, b: string): boolean {
  const [left, right] = [a, b].map((text) => createHash('sha256').update(text).digest());
  return timingSafeEqual(left as Buffer, right as Buffer);
}
