import { callDeclared, declared } from '../option-check/own-options.js';
import { systemClock, timeoutSignal } from '../clock.js';
import { ForgeAuthError } from '../errors.js';
import type { ServiceScope } from './runtime.js';
import type { BoundTokenProvider, TokenRequestContext } from './token-provider.js';
import type { Token } from './token.js';

/** Nobody waits longer for a process to end, in milliseconds of the machine's own time. */
export const CLOSING_DEADLINE_MS = 5_000;

/** Checks whether tokens end with this process and the app wants them revoked then. */
export function revokesAtClose(provider: BoundTokenProvider, { storage }: ServiceScope): boolean {
  return (
    declared(provider, 'revokeAtClose') !== undefined && (provider.ownKey === true || storage()?.unshared !== false)
  );
}

/** Revokes tokens as a process ends. What cannot be revoked is logged, and keeps nothing from closing. */
export async function revokeAll(
  provider: BoundTokenProvider,
  tokens: readonly Token[],
  { owner, logger }: Pick<ServiceScope, 'owner' | 'logger'>,
  context: (signal: AbortSignal) => TokenRequestContext,
): Promise<void> {
  const about = context(timeoutSignal(systemClock, CLOSING_DEADLINE_MS));
  const revocations = await Promise.allSettled(
    tokens.map((token) => callDeclared(provider, 'revokeAtClose', token, about)),
  );
  const failed = revocations.find((revocation) => revocation.status === 'rejected');
  if (failed === undefined) return;
  const error: unknown = failed.reason;
  const why = error instanceof ForgeAuthError ? `: ${error.message}` : '.';
  logger.warn(`A token of ${owner} was not revoked at the end${why}`);
}
