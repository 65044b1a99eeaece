import { checkOptions, definitionPlace, type OptionRules } from '../../option-check/option-check.js';
import { RULES } from '../../option-check/option-rules.js';
import type { ForgeResponse } from '../../http/forge-response.js';
import type { HttpHeaders } from '../../http/http-request.js';
import type { HookedCall, ResponseHook } from '../layers/hooks.layer.js';
import { ownOptions } from '../../option-check/own-options.js';

/** Rate limit that a service last reported. */
export interface RateLimit {
  /** Number of calls in the present window. */
  readonly limit?: number;
  /** Number of calls that are left of it. */
  readonly remaining?: number;
  /** `X-RateLimit-Reset` or `RateLimit-Reset` as it was sent: seconds, or a point in time, as the service has it. */
  readonly reset?: number;
}

/** Options of {@link RateLimitHook}. */
export interface RateLimitHookOptions {
  /** Called with each limit that a service states. */
  onLimit?: (limit: RateLimit, serviceName: string) => void;
}

const RULES_OF: OptionRules<RateLimitHookOptions> = Object.freeze({ onLimit: RULES.function });

/**
 * Reads `X-RateLimit-Limit`, `-Remaining` and `-Reset` (or `RateLimit-…`): for later hooks into `metadata.rateLimit`,
 * for the app into {@link latest}.
 */
export class RateLimitHook implements ResponseHook {
  readonly #latest = new Map<string, RateLimit>();
  readonly #onLimit: RateLimitHookOptions['onLimit'];

  /** @throws {ConfigurationError} when an option is unknown or malformed */
  constructor(options: RateLimitHookOptions = {}) {
    const { onLimit } = ownOptions(options);
    checkOptions(options, RULES_OF, definitionPlace(this));
    this.#onLimit = onLimit;
  }

  /** Returns the limit that the service last reported; undefined where it never did. */
  latest(serviceName: string): RateLimit | undefined {
    return this.#latest.get(serviceName);
  }

  /** Reads the limit from an answer. */
  afterResponse({ headers }: ForgeResponse, { serviceName, metadata }: HookedCall): void {
    const limit = Object.fromEntries(
      (['limit', 'remaining', 'reset'] as const).flatMap((name) => {
        const value = numberIn(headers, name);
        return value === undefined ? [] : [[name, value]];
      }),
    ) as RateLimit;
    if (Object.keys(limit).length === 0) return;
    metadata['rateLimit'] = limit;
    this.#latest.set(serviceName, limit);
    this.#onLimit?.(limit, serviceName);
  }
}

function numberIn(headers: HttpHeaders, name: string): number | undefined {
  const text = headers[`x-ratelimit-${name}`] ?? headers[`ratelimit-${name}`];
  return typeof text === 'string' && /^\d+(?:\.\d+)?$/.test(text.trim()) ? Number(text) : undefined;
}
