import type { SecretSource } from '../secret.js';

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
export type ClientAuthName = 'client_secret_basic' | 'client_secret_post' | 'none' | 'body' | 'header';

/**
 * How the client shows who it is at the token endpoint (RFC 6749 §2.3).
 * `'body'` and `'header'` are other names of `client_secret_post` and of `client_secret_basic` with raw encoding.
 */
export type ClientAuthMethod = ClientAuthName | ClientAuthFunction;

/** Options that say who the client is, and how it shows that. */
export interface ClientOptions {
  clientId: string;
  /** Left out for a public client. A function is read again when the issuer answers `invalid_client`. */
  clientSecret?: SecretSource;
  /**
   * How the client shows who it is. Under discovery the first that both sides know; `'none'` without a secret.
   * @default 'client_secret_basic'
   */
  authMethod?: ClientAuthMethod;
  /**
   * How id and secret are written in a Basic header: form-encoded first, as RFC 6749 §2.3.1 demands, or as they are, as
   * some issuers expect.
   * @default 'rfc6749'
   */
  basicEncoding?: 'rfc6749' | 'raw';
}
