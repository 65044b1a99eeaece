import { HttpService } from '@nestjs/axios';
import { type DynamicModule, type FactoryProvider, type InjectionToken, Module, type Provider } from '@nestjs/common';
import type { ForgeHttpClient } from '../client/forge-http-client.js';
import { ConfigurationError } from '../errors.js';
import { ownOptions } from '../option-check/own-options.js';
import { asyncOptions, checkFeatureAsync, checkNames, checkRootAsync, describe } from './forge-auth.async-options.js';
import {
  getForgeClientToken,
  getTokenManagerToken,
  getTokenPipelineToken,
  getTokenProviderToken,
} from './forge-auth.decorators.js';
import type { ForgeAuthOptions, ForgeServiceOptions } from '../options/options.js';
import type {
  ForgeAuthAsyncOptions,
  ForgeAuthOptionsFactory,
  ForgeAuthRootOptions,
  ForgeServiceAsyncOptions,
  ForgeServiceFactoryOptions,
  ForgeServiceOptionsFactory,
} from './forge-auth.module-options.js';
import { ForgeAuthCoreModule } from './forge-auth.core-module.js';
import { DECLARED, ForgeAuthRegistry } from './forge-auth.registry.js';
import { checkRoot } from '../options/service-rules.js';

const REGISTRY = [ForgeAuthRegistry];

/** The registry, out of sight of Nest, which would call its lifecycle hooks once for each module. */
interface Declared {
  readonly registry: ForgeAuthRegistry;
}

/** Providers that give a module's injectables the registry, with the module's services declared there. */
interface Declaration {
  readonly inject: InjectionToken[];
  readonly registryOf: (injected: never) => ForgeAuthRegistry;
  readonly providers: readonly Provider[];
}

/**
 * Gives an app an HTTP client for each service that it names, which always carries a valid credential.
 *
 * `forRoot()` once, with what all services share; `forFeature()` wherever a service is used. Both may stand alone.
 */
@Module({})
export class ForgeAuthModule {
  /**
   * Registers services, and what all services of the application share.
   * @throws {ConfigurationError} when an option is missing or malformed
   */
  static forRoot(options: ForgeAuthRootOptions = {}): DynamicModule {
    checkRoot(options);
    const { services = [], isGlobal = true } = ownOptions(options);
    const names = services.map((service) => ownOptions(service).name);
    for (const service of services) {
      const { name, provideHttpService } = ownOptions(service);
      if (provideHttpService !== true) continue;
      throw new ConfigurationError(
        `Service "${name}": provideHttpService would take everybody's HttpService. Give it to forFeature(), where it is wanted.`,
        { serviceName: name },
      );
    }
    return moduleOf(
      names,
      declaring([], (registry) => registry.configure(options)),
      { global: isGlobal },
    );
  }

  /**
   * Registers services as `forRoot` does, with options that are made when the application starts. Names are given at once.
   * @throws {ConfigurationError} when an option is missing or malformed
   */
  static forRootAsync(given: ForgeAuthAsyncOptions): DynamicModule {
    checkRootAsync(given);
    const options = ownOptions(given);
    const names = options.services ?? [];
    const made = asyncOptions<ForgeAuthOptionsFactory, ForgeAuthOptions>(options, 'createForgeAuthOptions', names);
    const declare = (registry: ForgeAuthRegistry, value: ForgeAuthOptions): void => {
      checkRoot(value);
      checkNames(names, value);
      registry.configure(value);
    };
    return moduleOf(names, declaring([made.provide], declare), {
      global: options.isGlobal ?? true,
      imports: options.imports ?? [],
      providers: [...made.providers, ...(options.extraProviders ?? [])],
    });
  }

  /**
   * Registers services for the importing module; a name re-exports a service that is registered elsewhere.
   * @throws {ConfigurationError} when an option is missing or malformed
   */
  static forFeature(...services: (ForgeServiceOptions | string)[]): DynamicModule {
    const declare = (registry: ForgeAuthRegistry): void => {
      for (const service of services) if (typeof service !== 'string') registry.declare(service);
    };
    const given = services.map((service) =>
      ownOptions<Pick<ForgeServiceOptions, 'name' | 'provideHttpService'>>(
        typeof service === 'string' ? { name: service } : service,
      ),
    );
    const asHttpService = given.filter(({ provideHttpService }) => provideHttpService === true);
    return moduleOf(given.map(nameOf), declaringOnUse(declare), {}, asHttpService.map(nameOf));
  }

