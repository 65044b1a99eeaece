import { ConfigurationError } from '../errors.js';

/** A whole number of at least `minimum`. @throws {ConfigurationError} FORGE_AUTH_CONFIGURATION */
export function requireCount(owner: string, option: string, value: number, minimum = 0): number {
  if (Number.isSafeInteger(value) && value >= minimum) return value;
  throw refused(owner, option, value, `Give a whole number, ${minimum} or more.`);
}

/** A finite number of milliseconds, 0 or more. @throws {ConfigurationError} FORGE_AUTH_CONFIGURATION */
export function requireDelayMs(owner: string, option: string, value: number): number {
  if (Number.isFinite(value) && value >= 0) return value;
  throw refused(owner, option, value, 'Give milliseconds, 0 or more.');
}

/** A finite number, 1 or more. @throws {ConfigurationError} FORGE_AUTH_CONFIGURATION */
export function requireMultiplier(owner: string, option: string, value: number): number {
  if (Number.isFinite(value) && value >= 1) return value;
  throw refused(owner, option, value, 'Give a number, 1 or more.');
}

/** True or false. @throws {ConfigurationError} FORGE_AUTH_CONFIGURATION */
export function requireSwitch(owner: string, option: string, value: boolean): boolean {
  if (typeof value === 'boolean') return value;
  throw refused(owner, option, value, 'Give true or false.');
}

/** A set of HTTP statuses. @throws {ConfigurationError} FORGE_AUTH_CONFIGURATION */
export function requireStatuses(owner: string, option: string, value: Iterable<number>): ReadonlySet<number> {
  if (typeof value !== 'object' || value === null || !(Symbol.iterator in value)) {
    throw refused(owner, option, value, 'Give an array of HTTP statuses.');
  }
  const statuses = new Set(value);
  for (const status of statuses) {
    if (!Number.isInteger(status) || status < 100 || status > 599) {
      throw refused(owner, option, status, 'Give HTTP statuses, whole numbers from 100 to 599.');
    }
  }
  return statuses;
}

/** A function. @throws {ConfigurationError} FORGE_AUTH_CONFIGURATION */
export function requireFunction<F>(owner: string, option: string, value: F, signature: string): F {
  if (typeof value === 'function') return value;
  throw refused(owner, option, value, `Give a function: ${signature}.`);
}

function refused(owner: string, option: string, value: unknown, cure: string): ConfigurationError {
  const shown = typeof value === 'number' || value === null ? String(value) : `of type ${typeof value}`;
  return new ConfigurationError(`${owner}: ${option} is ${shown}. ${cure}`);
}
