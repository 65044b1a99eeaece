import type { Provider, Type } from '@nestjs/common';
import { ConfigurationError } from '../errors.js';
import type { ForgeAuthOptions } from '../options/options.js';
import { ownOptions } from '../option-check/own-options.js';
import { checkOptions, type OptionRules } from '../option-check/option-check.js';
import { RULES } from '../option-check/option-rules.js';
import type { NearbyOptions } from '../option-check/option-suggestion.js';
import { ROOT_OPTIONS, SERVICE_OPTIONS } from '../options/service-rules.js';
import type { AsyncOptions, ForgeAuthAsyncOptions, ForgeServiceAsyncOptions } from './forge-auth.module-options.js';
import { withServiceName } from '../application/with-service-name.js';

const ASYNC_RULES: OptionRules<AsyncOptions<unknown, unknown>> = Object.freeze({
  imports: RULES.any, // Nest says more about it.
  inject: { accepts: Array.isArray, what: 'a list of injection tokens' },
  useFactory: { ...RULES.function, what: 'a function that makes options' },
  useClass: { ...RULES.function, what: 'a class that makes options' },
  useExisting: RULES.any,
  extraProviders: { accepts: Array.isArray, what: 'a list of providers' },
});

const ROOT_ASYNC_RULES: OptionRules<ForgeAuthAsyncOptions> = Object.freeze({
  ...ASYNC_RULES,
  services: { ...RULES.texts, what: "a list of the services' names, such as ['orders']" },
  isGlobal: RULES.switch,
});

const FEATURE_ASYNC_RULES: OptionRules<ForgeServiceAsyncOptions> = Object.freeze({
  ...ASYNC_RULES,
  name: RULES.text,
  provideHttpService: RULES.switch,
});

/** Describes the options that the factory has to make. */
const ofFactory = (known: readonly string[]): NearbyOptions[] => [
  { known, as: (name) => `useFactory: () => ({ ${name}: … })` },
];

const refuse = (problem: string): ConfigurationError => new ConfigurationError(problem);

/** Checks at first sight the options of `forRootAsync()`. @throws {ConfigurationError} */
export function checkRootAsync(options: unknown): void {
  const nearby = ofFactory(ROOT_OPTIONS);
  checkOptions(options, ROOT_ASYNC_RULES, {
    refuse: (problem) => refuse(`ForgeAuthModule.forRootAsync(): ${problem}`),
    nearby,
  });
}

/** Checks at first sight the options of `forFeatureAsync()`. @throws {ConfigurationError} */
export function checkFeatureAsync(options: unknown): void {
  const { name } = ownOptions(options as Partial<ForgeServiceAsyncOptions> | undefined);
  const owner = typeof name === 'string' ? `Service "${name}"` : 'ForgeAuthModule.forFeatureAsync()';
  const place = { refuse: (problem: string) => refuse(`${owner}: ${problem}`), nearby: ofFactory(SERVICE_OPTIONS) };
  checkOptions(options, FEATURE_ASYNC_RULES, place);
  if (name === undefined) throw refuse(`${owner}: name is missing. Give the service a name.`);
}

/** Injection tokens of options and of the class that makes them, private to one dynamic module. */
const OPTIONS = 'FORGE_AUTH_OPTIONS';
const OPTIONS_FACTORY = 'FORGE_AUTH_OPTIONS_FACTORY';

/**
 * Providers that make options when the application starts, and the token of what they make.
 * @throws {ConfigurationError} when nothing is given that makes them
 */
export function asyncOptions<F, Made>(
  options: AsyncOptions<F, Made>,
  method: keyof F & string,
  names: readonly string[],
): { provide: string; providers: Provider[] } {
  const { inject, useFactory, useClass, useExisting } = options;
  const make =
    (factory: (...args: unknown[]) => unknown) =>
    async (...args: unknown[]) => {
      try {
        return await factory(...args);
      } catch (error) {
        throw nameServices(missingVariable(error, names), names);
      }
    };
  if (useFactory !== undefined) {
    return { provide: OPTIONS, providers: [{ provide: OPTIONS, inject: inject ?? [], useFactory: make(useFactory) }] };
  }
  const call = (factory: F): unknown => (factory[method] as () => unknown).call(factory);
  if (useExisting !== undefined) {
    return {
      provide: OPTIONS,
      providers: [{ provide: OPTIONS, inject: [useExisting], useFactory: make((factory) => call(factory as F)) }],
    };
  }
  if (useClass === undefined) {
    throw new ConfigurationError(`${describe(names)}: give one of useFactory, useClass and useExisting.`);
  }
  return {
    provide: OPTIONS,
    providers: [
      { provide: OPTIONS_FACTORY, useClass: useClass as Type },
      { provide: OPTIONS, inject: [OPTIONS_FACTORY], useFactory: make((factory) => call(factory as F)) },
    ],
  };
}

/** `ConfigService.getOrThrow` names the variable; whom it is for, only we know. Other errors are the app's own. */
function missingVariable(error: unknown, names: readonly string[]): unknown {
  const variable =
    error instanceof Error ? /^Configuration key "([\w.:-]+)" does not exist$/.exec(error.message)?.[1] : undefined;
  if (variable === undefined) return error;
  const [only] = names;
  return new ConfigurationError(
    `${describe(names)}: the configuration variable ${variable} is not set.`,
    names.length === 1 && only !== undefined ? { serviceName: only } : {},
  );
}

/** Names the services in an error of what a factory makes: which of several it is for, only its author knows. */
function nameServices(error: unknown, names: readonly string[]): unknown {
  const [only] = names;
  if (names.length === 1 && only !== undefined) return withServiceName(error, only);
  if (!(error instanceof ConfigurationError) || error.serviceName !== undefined || names.length === 0) return error;
  return error.message.startsWith(describe(names))
    ? error
    : new ConfigurationError(`${describe(names)}: ${error.message}`);
}

/** @throws {ConfigurationError} when a factory made other services than were named */
export function checkNames(names: readonly string[], options: ForgeAuthOptions): void {
  const made = (options.services ?? []).map(({ name }) => name);
  const missing = names.filter((name) => !made.includes(name));
  const unknown = made.filter((name) => !names.includes(name));
  if (missing.length > 0) {
    throw new ConfigurationError(
      `${describe(missing)}: named in forRootAsync({ services }), but its factory returned no options for it.`,
    );
  }
  if (unknown.length > 0) {
    throw new ConfigurationError(
      `${describe(unknown)}: made by the factory of forRootAsync(), but not named in its services. Add the name there.`,
    );
  }
}

/** Services, for messages. */
export function describe(names: readonly string[]): string {
  return names.length === 0 ? 'ForgeAuthModule' : `Service ${names.map((name) => `"${name}"`).join(', ')}`;
}
