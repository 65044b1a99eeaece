import type { ServiceState, TokenState } from '../application/state.js';
import type { StorageState } from '../storage/storage-state.js';

/** `degraded`: calls work, but something behind them does not. `down`: a call would fail now. */
export type HealthStatus = 'up' | 'degraded' | 'down';

/** Health of one service, and its reason. Holds no secret. */
export interface ServiceHealth {
  readonly status: HealthStatus;
  /** Reason for the status. Left out where it is up. */
  readonly reason?: string;
}

const RANK: Readonly<Record<HealthStatus, number>> = { up: 0, degraded: 1, down: 2 };

/** Time for which a failure says that a call would fail now. After it nobody knows, until somebody tries. */
const FAILURE_LASTS_MS = 60_000;
/** A person has to agree first: nothing is wrong with the service. */
const NEEDS_PERSON = 'FORGE_AUTH_AUTHORIZATION_REQUIRED';

/**
 * Judges a service by what is known of it: nothing is asked of anybody.
 * @param at now, epoch milliseconds
 * @param probeFailed code of the error that a token request for this check failed with
 */
export function healthOf({ token, circuit, closed }: ServiceState, at: number, probeFailed?: string): ServiceHealth {
  if (closed === true) return { status: 'down', reason: 'its client is closed' };
  if (circuit === 'open') return { status: 'down', reason: 'its circuit is open' };
  const code = probeFailed ?? failureOf(token);
  if (code !== undefined && code !== NEEDS_PERSON) {
    if (token?.held === true)
      return { status: 'degraded', reason: `its token still works, but cannot be renewed (${code})` };
    return probeFailed !== undefined || failsNow(token, at)
      ? { status: 'down', reason: `no token can be obtained (${code})` }
      : { status: 'degraded', reason: `the last token request failed (${code})` };
  }
  if ((token?.renewalPausedUntil ?? 0) > at) return { status: 'degraded', reason: 'it rejects even new tokens' };
  if (circuit === 'half-open') return { status: 'degraded', reason: 'its circuit is half open' };
  return { status: 'up' };
}

function failureOf(token: TokenState | undefined): string | undefined {
  const failure = token?.lastFailure;
  return failure === undefined || failure.recovered ? undefined : (failure.code ?? 'failed');
}

function failsNow(token: TokenState | undefined, at: number): boolean {
  const { backoffUntil = 0, lastFailure } = token ?? {};
  return backoffUntil > at || (lastFailure !== undefined && at - lastFailure.at < FAILURE_LASTS_MS);
}

/** Judges the storages: a cache that fails costs token requests, never a call. */
export function storageHealthOf(storages: readonly StorageState[]): ServiceHealth {
  const down = storages.find(({ state }) => state === 'down');
  if (down !== undefined) return { status: 'degraded', reason: `token storage (${down.kind}) is not answering` };
  const refusing = storages.find(({ writeState }) => writeState === 'down');
  if (refusing !== undefined) return { status: 'degraded', reason: `token storage (${refusing.kind}) takes no writes` };
  const unlocked = storages.find(({ lockState }) => lockState === 'down');
  if (unlocked !== undefined) return { status: 'degraded', reason: `token lock (${unlocked.lock}) is not answering` };
  return { status: 'up' };
}

/** The worst of several. */
export function worstOf(statuses: readonly HealthStatus[]): HealthStatus {
  return statuses.reduce<HealthStatus>((worst, status) => (RANK[status] > RANK[worst] ? status : worst), 'up');
}
