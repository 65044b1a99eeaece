import { type Clock, monotonicNow, withDeadline } from '../clock.js';
import { TimeoutError } from '../errors.js';
import { InProcessTokenLock } from '../lock/in-process.token-lock.js';
import type { AcquireOptions, Lease, TokenLock } from '../lock/token-lock.js';
import type { ForgeLogger } from '../logger.js';
import { missingPermission, outageReason } from './outage-reason.js';
import { type Pass, StorageBreaker } from './storage-breaker.js';
import type { StorageObserver } from './storage-observer.js';

/** `held`: somebody else holds it. `down`: no lock is available, so everybody does without. */
export type Admission = Lease | 'held' | 'down';

/** Store that a lock may stand on. */
export interface LockStore {
  readonly clock: Clock;
  readonly logger: ForgeLogger;
  readonly observer: StorageObserver;
  readonly deadlineMs: number;
  /** True when the lock stands on a store of its own. */
  readonly lockIsApart: boolean;
  /** True when the store does not answer: a lock on it is not asked either. */
  readonly failing: () => boolean;
  /** Called where the store let a lease wait: it would let a read wait, too. */
  readonly onTimeout: (error: unknown) => void;
}

/** A lock as the token layer sees it: with a deadline, left alone for a while after it failed, and never a failure. */
export class GuardedLock {
  readonly #lock: TokenLock;
  readonly #store: LockStore;
  readonly #breaker: StorageBreaker;
  #troubled = false;
  #loggedUnmanaged = false;

  constructor(lock: TokenLock, store: LockStore) {
    this.#lock = lock;
    this.#store = store;
    this.#breaker = new StorageBreaker(store.clock);
  }

  /** True when more than this process is kept in order. */
  get locksFleet(): boolean {
    return !(this.#lock instanceof InProcessTokenLock);
  }

  /** True from a failure until the lock is granted or refused again. */
  get troubled(): boolean {
    return this.#troubled;
  }

  /** Asks for the right to do something alone. @throws the signal's reason when it aborts */
  async acquire(key: string, options: AcquireOptions): Promise<Admission> {
    const { clock, observer, failing } = this.#store;
    if (this.locksFleet && failing()) return 'down';
    const pass = this.#breaker.admit();
    if (pass === undefined) return 'down';
    const startedAt = monotonicNow(clock);
    try {
      const lease = await this.#acquireInTime(key, options);
      this.#answered(pass);
      observer.lock(lease === null ? 'busy' : 'acquired', startedAt);
      return lease === null ? 'held' : this.#managed(lease);
    } catch (error) {
      observer.lock('failed', startedAt);
      if (options.signal.aborted && error === options.signal.reason) this.#breaker.cancelled(pass);
      else this.#failed(pass, error);
      options.signal.throwIfAborted();
      return 'down';
    }
  }

  /** One that is granted after its time is given back. */
  async #acquireInTime(key: string, options: AcquireOptions): Promise<Lease | null> {
    const { clock, deadlineMs } = this.#store;
    let late = false;
    const acquiring = (async () => this.#lock.acquire(key, options))();
    acquiring.then((lease) => (late ? lease?.release() : undefined)).catch(() => undefined);
    try {
      return await withDeadline(clock, acquiring, deadlineMs, silence);
    } catch (error) {
      late = true;
      throw error;
    }
  }

  /** A store that grants leases may refuse what extends them and gives them back. */
  #managed(lease: Lease): Lease {
    const watched = async <T>(work: Promise<T>): Promise<T> => {
      try {
        return await work;
      } catch (error) {
        this.#unmanaged(error);
        throw error;
      }
    };
    return {
      generation: lease.generation,
      extend: async () => watched(lease.extend()),
      release: async () => watched(lease.release()),
    };
  }

  #unmanaged(error: unknown): void {
    const missing = missingPermission(error);
    if (missing === undefined || this.#loggedUnmanaged) return;
    this.#loggedUnmanaged = true;
    this.#store.logger.warn(
      `Leases of the token lock can be neither extended nor given back as they should (${missing}). Other processes wait for their end, or begin before it, until it is allowed.`,
    );
  }

  #answered(pass: Pass): void {
    this.#breaker.succeeded(pass);
    if (!this.#troubled || this.#breaker.failing) return;
    this.#troubled = false;
    this.#store.logger.log('Token lock is back.');
  }

  #failed(pass: Pass, error: unknown): void {
    const { deadlineMs, lockIsApart, onTimeout } = this.#store;
    this.#breaker.failed(pass);
    if (lockIsApart) this.#warnOnce(`is not answering (${outageReason(error, deadlineMs)})`, 'it is back');
    // On the same store the failure is logged as the storage's, as soon as it is written to.
    else if (error instanceof TimeoutError) onTimeout(error);
    else this.#refused(error);
  }

  /** The store answers, and refuses what a lock needs: an ACL, a script that it does not run. */
  #refused(error: unknown): void {
    const missing = missingPermission(error);
    if (missing !== undefined) this.#warnOnce(`is refused by the storage (${missing})`, 'it is allowed');
  }

  #warnOnce(what: string, until: string): void {
    if (this.#troubled) return;
    this.#troubled = true;
    this.#store.logger.warn(`Token lock ${what}. Each process asks for its own tokens until ${until}.`);
  }
}

/** Error of a store that does not answer in time. */
export function silence(): Error {
  return new TimeoutError('The storage does not answer.');
}
