import type { OptionRules } from '../../option-check/option-check.js';
import { oneOf, RULES } from '../../option-check/option-rules.js';
import type { TextSource } from '../keys/text-source.js';
import type { ClientAssertionOptions, ClientAuthRequest, ClientCredentials } from './client-credentials.js';
import type { CLIENT_AUTHENTICATIONS } from './registry.js';

/** Shows who the client is by changing the request's headers or body. */
export type ClientAuthFunction = (
  request: ClientAuthRequest,
  client: { clientId: string; clientSecret: string | undefined },
) => void | Promise<void>;

/** Names of the methods that `authMethod` takes. */
export type ClientAuthName = (typeof CLIENT_AUTHENTICATIONS)[number]['name'];

/**
 * Way in which the client shows who it is at the token endpoint (RFC 6749 §2.3).
 * `'body'` and `'header'` are other names of `client_secret_post` and of `client_secret_basic` with raw encoding.
 */
export type ClientAuthMethod = ClientAuthName | ClientAuthFunction;

/** Options that say who the client is, and how it shows that. */
export interface ClientOptions extends ClientCredentials {
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
