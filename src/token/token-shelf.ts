import type { Clock } from '../clock.js';
import type { GuardedStorage } from '../storage/guarded-storage.js';
import { Token } from './token.js';

/** A token with what is stored beside it. */
export interface ShelvedToken {
  readonly token: Token;
  /** When the request that brought it was started, epoch milliseconds. */
  readonly obtainedAt: number;
  readonly generation: number;
  /** A service rejected the access token, or an app invalidated it; its refresh token may still be good. */
  readonly rejected?: boolean;
}

/** How long a refresh token is kept when the issuer does not say: the usual order of magnitude. */
const REFRESH_TOKEN_TTL_MS = 30 * 24 * 3_600_000;
/** How long a token without an end is kept. */
const ENDLESS_TOKEN_TTL_MS = 24 * 3_600_000;

/** One token's place in shared storage. Its writes land in the order they were made. */
export class TokenShelf {
  readonly #storage: () => GuardedStorage | undefined;
  readonly #key: () => string | Promise<string>;
  readonly #clock: Clock;
  #writes: Promise<void> = Promise.resolve();

  constructor(storage: () => GuardedStorage | undefined, key: () => string | Promise<string>, clock: Clock) {
    this.#storage = storage;
    this.#key = key;
    this.#clock = clock;
  }

  /** Whether there is a storage that another process might write to. */
  get shared(): boolean {
    return this.#storage() !== undefined;
  }

  /** What is stored, after every write made so far. */
  async read(): Promise<ShelvedToken | undefined> {
    await this.#writes;
    return this.#read();
  }

  put(shelved: ShelvedToken): Promise<void> {
    return this.#write(() => this.#put(shelved));
  }

  /** Puts a tombstone on `target`, or on whatever is stored; not on a newer token. Answers what it buried. */
  async bury(target: Token | undefined): Promise<Token | undefined> {
    let buried: Token | undefined;
    await this.#write(async () => {
      const stored = await this.#read();
      if (stored === undefined || stored.rejected === true) return;
      if (target !== undefined && stored.token.fingerprint !== target.fingerprint) return;
      buried = stored.token;
      await this.#put({ ...stored, rejected: true, generation: stored.generation + 1 });
    });
    return buried;
  }

  async #read(): Promise<ShelvedToken | undefined> {
    const envelope = await this.#storage()?.read(await this.#key());
    if (envelope === undefined) return undefined;
    try {
      return { ...envelope, token: new Token(envelope.token) };
    } catch {
      return undefined; // Written by a stranger: a miss.
    }
  }

  async #put(shelved: ShelvedToken): Promise<void> {
    const envelope = { ...shelved, token: Token.record(shelved.token) };
    await this.#storage()?.write(await this.#key(), envelope, this.#ttlMs(shelved));
  }

  #write(work: () => Promise<void>): Promise<void> {
    const write = this.#writes.then(work);
    this.#writes = write.catch(() => undefined);
    return write;
  }

  /** As long as the refresh token is good, else as long as the access token is. */
  #ttlMs({ token, obtainedAt }: ShelvedToken): number {
    const now = this.#clock.now();
    const access = (token.expiresAt ?? now + ENDLESS_TOKEN_TTL_MS) - now;
    if (token.refreshToken === undefined) return access;
    return Math.max(access, (refreshExpiryOf(token, obtainedAt) ?? obtainedAt + REFRESH_TOKEN_TTL_MS) - now);
  }
}

/** When the refresh token runs out, where the issuer says (Keycloak and others do); epoch milliseconds. */
export function refreshExpiryOf(token: Token, obtainedAt: number): number | undefined {
  const seconds = Number(token.extra['refresh_expires_in'] ?? token.extra['refresh_token_expires_in'] ?? 0);
  return seconds > 0 ? obtainedAt + seconds * 1000 : undefined;
}
