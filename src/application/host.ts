import type { Clock } from '../clock.js';
import type { ForgeLogger } from '../logger.js';
import type { Observers } from '../observer.js';
import type { StorageOption, TokenAuthOptions } from '../options/options.js';
import type { TokenStorage } from '../storage/token-storage.js';
import type { TokenManager } from '../token/token-manager.js';

/** What an application gives its services: in Nest the injector, outside of it nothing. */
export interface Host {
  readonly logger: ForgeLogger;
  readonly clock?: Clock;
  /** Whether the application is there for one client, and ends with it. */
  readonly endsWithClient?: boolean;
  /** An instance of a class, or what an injection token stands for. */
  instantiate<T>(type: unknown, what: string): Promise<T>;
  /** The storage that an option stands for. */
  storageOf(option: StorageOption, owner: string): Promise<TokenStorage>;
}

/** What resolving a service's options needs of its application. */
export interface ServiceContext {
  /** Who listens; undefined: nobody can. */
  readonly observer?: Observers | undefined;
  readonly clock: Clock;
  readonly logger: ForgeLogger;
  /** An instance of a class: the app's own where it has one. */
  instantiate<T>(type: unknown, what: string): Promise<T>;
  /** The manager that token options stand for; the first set of a service is the one that is injected. */
  managerFor(options: TokenAuthOptions): TokenManager;
}
