/** Signature algorithms with a public key (RFC 7518 §3.1, RFC 8037 §3.1): what the issuer signs, only it can have signed. */
export const ASYMMETRIC_ALGORITHMS: readonly string[] = Object.freeze(
  'RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519'.split(' '),
);
