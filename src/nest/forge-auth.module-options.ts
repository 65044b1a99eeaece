import type {
  FactoryProvider,
  InjectionToken,
  ModuleMetadata,
  OptionalFactoryDependency,
  Provider,
  Type,
} from '@nestjs/common';
import type { ForgeAuthOptions, ForgeServiceOptions } from '../options/options.js';

/** Options of `ForgeAuthModule.forRoot()`, with what a module needs to know at once. */
export interface ForgeAuthRootOptions extends ForgeAuthOptions {
  /** True when the services can be injected everywhere. @default true */
  isGlobal?: boolean;
}

/** Makes the options of the module: for `useClass` and `useExisting`. */
export interface ForgeAuthOptionsFactory {
  /** Makes the options, once, when the application starts. */
  createForgeAuthOptions(): ForgeAuthOptions | Promise<ForgeAuthOptions>;
}

/** Makes the options of one service: for `useClass` and `useExisting`. The name may be left out. */
export interface ForgeServiceOptionsFactory {
  /** Makes the options, once, when the application starts. */
  createForgeServiceOptions(): ForgeServiceFactoryOptions | Promise<ForgeServiceFactoryOptions>;
}

/** A service's options whose name is known already. */
export type ForgeServiceFactoryOptions = Omit<ForgeServiceOptions, 'name'> & {
  /** Name of the service. Left out: the one given with the factory; another one is refused. */
  name?: string;
};

/** Options that are made asynchronously: by a function, a class of the app's, or one that exists. */
export interface AsyncOptions<Factory, Made> extends Pick<ModuleMetadata, 'imports'> {
  /** Injection tokens of the factory's arguments. Left out: none. */
  inject?: (InjectionToken | OptionalFactoryDependency)[];
  /** Function that makes the options. Left out with `useClass` or `useExisting`. */
  // The arguments are what `inject` names: only the app knows their types.
  // oxlint-disable-next-line typescript/no-explicit-any -- as in Nest's own FactoryProvider
  useFactory?: (...args: any[]) => Made | Promise<Made>;
  /** Class that makes the options, which the module creates. Left out with `useFactory` or `useExisting`. */
  useClass?: Type<Factory>;
  /** Injection token of a provider that makes the options. Left out with `useFactory` or `useClass`. */
  useExisting?: FactoryProvider<Factory>['provide'];
  /** Further providers that the factory needs. */
  extraProviders?: Provider[];
}

/** Options of `ForgeAuthModule.forRootAsync()`. */
export interface ForgeAuthAsyncOptions extends AsyncOptions<ForgeAuthOptionsFactory, ForgeAuthOptions> {
  /**
   * Names of the services that the factory will configure: injection tokens must be known at once. Left out: the
   * factory configures none.
   */
  services?: readonly string[];
  /** True when the services can be injected everywhere. @default true */
  isGlobal?: boolean;
}

/** Options of `ForgeAuthModule.forFeatureAsync()`. */
export interface ForgeServiceAsyncOptions extends AsyncOptions<ForgeServiceOptionsFactory, ForgeServiceFactoryOptions> {
  /** Names the service, as {@link ForgeServiceOptions.name}; known at once, because an injection token is. */
  name: string;
  /** Provides the service's client as `HttpService` to the module, as in {@link ForgeServiceOptions}; known at once, because an injection token is. @default false */
  provideHttpService?: boolean;
}
