import { sleep } from '../clock.js';
import type { ForgeResponse } from '../http/forge-response.js';
import type { AuthRetryStrategy } from '../retry/auth-retry.strategy.js';
import { SimpleAuthRetryStrategy } from '../retry/simple.auth-retry.strategy.js';
import type { AuthenticatedRequest, Authenticator, CredentialVerdict } from './authenticator.js';
import { askAtOnce, askFor } from '../option-check/at-once.js';
import { callDeclared, declared } from '../option-check/own-options.js';

/** Strategy of authenticators that have none of their own. Immutable: one is enough for all. */
export const DEFAULT_RETRY = new SimpleAuthRetryStrategy();

/** Returns the strategy of an authenticator, or the default one. */
export function retryOf(authenticator: Authenticator): AuthRetryStrategy {
  return declared(authenticator, 'retry') ?? DEFAULT_RETRY;
}

/** Checks whether an authenticator judges answers at all. */
export function judgesAnswers(authenticator: Authenticator): boolean {
  return declared(authenticator, 'onResponse') !== undefined || declared(authenticator, 'onRejected') !== undefined;
}

/** Returns what an authenticator makes of an answer, whichever form of judging it has. */
export function verdictOf(
  authenticator: Authenticator,
  response: ForgeResponse,
  request: AuthenticatedRequest,
): CredentialVerdict | Promise<CredentialVerdict> {
  const judge = declared(authenticator, 'onResponse');
  if (judge !== undefined) return judge.call(authenticator, response, request);
  return declared(authenticator, 'onRejected') === undefined
    ? 'accepted'
    : simpleVerdict(authenticator, response, request);
}

/** Waits as long as `strategy` says before a credential is replaced; rejects when the caller leaves meanwhile. */
export async function waitBeforeReplay(strategy: AuthRetryStrategy, request: AuthenticatedRequest): Promise<void> {
  const { clock, replays } = request;
  const delayMs = askAtOnce('auth.retry.delayMs()', () => strategy.delayMs(replays, () => clock.random()));
  if (delayMs > 0) await sleep(clock, delayMs, request.callSignal);
}

/** Checks whether `strategy` allows the request one more replay. */
export function mayReplay(strategy: AuthRetryStrategy, { replays, replayable }: AuthenticatedRequest): boolean {
  return replayable && replays < strategy.maxRetries;
}

function simpleVerdict(
  authenticator: Authenticator,
  response: ForgeResponse,
  request: AuthenticatedRequest,
): CredentialVerdict | Promise<CredentialVerdict> {
  const strategy = retryOf(authenticator);
  const rejected = askFor('auth.retry.shouldRetry()', () => strategy.shouldRetry(response, request.replays));
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
  const strategy = retryOf(authenticator);
  if (!mayReplay(strategy, request)) return 'rejected';
  await waitBeforeReplay(strategy, request);
  const replaced = await askFor("the authenticator's onRejected()", () =>
    callDeclared(authenticator, 'onRejected', response, request),
  );
  return replaced === true ? 'replaced' : 'rejected';
}
