import { type Clock, systemClock } from '../clock.js';
import type { ForgeLogger } from '../logger.js';
import type { Observers } from '../observer.js';
import { lockOf } from '../lock/in-process.token-lock.js';
import type { AcquireOptions, TokenLock } from '../lock/token-lock.js';
import { callDeclared, ownOptions } from '../option-check/own-options.js';
import { revealsByDefault } from '../redaction/own-cause.js';
import type { Announcements } from './announcements.js';
import { DEFAULT_STORAGE_DEADLINE_MS } from './cache-manager.token-storage.js';
import type { TokenEncryption } from './encryption.js';
import { type Admission, GuardedLock } from './guarded-lock.js';
import { endEach } from './end-each.js';
import { GetSetTokenStorage } from './get-set.token-storage.js';
import { InMemoryTokenStorage } from './in-memory.token-storage.js';
import { announcementsMadeBy, lockMadeBy } from './made-by-storage.js';
import { isAboutValue } from './outage-reason.js';
import { ReadBackLock } from './read-back-lock.js';
import { StorageCommands } from './storage-commands.js';
import { StorageObserver } from './storage-observer.js';
import { kindOf, type StorageState } from './storage-state.js';
import type { StoredValueOptions, TokenStorage } from './token-storage.js';

/** Outcome of a write. */
export type WriteOutcome = 'written' | 'superseded' | 'failed';

/** Nothing is kept for longer; what an issuer says beyond it no store takes. */
const LONGEST_TTL_MS = 365 * 24 * 3_600_000;
/** No token comes near it: what is larger was not written by us. */
const LONGEST_TEXT = 1_048_576;

/** Metadata written beside a text. */
interface WriteOptions extends StoredValueOptions {
  generation?: number;
}

/** Options of a lease on what is stored. */
export interface StorageLeaseOptions extends AcquireOptions {
  /** True where two processes must not do it at once, though the store has no lock: that takes longer there. */
  readonly exclusive?: boolean;
}

/** Options of a {@link GuardedStorage}. */
export interface GuardedStorageOptions {
  readonly clock: Clock;
  readonly logger: ForgeLogger;
  readonly observer?: Observers;
  readonly encryption?: TokenEncryption | undefined;
  /** Takes the place of the store's own. */
  readonly lock?: TokenLock | undefined;
  /** True when messages of what the storage's own code throws are shown. @default `process.env.NODE_ENV !== 'production'` */
  readonly revealCauses?: boolean;
}

/**
 * A storage as the token layer sees it: text in and out, encrypted if so wished, and never a failure.
 *
 * Each call has a deadline. A storage that is down, slow or frozen answers a miss, and is then left alone for a while;
 * it is logged once when it goes and once when it is back.
 */
export class GuardedStorage {
  readonly #storage: TokenStorage;
  /** Known by its observers: an application may guard one storage several times, under locks of its services. */
  readonly #user: object;
  readonly #encryption: TokenEncryption | undefined;
  readonly #commands: StorageCommands;
  readonly #guardedLock: GuardedLock;
  readonly #readBackLock: ReadBackLock;
  readonly #lockIsApart: boolean;
  #closing: Promise<void> | undefined;

  /** Lock that makes one process of many ask for a token: on the same store where it can lock, else in this process. */
  readonly lock: TokenLock;
  /** Announces and hears of changes; undefined where the store cannot: then it is looked at again from time to time. */
  readonly announcements: Announcements | undefined;

