import { isPromise } from 'node:util/types';
import { ConfigurationError } from '../errors.js';

/**
 * Returns what a function of the app's answered, where it must answer at once. A promise is refused by name: nobody
 * waits for it, and its rejection would end the process.
 * @param what the function, for the message: `retry.nextDelayMs()`
 * @throws {ConfigurationError} when it answered a promise
 */
export function atOnce<T>(answered: T, what: string): T {
  if (!isPromise(answered)) return answered;
  answered.catch(() => undefined);
  throw new ConfigurationError(`${what} answered a promise: it must answer at once, so let it be no async function.`);
}
