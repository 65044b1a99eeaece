import type { Lease, TokenLock, TokenSignal, TokenStorage } from 'nestjs-forge-auth';
import { Gate } from '../support/gate.js';

/** A store and a lock of many processes, in memory: made to fail, and made to wait. No fence. */
export class OneStore {
  readonly values = new Map<string, string>();
  /** Reads wait here with their results. */
  readonly reads = new Gate();
  /** Writes wait here. */
  readonly writes = new Gate();
  /** Operations that reject from now on. */
  down: { reads?: boolean; writes?: boolean; lock?: boolean } = {};
  /** Decides whether one listener misses one announcement. */
  loses: () => boolean = () => false;
  readonly #listeners = new Set<(message: string) => void>();
  readonly #holders = new Map<string, object>();
  #generation = 0;

  readonly storage: TokenStorage = {
    deadlineMs: 60_000,
    get: async (key) => {
      if (this.down.reads === true) throw new Error('down');
      const value = this.values.get(key);
      await this.reads.pass();
      return value;
    },
    set: async (key, value) => {
      if (this.down.writes === true) throw new Error('down');
      await this.writes.pass();
      if (value === '') this.values.delete(key);
      else this.values.set(key, value);
    },
  };

  /** The same, with announcements, and a lock of its own. */
  readonly announcing: TokenStorage = {
    ...this.storage,
    createLock: () => this.lock,
    createSignal: () => this.#signal(),
  };

  readonly lock: TokenLock = { acquire: async (key) => this.#acquire(key) };

  /** How many leases are held. */
  get leases(): number {
    return this.#holders.size;
  }

  /** Lets a lease run out: its holder learns of it when it extends it. */
  expireLeases(): void {
    this.#holders.clear();
  }

  #signal(): TokenSignal {
    return {
      publish: async (_channel, message) => {
        for (const listener of this.#listeners) if (!this.loses()) listener(message);
      },
      subscribe: async (_channel, listener, onStateChange) => {
        this.#listeners.add(listener);
        onStateChange?.(true);
        return () => void this.#listeners.delete(listener);
      },
    };
  }

  #acquire(key: string): Lease | null {
    if (this.down.lock === true) throw new Error('down');
    if (this.#holders.has(key)) return null;
    const holder = {};
    this.#holders.set(key, holder);
    return {
      generation: (this.#generation = Math.max(this.#generation + 1, Date.now())),
      extend: async () => this.#holders.get(key) === holder,
      release: async () => void (this.#holders.get(key) === holder && this.#holders.delete(key)),
    };
  }
}
