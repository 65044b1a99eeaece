import type { Clock } from '../../clock.js';
import type { Lease } from '../../lock/token-lock.js';
import { refreshExpiryOf, type StoredToken } from './stored-token.js';
import type { TokenStore } from './token-store.js';
import type { Token } from '../token.js';

/** The right to send a refresh token: from then on it counts as spent, whatever becomes of the request. */
export interface RefreshTokenClaim {
  /** The issuer has certainly not taken it: it may be sent again. */
  release(): Promise<void>;
}

/** Asks for the right to send a refresh token. Undefined refuses it: the grant is to be run instead. */
export type ClaimRefreshToken = () => Promise<RefreshTokenClaim | undefined>;

/** Facts that a claim is decided on. */
export interface ClaimFacts {
  /** The newest token known, here or in storage. */
  readonly known: StoredToken | undefined;
  /** Token in storage. */
  readonly stored: StoredToken | undefined;
  /** Undefined where none is available. */
  readonly lease: Pick<Lease, 'generation'> | undefined;
}

/**
 * Sees to it that a one-time refresh token is sent once: not by two processes, and not again by the same one when
 * nobody knows what became of the first time.
 */
export class RefreshTokenClaims {
  readonly #store: TokenStore;
  readonly #clock: Clock;
  /** The refresh token that was sent last, unless the issuer has let it be. */
  #spent: string | undefined;
  /** Refused by the issuer. */
  #refused: string | undefined;
  readonly #rerunnable: boolean;

  /** @param rerunnable whether the grant can take the place of a refresh token that is better not sent */
  constructor(store: TokenStore, clock: Clock, rerunnable: boolean) {
    this.#rerunnable = rerunnable;
    this.#store = store;
    this.#clock = clock;
  }

  /** The token whose refresh token may be sent. */
  candidate({ known, stored, lease }: ClaimFacts): Token | undefined {
    if (known?.token.refreshToken === undefined) return known?.token;
    const { refreshToken } = known.token;
    const expiry = refreshExpiryOf(known.token, known.obtainedAt);
    const ranOut = expiry !== undefined && expiry <= this.#clock.now();
    // What storage does not show as it is known here, another process may have sent.
    const contended =
      this.#rerunnable && this.#store.shared && (lease === undefined || stored?.token.refreshToken !== refreshToken);
    const spent = this.#rerunnable && (known.claimed === true || refreshToken === this.#spent);
    if (refreshToken === this.#refused) return known.token.with({ refreshToken: undefined });
    return ranOut || contended || spent ? undefined : known.token;
  }

  /** Written down before it is sent, for the others: this process may end before it can report it. */
  async claim({ known, lease }: ClaimFacts): Promise<RefreshTokenClaim | undefined> {
    const refreshToken = known?.token.refreshToken;
    if (known === undefined || (this.#rerunnable && refreshToken === this.#spent)) return undefined;
    const note = async (claimed: boolean): Promise<boolean> => {
      if (lease === undefined || !this.#store.shared) return true;
      const outcome = await this.#store.put({ ...known, claimed, generation: lease.generation });
      return outcome === 'written' || (outcome === 'failed' && !this.#rerunnable);
    };
    if (!(await note(true))) return undefined;
    this.#spent = refreshToken;
    return {
      release: async () => {
        this.#spent = undefined;
        await note(false);
      },
    };
  }

  /** The issuer refused it, and no grant takes its place: it is not sent again, here or elsewhere. */
  async refused({ known, lease }: ClaimFacts): Promise<void> {
    if (known === undefined) return;
    this.#refused = known.token.refreshToken;
    const newest = (await this.writtenSince({ known, lease })) ?? known;
    // Dropped by a logout, or replaced by a sign-in meanwhile: that stands.
    if (newest.token.refreshToken !== known.token.refreshToken) return;
    const token = newest.token.with({ refreshToken: undefined });
    const generation = Math.max(newest.generation + 1, lease?.generation ?? 0);
    // Kept as long as whoever has it still would keep it.
    await this.#store.put({ ...newest, token, claimed: false, generation }, newest);
  }

  /** Finds what others have written since the token was taken up; the note of its own claim is none of it. */
  async writtenSince({ known, lease }: Pick<ClaimFacts, 'known' | 'lease'>): Promise<StoredToken | undefined> {
    const noted = this.#store.shared ? (lease?.generation ?? 0) : 0;
    const stored = await this.#store.read();
    return stored !== undefined && stored.generation > Math.max(known?.generation ?? 0, noted) ? stored : undefined;
  }

  /** A token came of it: its refresh token is good, be it the same. */
  succeeded(): void {
    this.#spent = undefined;
  }
}
