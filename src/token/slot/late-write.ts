import type { ServiceScope } from '../runtime.js';
import type { Token } from '../token.js';
import type { WriteOutcome } from '../../storage/guarded-storage.js';
import { generationsFrom, type StoredToken } from './stored-token.js';
import type { TokenStore } from './token-store.js';

/** Time between two tries, doubled up to the longest: shorter than others wait for the outcome. */
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 2_000;
/** Looks at a storage that has nothing, a pause apart: as long as whoever has the lease may take to put back what was sent. */
const MOST_LOOKS = 8;

/**
 * The write of a token that storage did not take, and whose refresh token nothing can take the place of: the others have
 * the one that is spent. Tried until storage is back.
 */
export class LateWrite {
  readonly #scope: ServiceScope;
  readonly #store: TokenStore;
  #stored: StoredToken | undefined;
  #isRejected: (token: Token) => boolean = () => false;
  #writing: Promise<void> | undefined;
  /** A renewal that goes on without a lease meanwhile. */
  #renewal: Promise<unknown> | undefined;
  #closed = false;

  constructor(scope: ServiceScope, store: TokenStore) {
    this.#scope = scope;
    this.#store = store;
  }

  /** True while there is a token that only this process has. */
  get pending(): boolean {
    return this.#writing !== undefined;
  }

  /**
   * Takes the newest token. Settles when it is written, or refused by a store that takes others.
   * @param spent the token by whose refresh token it was obtained
   * @param isRejected checks for a token that was taken out of use meanwhile (by a logout): it is written no more
   */
  begin(stored: StoredToken, spent: StoredToken | undefined, isRejected: (token: Token) => boolean): Promise<void> {
    this.#stored = stored;
    this.#isRejected = isRejected;
    this.#writing ??= this.#write(spent).finally(() => (this.#writing = undefined));
    return this.#writing;
  }

  /** Renews without a lease: this process alone has the token, and gives nobody the lease before that is over. */
  during<T>(renewal: Promise<T>): Promise<T> {
    this.#renewal = renewal.catch(() => undefined);
    return renewal;
  }

  /** Gives up. */
  close(): void {
    this.#closed = true;
  }

  /** @param spent the token that storage still has */
  async #write(spent: StoredToken | undefined): Promise<void> {
    const { logger, owner } = this.#scope;
    logger.warn(`The token for ${owner} was not stored: only this process has it until storage is back.`);
    let pauseMs = FIRST_PAUSE_MS;
    for (let written: StoredToken | undefined; written !== this.#stored;) {
      await this.#pause(pauseMs);
      pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
      const stored = this.#stored;
      if (stored === undefined || this.#closed) return;
      // A storage that did not answer is found to be back by a read.
      await this.#store.read();
      const outcome = this.#isRejected(stored.token) ? 'rejected' : await this.#put(stored, spent);
      await this.#renewal;
      if (outcome !== 'failed' || !this.#store.troubled) written = stored;
    }
  }

  /**
   * Whoever has the lease by now waits for this very write: as long as what was spent is stored, or what came before that (a
   * master is lost with what it had not replicated), it is written over that.
   */
  async #put(stored: StoredToken, spent: StoredToken | undefined): Promise<WriteOutcome> {
    let outcome = await this.#store.put(stored);
    for (const generation of generationsFrom(this.#scope.clock.now())) {
      if (outcome !== 'superseded' || spent === undefined) break;
      const found = await this.#findSpent();
      if (found === undefined || found.rejected === true || !isSpent(found, spent)) break;
      if (this.#isRejected(stored.token)) break;
      outcome = await this.#store.put({ ...stored, generation });
    }
    return outcome;
  }

  /** Finds what is stored. In a fleet whoever has the lease may have found nothing either, and puts back what was sent only now. */
  async #findSpent(): Promise<StoredToken | undefined> {
    let found = await this.#store.read();
    for (let looks = 1; found === undefined && looks < MOST_LOOKS && this.#store.shared; looks += 1) {
      await this.#pause(FIRST_PAUSE_MS);
      if (this.#closed) return undefined;
      found = await this.#store.read();
    }
    return found;
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.#scope.clock.after(delayMs, resolve));
  }
}

/** Checks whether a stored token is the one whose refresh token was sent, or an older one. */
function isSpent(stored: StoredToken, spent: StoredToken): boolean {
  return stored.token.refreshToken === spent.token.refreshToken || stored.generation < spent.generation;
}
