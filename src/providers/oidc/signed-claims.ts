import { ownOptions } from '../../option-check/own-options.js';
import { AuthenticationError } from '../../errors.js';
import { ASYMMETRIC_ALGORITHMS } from './asymmetric-algorithms.js';
import type { JsonWebKeys } from './json-web-keys.js';

/** Claims of a verified token, as the issuer wrote them. */
export type Claims = Readonly<Record<string, unknown>>;

/** Parties whose tokens are accepted, and for whom. */
export interface ExpectedParties {
  readonly issuer: string;
  readonly clientId: string;
  readonly keys: JsonWebKeys;
  /** The only ones that are accepted. `none` and the symmetric ones are never. */
  readonly algorithms: readonly string[];
  /** Milliseconds that the issuer's clock may be off. */
  readonly clockToleranceMs: number;
  /** Epoch milliseconds. */
  readonly now: number;
  readonly signal: AbortSignal;
}

/** No issuer's token is longer: groups and pictures are linked to from there on. */
const MAX_CHARACTERS = 131_072;

/** A verified token's parts. */
export interface SignedClaims {
  readonly claims: Claims;
  readonly algorithm: string;
  /** `typ` of the header. */
  readonly type: string | undefined;
}

/**
 * Verifies a JWT of the issuer: signature, issuer, audience and times. What is special to its kind is the caller's.
 * @param what the token's kind, for messages: `id_token`
 * @throws {AuthenticationError} FORGE_AUTH_ID_TOKEN_INVALID saying which check failed, and no value of the token
 */
export async function verifyClaims(jwt: unknown, expected: ExpectedParties, what: string): Promise<SignedClaims> {
  if (typeof jwt !== 'string' || jwt === '') throw refused(what, 'it is no text');
  if (jwt.length > MAX_CHARACTERS) throw refused(what, `it is longer than ${MAX_CHARACTERS} characters`);
  const { alg, typ } = await headerOf(jwt, what);
  if (typeof alg !== 'string' || !expected.algorithms.includes(alg) || !ASYMMETRIC_ALGORITHMS.includes(alg)) {
    throw refused(what, 'its signature algorithm is not allowed');
  }
  const { payload } = await named(what, expected.keys.verify(jwt, expected.algorithms, expected.signal));
  const claims = parsePayload(payload, what);
  checkParties(claims, expected, what);
  checkTimes(claims, expected, what);
  return { claims, algorithm: alg, type: typ };
}

/** The error of a token that is not accepted. */
export function refused(what: string, why: string): AuthenticationError {
  return new AuthenticationError(`The ${what} is refused: ${why}.`, { code: 'FORGE_AUTH_ID_TOKEN_INVALID' });
}

async function headerOf(jwt: string, what: string): Promise<{ alg?: unknown; typ?: string | undefined }> {
  if (jwt.split('.').length !== 3) throw refused(what, 'it is no signed JWT (an encrypted one is not supported)');
  const { decodeProtectedHeader } = await import('jose');
  try {
    return decodeProtectedHeader(jwt);
  } catch {
    throw refused(what, 'its header is malformed');
  }
}

async function named<T>(what: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof AuthenticationError) || error.transient) throw error;
    throw new AuthenticationError(error.message.replace('The token', `The ${what}`), { code: error.code });
  }
}

function parsePayload(payload: Uint8Array, what: string): Claims {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(payload).toString('utf8'));
  } catch {
    throw refused(what, 'its payload is no JSON');
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw refused(what, 'its payload is no JSON object');
  return ownOptions(parsed as Claims);
}

function checkParties(claims: Claims, { issuer, clientId }: ExpectedParties, what: string): void {
  if (claims['iss'] !== issuer) throw refused(what, 'it is of another issuer');
  const audience = [claims['aud']].flat();
  if (!audience.includes(clientId)) throw refused(what, 'it is for another audience');
  const { azp } = claims;
  if (azp !== undefined && azp !== clientId) throw refused(what, 'it was issued to another client (azp)');
  if (audience.length > 1 && azp === undefined) throw refused(what, 'it has several audiences and no azp');
}

function checkTimes(claims: Claims, { now, clockToleranceMs }: ExpectedParties, what: string): void {
  const expiresAt = timeOf(claims, 'exp', what);
  if (expiresAt === undefined) throw refused(what, 'it has no exp');
  if (now >= expiresAt + clockToleranceMs) throw refused(what, 'it has expired');
  const issuedAt = timeOf(claims, 'iat', what);
  if (issuedAt === undefined) throw refused(what, 'it has no iat');
  for (const time of [issuedAt, timeOf(claims, 'nbf', what)]) {
    if (time !== undefined && time > now + clockToleranceMs) throw refused(what, 'it is not yet valid');
  }
}

/** A NumericDate (RFC 7519 §2) in milliseconds; undefined where the claim is missing. */
export function timeOf(claims: Claims, name: string, what: string): number | undefined {
  const value = claims[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isFinite(value)) throw refused(what, `its ${name} is no point in time`);
  return value * 1_000;
}

/** A claim that must be a text of at most 255 characters, as `sub` is (OpenID Connect Core §2). */
export function subjectOf(claims: Claims, what: string): string {
  const { sub } = claims;
  if (typeof sub !== 'string' || sub === '' || sub.length > 255) throw refused(what, 'it names no subject');
  return sub;
}
