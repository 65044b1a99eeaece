import { ConfigurationError } from '../errors.js';
import { checkMounted } from '../providers/grant-options.js';
import type { Compliance } from '../providers/compliance.js';

/** Options that a preset returns: those given beside its own, and those that it knows of the provider. */
export type Preset<Own, Given, Made> = Omit<Given, keyof Own | keyof Made> & Made;

/**
 * Puts a preset together: the preset's own options are taken out, all others are handed on and win over what it knows.
 * Its compliance hooks are joined with those given; `identity` names them, since hooks alone would keep the token in its process.
 */
export function preset<Own extends object, Given extends Own, Made extends object>(
  name: string,
  given: Given,
  own: readonly (keyof Own & string)[],
  made: Made & { compliance?: Compliance; identity?: readonly string[] },
): Preset<Own, Given, Made> {
  const { compliance: hooks, identity: added = [], ...known } = made;
  const rest = Object.fromEntries(Object.entries(given).filter(([key]) => !(own as readonly string[]).includes(key)));
  const compliance = { ...hooks, ...(rest['compliance'] as Compliance | undefined) };
  const identity = [`preset ${name}`, ...added, ...([rest['identity'] ?? []].flat() as string[])];
  return {
    ...known,
    ...rest,
    ...(hooks === undefined ? undefined : { compliance, identity }),
  } as Preset<Own, Given, Made>;
}

/** @throws {ConfigurationError} unless `value` is a text that is not empty, and without a line break at its end */
export function text(name: string, option: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') {
    checkMounted(value, `${name}(): ${option}`);
    return value;
  }
  throw new ConfigurationError(
    `${name}(): ${option} must be a text that is not empty${value === undefined ? '. Is the variable that it is read from set?' : '.'}`,
  );
}

/**
 * A host, of which nothing but a host is taken: `acme.example`, or `https://acme.example`.
 * @throws {ConfigurationError}
 */
export function host(name: string, option: string, value: unknown): string {
  const given = text(name, option, value)
    .replace(/^https:\/\//, '')
    .replace(/\/$/, '');
  if (/^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d+)?$/.test(given)) return given;
  throw new ConfigurationError(`${name}(): ${option} must be a host, such as acme.example.`);
}

/** One label of a host: an account, a shop, an instance. @throws {ConfigurationError} */
export function label(name: string, option: string, value: unknown): string {
  const given = text(name, option, value);
  if (/^[A-Za-z0-9][\w-]*$/.test(given)) return given;
  throw new ConfigurationError(`${name}(): ${option} must be one word of letters, digits and dashes.`);
}

/** The JSON object of an answer; undefined where it is none. */
export function jsonOf(body: unknown): Record<string, unknown> | undefined {
  return typeof body === 'object' && body !== null && !Array.isArray(body)
    ? (body as Record<string, unknown>)
    : undefined;
}
