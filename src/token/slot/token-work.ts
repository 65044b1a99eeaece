import type { EndpointBackoff } from '../endpoint-backoffs.js';
import type { Token } from '../token.js';
import type { ClaimRefreshToken } from './refresh-token-claims.js';
import type { FlightReport, ObservedTokens } from './slot-observer.js';

/** Source of the tokens of one key. */
export interface TokenWork extends ObservedTokens {
  /** The endpoint that is asked, where others ask it, too. */
  readonly endpoint: EndpointBackoff | undefined;
  /** The app's own bound on a token's life, in milliseconds: asking again would not make it longer. */
  readonly ttlMs: number | undefined;
  /** The storage key. Asked before and after each fetch, since a rotated secret changes it. */
  key(): string | Promise<string>;
  /** Subject of the token, hashed; undefined where it is nobody's in particular. */
  readonly subject?: string | undefined;
  /** True when a new token can be obtained without a person. @default true */
  readonly rerunnable?: boolean;
  /**
   * Obtains a new token; `previous` is the last one known, with its refresh token only if that may be sent.
   * @param claim to be asked before a refresh token is sent
   * @param report takes the grant that is asked for
   */
  obtain(
    previous: Token | undefined,
    signal: AbortSignal,
    claim: ClaimRefreshToken,
    report: FlightReport,
  ): Promise<Token>;
  /**
   * Checks whether a failure is this token's own, rather than that of another one it is made from: others do not count
   * against its endpoint, and are reported where they belong. Left out, every failure counts.
   */
  isOwnFailure?(error: unknown): boolean;
  /**
   * Revokes a token at the issuer: its refresh token where there is one, else the access token.
   * @throws {AuthenticationError} when it cannot be done
   */
  revoke(token: Token): Promise<void>;
  /** Asks the issuer about a token. @throws {AuthenticationError} when it cannot be done */
  introspect(token: Token): Promise<Record<string, unknown>>;
}
