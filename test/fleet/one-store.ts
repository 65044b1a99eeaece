import type { Lease, TokenLock, TokenStorage } from 'nestjs-forge-auth';
import { Gate } from '../support/gate.js';

/** A store and a lock of many processes, in memory: told when to fail, and made to wait. No announcements, no fence. */
export class OneStore {
  readonly values = new Map<string, string>();
  /** Writes wait here. */
  readonly writes = new Gate();
  /** What rejects from now on. */
  down: { reads?: boolean; writes?: boolean; lock?: boolean } = {};
  readonly #holders = new Map<string, object>();
  #generation = 0;

  readonly storage: TokenStorage = {
    deadlineMs: 60_000,
    get: async (key) => {
      if (this.down.reads === true) throw new Error('down');
      return this.values.get(key);
    },
    set: async (key, value) => {
      if (this.down.writes === true) throw new Error('down');
      await this.writes.pass();
      if (value === '') this.values.delete(key);
      else this.values.set(key, value);
    },
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
