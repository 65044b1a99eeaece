import type { ForgeAuthErrorCode } from '../errors.js';
import type { TokenRequestCause } from '../observer.js';
import type { StepState } from '../pipeline/steps/step-state.js';
import type { CircuitState } from '../retry/request-retry.strategy.js';
import type { StorageState } from '../storage/storage-state.js';

/**
 * State of the services of an application. Plain data: safe to print, to serialise and to show.
 *
 * Instants are in epoch milliseconds by the application's clock.
 */
export interface ForgeAuthState {
  /** Instant of this state, epoch milliseconds. */
  readonly at: number;
  readonly services: readonly ServiceState[];
  /** The application's storage first, then those that services have of their own. */
  readonly storages: readonly StorageState[];
}

/** State of one service. */
export interface ServiceState {
  /** Name of the service. */
  readonly name: string;
  /** Origin of its base URL, without a path. Left out where it has none. */
  readonly origin?: string;
  /** True when its client refuses every call. Left out while it is open. */
  readonly closed?: true;
  /** State of its token. Left out where it has none. */
  readonly token?: TokenState;
  /** State of its circuit. Left out where its retry strategy has none. */
  readonly circuit?: CircuitState;
  /** State of its pipeline. Left out where its token comes from none. */
  readonly pipeline?: PipelineState;
}

/** The token that calls of a service carry. */
export interface TokenState {
  /** True when this process holds one that has not run out. It may know of none yet and find one in storage. */
  readonly held: boolean;
  /** Start of its fingerprint: distinguishes tokens, and shows nothing. */
  readonly fingerprint?: string;
  /** Instant at which this process obtained it, epoch milliseconds. */
  readonly obtainedAt?: number;
  /** Milliseconds since then. */
  readonly ageMs?: number;
  /** Instant at which it expires, epoch milliseconds. Left out where the issuer set no end. */
  readonly expiresAt?: number;
  /** Milliseconds until then. */
  readonly expiresInMs?: number;
  /** The last token that was obtained. Left out before the first. */
  readonly lastRenewal?: RenewalState;
  /** The last token request that failed. Left out before the first. */
  readonly lastFailure?: FailureState;
  /** Instant until which token requests are held back, epoch milliseconds. */
  readonly backoffUntil?: number;
  /** Instant until which rejections cause no token request, as new tokens are rejected, too. Epoch milliseconds. */
  readonly renewalPausedUntil?: number;
  /** Number of times that services rejected its tokens since the start. */
  readonly rejections: number;
}

/** The last time that a token was obtained. */
export interface RenewalState {
  /** Instant of it, epoch milliseconds. */
  readonly at: number;
  /** Reason for which the token was asked for. */
  readonly cause: TokenRequestCause;
  /** A registered grant type, or `custom`. */
  readonly grant: string;
  /** True when another process obtained it. */
  readonly shared: boolean;
  /** Milliseconds that it took. */
  readonly durationMs: number;
}

/** The last time that no token could be obtained. */
export interface FailureState {
  /** Instant of it, epoch milliseconds. */
  readonly at: number;
  /** Reason for which the token was asked for. */
  readonly cause: TokenRequestCause;
  /** Code of the error. Left out for one that is none of ours. */
  readonly code?: ForgeAuthErrorCode;
  /** True when a token was obtained since. */
  readonly recovered: boolean;
}

/** A pipeline, and what its steps are doing. */
export interface PipelineState {
  readonly steps: readonly StepState[];
  /** The steps as a Mermaid flowchart. */
  readonly mermaid: string;
}
