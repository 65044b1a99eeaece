import { ownOptions } from '../option-check/own-options.js';
import { ConfigurationError } from '../errors.js';
import { type Clock, systemClock } from '../clock.js';
import { type ForgeLogger, guardedLogger, silentLogger } from '../logger.js';
import { Observers } from '../observer.js';
import type { TokenLock } from '../lock/token-lock.js';
import { type EncryptionOptions, TokenEncryption } from '../storage/encryption.js';
import { storageOf } from '../storage/get-set.token-storage.js';
import type { GuardedStorage } from '../storage/guarded-storage.js';
import { guardStorage } from '../storage/storage-guards.js';
import { InMemoryTokenStorage } from '../storage/in-memory.token-storage.js';
import type { GetSet, TokenStorage } from '../storage/token-storage.js';
import type { OptionRules } from '../option-check/option-check.js';
import { RULES } from '../option-check/option-rules.js';
import { EndpointBackoffs } from './endpoint-backoffs.js';
import { DiscoveryCache } from './discovery-cache.js';
import type { ServiceScope } from './runtime.js';
import { resolveTokenSettings, TOKEN_SETTINGS_RULES, type TokenSettings } from './token-settings.js';
import { silentEvents, type SlotEvents } from './slot/slot-events.js';
import { concealedCause, revealing, revealsByDefault } from '../redaction/own-cause.js';

/** Options of tokens outside a module. Durations are in milliseconds. */
export interface StandaloneOptions extends TokenSettings {
  /** For messages, and part of the tokens' key. Without it, a provider that states no identity shares its tokens with nobody. */
  name?: string;
  /** Store of the tokens. @default a bounded memory of its own */
  storage?: TokenStorage | GetSet;
  /** Makes one process of many ask for a token. @default on the storage's Redis, else in this process */
  lock?: TokenLock;
  /** Encrypts what is stored. @default stored in the clear */
  encryption?: EncryptionOptions;
  /** First part of every storage key. @default 'forge-auth' */
  keyPrefix?: string;
  /** Logger of the few lines that there are. @default nothing is logged */
  logger?: ForgeLogger;
  /** Source of the time. @default the machine's own */
  clock?: Clock;
}

/** The options of {@link StandaloneOptions}. */
export const STANDALONE_RULES: OptionRules<StandaloneOptions> = Object.freeze({
  ...TOKEN_SETTINGS_RULES,
  name: RULES.text,
  storage: RULES.any,
  lock: RULES.lock,
  encryption: RULES.record,
  keyPrefix: RULES.text,
  logger: RULES.logger,
  clock: RULES.record,
});

/** First part of every storage key. */
export const DEFAULT_KEY_PREFIX = 'forge-auth';

/**
 * Returns the scope of a source of tokens, where no module is there to give it.
 * @throws {ConfigurationError} naming `owner` and the option
 */
export function standaloneScope(
  options: StandaloneOptions,
  owner: string,
  keyName: string,
  events: SlotEvents = silentEvents,
): ServiceScope {
  const { name, clock = systemClock, lock } = ownOptions(options);
  const logger = guardedLogger(options.logger ?? silentLogger);
  const encryption = options.encryption && new TokenEncryption(options.encryption);
  const observer = new Observers();
  const guards: GuardedStorage[] = [];
  const guard = (storage: TokenStorage, ownLock: TokenLock | undefined): GuardedStorage => {
    const guarded = guardStorage(storage, {
      clock,
      logger,
      observer,
      lock: ownLock ?? lock,
      encryption,
    });
    guards.push(guarded);
    return guarded;
  };
  let storage: GuardedStorage | undefined;
  const given = storageOf(options.storage ?? new InMemoryTokenStorage({ clock }), owner);
  return {
    serviceName: name,
    owner: name === undefined ? 'the token manager' : `"${name}"`,
    observer,
    keyPrefix: options.keyPrefix ?? DEFAULT_KEY_PREFIX,
    keyName,
    clock,
    logger,
    discovery: new DiscoveryCache(clock),
    backoffs: new EndpointBackoffs(),
    storage: () => (storage ??= guard(given, undefined)),
    settings: resolveTokenSettings(options),
    jitter: clock.random(),
    events,
    standalone: true,
    revealCauses: revealsByDefault(),
    instantiate: (type, what) => revealing(instantiateAlone(type, what), revealsByDefault()),
    guard,
    onClose: async () => {
      await Promise.all(guards.map((guarded) => guarded.close()));
    },
  };
}

/**
 * Makes an instance of a class where no application is there to do it.
 * @throws {ConfigurationError} when it is none, or needs arguments
 */
export async function instantiateAlone<T>(type: unknown, what: string): Promise<T> {
  try {
    return new (type as new () => T)();
  } catch (error) {
    const cause = concealedCause(error);
    throw new ConfigurationError(
      `${what}: the class cannot be created without arguments. Give an instance. Its constructor threw ${cause.summary}`,
      { cause },
    );
  }
}
