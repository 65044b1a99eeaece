import { type Clock, monotonicNow, sleep } from '../../clock.js';
import { linkSignals } from '../../http/signals.js';
import type { Admission } from '../../storage/guarded-lock.js';
import type { GuardedStorage, StorageLeaseOptions, WriteOutcome } from '../../storage/guarded-storage.js';
import { Token } from '../token.js';
import { generationsFrom, isToBeRejected, type StoredToken, ttlMsOf } from './stored-token.js';
import { decodeEnvelope, encodeEnvelope, envelopeOf } from './token-envelope.js';

/** A holder that died is replaced after this time; one that lives extends its lease at a third of it. No lease is longer. */
export const LEASE_MS = 5_000;
/** Longer than a read and a write may take; a holder that died keeps nobody waiting for long. */
const TOMBSTONE_LEASE_MS = 1_000;

/** One token's place in shared storage. Its writes land in the order they were made. */
export class TokenStore {
  readonly #storage: () => GuardedStorage | undefined;
  readonly #key: () => string | Promise<string>;
  readonly #clock: Clock;
  readonly #onChange: () => void;
  /**
   * True when only a person can renew its refresh token: it is shared even on a store without a lock, where whoever sends it
   * takes the time to make sure that nobody else does, and kept where there is no room for everything.
   */
  readonly #irreplaceable: boolean;
  #writes: Promise<unknown> = Promise.resolve();
  #changes = 0;
  #closed = false;
  #watched:
    { readonly key: string; readonly storage: GuardedStorage; readonly end: (() => void) | undefined } | undefined;

  /** @param onChange called when another process, or another manager, may have changed what stands here */
  constructor(
    storage: () => GuardedStorage | undefined,
    key: () => string | Promise<string>,
    clock: Clock,
    onChange: () => void,
    irreplaceable = false,
  ) {
    this.#storage = storage;
    this.#key = key;
    this.#clock = clock;
    this.#onChange = onChange;
    this.#irreplaceable = irreplaceable;
  }

