import { type Clock, monotonicNow, systemClock } from '../clock.js';
import type { AcquireOptions, Lease, TokenLock } from './token-lock.js';

/** A lock among the token managers of one process, where there is no store that could lock for many. */
export class InProcessTokenLock implements TokenLock {
  readonly #clock: Clock;
  /** Until when, in monotonic milliseconds. */
  readonly #held = new Map<string, { readonly generation: number; until: number }>();
  #lastGeneration = 0;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  async acquire(key: string, { ttlMs, signal }: AcquireOptions): Promise<Lease | null> {
    signal.throwIfAborted();
    const now = monotonicNow(this.#clock);
    if ((this.#held.get(key)?.until ?? now) > now) return null;
    this.#lastGeneration = Math.max(this.#lastGeneration + 1, this.#clock.now());
    const held = { generation: this.#lastGeneration, until: now + ttlMs };
    this.#held.set(key, held);
    return {
      generation: held.generation,
      extend: async () => {
        if (this.#held.get(key) !== held) return false;
        held.until = monotonicNow(this.#clock) + ttlMs;
        return true;
      },
      release: async () => {
        if (this.#held.get(key) === held) this.#held.delete(key);
      },
    };
  }
}

/** The locks of stores that have none of their own: each goes with its store. */
const LOCKS = new WeakMap<object, TokenLock>();

/** Returns the one lock of all who keep their tokens in `store`, as far as this process goes. */
export function lockOf(store: object, clock: Clock): TokenLock {
  const known = LOCKS.get(store);
  if (known !== undefined) return known;
  const lock = new InProcessTokenLock(clock);
  LOCKS.set(store, lock);
  return lock;
}
