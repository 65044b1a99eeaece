import { isPromise } from 'node:util/types';
import { ConfigurationError, ForgeAuthError } from '../errors.js';
import { askNaming } from './option-threw.js';

/**
 * Returns what a function of the app's returned, where it must answer at once. A promise is refused by name: nobody
 * waits for it, and its rejection would end the process.
 * @param what the function, for the message: `retry.nextDelayMs()`
 * @throws {ConfigurationError} when it returned a promise
 */
export function atOnce<T>(answered: T, what: string): T {
  if (typeof answered !== 'object' || !isPromise(answered)) return answered;
  answered.catch(() => undefined);
  throw new ConfigurationError(`${what} returned a promise: it must answer at once, so let it be no async function.`);
}

/** Asks a function of the app's, which may answer later; what it throws is thrown with the name of the option. */
export function askFor<T>(option: string, ask: () => T): T {
  return askNaming(option, ask, (error) => error instanceof ForgeAuthError);
}

/**
 * As {@link askFor}, where the answer must come at once.
 * @param owner whose option it is, for the message: `Step "app_token"`
 * @throws {ConfigurationError} when it returned a promise
 */
export function askAtOnce<T>(option: string, ask: () => T, owner?: string): T {
  return atOnce(askFor(option, ask), owner === undefined ? option : `${owner}: ${option}`);
}
