import type { ServiceScope } from '../../token/runtime.js';
import { fingerprintOf } from '../../token/token-key.js';
import type { Claims } from '../oidc/signed-claims.js';

/** As long as a refresh token is kept whose issuer sets no end; written anew with each renewal. */
const TTL_MS = 30 * 24 * 3_600_000;

/** Names that may be added to one person at once. */
const MOST_TRIES = 20;

/** Whom a logout at the issuer concerns, by the app's names: the issuer knows people and sessions by its own. */
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

  /** Looks again after it has added a name: somebody else may have written at the same time. */
  async #addTo(key: string, subject: string): Promise<void> {
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      const known = await this.#read(key);
      const isKnown = known.includes(subject);
      if (isKnown && tries > 0) return;
      const text = JSON.stringify(isKnown ? known : [...known, subject]);
      const outcome = await this.#scope.storage()?.writeText(key, text, TTL_MS, { irreplaceable: true });
      if (isKnown || outcome !== 'written') return;
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
    await this.#scope.storage()?.writeText(this.#delivery(delivery), '1', ttlMs);
  }

  async isNoted(delivery: string): Promise<boolean> {
    return (await this.#scope.storage()?.readText(this.#delivery(delivery))) !== undefined;
  }

  async #read(key: string): Promise<string[]> {
    try {
      const found: unknown = JSON.parse((await this.#scope.storage()?.readText(key)) ?? '[]');
      return Array.isArray(found) ? found.filter((item) => typeof item === 'string') : [];
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
