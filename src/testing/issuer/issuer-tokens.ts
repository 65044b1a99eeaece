import { randomBytes } from 'node:crypto';
import type { Clock } from '../../clock.js';

/** A token that an issuer has given out. */
export interface IssuedToken {
  readonly accessToken: string;
  readonly refreshToken: string | undefined;
  readonly clientId: string;
  /** The user, or the client where it acts for itself. */
  readonly subject: string;
  readonly scope: string | undefined;
  readonly audience: string | undefined;
  readonly grantType: string;
  /** Epoch milliseconds. */
  readonly issuedAt: number;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}

/** Client, user and rights that a token is issued for. */
export type TokenGrant = Pick<IssuedToken, 'clientId' | 'subject' | 'scope' | 'audience' | 'grantType'>;

/** The tokens of an issuer: what it gave out, and what of it is still good. */
export class IssuerTokens {
  readonly #clock: () => Clock;
  readonly #issued: IssuedToken[] = [];
  readonly #active = new Map<string, IssuedToken>();
  /** Grants by refresh token that can still be used. */
  readonly #refreshable = new Map<string, IssuedToken>();
  readonly #spent = new Set<string>();
  /** Number of times that a refresh token was used again. */
  refreshTokenReuses = 0;

  constructor(clock: () => Clock) {
    this.#clock = clock;
  }

  /** Every token so far, the oldest first. */
  get issued(): readonly IssuedToken[] {
    return this.#issued;
  }

  /** @param refreshToken a kept one, or whether there is a new one */
  issue(
    grant: TokenGrant,
    lifetimeMs: number,
    refreshToken: string | boolean,
    accessToken = `test-access-${randomBytes(18).toString('base64url')}`,
  ): IssuedToken {
    const issuedAt = this.#clock().now();
    const token: IssuedToken = {
      ...grant,
      accessToken,
      refreshToken:
        typeof refreshToken === 'string'
          ? refreshToken
          : refreshToken
            ? `test-refresh-${randomBytes(18).toString('base64url')}`
            : undefined,
      issuedAt,
      expiresAt: issuedAt + lifetimeMs,
    };
    this.#issued.push(token);
    this.#active.set(token.accessToken, token);
    if (token.refreshToken !== undefined) this.#refreshable.set(token.refreshToken, token);
    return token;
  }

  /** Returns the token that a refresh token belongs to; with `rotates` the refresh token is used up. */
  useRefreshToken(refreshToken: string, rotates: boolean): IssuedToken | undefined {
    const token = this.#refreshable.get(refreshToken);
    if (this.#spent.has(refreshToken)) this.refreshTokenReuses += 1;
    if (rotates && token !== undefined) {
      this.#refreshable.delete(refreshToken);
      this.#spent.add(refreshToken);
    }
    return token;
  }

  /** The token while it is good: not revoked, not expired. */
  find(token: string): IssuedToken | undefined {
    const access = this.#active.get(token);
    if (access !== undefined) return this.#clock().now() < access.expiresAt ? access : undefined;
    return this.#refreshable.get(token);
  }

  /** Revokes an access token, or a refresh token with the access tokens of its grant. */
  revoke(token: string): void {
    const refreshed = this.#refreshable.get(token);
    this.#refreshable.delete(token);
    this.#active.delete(token);
    if (refreshed !== undefined) this.#active.delete(refreshed.accessToken);
  }

  /** Revokes every access token; with `refreshTokens` these, too. */
  revokeAll(refreshTokens: boolean): void {
    this.#active.clear();
    if (refreshTokens) this.#refreshable.clear();
  }
}
