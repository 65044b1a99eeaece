import { ConfigurationError, type InvalidRequestError } from '../errors.js';
import { defineOwn, ownOptions } from './own-options.js';
import { nameMeant, type NearbyOptions, suggestionFor } from './option-suggestion.js';

/** Rule that the value of one option must meet. */
export interface OptionRule {
  /** Asked about values that are there: undefined and null never come. */
  readonly accepts: (value: unknown) => boolean;
  /** In words that follow "must be". */
  readonly what: string;
  /** A whole sentence for a value that is refused and is known to be given in error. Never quotes the value. */
  readonly cure?: (value: unknown) => string | undefined;
  /** A number above zero and below this many milliseconds was probably meant in seconds. */
  readonly likelySecondsBelow?: number;
}

/**
 * The one list of what an options object may hold, each key with its rule. `tsc` fails when the interface has a key that
 * is missing here: whoever adds an option adds one line.
 */
export type OptionRules<Options extends object> = Readonly<Record<keyof Options, OptionRule>>;

/** Makes the error of a problem: whose option it is, is known by who asks. */
export type Refuse = (problem: string) => ConfigurationError | InvalidRequestError;

/** Owner of the options that are checked, and ways to report problems with them. */
export interface OptionPlace {
  readonly refuse: Refuse;
  /** Logs what is allowed, and odd. */
  readonly warn?: ((problem: string) => void) | undefined;
  /** Text before an option's name in messages: `auth.`, `http.`. @default '' */
  readonly prefix?: string;
  /** True when a class of the app's may add options of its own: those that resemble a known one are only warned of. */
  readonly extended?: boolean;
  /** Places where options may have been meant to stand that are not known here. */
  readonly nearby?: readonly NearbyOptions[];
}

/**
 * Checks an options object by its rules: unknown keys are refused, with the name that was probably meant. An undefined
 * option counts as left out; a null one is refused, whichever it is.
 * @throws {ConfigurationError} naming the option and its cure; a value is shown only where it is a number
 */
export function checkOptions<Options extends object>(
  options: unknown,
  rules: OptionRules<Options>,
  place: OptionPlace,
): void {
  const { refuse, warn, prefix = '', nearby = [] } = place;
  if (!isRecord(options)) {
    const subject = prefix === '' ? 'the options' : prefix.replace(/\.$/, '');
    const examples = Object.keys(rules).slice(0, 3).join(', ');
    throw refuse(`${subject} must be an object, such as { ${examples} }${shown(options)}.`);
  }
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(rules, name)) {
      const known = Object.keys(rules);
      const problem = suggestionFor(name, { known, prefix, nearby });
      if (!place.extended) throw refuse(problem);
      if (nameMeant(name, known) !== undefined) warn?.(problem);
      continue;
    }
    checkOption(prefix + name, options[name], rules[name as keyof Options], place);
  }
}

const LONE_SURROGATE = /\p{Surrogate}/u;

/** Checks one option by its rule. @throws {ConfigurationError} as {@link checkOptions} does */
export function checkOption(name: string, value: unknown, rule: OptionRule, place: OptionPlace): void {
  if (value === undefined) return;
  if (value === null) throw place.refuse(`${name} is null. Leave it out if there is none.`);
  if (typeof value === 'string' && LONE_SURROGATE.test(value))
    throw place.refuse(
      `${name} has half of a character in it, a lone surrogate: it can neither be sent nor be stored.`,
    );
  if (!rule.accepts(value)) {
    throw place.refuse(rule.cure?.(value) ?? `${name} must be ${rule.what}${shown(value)}.`);
  }
  if (typeof value === 'number' && value > 0 && value < (rule.likelySecondsBelow ?? 0)) {
    place.warn?.(`${name} is ${value}. It is in milliseconds: was it meant in seconds?`);
  }
}

/**
 * Options over their defaults, checked: for a definition that knows no service yet.
 * @param owner name of the class, for messages
 * @throws {ConfigurationError} naming `owner` and the option
 */
export function resolveOptions<Options extends object, Defaults extends Partial<Options>>(
  options: Options,
  rules: OptionRules<Options>,
  defaults: Defaults,
  place: Pick<OptionPlace, 'refuse' | 'warn'>,
): Options & { [K in keyof Defaults]-?: NonNullable<Defaults[K]> } {
  checkOptions(options, rules, place);
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return ownOptions({ ...defaults, ...Object.fromEntries(given) }) as Options & {
    [K in keyof Defaults]-?: NonNullable<Defaults[K]>;
  };
}

/** Makes errors and keeps warnings of a definition: whoever it is given to has a logger, and logs them. */
export function definitionPlace(definition: object, owner = definition.constructor.name): OptionPlace {
  return {
    refuse: (problem) => new ConfigurationError(`${owner}: ${problem}`),
    warn: (problem) => {
      const warnings = [...warningsOf(definition), `${owner}: ${problem}`];
      defineOwn(definition, WARNINGS, { value: warnings, configurable: true });
    },
  };
}

/** Returns what is odd about the options that a definition was made of. */
export function warningsOf(definition: unknown): readonly string[] {
  if (typeof definition !== 'object' || definition === null) return [];
  return (definition as { [WARNINGS]?: readonly string[] })[WARNINGS] ?? [];
}

const WARNINGS: unique symbol = Symbol('warnings about options');

/** Checks whether `value` is an object that lists things by name: no array, no function. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Checks whether `value` can do all of these. */
export function hasMethods(value: unknown, ...names: readonly string[]): boolean {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  for (const name of names) if (typeof (value as Readonly<Record<string, unknown>>)[name] !== 'function') return false;
  return true;
}

/** Checks whether `value` is a class whose instances can do this. */
export function isClassWith(value: unknown, method: string): boolean {
  return typeof value === 'function' && hasMethods((value as { prototype?: unknown }).prototype, method);
}

/** Checks whether `value` is a class: by how it is written, or by a method of its instances, as it may be compiled to a function. */
export function isClass(value: unknown, method?: string): boolean {
  if (typeof value !== 'function') return false;
  return (
    /^class\b/.test(Function.prototype.toString.call(value)) || (method !== undefined && isClassWith(value, method))
  );
}

function shown(value: unknown): string {
  return typeof value === 'number' ? `, not ${value}` : '';
}
