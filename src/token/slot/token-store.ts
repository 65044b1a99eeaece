import { type Clock, sleep } from '../../clock.js';
import { linkSignals } from '../../http/signals.js';
import type { Admission } from '../../storage/guarded-lock.js';
import type { GuardedStorage, WriteOutcome } from '../../storage/guarded-storage.js';
import type { TokenEnvelope } from '../../storage/token-envelope.js';
import { Token } from '../token.js';

/** A token with what is stored beside it. */
export interface StoredToken {
  readonly token: Token;
  /** When the request that brought it was started, epoch milliseconds. */
  readonly obtainedAt: number;
  readonly generation: number;
  /** A service rejected the access token, or an app invalidated it; its refresh token may still be good. */
  readonly rejected?: boolean;
  /** Its refresh token was being sent when it was written. */
  readonly claimed?: boolean;
}

/** How long a refresh token is kept when the issuer does not say: the usual order of magnitude. */
const REFRESH_TOKEN_TTL_MS = 30 * 24 * 3_600_000;
/** How long a token without an end is kept. */
const ENDLESS_TOKEN_TTL_MS = 24 * 3_600_000;

/** How far a storage's clock may be ahead of this process's: as far as clocks that nobody sets. */
const FIRST_AHEAD_MS = 1_000;
const MOST_AHEAD_MS = 48 * 3_600_000;

/**
 * Generations for what must be written, whoever is about to write: the storage's clock may be ahead of ours, and what it
 * orders writes by with it.
 */
export function* generationsFrom(now: number): Generator<number, void> {
  for (let aheadMs = 0; aheadMs <= MOST_AHEAD_MS; aheadMs = aheadMs * 2 || FIRST_AHEAD_MS) yield now + aheadMs;
}

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

  /** When what stands here is worth another look: never while every change is announced, or where there is no storage. */
  nextLook(intervalMs: number): number {
    const storage = this.#storage();
    const announced = !this.#closed && storage?.announcements?.up === true && !storage.failing;
    return storage === undefined || announced ? Number.POSITIVE_INFINITY : this.#clock.now() + intervalMs;
  }

  /** Returns the stored token, after every write made so far. */
  async read(): Promise<StoredToken | undefined> {
    await this.#writes;
    return this.#read();
  }

  put(stored: StoredToken): Promise<WriteOutcome> {
    return this.#write(() => this.#put(stored));
  }

  /**
   * Puts a tombstone on `target`, or on whatever is stored; not on a newer token. Returns the token that stood there.
   * @param whole its refresh token is no good either
   */
  async writeTombstone(target: Token | undefined, whole = false): Promise<Token | undefined> {
    let previous: Token | undefined;
    await this.#write(async () => {
      const stored = await this.#read();
      if (stored === undefined) return;
      const left = whole && stored.token.refreshToken !== undefined;
      if (stored.rejected === true && !left) return;
      if (target !== undefined && stored.token.fingerprint !== target.fingerprint) return;
      previous = stored.token;
      const token = whole ? stored.token.with({ refreshToken: undefined }) : stored.token;
      const next = stored.generation + 1;
      // A rejection is no news to whoever renews the token; a logout is.
      for (const generation of whole ? generationsFrom(this.#clock.now()) : [next]) {
        const tombstone = { ...stored, token, rejected: true, generation: Math.max(next, generation) };
        if ((await this.#put(tombstone)) !== 'superseded') break;
      }
      this.announce();
    });
    return previous;
  }

  /** Asks for the right to renew the token alone. */
  async acquire(ttlMs: number, signal: AbortSignal): Promise<Admission> {
    const storage = this.#storage();
    if (storage === undefined) return 'down';
    return storage.acquire(await this.#watchedKey(storage), { ttlMs, signal, exclusive: this.#irreplaceable });
  }

  /** How many changes were heard of. */
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

  /** Tells those who wait, and those who use the token, to look. */
  announce(): void {
    if (this.#watched !== undefined) this.#storage()?.announcements?.announce(this.#watched.key);
  }

  /** True when other processes are kept in order with this one: they may have used a refresh token. */
  get shared(): boolean {
    return this.#storage()?.locksFleet === true;
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
    const envelope = storage && (await storage.read(await this.#watchedKey(storage)));
    if (envelope === undefined) return undefined;
    try {
      return { ...envelope, token: new Token(envelope.token) };
    } catch {
      return undefined; // Written by a stranger: a miss.
    }
  }

  async #put(stored: StoredToken): Promise<WriteOutcome> {
    const storage = this.#storage();
    if (storage === undefined) return 'failed';
    const keptApart = storage.sharedWithoutLock && !this.#irreplaceable;
    const token = keptApart ? stored.token.with({ refreshToken: undefined }) : stored.token;
    const envelope = envelopeOf({ ...stored, token });
    const irreplaceable = this.#irreplaceable && token.refreshToken !== undefined;
    return storage.write(await this.#watchedKey(storage), envelope, this.#ttlMs(stored), { irreplaceable });
  }

  #write<T>(work: () => Promise<T>): Promise<T> {
    const write = this.#writes.then(work);
    this.#writes = write.catch(() => undefined);
    return write;
  }

  /** As long as the refresh token is good, else as long as the access token is. */
  #ttlMs({ token, obtainedAt }: StoredToken): number {
    const now = this.#clock.now();
    const access = (token.expiresAt ?? now + ENDLESS_TOKEN_TTL_MS) - now;
    if (token.refreshToken === undefined) return access;
    return Math.max(access, (refreshExpiryOf(token, obtainedAt) ?? obtainedAt + REFRESH_TOKEN_TTL_MS) - now);
  }
}

/** Names what is written down: a token in use has more beside it, which is this process's own. */
function envelopeOf({ token, obtainedAt, generation, rejected, claimed }: StoredToken): TokenEnvelope {
  return {
    token: Token.record(token),
    obtainedAt,
    generation,
    ...(rejected === undefined ? undefined : { rejected }),
    ...(claimed === undefined ? undefined : { claimed }),
  };
}

/** Name of the note that holds a fleet back from a failing endpoint. */
const BACKOFF_NOTE = 'backoff';

const CHANGED = Symbol('changed');

/** Returns when the refresh token runs out, where the issuer says (Keycloak and others do); epoch milliseconds. */
export function refreshExpiryOf(token: Token, obtainedAt: number): number | undefined {
  const seconds = Number(token.extra['refresh_expires_in'] ?? token.extra['refresh_token_expires_in'] ?? 0);
  return seconds > 0 ? obtainedAt + seconds * 1000 : undefined;
}
