import type { Clock } from '../../clock.js';
import type { RequestRetryStrategy } from '../../retry/request-retry.strategy.js';
import type { Token } from '../../token/token.js';

/** View that a step has of the steps that it depends on, directly or through others. */
export interface FetchContext {
  /**
   * The token of a step.
   * @throws {ConfigurationError} when this step does not depend on it
   */
  token(name: string): Token;
  /** The access token of a step, bare. @throws {ConfigurationError} when this step does not depend on it */
  accessToken(name: string): string;
  /** Checks whether there is a token of a step: false for one that this step does not depend on. */
  has(name: string): boolean;
  /** Aborts when nobody waits for the token any more, or the step's deadline is over. */
  readonly signal: AbortSignal;
  /** The pipeline's time. @default the machine's clock, where a fetcher is called on its own */
  readonly clock?: Clock;
  /**
   * Instant at which this attempt began, epoch milliseconds: what an answer says of a lifetime counts from then.
   * @default the time of the call
   */
  readonly requestedAt?: number;
}

/**
 * One step of a pipeline: gets a token, with those of earlier steps at hand. Caching, sharing, renewing and retrying are
 * the pipeline's.
 */
export interface TokenFetcher {
  readonly name: string;
  /** Names of the steps whose tokens are needed first. */
  readonly dependsOn: readonly string[];
  /** Lifetime of the token in milliseconds, where the issuer does not set an earlier end. */
  readonly ttlMs?: number | undefined;
  /**
   * Distinguishes two steps of this name: a user, an account, a secret's fingerprint. Hashed into the key of the
   * token. Left out, it is taken from the fetcher's class, its properties and the request that it builds.
   */
  readonly identity?: readonly string[] | undefined;
  /** Longest time that one fetch may take, retries included, in milliseconds. @default the pipeline's */
  readonly deadlineMs?: number | undefined;
  /** Time before expiry at which a refresh starts in the background, in milliseconds. @default the pipeline's */
  readonly refreshWindowMs?: number | undefined;
  /** Decides when a fetch is tried again. @default transient failures, 3 attempts */
  readonly retry?: RequestRetryStrategy | undefined;
  /**
   * Gets a new token. Called once however many callers wait, and safe to call again.
   * @throws {AuthenticationError} when no token can be obtained
   */
  fetch(context?: FetchContext): Promise<Token>;
  /** Called once for each fetch that failed, after its retries. The error reaches the caller all the same. */
  onFetchError?(error: unknown, context: FetchContext): void | Promise<void>;
}
