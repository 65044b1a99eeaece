import { isAuthenticator } from '../auth/authenticator.js';
import { ownOptions } from '../option-check/own-options.js';
import type { ForgeServiceDefaults, ForgeServiceOptions } from './options.js';

/** Options that are objects of options themselves. */
const NESTED = ['axios', 'hooks', 'logging', 'pool', 'tls'] as const;

/** A service's options, or those of all services, without anything that they do not own, at any depth. */
export function ownServiceOptions<T extends ForgeServiceDefaults>(given: T): T {
  const options = ownOptions(given);
  for (const name of NESTED) if (isPlain(options[name])) Object.assign(options, { [name]: ownOptions(options[name]) });
  const { auth } = options as Partial<ForgeServiceOptions>;
  if (isPlain(auth) && !isAuthenticator(auth)) Object.assign(options, { auth: ownOptions(auth) });
  return options;
}

/** No instance of a class, such as an HttpService. */
function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
