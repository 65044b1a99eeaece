import type { OptionRules } from '../../option-check/option-check.js';
import { oneOf, RULES } from '../../option-check/option-rules.js';
import type { SecretSource } from '../secret.js';
import type { KeySource } from '../key-material.js';
import type { TextSource } from '../text-source.js';

/** A request to the issuer, as a client authentication sees it. */
export interface ClientAuthRequest {
  readonly url: string;
  readonly headers: Headers;
  readonly body: URLSearchParams;
}

/** Shows who the client is by changing the request's headers or body. */
export type ClientAuthFunction = (
  request: ClientAuthRequest,
  client: { clientId: string; clientSecret: string | undefined },
) => void | Promise<void>;

/** Names of the methods that `authMethod` takes. */
export type ClientAuthName =
  | 'client_secret_basic'
  | 'client_secret_post'
  | 'client_secret_jwt'
  | 'private_key_jwt'
  | 'tls_client_auth'
  | 'self_signed_tls_client_auth'
  | 'none'
  | 'body'
  | 'header';

/**
 * Way in which the client shows who it is at the token endpoint (RFC 6749 §2.3).
 * `'body'` and `'header'` are other names of `client_secret_post` and of `client_secret_basic` with raw encoding.
 */
export type ClientAuthMethod = ClientAuthName | ClientAuthFunction;

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

/** Options that say who the client is, and how it shows that. */
export interface ClientOptions {
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
   * Way in which the client shows who it is, or a list in order of preference. Under discovery the first that the
   * issuer lists and the options have the material for. Left out: private_key_jwt, tls_client_auth,
   * client_secret_basic, client_secret_post, client_secret_jwt, none, in this order.
   * @default the first that the options have the material for
   */
  authMethod?: ClientAuthMethod | readonly ClientAuthMethod[];
  /**
   * As `authMethod`, at the revocation endpoint.
   * @default what the issuer lists; else as at the token endpoint
   */
  revocationAuthMethod?: ClientAuthMethod | readonly ClientAuthMethod[];
  /**
   * As `authMethod`, at the introspection endpoint.
   * @default what the issuer lists; else as at the token endpoint
   */
  introspectionAuthMethod?: ClientAuthMethod | readonly ClientAuthMethod[];
  /**
   * Encoding of id and secret in a Basic header: form-encoded first, as RFC 6749 §2.3.1 demands, or as they are, as
   * some issuers expect.
   * @default 'rfc6749'
   */
  basicEncoding?: 'rfc6749' | 'raw';
}

/** The options of {@link ClientAssertionOptions}. */
export const CLIENT_ASSERTION_RULES: OptionRules<ClientAssertionOptions & { token: TextSource }> = Object.freeze({
  alg: RULES.text,
  kid: RULES.text,
  audience: RULES.text,
  lifetimeMs: RULES.lifetimeMs,
  claims: RULES.record,
  headers: RULES.record,
  token: RULES.any,
});

/** The options of {@link ClientOptions}. */
export const CLIENT_RULES: OptionRules<ClientOptions> = Object.freeze({
  clientId: RULES.any, // As clientSecret, checked with the grant.
  clientSecret: RULES.any,
  clientKey: RULES.any, // As the assertion, checked by its authentication.
  clientAssertion: RULES.record,
  authMethod: RULES.any,
  revocationAuthMethod: RULES.any,
  introspectionAuthMethod: RULES.any,
  basicEncoding: oneOf('rfc6749', 'raw'),
});
