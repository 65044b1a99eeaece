import type { OptionPlace, OptionRule } from '../option-check/option-check.js';

/** Of an option that lists HTTP statuses. */
export const STATUSES_RULE: OptionRule = Object.freeze({
  accepts: (value: unknown) => typeof value === 'object' && value !== null && Symbol.iterator in value,
  what: 'an array of HTTP statuses',
});

/** The statuses of an option, as a set. @throws {ConfigurationError} FORGE_AUTH_CONFIGURATION when one is none */
export function statusSet(statuses: Iterable<number>, { refuse }: OptionPlace): ReadonlySet<number> {
  const set = new Set(statuses);
  for (const status of set) {
    if (Number.isInteger(status) && status >= 100 && status <= 599) continue;
    const shown = typeof status === 'number' ? `, not ${status}` : '';
    throw refuse(`statuses must be HTTP statuses, whole numbers from 100 to 599${shown}.`);
  }
  return set;
}
