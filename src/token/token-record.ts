/** A token as it is written down: plain values, whole. Never logged, never part of an error. */
export interface TokenRecord {
  accessToken: string;
  tokenType: string;
  /** Epoch milliseconds. */
  expiresAt?: number;
  refreshToken?: string;
  scope?: string;
  idToken?: string;
  extra?: Record<string, unknown>;
  /** Claims of the id_token, validated when it came. */
  claims?: Record<string, unknown>;
}
