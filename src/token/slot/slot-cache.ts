import type { TokenSlot } from './token-slot.js';

/** Slots kept for calls with parameters of their own (scopes, audiences, users); the least recently used goes first. */
const MAX_SLOTS = 10_000;
/** More than one, so that their number comes down again after a burst of flights. */
const EVICTED_AT_ONCE = 2;

/**
 * Slots by name. The most recently used are kept; of the others, those that anybody still has: a call that holds its
 * slot, and what is known of it, shares them with whoever asks for the same.
 */
export class SlotCache {
  readonly #max: number;
  readonly #kept = new Map<string, TokenSlot>();
  readonly #evicted = new Map<string, WeakRef<TokenSlot>>();
  readonly #collected = new FinalizationRegistry<string>((name) => {
    if (this.#evicted.get(name)?.deref() === undefined) this.#evicted.delete(name);
  });

  /** @param max slots kept at most */
  constructor(max = MAX_SLOTS) {
    this.#max = max;
  }

  get(name: string, create: () => TokenSlot): TokenSlot {
    const slot = this.#kept.get(name) ?? this.#evicted.get(name)?.deref() ?? create();
    this.#kept.delete(name);
    this.#kept.set(name, slot);
    for (let turns = 0; turns < EVICTED_AT_ONCE && this.#kept.size > this.#max; turns += 1) this.#evictOldest();
    return slot;
  }

  /** Every slot that is in use or may be. */
  values(): TokenSlot[] {
    const inUse = [...this.#evicted.values()].flatMap((reference) => reference.deref() ?? []);
    return [...new Set([...this.#kept.values(), ...inUse])];
  }

  /** Evicts the oldest slot; keeps one with a flight under way as the newest: its callers' one flight must stay one. */
  #evictOldest(): void {
    const [oldest] = this.#kept;
    if (oldest === undefined) return;
    const [name, slot] = oldest;
    this.#kept.delete(name);
    if (slot.busy) {
      this.#kept.set(name, slot);
      return;
    }
    slot.release();
    if (this.#evicted.get(name)?.deref() !== slot) this.#collected.register(slot, name);
    this.#evicted.set(name, new WeakRef(slot));
  }
}
