import { type Clock, withDeadline } from '../clock.js';
import type { ForgeLogger } from '../diagnostics.js';
import { TimeoutError } from '../errors.js';
import { RedactedCause } from '../redact.js';
import { DEFAULT_STORAGE_DEADLINE_MS } from './cache-manager.token-storage.js';
import { decodeEnvelope, encodeEnvelope, type TokenEnvelope } from './token-envelope.js';
import type { TokenStorage } from './token-storage.js';

/**
 * A storage as the token layer sees it: envelopes in and out, and never a failure.
 *
 * Each call has a deadline. A storage that is down, slow or frozen answers a miss; it is told once when it goes and once
 * when it is back.
 */
export class GuardedStorage {
  readonly #storage: TokenStorage;
  readonly #clock: Clock;
  readonly #logger: ForgeLogger;
  readonly #deadlineMs: number;
  #failing = false;

  constructor(storage: TokenStorage, clock: Clock, logger: ForgeLogger) {
    this.#storage = storage;
    this.#clock = clock;
    this.#logger = logger;
    this.#deadlineMs = storage.deadlineMs ?? DEFAULT_STORAGE_DEADLINE_MS;
  }

  /** The envelope under `key`; undefined where there is none, or none can be had in time. */
  async read(key: string): Promise<TokenEnvelope | undefined> {
    return decodeEnvelope(await this.#call(() => this.#storage.get(key)));
  }

  /** Writes, if the storage lets it. @param ttlMs rounded to whole milliseconds, one at least */
  async write(key: string, envelope: TokenEnvelope, ttlMs: number): Promise<void> {
    const value = encodeEnvelope(envelope);
    await this.#call(() => this.#storage.set(key, value, Math.max(1, Math.floor(ttlMs))));
  }

  async #call<T>(work: () => Promise<T>): Promise<T | undefined> {
    const onTimeout = (): Error => new TimeoutError(`No answer within ${this.#deadlineMs} ms.`);
    try {
      // An async function, so that a storage that throws at once is a rejection like any other.
      const answer = await withDeadline(this.#clock, (async () => work())(), this.#deadlineMs, onTimeout);
      this.#recovered();
      return answer;
    } catch (error) {
      this.#failed(error);
      return undefined;
    }
  }

  #failed(error: unknown): void {
    if (this.#failing) return;
    this.#failing = true;
    const why = error instanceof TimeoutError ? error.message : new RedactedCause(error).message;
    this.#logger.warn(`Token storage is not answering (${why}). Tokens are not shared until it is back; calls go on.`);
  }

  #recovered(): void {
    if (!this.#failing) return;
    this.#failing = false;
    this.#logger.log('Token storage is back.');
  }
}
