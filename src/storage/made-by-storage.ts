import type { Clock } from '../clock.js';
import { ConfigurationError, ForgeAuthError } from '../errors.js';
import type { TokenLock } from '../lock/token-lock.js';
import type { ForgeLogger } from '../logger.js';
import { atOnce } from '../option-check/at-once.js';
import { callDeclared } from '../option-check/own-options.js';
import { ownCause } from '../redaction/own-cause.js';
import { Announcements } from './announcements.js';
import { missingPermission } from './outage-reason.js';
import { kindOf } from './storage-state.js';
import type { TokenStorage } from './token-storage.js';

/**
 * Returns the lock on a storage that the storage itself makes; undefined where it makes none.
 * @param reveal whether the message of what it throws is shown
 * @throws {ConfigurationError} when it throws, or returns a promise
 */
export function lockMadeBy(storage: TokenStorage, clock: Clock, reveal: boolean): TokenLock | undefined {
  return madeBy(storage, 'createLock', reveal, () => callDeclared(storage, 'createLock', clock));
}

/** Parts that announcements need. */
export interface AnnouncementsParts {
  readonly clock: Clock;
  readonly logger: ForgeLogger;
  /** Shows the message of what the storage throws. */
  readonly revealCauses: boolean;
  /** Checks whether the storage does not answer. */
  failing(): boolean;
}

/**
 * Returns the announcements on a storage, by the signal that the storage itself makes; undefined where it makes none.
 * Those that the storage answers and refuses are named once.
 * @throws {ConfigurationError} when it throws, or returns a promise
 */
export function announcementsMadeBy(storage: TokenStorage, parts: AnnouncementsParts): Announcements | undefined {
  const { clock, logger, revealCauses, failing } = parts;
  const signal = madeBy(storage, 'createSignal', revealCauses, () => callDeclared(storage, 'createSignal'));
  if (signal === undefined) return undefined;
  let isNamed = false;
  return new Announcements(signal, clock, failing, (error) => {
    const missing = missingPermission(error);
    if (missing === undefined || isNamed) return;
    isNamed = true;
    logger.warn(
      `Token announcements are refused by the storage (${missing}). What other processes change is seen after nearCacheTtlMs.`,
    );
  });
}

function madeBy<T>(storage: TokenStorage, method: 'createLock' | 'createSignal', reveal: boolean, make: () => T): T {
  const what = `${method}() of the storage${kindOf(storage) === undefined ? '' : ` ${kindOf(storage)}`}`;
  try {
    return atOnce(make(), what);
  } catch (error) {
    if (error instanceof ForgeAuthError) throw error;
    const cause = ownCause(error, { reveal });
    const cure =
      method === 'createLock'
        ? 'Have it answer undefined where it can make no lock, and connect when that is asked for a lease; or leave it out, and give the option lock.'
        : 'Have it answer undefined where it can make no announcements, and connect when those are asked for; or leave it out.';
    throw new ConfigurationError(`${what} threw ${cause.summary}. ${cure}`, { cause });
  }
}