  /**
   * Returns from when what stands here is worth another look, monotonic milliseconds: never while every change is
   * announced, or where there is no storage.
   */
  nextLook(intervalMs: number): number {
    const storage = this.#storage();
    const announced = !this.#closed && storage?.announcements?.up === true && !storage.failing;
    return storage === undefined || announced ? Number.POSITIVE_INFINITY : monotonicNow(this.#clock) + intervalMs;
  }

  /** Returns the stored token, after every write made so far. */
  async read(): Promise<StoredToken | undefined> {
    await this.#writes;
    return this.#read();
  }

  /** @param lifeOf the token that it takes the place of, as long as whose life it is kept. @default its own */
  put(stored: StoredToken, lifeOf = stored): Promise<WriteOutcome> {
    return this.#write(() => this.#put(stored, lifeOf));
  }

  /**
   * Puts a tombstone on `target`, or on whatever is stored; not on a newer token. Returns the token that stood there.
   * @param whole its refresh token is no good either
   */
  async writeTombstone(target: Token | undefined, whole = false): Promise<Token | undefined> {
    let previous: Token | undefined;
    await this.#write(async () => {
      const stored = await this.#read();
      if (stored === undefined || !isToBeRejected(stored, target, whole)) return;
      previous = stored.token;
      if (whole) await this.#dropWhole(stored);
      else await this.#reject(stored, target);
    });
    return previous;
  }

  /**
   * Asks for the right to renew the token alone.
   * @param exclusive whether two processes must not do so at once, whatever time that takes
   */
  acquire(ttlMs: number, signal: AbortSignal, exclusive: boolean): Promise<Admission> {
    return this.#acquire({ ttlMs, signal, exclusive });
  }

  /** Number of changes heard of. */
  get changes(): number {
    return this.#changes;
  }

  /**
   * Waits until something may have changed, `atMostMs` at most.
   * @param since {@link changes} at an earlier time: what was heard of from then on is not waited for again
   */
  async changed(since: number, atMostMs: number, signal: AbortSignal): Promise<void> {
    const storage = this.#storage();
    const link = linkSignals(signal);
    const key = storage && (await this.#watchedKey(storage));
    const end = key === undefined ? undefined : storage?.announcements?.onChange(key, () => link.abort(CHANGED));
    try {
      if (this.#changes === since) await sleep(this.#clock, atMostMs, link.signal);
    } catch (error) {
      if (error !== CHANGED) throw error;
    } finally {
      end?.();
      link.release();
    }
  }

  /** Announces to those who wait, and those who use the token, that they are to look. */
  announce(): void {
    if (this.#watched !== undefined) this.#storage()?.announcements?.announce(this.#watched.key);
  }

  /** True when other processes are kept in order with this one: they may have used a refresh token. */
  get shared(): boolean {
    return this.#storage()?.locksFleet === true;
  }

  /** True while storage does not answer, or takes no writes. */
  get troubled(): boolean {
    return this.#storage()?.describe().writeState === 'down';
  }

  /** Reads a note of the fleet's. @param key its place in storage; left out, beside the token */
  async readNote(key?: string): Promise<string | undefined> {
    const storage = this.#storage();
    return storage?.locksFleet === true ? storage.readText(key ?? (await this.#noteKey(storage))) : undefined;
  }

  /** Writes a note of the fleet's, unless its key cannot be made: the next request fails with the reason. */
  async writeNote(text: string, ttlMs: number, key?: string): Promise<void> {
    const storage = this.#storage();
    if (storage?.locksFleet !== true) return;
    const place = key ?? (await this.#noteKey(storage).catch(() => undefined));
    if (place !== undefined) await storage.writeText(place, text, ttlMs);
  }

  /** Listens no longer, nor when it is used again. */
  close(): void {
    this.#closed = true;
    this.#watched?.end?.();
    this.#watched = undefined;
  }

  /** The key as it is now: a rotated secret moves the token. Changes under it are listened for. */
  async #watchedKey(storage: GuardedStorage): Promise<string> {
    const key = await this.#key();
    if (this.#watched?.key !== key || this.#watched.storage !== storage) {
      this.#watched?.end?.();
      const end = this.#closed ? undefined : storage.announcements?.onChange(key, () => this.#heard());
      this.#watched = { key, storage, end };
    }
    return key;
  }

  async #noteKey(storage: GuardedStorage): Promise<string> {
    return `${await this.#watchedKey(storage)}:${BACKOFF_NOTE}`;
  }

  #heard(): void {
    this.#changes += 1;
    this.#onChange();
  }

  async #read(): Promise<StoredToken | undefined> {
    const storage = this.#storage();
    const text = storage && (await storage.readText(await this.#watchedKey(storage)));
    const envelope = decodeEnvelope(text, this.#clock.now());
    if (envelope === undefined) return undefined;
    try {
      return { ...envelope, token: new Token(envelope.token) };
    } catch {
      return undefined; // Written by a stranger: a miss.
    }
  }

  /**
   * Written whoever renews the token: what comes of that is not to be used. Kept as long as what was dropped would have
   * been: whoever heard nothing of it may have the refresh token still.
   */
  async #dropWhole(stored: StoredToken): Promise<void> {
    const token = stored.token.with({
      refreshToken: undefined,
      idToken: undefined,
      extra: undefined,
      claims: undefined,
    });
    for (const generation of generationsFrom(this.#clock.now())) {
      const tombstone = { ...stored, token, rejected: true, generation: Math.max(stored.generation + 1, generation) };
      if ((await this.#put(tombstone, stored)) !== 'superseded') break;
    }
    this.announce();
  }

  /**
   * A rejection is no news to whoever renews the token. Where nobody does, it is written under a lease: of the many that
   * see one token rejected at the same time one writes and announces it, and no lease that came to nothing is in its way.
   */
  async #reject(stored: StoredToken, target: Token | undefined): Promise<void> {
    const admission = await this.#acquire({ ttlMs: TOMBSTONE_LEASE_MS, signal: new AbortController().signal });
    if (typeof admission === 'string') {
      const outcome = await this.#put({ ...stored, rejected: true, generation: stored.generation + 1 });
      if (outcome !== 'superseded') this.announce();
      return;
    }
    const current = await this.#read();
    if (current !== undefined && isToBeRejected(current, target, false)) {
      const generation = Math.max(current.generation + 1, admission.generation);
      await this.#put({ ...current, rejected: true, generation });
    }
    this.announce();
    admission.release().catch(() => undefined);
  }

  async #acquire(options: StorageLeaseOptions): Promise<Admission> {
    const storage = this.#storage();
    return storage === undefined
      ? 'down'
      : storage.acquire(await this.#watchedKey(storage), { ...options, longestMs: LEASE_MS });
  }

  async #put(stored: StoredToken, lifeOf = stored): Promise<WriteOutcome> {
    const storage = this.#storage();
    if (storage === undefined) return 'failed';
    const keptApart = storage.sharedWithoutLock && !this.#irreplaceable;
    const token = keptApart ? stored.token.with({ refreshToken: undefined }) : stored.token;
    const text = encodeEnvelope(envelopeOf({ ...stored, token }));
    const irreplaceable = this.#irreplaceable && token.refreshToken !== undefined;
    const options = { generation: stored.generation, irreplaceable };
    return storage.writeText(await this.#watchedKey(storage), text, ttlMsOf(lifeOf, this.#clock.now()), options);
  }

  #write<T>(work: () => Promise<T>): Promise<T> {
    const write = this.#writes.then(work);
    this.#writes = write.catch(() => undefined);
    return write;
  }
}

/** Name of the note that holds a fleet back from a failing endpoint. */
const BACKOFF_NOTE = 'backoff';

const CHANGED = Symbol('changed');
