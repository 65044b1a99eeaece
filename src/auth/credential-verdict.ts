import type { ForgeResponse } from '../http/forge-response.js';
import type { AuthRetryStrategy } from '../retry/auth-retry.strategy.js';
import { SimpleAuthRetryStrategy } from '../retry/simple.auth-retry.strategy.js';
import type { AuthenticatedRequest, Authenticator, CredentialVerdict } from './authenticator.js';

const DEFAULT_RETRY = new SimpleAuthRetryStrategy();

/** Returns the strategy of an authenticator, or the default one. */
export function retryOf({ retry = DEFAULT_RETRY }: Authenticator): AuthRetryStrategy {
  return retry;
}

/** Returns what an authenticator makes of an answer, whichever form of judging it has. */
export function verdictOf(
  authenticator: Authenticator,
  response: ForgeResponse,
  request: AuthenticatedRequest,
): CredentialVerdict | Promise<CredentialVerdict> {
  if (authenticator.onResponse !== undefined) return authenticator.onResponse(response, request);
  return authenticator.onRejected === undefined ? 'accepted' : simpleVerdict(authenticator, response, request);
}

/** Whether `strategy` allows the request one more replay. */
export function mayReplay(strategy: AuthRetryStrategy, { replays, replayable }: AuthenticatedRequest): boolean {
  return replayable && replays < strategy.maxRetries;
}

function simpleVerdict(
  authenticator: Authenticator,
  response: ForgeResponse,
  request: AuthenticatedRequest,
): CredentialVerdict | Promise<CredentialVerdict> {
  const rejected = retryOf(authenticator).shouldRetry(response, request.replays);
  if (rejected === false) return 'accepted';
  return replacedAfter(rejected, authenticator, response, request);
}

async function replacedAfter(
  rejected: boolean | Promise<boolean>,
  authenticator: Authenticator,
  response: ForgeResponse,
  request: AuthenticatedRequest,
): Promise<CredentialVerdict> {
  if (!(await rejected)) return 'accepted';
  const replaced = mayReplay(retryOf(authenticator), request) && (await authenticator.onRejected?.(response, request));
  return replaced === true ? 'replaced' : 'rejected';
}
