import type { ConfigurationError } from '../errors.js';

/** What one option must be. */
export interface OptionRule {
  /** Of a value that is there: undefined and null never come. */
  readonly accepts: (value: unknown) => boolean;
  /** In words that follow "must be". */
  readonly what: string;
}

/** Makes the error of a problem: whose option it is, is known by who asks. */
export type Refuse = (problem: string) => ConfigurationError;

/**
 * Checks options by their rules. An undefined option counts as left out; a null one is refused, whichever it is.
 * @param prefix what stands before the option's name in the error
 * @throws {ConfigurationError} naming the option, and what it must be; its value is shown only where it is a number
 */
export function checkOptions(
  options: object,
  rules: Readonly<Record<string, OptionRule>>,
  refuse: Refuse,
  prefix = '',
): void {
  for (const [name, value] of Object.entries(options) as [string, unknown][]) {
    if (value === undefined) continue;
    if (value === null) throw refuse(`${prefix}${name} is null. Leave it out if there is none.`);
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (rule === undefined || rule.accepts(value)) continue;
    const shown = typeof value === 'number' ? `, not ${value}` : '';
    throw refuse(`${prefix}${name} must be ${rule.what}${shown}.`);
  }
}

/** Whether `value` is an object that lists things by name: no array, no function. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const isFunction = (value: unknown): boolean => typeof value === 'function';

/** Rules that many options have in common. */
export const RULES = Object.freeze({
  durationMs: {
    accepts: (value: unknown) => typeof value === 'number' && value > 0,
    what: 'a number of milliseconds above zero',
  },
  switch: { accepts: (value: unknown) => typeof value === 'boolean', what: 'true or false' },
  text: { accepts: (value: unknown) => typeof value === 'string' && value !== '', what: 'a text that is not empty' },
  function: { accepts: isFunction, what: 'a function' },
  record: { accepts: isRecord, what: 'an object' },
  axios: {
    accepts: (value: unknown) => isRecord(value) || isFunction(value),
    what: 'an axios config or an HttpService',
  },
  transport: {
    accepts: (value: unknown) => hasMethods(value, 'send'),
    what: 'a Transport, with a method send(request)',
  },
  requestRetry: {
    accepts: (value: unknown) => hasMethods(value, 'nextDelayMs'),
    what: 'a request retry strategy, such as new ExponentialBackoffRetryStrategy()',
  },
} satisfies Record<string, OptionRule>);

/** Whether `value` can do all of these. */
export function hasMethods(value: unknown, ...names: readonly string[]): boolean {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  return names.every((name) => typeof (value as Readonly<Record<string, unknown>>)[name] === 'function');
}
