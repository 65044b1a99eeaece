import type { Clock } from '../clock.js';
import { ConfigurationError } from '../errors.js';
import { askAtOnce } from '../option-check/at-once.js';
import type { RequestRetryStrategy, RetryOutcome } from './request-retry.strategy.js';

/**
 * Asks a strategy for the milliseconds to wait before the next attempt; undefined to give up.
 * @throws {ConfigurationError} when it answers anything else (NaN, null, false): taken for a delay, it would have the
 * request sent again at once, and again, without end
 */
export function wishedDelayMs(strategy: RequestRetryStrategy, outcome: RetryOutcome, clock: Clock): number | undefined {
  const wished: unknown = askAtOnce('retry.nextDelayMs()', () => strategy.nextDelayMs(outcome, () => clock.random()));
  if (wished === undefined || (typeof wished === 'number' && !Number.isNaN(wished))) return wished;
  const kind = wished === null || typeof wished === 'number' ? String(wished) : `a ${typeof wished}`;
  throw new ConfigurationError(
    `retry.nextDelayMs() returned ${kind}: it must return a number of milliseconds, or undefined to give up.`,
  );
}
