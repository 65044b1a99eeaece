import type { Clock } from '../clock.js';
import type { TokenLock } from '../lock/token-lock.js';
import type { ForgeLogger } from '../logger.js';
import type { Observers } from '../observer.js';
import type { GuardedStorage } from '../storage/guarded-storage.js';
import type { TokenStorage } from '../storage/token-storage.js';
import type { DiscoveryDocuments } from './discovery-cache.js';
import type { EndpointBackoffs } from './endpoint-backoffs.js';
import type { SlotEvents } from './slot/slot-events.js';
import type { SharedTokens } from './shared-tokens.js';
import type { SlotSettings } from './token-settings.js';

/** Parts that the services of one application have in common; a manager outside of one has its own. */
export interface Runtime {
  readonly clock: Clock;
  readonly logger: ForgeLogger;
  /** Listeners to what happens. Ask `observer.active` before making an event. */
  readonly observer: Observers;
  /** This process's share of the jitter of refreshes, in `[0, 1)`: it spreads those of a fleet. */
  readonly jitter: number;
  readonly discovery: DiscoveryDocuments;
  readonly backoffs: EndpointBackoffs;
  /** True when errors of the app's own code are shown with their messages. */
  readonly revealCauses: boolean;
  /** An instance of a class: the app's own where it has one. */
  instantiate<T>(type: unknown, what: string): Promise<T>;
  /** Watches over a storage, which is closed with the application. */
  guard(storage: TokenStorage, lock: TokenLock | undefined): GuardedStorage;
}

/** Parts that the tokens of one service depend on: its providers, its pipeline, its slots. */
export interface ServiceScope extends Runtime {
  readonly serviceName: string | undefined;
  /** Base URL of the service; undefined outside a service, or where it has none. */
  readonly baseUrl?: string | undefined;
  /** For messages: `"orders"`. */
  readonly owner: string;
  /** First part of every storage key. */
  readonly keyPrefix: string;
  /** Second part of the storage key: the service's name, or a name of its own for a manager without one. */
  readonly keyName: string;
  /** Asked for at each use: an application's storage is known only when it has started. */
  readonly storage: () => GuardedStorage | undefined;
  /**
   * Finds the tokens of another service of the application, to be opened when they are needed. Left out where there is none.
   * @param what the option that names it, for messages
   * @throws {ConfigurationError} when there is no such service, or its tokens are made with this one's
   */
  readonly sharedSource?: (name: string, what: string) => () => Promise<SharedTokens>;
  readonly settings: SlotSettings;
  readonly events: SlotEvents;
  /** True when no module is there: then a definition has one state, however many managers use it. @default false */
  readonly standalone?: boolean;
  /** Ends what ends with the tokens. */
  readonly onClose?: () => Promise<void>;
}
