import type { Token } from '../../token/token.js';

/** A token that ends `ttlMs` after it was asked for, or when its issuer says, whichever is earlier. */
export function withTtl(token: Token, ttlMs: number | undefined, requestedAt: number): Token {
  if (ttlMs === undefined) return token;
  const expiresAt = requestedAt + ttlMs;
  return token.expiresAt !== undefined && token.expiresAt <= expiresAt ? token : token.with({ expiresAt });
}
