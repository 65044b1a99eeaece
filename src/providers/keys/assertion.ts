import { randomUUID, type KeyObject } from 'node:crypto';

/** Parts that an assertion is made of. */
export interface AssertionParts {
  readonly key: KeyObject;
  readonly alg: string;
  readonly kid: string | undefined;
  /** Further header members. */
  readonly header: Readonly<Record<string, unknown>> | undefined;
  readonly claims: Readonly<Record<string, unknown>>;
  /** The issuer's time, epoch milliseconds. */
  readonly now: number;
  readonly lifetimeMs: number;
}

/**
 * Signs a JWT that speaks for a client or a user. Each has a `jti` and an `iat` of its own; what was given is not changed.
 * @see [RFC 7523 §3](https://www.rfc-editor.org/rfc/rfc7523#section-3)
 */
export async function signAssertion({
  key,
  alg,
  kid,
  header,
  claims,
  now,
  lifetimeMs,
}: AssertionParts): Promise<string> {
  const { SignJWT } = await import('jose');
  const issuedAt = Math.floor(now / 1000);
  const payload = { ...claims, iat: issuedAt, exp: issuedAt + Math.ceil(lifetimeMs / 1000), jti: randomUUID() };
  return new SignJWT(payload)
    .setProtectedHeader({ typ: 'JWT', ...header, alg, ...(kid === undefined ? undefined : { kid }) })
    .sign(key);
}
