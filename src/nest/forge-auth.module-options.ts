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
  createForgeAuthOptions(): ForgeAuthOptions | Promise<ForgeAuthOptions>;
}

/** Makes the options of one service: for `useClass` and `useExisting`. The name may be left out. */
export interface ForgeServiceOptionsFactory {
  createForgeServiceOptions(): ForgeServiceFactoryOptions | Promise<ForgeServiceFactoryOptions>;
}

/** A service's options whose name is known already. */
export type ForgeServiceFactoryOptions = Omit<ForgeServiceOptions, 'name'> & { name?: string };

/** Options that are made asynchronously: by a function, a class of the app's, or one that exists. */
export interface AsyncOptions<Factory, Made> extends Pick<ModuleMetadata, 'imports'> {
  inject?: (InjectionToken | OptionalFactoryDependency)[];
  // The arguments are what `inject` names: only the app knows their types.
  // oxlint-disable-next-line typescript/no-explicit-any -- as in Nest's own FactoryProvider
  useFactory?: (...args: any[]) => Made | Promise<Made>;
  useClass?: Type<Factory>;
  useExisting?: FactoryProvider<Factory>['provide'];
  /** Providers that the factory needs. */
  extraProviders?: Provider[];
}

/** Options of `ForgeAuthModule.forRootAsync()`. */
export interface ForgeAuthAsyncOptions extends AsyncOptions<ForgeAuthOptionsFactory, ForgeAuthOptions> {
  /** Names of the services that the factory will configure: injection tokens must be known at once. */
  services?: readonly string[];
  /** @default true */
  isGlobal?: boolean;
}

/** Options of `ForgeAuthModule.forFeatureAsync()`. */
export interface ForgeServiceAsyncOptions extends AsyncOptions<ForgeServiceOptionsFactory, ForgeServiceFactoryOptions> {
  name: string;
  /** As in {@link ForgeServiceOptions}; known at once, because an injection token is. @default false */
  provideHttpService?: boolean;
}
