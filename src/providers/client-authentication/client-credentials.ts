import type { KeySource } from '../keys/key-material.js';
import type { SecretSource } from '../keys/secret.js';
import type { TextSource } from '../keys/text-source.js';

/** A request to the issuer, as a client authentication sees it. */
export interface ClientAuthRequest {
  readonly url: string;
  readonly headers: Headers;
  readonly body: URLSearchParams;
}

/** Options of the assertion of `private_key_jwt` and `client_secret_jwt`. */
export interface ClientAssertionOptions {
  /** JWS algorithm. @default the usual one of the key's kind; HS256 with a secret */
  alg?: string;
  /** Key id. @default that of the JWK or key file */
  kid?: string;
  /** Audience of the assertion. @default the token endpoint */
  audience?: string;
  /** Lifetime of an assertion, in milliseconds. @default 60_000 */
  lifetimeMs?: number;
  /** Further claims. `iat`, `exp` and `jti` are made for each request. */
  claims?: Readonly<Record<string, unknown>>;
  /** Further header members: `x5t`, `typ`. */
  headers?: Readonly<Record<string, unknown>>;
}

/** Options that client authentications read: who the client is, and what it shows that by. */
export interface ClientCredentials {
  /** Identifier of the client (RFC 6749 §2.2). */
  clientId: string;
  /** Secret of the client. Left out for a public client. A function is read again when the issuer answers `invalid_client`. */
  clientSecret?: SecretSource;
  /**
   * Private key of `private_key_jwt`, needed for it alone. A function is read again when the issuer answers
   * `invalid_client`.
   */
  clientKey?: KeySource;
  /**
   * Settings of the assertions; or `{ token }`: somebody else's JWT that speaks for the client (a projected Kubernetes
   * service account token, a CI's OIDC token, a SPIFFE JWT-SVID), read for each request. No secret is then needed at
   * all.
   */
  clientAssertion?: ClientAssertionOptions | { token: TextSource };
  /**
   * Encoding of id and secret in a Basic header: form-encoded first, as RFC 6749 §2.3.1 demands, or as they are, as
   * some issuers expect.
   * @default 'rfc6749'
   */
  basicEncoding?: 'rfc6749' | 'raw';
}
