import { ownJson } from '../../option-check/own-json.js';
import { monotonicNow, sleep } from '../../clock.js';
import type { Lease } from '../../lock/token-lock.js';
import type { GuardedStorage } from '../../storage/guarded-storage.js';
import type { ServiceScope } from '../../token/runtime.js';
import { fingerprintOf } from '../../token/token-key.js';
import type { Claims } from '../oidc/signed-claims.js';

/** As long as a refresh token is kept whose issuer sets no end; written anew with each renewal. */
const TTL_MS = 30 * 24 * 3_600_000;

/** A process that dies while it adds a name holds up others for as long. */
const LEASE_MS = 5_000;
/** Wait between two tries to be the one that adds a name. */
const PAUSE_MS = 10;
const DELIVERED = '1';

/** Index of whom a logout at the issuer concerns, by the app's names: the issuer knows people and sessions by its own. */
export class SubjectIndex {
  readonly #scope: ServiceScope;

  constructor(scope: ServiceScope) {
    this.#scope = scope;
  }

  /** Remembers under which name the app keeps a person's token. */
  async add(subject: string, { iss, sub, sid }: Claims): Promise<void> {
    const keys = [this.#key('sub', iss, sub), this.#key('sid', iss, sid)];
    await Promise.all(keys.map((key) => (key === undefined ? undefined : this.#addTo(key, subject))));
  }

  /**
   * Adds a name, alone as far as the storage's lock reaches: the fleet, or this process where the storage has none.
   * One that is known is written again, so that it stays as long as the token does.
   */
  async #addTo(key: string, subject: string): Promise<void> {
    const storage = this.#scope.storage();
    if (storage === undefined) return;
    const lease = await this.#acquire(storage, `${key}:lock`);
    try {
      const known = await this.#read(key);
      const names = known.includes(subject) ? known : [...known, subject];
      await storage.writeText(key, ownJson(names), TTL_MS, { irreplaceable: true });
    } finally {
      await lease?.release().catch(() => undefined);
    }
  }

  /** Waits for whoever else adds a name, no longer than a lease; undefined where none is granted. */
  async #acquire(storage: GuardedStorage, key: string): Promise<Lease | undefined> {
    const { clock } = this.#scope;
    const { signal } = new AbortController();
    const deadline = monotonicNow(clock) + LEASE_MS;
    for (;;) {
      const admission = await storage.acquire(key, { ttlMs: LEASE_MS, longestMs: LEASE_MS, signal });
      if (admission === 'down') return undefined;
      if (admission !== 'held') return admission;
      if (monotonicNow(clock) >= deadline) return undefined;
      await sleep(clock, PAUSE_MS);
    }
  }

  /** The app's names for a person, or for whoever has a session. */
  async find(issuer: unknown, subject: string | undefined, sessionId: string | undefined): Promise<string[]> {
    const key = subject === undefined ? this.#key('sid', issuer, sessionId) : this.#key('sub', issuer, subject);
    return key === undefined ? [] : this.#read(key);
  }

  /** True when not everything can be found and dropped, because the storage does not answer or takes no writes. */
  get unavailable(): boolean {
    return this.#scope.storage()?.describe().writeState === 'down';
  }

  /** Remembers for `ttlMs` that a logout token was delivered. */
  async note(delivery: string, ttlMs: number): Promise<void> {
    await this.#scope.storage()?.writeText(this.#delivery(delivery), DELIVERED, ttlMs);
  }

  async isNoted(delivery: string): Promise<boolean> {
    return (await this.#scope.storage()?.readText(this.#delivery(delivery))) === DELIVERED;
  }

  /** Reads the names under a key; what a stranger has put among them is left out. */
  async #read(key: string): Promise<string[]> {
    try {
      const found: unknown = JSON.parse((await this.#scope.storage()?.readText(key)) ?? '[]');
      if (!Array.isArray(found)) return [];
      return [...new Set(found.filter((item) => typeof item === 'string' && item !== ''))];
    } catch {
      return [];
    }
  }

  #delivery(id: string): string {
    return this.#key('jti', '', id) as string;
  }

  #key(kind: string, issuer: unknown, name: unknown): string | undefined {
    if (typeof issuer !== 'string' || typeof name !== 'string' || name === '') return undefined;
    const { keyPrefix, keyName } = this.#scope;
    return `${keyPrefix}:${encodeURIComponent(keyName).slice(0, 64)}:openid:${fingerprintOf([kind, issuer, name])}`;
  }
}
