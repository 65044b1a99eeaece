import { randomBytes } from 'node:crypto';

/** Mode in which refresh tokens are issued, if at all. */
export type RefreshTokens = boolean | 'rotate';

/** One answer of a token endpoint. */
export interface IssuedToken {
  readonly accessToken: string;
  /** The refresh token in this answer, if there was one. */
  readonly refreshToken: string | undefined;
  readonly grantType: string;
  /** All parameters of the request. */
  readonly params: Readonly<Record<string, string>>;
  /** Epoch milliseconds. */
  readonly issuedAt: number;
  /** Epoch milliseconds; Infinity where `expires_in` is no number. */
  readonly expiresAt: number;
}

interface Family {
  readonly accessTokens: Set<string>;
  readonly spent: Set<string>;
  current: string | undefined;
}

/** The books of a token endpoint: what it issued, and what of that is still good. */
export class IssuedTokens {
  readonly all: IssuedToken[] = [];
  refreshTokenReuses = 0;
  readonly #now: () => number;
  readonly #valid = new Map<string, IssuedToken>();
  readonly #families: Family[] = [];

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Issues an access token, and a refresh token where `refreshTokens` says so. */
  issue(
    grantType: string,
    expiresIn: unknown,
    refreshTokens: RefreshTokens,
    params: Readonly<Record<string, string>>,
  ): IssuedToken {
    const family: Family = { accessTokens: new Set(), spent: new Set(), current: undefined };
    this.#families.push(family);
    if (refreshTokens) family.current = unique('rt');
    return this.#record(family, grantType, expiresIn, family.current, params);
  }

  /** Takes a refresh token. Returns undefined where it is unknown, revoked or spent. */
  refresh(
    refreshToken: string,
    expiresIn: unknown,
    refreshTokens: RefreshTokens,
    params: Readonly<Record<string, string>>,
  ): IssuedToken | undefined {
    const reused = this.#families.find(({ spent }) => spent.has(refreshToken));
    if (reused) {
      this.refreshTokenReuses += 1;
      reused.current = undefined;
      for (const accessToken of reused.accessTokens) this.#valid.delete(accessToken);
      return undefined;
    }
    const family = this.#families.find(({ current }) => current === refreshToken);
    if (!family) return undefined;
    if (refreshTokens !== 'rotate') return this.#record(family, 'refresh_token', expiresIn, undefined, params);
    family.spent.add(refreshToken);
    family.current = unique('rt');
    return this.#record(family, 'refresh_token', expiresIn, family.current, params);
  }

  isValid(accessToken: string): boolean {
    const issued = this.#valid.get(accessToken);
    return issued !== undefined && issued.expiresAt > this.#now();
  }

  revoke(token: string): void {
    this.#valid.delete(token);
    for (const family of this.#families) if (family.current === token) family.current = undefined;
  }

  revokeAll(): void {
    this.#valid.clear();
  }

  revokeRefreshTokens(): void {
    for (const family of this.#families) family.current = undefined;
  }

  #record(
    family: Family,
    grantType: string,
    expiresIn: unknown,
    refreshToken: string | undefined,
    params: Readonly<Record<string, string>>,
  ): IssuedToken {
    const issuedAt = this.#now();
    const lifetimeMs = expiresIn === null || expiresIn === undefined ? NaN : Number(expiresIn) * 1_000;
    const issued: IssuedToken = {
      accessToken: unique('at'),
      refreshToken,
      grantType,
      params,
      issuedAt,
      expiresAt: Number.isNaN(lifetimeMs) ? Infinity : issuedAt + lifetimeMs,
    };
    this.all.push(issued);
    this.#valid.set(issued.accessToken, issued);
    family.accessTokens.add(issued.accessToken);
    return issued;
  }
}

function unique(kind: 'at' | 'rt'): string {
  return `${kind}-${randomBytes(24).toString('base64url')}`;
}
