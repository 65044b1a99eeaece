import { type CachedToken, lookFrom } from './cached-token.js';
import type { SlotTokens } from './slot-tokens.js';
import type { StoredToken } from './stored-token.js';
import type { TokenStore } from './token-store.js';

/** Looks in storage, one at a time, for what other processes did to the token in use; it is given out meanwhile. */
export class StorageLooks {
  readonly #store: TokenStore;
  readonly #tokens: SlotTokens;
  readonly #take: (stored: StoredToken) => void;
  #looking = false;
  /** True when an announcement during a look may have come too late for it. */
  #lookAgain = false;

  /** @param take uses a newer token that was found */
  constructor(store: TokenStore, tokens: SlotTokens, take: (stored: StoredToken) => void) {
    this.#store = store;
    this.#tokens = tokens;
    this.#take = take;
  }

  /** Looks for news of the token in use; the next look is due as storage has it. */
  begin(cached: CachedToken): void {
    lookFrom(cached, this.#tokens.nextLook());
    if (this.#looking) return;
    this.#looking = true;
    this.#look(cached)
      .catch(() => undefined) // The key could not be made: the next flight reports why.
      .finally(() => {
        this.#looking = false;
        if (this.#lookAgain) this.changed();
      });
  }

  /** Another process has changed what is stored. */
  changed(): void {
    this.#lookAgain = this.#looking;
    if (this.#tokens.cached !== undefined) this.begin(this.#tokens.cached);
  }

  /** Takes over what another process did to the token: a newer one, or a tombstone. */
  async #look(cached: CachedToken): Promise<void> {
    const stored = await this.#store.read();
    if (stored === undefined || this.#tokens.cached !== cached) return;
    if (stored.rejected === true && stored.token.fingerprint === cached.token.fingerprint) this.#tokens.drop(cached);
    else if (this.#tokens.accepts(stored, cached)) this.#take(stored);
  }
}
