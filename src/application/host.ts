import type { Clock } from '../clock.js';
import type { ForgeLogger } from '../logger.js';
import type { StorageOption } from '../options/options.js';
import type { TokenStorage } from '../storage/token-storage.js';
import type { TokenManager } from '../token/token-manager.js';

/** Access to what an application gives its services: in Nest the injector, outside of it nothing. */
export interface Host {
  readonly logger: ForgeLogger;
  readonly clock?: Clock;
  /** True when the application is there for one client, and ends with it. */
  readonly endsWithClient?: boolean;
  /** An instance of a class, or what an injection token stands for. */
  instantiate<T>(type: unknown, what: string): Promise<T>;
  /** The storage that an option stands for. */
  storageOf(option: StorageOption, owner: string): Promise<TokenStorage>;
  /** Returns what a test has put in the place of a service's manager, if anything. */
  overridingTokens?(name: string, ours: TokenManager): unknown;
}
