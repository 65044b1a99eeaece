import type { JWK } from 'jose';
import type { Clock } from '../../clock.js';
import { hasMethods, type OptionRules } from '../../option-check/option-check.js';
import { RULES } from '../../option-check/option-rules.js';

/** A client that an issuer knows. */
export interface TestClient {
  /** Left out: a public client, or one that signs with a key of `jwks`. */
  readonly secret?: string;
  /** Public keys of a client that authenticates with `private_key_jwt`. */
  readonly jwks?: { readonly keys: readonly JWK[] };
}

/** Options of `TestIssuer.start()`. */
export interface TestIssuerOptions {
  /** Port that it listens on. @default a free one */
  port?: number;
  /** Clients by id; a text is a secret. @default any client with any secret */
  clients?: Readonly<Record<string, string | TestClient>>;
  /** Passwords by user name. @default any user with any password */
  users?: Readonly<Record<string, string>>;
  /** User who signs in where nobody is named. @default 'test-user' */
  subject?: string;
  /** Claims of a user beside `sub`, for userinfo and ID tokens. Left out: none. */
  claims?: (subject: string) => Record<string, unknown>;
  /** Lifetime of the tokens that are issued, in milliseconds. @default 3_600_000 */
  expiresInMs?: number;
  /** Grants that get a refresh token. @default those of a person: password, authorization code, device code */
  refreshTokens?: boolean;
  /** True when each refresh token can be used once, for a new one. @default true */
  rotateRefreshTokens?: boolean;
  /** Access tokens that are JWTs (RFC 9068) rather than opaque. @default false */
  jwtAccessTokens?: boolean;
  /** True when a device is approved at once, without `approveDevice()`. @default true */
  approveDevices?: boolean;
  /** Further members of a token answer. */
  extra?: Readonly<Record<string, unknown>>;
  /** Clock that the age of tokens is measured by. @default the machine's clock */
  clock?: Clock;
}

/** Rules of {@link TestIssuerOptions}. */
export const TEST_ISSUER_RULES: OptionRules<TestIssuerOptions> = Object.freeze({
  port: RULES.count,
  clients: RULES.record,
  users: RULES.record,
  subject: RULES.text,
  claims: RULES.function,
  expiresInMs: {
    accepts: (value) => typeof value === 'number' && !Number.isNaN(value),
    what: 'a number of milliseconds',
  },
  refreshTokens: RULES.switch,
  rotateRefreshTokens: RULES.switch,
  jwtAccessTokens: RULES.switch,
  approveDevices: RULES.switch,
  extra: RULES.record,
  clock: { accepts: (value) => hasMethods(value, 'now', 'after', 'random'), what: 'a clock, such as new FakeClock()' },
});

/** Options of an issuer, complete. Some change while it runs. */
export type ResolvedIssuerOptions = Required<Omit<TestIssuerOptions, 'clients' | 'users' | 'refreshTokens' | 'port'>> &
  Pick<TestIssuerOptions, 'clients' | 'users' | 'refreshTokens'>;
