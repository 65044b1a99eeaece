import { systemClock, withDeadline } from '../clock.js';
import { TimeoutError } from '../errors.js';
import { callDeclared } from '../option-check/own-options.js';
import { ownCause } from '../redaction/own-cause.js';
import { CLOSING_DEADLINE_MS } from './revocation-at-close.js';
import type { ServiceScope } from './runtime.js';
import type { BoundTokenProvider } from './token-provider.js';

/** Closes a provider. One of the app's own that fails, or never ends, is logged, and keeps nothing else from closing. */
export async function closeProvider(
  provider: BoundTokenProvider,
  { owner, logger, revealCauses }: Pick<ServiceScope, 'owner' | 'logger' | 'revealCauses'>,
): Promise<void> {
  const closing = async (): Promise<void> => callDeclared(provider, 'close');
  try {
    await withDeadline(systemClock, closing(), CLOSING_DEADLINE_MS, tooLate);
  } catch (error) {
    const { summary, frames } = ownCause(error, { reveal: revealCauses });
    logger.warn(
      `The provider of ${owner} could not be closed: ${error instanceof TimeoutError ? error.message : `it threw ${summary}.${frames}`}`,
    );
  }
}

function tooLate(): TimeoutError {
  return new TimeoutError(`close() did not end within ${CLOSING_DEADLINE_MS / 1000} s.`);
}
