import { type Clock, systemClock } from '../clock.js';
import { checkOptions, definitionPlace, type OptionRules, RULES } from '../option-check/option-check.js';
import { InProcessTokenLock } from '../lock/in-process.token-lock.js';
import type { TokenLock } from '../lock/token-lock.js';
import type { TokenStorage } from './token-storage.js';
import { ownOptions } from '../option-check/own-options.js';

/** Options of {@link InMemoryTokenStorage}. */
export interface InMemoryTokenStorageOptions {
  /** Entries kept; the least recently used one goes first. @default 10_000 */
  max?: number;
  clock?: Clock;
}

const RULES_OF: OptionRules<InMemoryTokenStorageOptions> = Object.freeze({
  max: RULES.countFromOne,
  clock: RULES.record,
});

/** Enough for every token of a large app, small enough never to matter: about 10 MB of JWTs. */
const DEFAULT_MAX = 10_000;

interface Entry {
  readonly value: string;
  readonly expiresAt: number;
}

/** Tokens in this process only: least recently used first out, no timer per token. */
export class InMemoryTokenStorage implements TokenStorage {
  readonly shared = false;
  #lock: TokenLock | undefined;
  readonly #entries = new Map<string, Entry>();
  readonly #max: number;
  /**
   * How many applications and managers keep tokens in it.
   * @internal
   */
  users = 0;
  readonly #clock: Clock;

  constructor(given: InMemoryTokenStorageOptions = {}) {
    checkOptions(given, RULES_OF, definitionPlace(this));
    const options = ownOptions(given);
    this.#max = options.max ?? DEFAULT_MAX;
    this.#clock = options.clock ?? systemClock;
  }

  /** Entries held now, those included that have run out and were not asked for since. */
  get size(): number {
    return this.#entries.size;
  }

  async get(key: string): Promise<string | undefined> {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    if (entry.expiresAt <= this.#clock.now()) return undefined;
    this.#entries.set(key, entry);
    return entry.value;
  }

  async set(key: string, value: string, ttlMs?: number): Promise<void> {
    this.#entries.delete(key);
    this.#entries.set(key, { value, expiresAt: this.#clock.now() + (ttlMs ?? Number.POSITIVE_INFINITY) });
    if (this.#entries.size <= this.#max) return;
    const oldest = this.#entries.keys().next();
    if (oldest.done !== true) this.#entries.delete(oldest.value);
  }

  async delete(key: string): Promise<void> {
    this.#entries.delete(key);
  }

  /** One lock for all who keep their tokens here. */
  createLock(clock: Clock): TokenLock {
    return (this.#lock ??= new InProcessTokenLock(clock));
  }
}
