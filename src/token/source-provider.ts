import type { TokenLock } from '../lock/token-lock.js';
import type { GuardedStorage } from '../storage/guarded-storage.js';
import type { TokenStorage } from '../storage/token-storage.js';
import type { ProviderEnvironment, TokenProvider } from './token-provider.js';
import type { SlotEvents } from './slot/slot-events.js';
import type { SlotSettings } from './token-settings.js';
import type { TokenSource } from './token-source.js';

/** What a source of tokens needs of its service. */
export interface SourceEnvironment extends ProviderEnvironment {
  readonly keyPrefix: string;
  readonly keyName: string;
  readonly storage: () => GuardedStorage | undefined;
  readonly settings: SlotSettings;
  readonly jitter: number;
  readonly events: SlotEvents;
  /** Whether no module is there: then a definition has one state, however many managers stand on it. @default false */
  readonly standalone?: boolean;
  /** An instance of a class: the app's own where it has one. */
  instantiate<T>(type: unknown, what: string): Promise<T>;
  /** A storage of the source's own, watched over and closed with the application. */
  guard(storage: TokenStorage, lock: TokenLock | undefined): GuardedStorage;
  /** What ends with the source. */
  readonly onClose?: () => Promise<void>;
}

/** A provider that keeps its tokens itself: a manager over it keeps none. */
export interface SourceProvider extends TokenProvider {
  /** @internal */
  createSource(environment: SourceEnvironment): Promise<TokenSource>;
}

/** Whether a provider keeps its tokens itself. */
export function isSourceProvider(provider: TokenProvider): provider is SourceProvider {
  return typeof (provider as Partial<SourceProvider>).createSource === 'function';
}
