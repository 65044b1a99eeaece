import { systemClock } from '../clock.js';
import { AuthenticationError } from '../errors.js';
import { pointInTime } from './point-in-time.js';
import type { TokenInit } from './token-init.js';

/** Names of the fields in a token endpoint's answer. */
export interface TokenResponseFields {
  /** @default 'access_token' */
  accessTokenField?: string;
  /** @default 'expires_in' */
  expiresInField?: string;
  /** @default 'refresh_token' */
  refreshTokenField?: string;
  /** @default 'token_type' */
  tokenTypeField?: string;
  /** Instant at which the request was started, epoch milliseconds: `expires_in` counts from there. @default now */
  requestedAt?: number;
}

/**
 * Reads a token endpoint's answer, leniently where issuers are known to be careless: see `Token.fromResponse`.
 * @throws {AuthenticationError} FORGE_AUTH_TOKEN_RESPONSE_INVALID when it cannot be understood
 */
export function readTokenResponse(json: unknown, fields: TokenResponseFields): TokenInit {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw malformed('it is no JSON object');
  const {
    [fields.accessTokenField ?? 'access_token']: accessToken,
    [fields.tokenTypeField ?? 'token_type']: tokenType,
    [fields.expiresInField ?? 'expires_in']: expiresIn,
    [fields.refreshTokenField ?? 'refresh_token']: refreshToken,
    scope,
    id_token: idToken,
    ...extra
  } = json as Record<string, unknown>;
  const lifetimeMs = lifetimeOf(expiresIn);
  return {
    accessToken: accessToken as string,
    tokenType: typeOf(tokenType),
    expiresAt:
      lifetimeMs === undefined
        ? pointInTime(extra['expires_at'])
        : (fields.requestedAt ?? systemClock.now()) + lifetimeMs,
    refreshToken: optionalString(refreshToken, 'refresh token'),
    scope: optionalString(isListOfTexts(scope) ? scope.join(' ') : scope, 'scope'),
    idToken: optionalString(idToken, 'id token'),
    ...(Object.keys(extra).length === 0 ? undefined : { extra }),
  };
}

/** A hundred years: what lies beyond is no point in time to every store and language. */
const LONGEST_LIFETIME_S = 100 * 365 * 86_400;

function lifetimeOf(expiresIn: unknown): number | undefined {
  if (expiresIn === undefined || expiresIn === null) return undefined;
  if (typeof expiresIn === 'string' && expiresIn.trim() === '') return undefined;
  const seconds = typeof expiresIn === 'string' && /\d/.test(expiresIn) ? Number(expiresIn) : expiresIn;
  if (typeof seconds !== 'number' || Number.isNaN(seconds)) throw malformed('its lifetime is no number of seconds');
  return Math.max(-LONGEST_LIFETIME_S, Math.min(seconds, LONGEST_LIFETIME_S)) * 1000;
}

/** `Bearer` in the words that issuers have for it: `" bearer "`, `"Bearer Token"`. */
function typeOf(value: unknown): string | undefined {
  const type = optionalString(value, 'token type')?.replace(/^[ \t]+|[ \t]+$/g, '');
  return type !== undefined && /^bearer +token$/i.test(type) ? 'Bearer' : type || undefined;
}

function optionalString(value: unknown, name: string): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string') throw malformed(`its ${name} is no string`);
  return value;
}

function isListOfTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

/** Returns the error for a token that cannot be used. */
export function malformed(why: string): AuthenticationError {
  return new AuthenticationError(`The token response cannot be used: ${why}.`, {
    code: 'FORGE_AUTH_TOKEN_RESPONSE_INVALID',
    transient: true,
  });
}
