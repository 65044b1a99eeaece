import { type Clock, withDeadline } from '../clock.js';
import type { ForgeLogger } from '../diagnostics.js';
import { TimeoutError } from '../errors.js';
import { RedactedCause } from '../redact.js';
import { InProcessTokenLock } from '../lock/in-process.token-lock.js';
import type { TokenLock } from '../lock/token-lock.js';
import { Announcements } from './announcements.js';
import { DEFAULT_STORAGE_DEADLINE_MS } from './cache-manager.token-storage.js';
import type { TokenEncryption } from './encryption.js';
import { StorageBreaker } from './storage-breaker.js';
import { decodeEnvelope, encodeEnvelope, type TokenEnvelope } from './token-envelope.js';
import type { TokenStorage } from './token-storage.js';

/** What became of a write. */
export type WriteOutcome = 'written' | 'superseded' | 'failed';

/** What a {@link GuardedStorage} needs, and may be given. */
export interface GuardedStorageOptions {
  readonly clock: Clock;
  readonly logger: ForgeLogger;
  readonly encryption?: TokenEncryption | undefined;
  /** Takes the place of the store's own. */
  readonly lock?: TokenLock | undefined;
}

/**
 * A storage as the token layer sees it: envelopes in and out, encrypted if so wished, and never a failure.
 *
 * Each call has a deadline. A storage that is down, slow or frozen answers a miss, and is then left alone for a while;
 * it is told once when it goes and once when it is back.
 */
export class GuardedStorage {
  readonly #storage: TokenStorage;
  readonly #clock: Clock;
  readonly #logger: ForgeLogger;
  readonly #encryption: TokenEncryption | undefined;
  readonly #breaker: StorageBreaker;
  readonly #deadlineMs: number;

  /** What makes one process of many ask for a token: on the same store where it can lock, else in this process. */
  readonly lock: TokenLock;
  /** Tells and hears of changes; undefined where the store cannot: then it is looked at again from time to time. */
  readonly announcements: Announcements | undefined;

  constructor(storage: TokenStorage, { clock, logger, encryption, lock }: GuardedStorageOptions) {
    this.#storage = storage;
    this.#clock = clock;
    this.#logger = logger;
    this.#encryption = encryption;
    this.lock = lock ?? storage.createLock?.() ?? new InProcessTokenLock(clock);
    const signal = storage.createSignal?.();
    this.announcements = signal && new Announcements(signal, clock);
    this.#breaker = new StorageBreaker(clock);
    this.#deadlineMs = storage.deadlineMs ?? DEFAULT_STORAGE_DEADLINE_MS;
  }

  /** Whether more than this process is kept in order: by a lock of the store's own or one that was given. */
  get locksFleet(): boolean {
    return !(this.lock instanceof InProcessTokenLock);
  }

  async close(): Promise<void> {
    await this.announcements?.close();
    await this.lock.close?.();
  }

  /** Whether the last call failed: what stands on the same store is better not asked either. */
  get failing(): boolean {
    return this.#breaker.failing;
  }

  /** The envelope under `key`; undefined where there is none, or none can be had in time. */
  async read(key: string): Promise<TokenEnvelope | undefined> {
    return decodeEnvelope(await this.readText(key));
  }

  /** Writes, unless the storage knows of something newer. @param ttlMs rounded to whole milliseconds, one at least */
  async write(key: string, envelope: TokenEnvelope, ttlMs: number): Promise<WriteOutcome> {
    return this.writeText(key, encodeEnvelope(envelope), ttlMs, envelope.generation);
  }

  /** A text under `key`. */
  async readText(key: string): Promise<string | undefined> {
    const value = await this.#call(() => this.#storage.get(key));
    const text = value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : value;
    if (typeof text !== 'string' || this.#encryption === undefined) return text ?? undefined;
    return this.#encryption.decrypt(key, text);
  }

  /** @param generation left out, whatever stands there is replaced */
  async writeText(key: string, text: string, ttlMs: number, generation?: number): Promise<WriteOutcome> {
    const value = this.#encryption?.encrypt(key, text) ?? text;
    const ttl = Math.max(1, Math.floor(ttlMs));
    const written = await this.#call(async () => {
      if (generation !== undefined && this.#storage.setIfNewer !== undefined) {
        return this.#storage.setIfNewer(key, value, ttl, generation);
      }
      await this.#storage.set(key, value, ttl);
      return true;
    });
    if (written === undefined) return 'failed';
    return written ? 'written' : 'superseded';
  }

  async #call<T>(work: () => Promise<T>): Promise<T | undefined> {
    if (!this.#breaker.admit()) return undefined;
    const onTimeout = (): Error => new TimeoutError(`no answer within ${this.#deadlineMs} ms`);
    try {
      // An async function, so that a storage that throws at once is a rejection like any other.
      const answer = await withDeadline(this.#clock, (async () => work())(), this.#deadlineMs, onTimeout);
      if (this.#breaker.succeeded()) this.#logger.log('Token storage is back.');
      return answer;
    } catch (error) {
      if (this.#breaker.failed()) this.#tell(error);
      return undefined;
    }
  }

  #tell(error: unknown): void {
    const why = error instanceof TimeoutError ? error.message : new RedactedCause(error).message;
    this.#logger.warn(`Token storage is not answering (${why}). Tokens are not shared until it is back; calls go on.`);
  }
}
