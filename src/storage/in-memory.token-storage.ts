import { type Clock, monotonicNow, systemClock } from '../clock.js';
import { checkOptions, definitionPlace, type OptionRules } from '../option-check/option-check.js';
import { RULES } from '../option-check/option-rules.js';
import { InProcessTokenLock } from '../lock/in-process.token-lock.js';
import type { TokenLock } from '../lock/token-lock.js';
import { type StoredValueOptions, TOKEN_STORAGE, type TokenStorage } from './token-storage.js';
import { ownOptions } from '../option-check/own-options.js';

/** Options of {@link InMemoryTokenStorage}. */
export interface InMemoryTokenStorageOptions {
  /**
   * Number of entries kept; the least recently used one goes first. What only a person can renew, such as users'
   * refresh tokens, is kept beyond it until it runs out.
   * @default 10_000
   */
  max?: number;
  /** Source of the time by which entries run out. @default the machine's own */
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
  /** Monotonic milliseconds. */
  readonly endsAt: number;
}

/** Entries looked at when one is kept beyond the bound: a few, so that what has run out goes in time. */
const SWEPT_AT_ONCE = 2;

/** Tokens in this process only: least recently used first out, no timer per token. */
export class InMemoryTokenStorage implements TokenStorage {
  readonly [TOKEN_STORAGE] = true;
  readonly shared = false;
  #lock: TokenLock | undefined;
  readonly #entries = new Map<string, Entry>();
  /** Apart from the others: nothing of them is dropped before its time. */
  readonly #irreplaceable = new Map<string, Entry>();
  readonly #max: number;
  /** Applications and managers that keep tokens in it, each with how often it has entered. */
  readonly #users = new Map<object, number>();
  readonly #clock: Clock;

  /** @throws {ConfigurationError} when an option is unknown or malformed */
  constructor(given: InMemoryTokenStorageOptions = {}) {
    checkOptions(given, RULES_OF, definitionPlace(this));
    const options = ownOptions(given);
    this.#max = options.max ?? DEFAULT_MAX;
    this.#clock = options.clock ?? systemClock;
  }

  /**
   * Counts an application or a manager among those that keep tokens in it, as often as it enters.
   * @internal
   */
  enter(user: object): void {
    this.#users.set(user, (this.#users.get(user) ?? 0) + 1);
  }

  /**
   * Takes back one `enter`.
   * @internal
   */
  leave(user: object): void {
    const left = (this.#users.get(user) ?? 1) - 1;
    if (left > 0) this.#users.set(user, left);
    else this.#users.delete(user);
  }

  /**
   * Number of applications and managers that keep tokens in it.
   * @internal
   */
  get users(): number {
    return this.#users.size;
  }

  /** Number of entries held now, those included that have run out and were not asked for since. */
  get size(): number {
    return this.#entries.size + this.#irreplaceable.size;
  }

  async get(key: string): Promise<string | undefined> {
    const entries = this.#irreplaceable.has(key) ? this.#irreplaceable : this.#entries;
    return this.#touch(entries, key)?.value;
  }

  async set(
    key: string,
    value: string,
    ttlMs?: number,
    { irreplaceable = false }: StoredValueOptions = {},
  ): Promise<void> {
    this.#delete(key);
    const entry = { value, endsAt: monotonicNow(this.#clock) + (ttlMs ?? Number.POSITIVE_INFINITY) };
    if (irreplaceable) {
      this.#sweep();
      this.#irreplaceable.set(key, entry);
      return;
    }
    this.#entries.set(key, entry);
    if (this.#entries.size <= this.#max) return;
    const oldest = this.#entries.keys().next();
    if (oldest.done !== true) this.#entries.delete(oldest.value);
  }

  async delete(key: string): Promise<void> {
    this.#delete(key);
  }

  #delete(key: string): void {
    this.#entries.delete(key);
    this.#irreplaceable.delete(key);
  }

  /** Drops what has run out of the few that were looked at longest ago. */
  #sweep(): void {
    for (let swept = 0; swept < SWEPT_AT_ONCE; swept += 1) {
      const oldest = this.#irreplaceable.keys().next();
      if (oldest.done !== true) this.#touch(this.#irreplaceable, oldest.value);
    }
  }

  /** The entry, now the last one used; dropped where it has run out. */
  #touch(entries: Map<string, Entry>, key: string): Entry | undefined {
    const entry = entries.get(key);
    entries.delete(key);
    if (entry === undefined || entry.endsAt <= monotonicNow(this.#clock)) return undefined;
    entries.set(key, entry);
    return entry;
  }

  /** One lock for all who keep their tokens here. */
  createLock(clock: Clock): TokenLock {
    return (this.#lock ??= new InProcessTokenLock(clock));
  }
}
