import type { Clock } from '../../clock.js';
import type { Lease } from '../../lock/token-lock.js';
import { refreshExpiryOf, type ShelvedToken, type TokenShelf } from './token-shelf.js';
import type { Token } from '../token.js';

/** The right to send a refresh token: from then on it counts as spent, whatever becomes of the request. */
export interface Redemption {
  /** The issuer has certainly not taken it: it may be sent again. */
  giveBack(): Promise<void>;
}

/** Asks for the right to send a refresh token. Undefined refuses it: the grant is to be run instead. */
export type Redeem = () => Promise<Redemption | undefined>;

/** What a redemption is decided on. */
export interface RedemptionCase {
  /** The newest token known, here or in storage. */
  readonly known: ShelvedToken | undefined;
  /** What storage has. */
  readonly stored: ShelvedToken | undefined;
  /** Undefined where there is none to be had. */
  readonly lease: Pick<Lease, 'generation'> | undefined;
}

/**
 * Sees to it that a one-time refresh token is sent once: not by two processes, and not again by the same one when
 * nobody knows what became of the first time.
 */
export class Redemptions {
  readonly #shelf: TokenShelf;
  readonly #clock: Clock;
  /** The refresh token that was sent last, unless the issuer has let it be. */
  #spent: string | undefined;

  constructor(shelf: TokenShelf, clock: Clock) {
    this.#shelf = shelf;
    this.#clock = clock;
  }

  /** The token whose refresh token may be redeemed. */
  candidate({ known, stored, lease }: RedemptionCase): Token | undefined {
    if (known?.token.refreshToken === undefined) return known?.token;
    const { refreshToken } = known.token;
    const expiry = refreshExpiryOf(known.token, known.obtainedAt);
    const ranOut = expiry !== undefined && expiry <= this.#clock.now();
    // What storage does not show as it is known here, another process may have redeemed.
    const contended = this.#shelf.shared && (lease === undefined || stored?.token.refreshToken !== refreshToken);
    const spent = known.redeeming === true || refreshToken === this.#spent;
    return ranOut || contended || spent ? undefined : known.token;
  }

  /** Written down before it is sent, for the others: this process may not live to tell. */
  async redeem({ known, lease }: RedemptionCase): Promise<Redemption | undefined> {
    const refreshToken = known?.token.refreshToken;
    if (known === undefined || refreshToken === this.#spent) return undefined;
    const note = async (redeeming: boolean): Promise<boolean> => {
      if (lease === undefined || !this.#shelf.shared) return true;
      return (await this.#shelf.put({ ...known, redeeming, generation: lease.generation })) === 'written';
    };
    if (!(await note(true))) return undefined;
    this.#spent = refreshToken;
    return {
      giveBack: async () => {
        this.#spent = undefined;
        await note(false);
      },
    };
  }

  /** A token came of it: its refresh token is good, be it the same. */
  succeeded(): void {
    this.#spent = undefined;
  }
}
