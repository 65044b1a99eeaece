import { AuthenticationError } from '../../errors.js';
import type { ServiceScope } from '../runtime.js';
import type { Token } from '../token.js';
import type { TokenKind } from '../token-source.js';
import type { RejectionTracker } from './rejection-tracker.js';
import type { SlotParts } from './slot-parts.js';
import type { SlotTokens } from './slot-tokens.js';
import type { TokenStore } from './token-store.js';
import type { TokenWork } from './token-work.js';

/** Takes a token out of use for all: here, and by a tombstone in storage. */
export class TokenWithdrawal {
  readonly #scope: ServiceScope;
  readonly #work: TokenWork;
  readonly #store: TokenStore;
  readonly #tokens: SlotTokens;
  readonly #rejections: RejectionTracker;

  constructor(scope: ServiceScope, work: TokenWork, { store, rejections }: SlotParts, tokens: SlotTokens) {
    this.#scope = scope;
    this.#work = work;
    this.#store = store;
    this.#tokens = tokens;
    this.#rejections = rejections;
  }

  /** Forgets the token in use, or `rejected` if that is the one. */
  async invalidate(rejected?: Token): Promise<void> {
    const { cached } = this.#tokens;
    if (rejected !== undefined && cached !== undefined && cached.token.fingerprint !== rejected.fingerprint) return;
    if (rejected !== undefined) this.#rejections.noteRejection(rejected);
    const target = cached?.token ?? rejected;
    if (cached !== undefined) this.#tokens.invalidate(cached);
    const previous = await this.#store.writeTombstone(target);
    if (cached === undefined && previous !== undefined) this.#tokens.rejected = previous.fingerprint;
  }

  /** Forgets the token in use and whatever is stored, be it newer. */
  async discard(): Promise<void> {
    const { cached } = this.#tokens;
    if (cached !== undefined) this.#tokens.invalidate(cached);
    const previous = await this.#store.writeTombstone(undefined);
    if (previous !== undefined) this.#tokens.rejected = previous.fingerprint;
  }

  /**
   * Revokes the last token known here or in storage, and forgets it. `access_token` leaves its refresh token as it is.
   * @throws {AuthenticationError} when the issuer refuses, or there is no such token
   */
  async revoke(kind?: TokenKind): Promise<void> {
    const token = await this.known();
    if (token === undefined) return;
    const whole = kind !== 'access_token';
    if (kind === 'refresh_token' && token.refreshToken === undefined)
      throw new AuthenticationError(`The token of ${this.#scope.owner} has no refresh token to revoke.`);
    await this.#work.revoke(whole ? token : token.with({ refreshToken: undefined }));
    await this.#forget(token, whole);
  }

  /** Forgets the last token known here or in storage, if it is one of `which`, for good. Returns whether it was. */
  async forget(which: (token: Token) => boolean): Promise<boolean> {
    let forgotten: Token | undefined;
    // Looks again: another process may have renewed it at the same time.
    for (let token = await this.known(); token !== undefined && which(token); token = await this.known()) {
      if (token.fingerprint === forgotten?.fingerprint) break;
      await this.#forget(token, true);
      forgotten = token;
    }
    return forgotten !== undefined;
  }

  /** Returns the last token known here or in storage, unless it is good for nothing any more. */
  async known(): Promise<Token | undefined> {
    return this.#tokens.newest(await this.#store.read());
  }

  async #forget(token: Token, whole: boolean): Promise<void> {
    const { cached, last } = this.#tokens;
    if (cached?.token.fingerprint === token.fingerprint) this.#tokens.invalidate(cached);
    this.#tokens.rejected = token.fingerprint;
    if (whole && last?.token.fingerprint === token.fingerprint) this.#tokens.last = undefined;
    await this.#store.writeTombstone(token, whole);
  }
}
