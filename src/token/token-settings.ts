import type { OptionRules } from '../option-check/option-check.js';
import { RULES } from '../option-check/option-rules.js';
import type { RefreshWindows } from './slot/refresh-policy.js';
import { ownOptions } from '../option-check/own-options.js';

/** Options of how tokens are kept. Durations are in milliseconds. */
export interface TokenSettings {
  /**
   * Milliseconds before expiry at which a refresh starts in the background. Calls keep using the current token
   * meanwhile. Capped to a fifth of the token's lifetime.
   * @default 120_000
   */
  refreshWindowMs?: number;
  /**
   * Milliseconds before expiry from which on calls wait for a new token; if none is available, the current one is used
   * while it has really not expired. Capped to a tenth of the token's lifetime.
   * @default 30_000
   */
  expiryLeewayMs?: number;
  /**
   * Lifetime of a token that comes without one, in milliseconds. Left out, such a token is used until it is rejected.
   */
  defaultTtlMs?: number;
  /** Milliseconds that one token request may take at most, retries included. @default 10_000 */
  deadlineMs?: number;
  /** Milliseconds that a token is used at most without a look at shared storage. @default 5_000 */
  nearCacheTtlMs?: number;
}

/** Settings of a slot, complete. */
export interface SlotSettings extends RefreshWindows {
  /** Lifetime assumed for a token that comes without one; undefined: until it is rejected. */
  readonly defaultTtlMs: number | undefined;
  /** Longest time that one flight may take. */
  readonly deadlineMs: number;
  /** Longest time that a token is used without a look at shared storage. */
  readonly nearCacheTtlMs: number;
}

/** Two minutes are enough for several tries while the current token is still good. */
const REFRESH_WINDOW_MS = 120_000;
/** Covers the time a call is under way and clocks that are a little off. */
const EXPIRY_LEEWAY_MS = 30_000;
/** Longer than any healthy token endpoint takes, three tries included; shorter than a caller's patience. */
const DEADLINE_MS = 10_000;
/** Time for which another process's invalidation may go unseen where nothing announces it. */
const NEAR_CACHE_TTL_MS = 5_000;

/** The options of {@link TokenSettings}. */
export const TOKEN_SETTINGS_RULES: OptionRules<TokenSettings> = Object.freeze({
  refreshWindowMs: RULES.windowMs,
  expiryLeewayMs: RULES.windowMs,
  defaultTtlMs: RULES.lifetimeMs,
  deadlineMs: RULES.durationMs,
  nearCacheTtlMs: RULES.cacheMs,
});

/** Settings, complete, of options that were checked by their rules. */
export function resolveTokenSettings(given: TokenSettings): SlotSettings {
  const options = ownOptions(given);
  return {
    refreshWindowMs: options.refreshWindowMs ?? REFRESH_WINDOW_MS,
    expiryLeewayMs: options.expiryLeewayMs ?? EXPIRY_LEEWAY_MS,
    defaultTtlMs: options.defaultTtlMs,
    deadlineMs: options.deadlineMs ?? DEADLINE_MS,
    nearCacheTtlMs: options.nearCacheTtlMs ?? NEAR_CACHE_TTL_MS,
  };
}
