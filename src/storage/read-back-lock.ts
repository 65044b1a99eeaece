import { randomUUID } from 'node:crypto';
import { type Clock, monotonicNow, sleep } from '../clock.js';
import type { AcquireOptions, Lease } from '../lock/token-lock.js';

/** Store of texts that takes and gives them, and orders nothing. */
export interface TextStore {
  readText(key: string): Promise<string | undefined>;
  writeText(key: string, text: string, ttlMs: number): Promise<'written' | 'superseded' | 'failed'>;
}

interface SeenClaim {
  readonly text: string;
  readonly since: number;
}

const FREE = 'free';
/** The text of a claim: whose it is, and how often it was extended. What reads otherwise was not written by us. */
const CLAIM = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12} \d{1,9}$/;

/**
 * A lock among processes on a store that can only read and write: whoever finds no claim writes its own, waits until
 * any other that found none has written, too, and has the lock if its own still stands.
 *
 * Claims differ by their text alone, so clocks need not agree: one that has not changed for the time of the wait and of
 * a lease is that of a process that died.
 * @see L. Lamport, A Fast Mutual Exclusion Algorithm, ACM TOCS 5 (1987), section 2: Fischer's algorithm
 */
export class ReadBackLock {
  readonly #store: TextStore;
  readonly #settleMs: number;
  readonly #clock: Clock;
  /** Claims of others, and since when they have stood unchanged. */
  readonly #seen = new Map<string, SeenClaim>();

  /** @param settleMs the longest time that a read and the write after it take together, in milliseconds */
  constructor(store: TextStore, settleMs: number, clock: Clock) {
    this.#store = store;
    this.#settleMs = settleMs;
    this.#clock = clock;
  }

  /**
   * Makes the fleet's of a lease of this process. A store that does not answer locks nothing: the lease is as it was.
   * @returns null when another process has it; `own` is given back then
   */
  async widen(own: Lease, key: string, { ttlMs, signal }: AcquireOptions): Promise<Lease | null> {
    // A claim stands unchanged while its writer waits, and for a lease's time from then on.
    const holdMs = this.#settleMs + ttlMs;
    const claim = new Claim(this.#store, `${key}:claim`, holdMs);
    let granted = false;
    try {
      const lookedAt = monotonicNow(this.#clock);
      if (this.#isHeld(claim.place, await this.#store.readText(claim.place), holdMs)) return null;
      if (!(await claim.write())) {
        granted = true;
        return own;
      }
      // Stood still between the two: who came meanwhile cannot know of it. Its claim stays, and keeps others out for a while.
      if (monotonicNow(this.#clock) - lookedAt > this.#settleMs) return null;
      await sleep(this.#clock, this.#settleMs, signal);
      granted = await claim.stands();
      return granted ? claim.over(own) : null;
    } finally {
      if (!granted) {
        if (signal.aborted) await claim.free();
        await own.release();
      }
    }
  }

  #isHeld(place: string, text: string | undefined, holdMs: number): boolean {
    const seen = this.#seen.get(place);
    const now = monotonicNow(this.#clock);
    if (text === undefined || !CLAIM.test(text) || (seen?.text === text && now - seen.since >= holdMs)) {
      this.#seen.delete(place);
      return false;
    }
    if (seen?.text !== text) this.#see(place, { text, since: now }, now - holdMs);
    return true;
  }

  /** Those that nobody has asked for since are forgotten: they stand first. */
  #see(place: string, claim: SeenClaim, forgetBefore: number): void {
    this.#seen.delete(place);
    for (const [other, { since }] of this.#seen) {
      if (since >= forgetBefore) break;
      this.#seen.delete(other);
    }
    this.#seen.set(place, claim);
  }
}

/** The claim of one process. Each extension is another text, so that others see that it lives. */
class Claim {
  readonly #store: TextStore;
  readonly #ttlMs: number;
  readonly place: string;
  readonly #owner = randomUUID();
  #extensions = 0;

  constructor(store: TextStore, place: string, ttlMs: number) {
    this.#store = store;
    this.place = place;
    this.#ttlMs = ttlMs;
  }

  async write(): Promise<boolean> {
    return (await this.#store.writeText(this.place, this.#text, this.#ttlMs)) === 'written';
  }

  async stands(): Promise<boolean> {
    return (await this.#store.readText(this.place)) === this.#text;
  }

  async free(): Promise<void> {
    if (await this.stands()) await this.#store.writeText(this.place, FREE, this.#ttlMs);
  }

  over(own: Lease): Lease {
    return {
      generation: own.generation,
      extend: async () => {
        if (!(await own.extend()) || !(await this.stands())) return false;
        this.#extensions += 1;
        return this.write();
      },
      release: async () => {
        await this.free();
        await own.release();
      },
    };
  }

  get #text(): string {
    return `${this.#owner} ${this.#extensions}`;
  }
}
