import { monotonicNow, sleep } from '../../clock.js';
import type { ServiceScope } from '../runtime.js';
import type { Token } from '../token.js';
import { LateWrite } from './late-write.js';
import { RenewalElsewhere } from './renewal-elsewhere.js';
import type { StoredToken } from './stored-token.js';
import type { TokenStore } from './token-store.js';
import type { TokenWork } from './token-work.js';

/** Whoever has sent a refresh token has this long to write what came of it, from the time storage is back. */
const OUTCOME_MS = 5_000;
/** Storage is looked at this often meanwhile. */
const LOOK_MS = 250;

/**
 * An outage of storage amid the renewal by a refresh token that nothing can take the place of: whoever has sent it writes
 * late what came of it, and whoever has seen another process renew waits for that.
 */
export class RenewalOutage {
  readonly #scope: ServiceScope;
  readonly #work: TokenWork;
  readonly #store: TokenStore;
  readonly lateWrite: LateWrite;
  readonly elsewhere = new RenewalElsewhere();

  constructor(scope: ServiceScope, work: TokenWork, store: TokenStore) {
    this.#scope = scope;
    this.#work = work;
    this.#store = store;
    this.lateWrite = new LateWrite(scope, store);
  }

  /**
   * Returns the refresh token that is to be sent where nothing can take its place; empty for one of the app's options.
   * @param known the newest token known, here or in storage
   */
  spentForGood(known: StoredToken | undefined): string | undefined {
    if (this.#work.rerunnable !== false) return undefined;
    const ofOptions = this.#work.grantType === 'refresh_token' ? '' : undefined;
    return known?.token.refreshToken ?? ofOptions;
  }

  /** Checks whether only this process has what came of a refresh token, when storage did not take it. */
  isAloneWith({ refreshToken }: Token): boolean {
    return this.#work.rerunnable === false && refreshToken !== undefined && this.#store.troubled;
  }

  /**
   * Gives whoever has sent a refresh token the time to write what came of it, where this process has lost sight of that.
   * @param known the newest token known, here or in storage
   * @param isOutcome checks whether a stored token is what came of it
   * @param generation that of the lease
   */
  async waitForOutcome(
    known: StoredToken | undefined,
    isOutcome: (found: StoredToken | undefined) => boolean,
    generation: number,
    signal: AbortSignal,
  ): Promise<void> {
    if (!this.elsewhere.isUnsureOf(this.spentForGood(known))) return;
    const { clock } = this.#scope;
    const until = monotonicNow(clock) + OUTCOME_MS;
    let found = await this.#store.read();
    if (found === undefined && known !== undefined) await this.#putBack({ ...known, generation });
    for (; monotonicNow(clock) < until && !isOutcome(found); found = await this.#store.read())
      await sleep(clock, LOOK_MS, signal);
    this.elsewhere.over();
  }

  /**
   * Storage came back empty. Whoever writes late goes over the token whose refresh token it has sent, and over nothing
   * else: where there is none, a logout may have been there.
   */
  async #putBack(sent: StoredToken): Promise<void> {
    if (!this.#store.troubled) await this.#store.put({ ...sent, claimed: true });
  }
}