  /** @throws {ConfigurationError} when the storage's lock or announcements cannot be made */
  constructor(storage: TokenStorage, options: GuardedStorageOptions) {
    const { clock, logger, observer, encryption, lock, revealCauses = revealsByDefault() } = ownOptions(options);
    this.#storage = storage;
    this.#user = observer ?? this;
    if (storage instanceof InMemoryTokenStorage) storage.enter(this.#user);
    if (storage instanceof GetSetTokenStorage) storage.remark(logger);
    const commandObserver = new StorageObserver(clock, observer);
    const deadlineMs = storage.deadlineMs ?? DEFAULT_STORAGE_DEADLINE_MS;
    this.#commands = new StorageCommands({ clock, logger, observer: commandObserver, deadlineMs });
    this.#encryption = encryption;
    this.lock = lock ?? lockMadeBy(storage, clock, revealCauses) ?? lockOf(storage, clock);
    this.#lockIsApart = lock !== undefined;
    this.announcements = announcementsMadeBy(storage, { clock, logger, revealCauses, failing: () => this.failing });
    this.#guardedLock = new GuardedLock(this.lock, {
      clock,
      logger,
      observer: commandObserver,
      deadlineMs,
      lockIsApart: this.#lockIsApart,
      failing: () => this.failing,
      onTimeout: (error) => this.#commands.trouble(error),
    });
    // The store's time, not the app's. Longer than a read and a write take, each within its deadline.
    this.#readBackLock = new ReadBackLock(this, 2 * deadlineMs, systemClock);
  }

  /** True when more than this process is kept in order: by a lock of the store's own or one that was given. */
  get locksFleet(): boolean {
    return this.#guardedLock.locksFleet;
  }

  /** True when other processes see what is stored, and nothing keeps two of them from doing the same. */
  get sharedWithoutLock(): boolean {
    return !this.locksFleet && this.#storage.shared !== false;
  }

  /** True when what is stored never leaves this process. */
  get inProcess(): boolean {
    return this.#storage instanceof InMemoryTokenStorage;
  }

  /** True when nobody else, in this process or another, sees what is stored. */
  get unshared(): boolean {
    return this.#storage instanceof InMemoryTokenStorage && this.#storage.users === 1;
  }

  /** Connects, and waits for that for a moment: one that cannot be reached yet may be when it is needed. */
  async prepare(): Promise<void> {
    if (this.#storage.connect === undefined) return;
    await this.#commands.within(this.#storage.connect()).catch(() => undefined);
  }

  /** Describes the storage and the lock, and whether they answer. */
  describe(): StorageState {
    const [kind, lock] = [this.#storage, this.lock].map((part) => kindOf(part));
    return {
      kind: kind ?? 'custom',
      state: this.failing ? 'down' : 'up',
      writeState: this.#commands.troubled ? 'down' : 'up',
      lock: lock ?? 'custom',
      lockState:
        this.#guardedLock.troubled || (this.#commands.troubled && this.locksFleet && !this.#lockIsApart)
          ? 'down'
          : 'up',
      encrypted: this.#encryption !== undefined,
    };
  }

  /** Waits, for a moment, until the last commands are through; no call reaches the storage from then on. */
  close(): Promise<void> {
    return (this.#closing ??= endEach(
      () => callDeclared(this.lock, 'close'),
      () => this.#commands.close(),
      () => this.announcements?.close(),
      () => callDeclared(this.#storage, 'release'),
      () => this.#storage instanceof InMemoryTokenStorage && this.#storage.leave(this.#user),
    ));
  }

  /** True when it does not answer: what stands on the same store is better not asked either. */
  get failing(): boolean {
    return this.#commands.failing;
  }

  /**
   * Asks for the right to do something alone. A lock that does not answer is left alone for a while, as a storage is.
   * @throws the signal's reason when it aborts
   */
  async acquire(key: string, options: StorageLeaseOptions): Promise<Admission> {
    const admission = await this.#guardedLock.acquire(key, options);
    if (typeof admission === 'string' || options.exclusive !== true || !this.sharedWithoutLock) return admission;
    return (await this.#readBackLock.widen(admission, key, options)) ?? 'held';
  }

  /** Returns the text under `key`; undefined where there is none, or none is read in time. */
  async readText(key: string): Promise<string | undefined> {
    const value = await this.#commands.read(() => this.#read(key));
    if (value === undefined || value === null || value.length > LONGEST_TEXT) return undefined;
    const text = value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : value;
    if (typeof text !== 'string' || this.#encryption === undefined) return text ?? undefined;
    return this.#encryption.decrypt(key, text);
  }

  /**
   * Writes a text, unless the storage knows of a newer generation; without one, whatever stands there is replaced.
   * @param ttlMs rounded to whole milliseconds, one at least
   */
  async writeText(
    key: string,
    text: string,
    ttlMs: number,
    { generation, irreplaceable = false }: WriteOptions = {},
  ): Promise<WriteOutcome> {
    const value = this.#encryption?.encrypt(key, text) ?? text;
    const ttl = Math.min(LONGEST_TTL_MS, Math.max(1, Math.floor(ttlMs)));
    const written = await this.#commands.write(async () => {
      if (generation !== undefined && this.#storage.setIfNewer !== undefined) {
        return this.#storage.setIfNewer(key, value, ttl, generation);
      }
      await (irreplaceable
        ? this.#storage.set(key, value, ttl, { irreplaceable })
        : this.#storage.set(key, value, ttl));
      return true;
    });
    if (written === undefined) return 'failed';
    return written ? 'written' : 'superseded';
  }

  /** Reads a text. One that cannot be read is somebody else's: a miss, and written over. */
  async #read(key: string): Promise<string | Uint8Array | null | undefined> {
    try {
      return await this.#storage.get(key);
    } catch (error) {
      if (isAboutValue(error)) return undefined;
      throw error;
    }
  }
}