  /**
   * Registers services as `forFeature` does, with options that are made when the application starts. The name is given at once.
   * @throws {ConfigurationError} when an option is missing or malformed
   */
  static forFeatureAsync(given: ForgeServiceAsyncOptions): DynamicModule {
    checkFeatureAsync(given);
    const options = ownOptions(given);
    const { name } = options;
    const made = asyncOptions<ForgeServiceOptionsFactory, ForgeServiceFactoryOptions>(
      options,
      'createForgeServiceOptions',
      [name],
    );
    const declare = (registry: ForgeAuthRegistry, value: ForgeServiceFactoryOptions): void => {
      if (typeof value !== 'object' || value === null)
        throw new ConfigurationError(`Service "${name}": its factory returned no options.`, { serviceName: name });
      const own = ownOptions(value).name;
      if (own !== undefined && own !== name) {
        throw new ConfigurationError(`Service "${name}": its factory answered options for "${own}". Use one name.`, {
          serviceName: name,
        });
      }
      registry.declare(own === name ? (value as ForgeServiceOptions) : { ...value, name });
    };
    const more = {
      imports: options.imports ?? [],
      providers: [...made.providers, ...(options.extraProviders ?? [])],
    };
    return moduleOf(
      [name],
      declaring([made.provide], declare),
      more,
      options.provideHttpService === true ? [name] : [],
    );
  }
}

function nameOf({ name }: { readonly name: string }): string {
  return name;
}

function moduleOf(
  names: readonly string[],
  declaration: Declaration,
  more: Omit<DynamicModule, 'module'>,
  asHttpService: readonly string[] = [],
): DynamicModule {
  if (asHttpService.length > 1) {
    throw new ConfigurationError(
      `${describe(asHttpService)}: only one service of a forFeature() can be its HttpService. Give each a forFeature() of its own.`,
    );
  }
  const { inject, registryOf } = declaration;
  const tokens = [
    ...[...new Set(names)].flatMap((name) => [
      { provide: getForgeClientToken(name), inject, useFactory: (from: never) => registryOf(from).client(name) },
      { provide: getTokenManagerToken(name), inject, useFactory: (from: never) => registryOf(from).tokens(name) },
      {
        provide: getTokenProviderToken(name),
        inject,
        useFactory: (from: never) => registryOf(from).tokenProvider(name),
      },
      { provide: getTokenPipelineToken(name), inject, useFactory: (from: never) => registryOf(from).pipeline(name) },
    ]),
    // By way of the client's own token: a test may have put another client there.
    ...asHttpService.map((name) => ({
      provide: HttpService,
      inject: [getForgeClientToken(name)],
      useFactory: (client: ForgeHttpClient) => client.httpService,
    })),
  ];
  return {
    module: ForgeAuthModule,
    ...more,
    imports: [ForgeAuthCoreModule, ...(more.imports ?? [])],
    providers: [...declaration.providers, ...(more.providers ?? []), ...tokens],
    exports: tokens.map(({ provide }) => provide),
  };
}

function declaring<A extends unknown[]>(
  inject: FactoryProvider['inject'],
  declare: (registry: ForgeAuthRegistry, ...args: A) => void,
): Declaration {
  const declared: Provider = {
    provide: DECLARED,
    inject: [ForgeAuthRegistry, ...(inject ?? [])],
    useFactory: (registry: ForgeAuthRegistry, ...args: A): Declared => {
      declare(registry, ...args);
      return { registry };
    },
  };
  return { inject: [DECLARED], registryOf: ({ registry }: Declared) => registry, providers: [declared] };
}

/** Without a provider of its own: of those an app with many features has many, and Nest takes its time over each. */
function declaringOnUse(declare: (registry: ForgeAuthRegistry) => void): Declaration {
  const registryOf = (registry: ForgeAuthRegistry): ForgeAuthRegistry => {
    declare(registry); // Once for each of its injectables: a service that is declared already stays as it is.
    return registry;
  };
  return { inject: REGISTRY, registryOf, providers: [] };
}
