/** Fields of a `Token`. */
export interface TokenInit {
  /** The access token (RFC 6749 §1.4). */
  accessToken: string;
  /** Type of the token (RFC 6749 §7.1). @default 'Bearer' */
  tokenType?: string | undefined;
  /** Epoch milliseconds, or a Date. Left out: the token is good until it is rejected. */
  expiresAt?: number | Date | undefined;
  /** The refresh token (RFC 6749 §1.5). Left out: the token is renewed by its grant. */
  refreshToken?: string | undefined;
  /** Scope that was granted. Left out: not known. */
  scope?: string | undefined;
  /** The ID token of a sign-in (OpenID Connect Core §2). Left out: none. */
  idToken?: string | undefined;
  /** Further members that the issuer sent. */
  extra?: Record<string, unknown> | undefined;
  /** Claims of the id_token, which whoever gives them has validated. Left out: none. */
  claims?: Readonly<Record<string, unknown>> | undefined;
}
