import { ConfigurationError } from '../errors.js';

/** Variables of the environment that name proxies, as axios, undici and curl read them, in either case. */
const PROXIES = ['http_proxy', 'https_proxy', 'all_proxy'].flatMap(inEitherCase);
const ALL = [...PROXIES, ...inEitherCase('no_proxy')];

/**
 * Returns a variable of the environment. `process.env` inherits from `Object.prototype`: an `HTTP_PROXY` that somebody has
 * written there is none, and would see every credential.
 */
export function variable(name: string): string | undefined {
  return Object.hasOwn(process.env, name) ? process.env[name] : undefined;
}

/** Returns the first of a variable's two spellings that has a value. */
export function variableInEitherCase(name: string): string | undefined {
  return inEitherCase(name)
    .map(variable)
    .find((value) => value !== undefined && value !== '');
}

/** Checks whether the environment names a proxy. */
export function namesProxy(): boolean {
  return PROXIES.some((name) => (variable(name) ?? '') !== '');
}

/**
 * Checks whether libraries that read the environment themselves would take a proxy from `Object.prototype`.
 * @throws {ConfigurationError} when the environment names one of its own, too: then it is open which they would take
 */
export function inheritsProxy(): boolean {
  const inherited = ALL.find((name) => name in Object.prototype);
  if (inherited === undefined) return false;
  if (!namesProxy()) return true;
  throw new ConfigurationError(
    `Object.prototype has a property ${inherited}, which is read as a variable of the environment. Find who has written it, or set axios: { proxy: … }.`,
  );
}

function inEitherCase(name: string): readonly string[] {
  return [name, name.toUpperCase()];
}
