import type { TokenLock } from '../lock/token-lock.js';
import type { ForgeAuthOptions } from '../options/options.js';
import type { GuardedStorage } from '../storage/guarded-storage.js';
import type { Runtime } from '../token/runtime.js';
import type { TokenSource } from '../token/token-source.js';
import type { Host } from './host.js';

/** One application, as its services see it. */
export interface ApplicationScope {
  readonly runtime: Runtime;
  readonly host: Host;
  readonly rootOptions: ForgeAuthOptions;
  /** Storage of the tokens of services that do not say otherwise; undefined until the application has started. */
  readonly storage: GuardedStorage | undefined;
  /** Has the application's storage at hand from then on. */
  guardStorage(): Promise<void>;
  /** The application's storage, under a lock of a service's own; undefined until the application has started. */
  guardDefault(lock: TokenLock): GuardedStorage | undefined;
  /** Names of the services that are declared. */
  names(): string[];
  find(name: string): Service | undefined;
  /** The client of a service was closed. */
  release(): Promise<void>;
}

/** One service of an application, as its own tokens and the other services see it. */
export interface Service {
  readonly name: string;
  readonly baseUrl: string | undefined;
  /** Undefined until it is declared. */
  readonly options: object | undefined;
  /** Names of the services whose tokens its own are, or are made with, and the options that say so, as far as it was opened. */
  readonly uses: ReadonlyMap<string, string>;
  /** Opens the service, which says what tokens it has. */
  open(): Promise<unknown>;
  /** Storage and lock of its tokens, if not those of the application. */
  ownStorage(): GuardedStorage | undefined;
  /** The source of its tokens, for another service that shares them. */
  source(): Promise<TokenSource>;
}
