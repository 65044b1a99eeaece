import type { ForgeLogger } from '../../logger.js';
import { ownCause } from '../../redaction/own-cause.js';
import type { Token } from '../token.js';

/** Events of the tokens of a slot. */
export interface SlotEvents {
  refreshed(token: Token, previous: Token | undefined): void;
  invalidated(token: Token): void;
  failed(error: unknown): void;
}

/** Events that nobody listens to. */
export const silentEvents: SlotEvents = Object.freeze({
  refreshed: () => undefined,
  invalidated: () => undefined,
  failed: () => undefined,
});

/** Logger of the listeners that throw. */
interface Listened {
  readonly logger: ForgeLogger;
  readonly revealCauses: boolean;
}

/** Wraps events safely: a listener that throws must not fail the flight that calls it. */
export function guardedEvents(events: SlotEvents, { logger, revealCauses: reveal }: Listened): SlotEvents {
  const tell = (work: () => void): void => {
    try {
      work();
    } catch (error) {
      const { summary, frames } = ownCause(error, { reveal });
      logger.warn(`A listener of token events failed: ${summary}.${frames}`);
    }
  };
  return {
    refreshed: (token, previous) => tell(() => events.refreshed(token, previous)),
    invalidated: (token) => tell(() => events.invalidated(token)),
    failed: (error) => tell(() => events.failed(error)),
  };
}
