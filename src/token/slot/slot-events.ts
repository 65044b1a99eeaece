import { isPromise } from 'node:util/types';
import type { ForgeLogger } from '../../logger.js';
import { ownCause } from '../../redaction/own-cause.js';
import type { Token } from '../token.js';

/** Logs what a listener failed with. */
export type ReportFailure = (error: unknown) => void;

/** Events of the tokens of a slot. Each may be given what logs the failures of single listeners. */
export interface SlotEvents {
  refreshed(token: Token, previous: Token | undefined, report?: ReportFailure): void;
  invalidated(token: Token, report?: ReportFailure): void;
  failed(error: unknown, report?: ReportFailure): void;
}

/** Events that nobody listens to. */
export const silentEvents: SlotEvents = Object.freeze({
  refreshed: () => undefined,
  invalidated: () => undefined,
  failed: () => undefined,
});

/** Owner of the tokens, and logger of the listeners that fail. */
interface Listened {
  /** For messages: `"orders"`. */
  readonly owner: string;
  readonly logger: ForgeLogger;
  readonly revealCauses: boolean;
}

/** Wraps events safely: a listener that throws must not fail the flight that calls it. */
export function guardedEvents(events: SlotEvents, { owner, logger, revealCauses: reveal }: Listened): SlotEvents {
  const report = (error: unknown): void => {
    const { summary, frames } = ownCause(error, { reveal });
    logger.warn(`A listener of token events of ${owner} failed: ${summary}.${frames}`);
  };
  const notify = (work: () => void): void => {
    try {
      work();
    } catch (error) {
      report(error);
    }
  };
  return {
    refreshed: (token, previous) => notify(() => events.refreshed(token, previous, report)),
    invalidated: (token) => notify(() => events.invalidated(token, report)),
    failed: (error) => notify(() => events.failed(error, report)),
  };
}

/**
 * Calls every listener, though others fail. A rejection of an asynchronous one is a failure, too: nobody else would hear
 * of it, and it would end the process.
 */
export function callEach<T>(listeners: readonly ((event: T) => unknown)[], event: T, report: ReportFailure): void {
  for (const listener of listeners) {
    try {
      const result = listener(event);
      if (isPromise(result)) result.catch(report);
    } catch (error) {
      report(error);
    }
  }
}
