import type { Token } from './token.js';
import type { TokenHandle } from './token-source.js';

/** Runs something on the handle of one subject's token. */
type WithHandle = <T>(use: (handle: TokenHandle) => Promise<T>) => Promise<T>;

/**
 * The tokens of one user, by a name of the app's choosing: acquired by their consent, renewed on their own, shared with
 * nobody else. Keeps nothing itself: any number of them may be made.
 */
export class SubjectTokens {
  readonly #with: WithHandle;

  /** @internal */
  constructor(withHandle: WithHandle) {
    this.#with = withHandle;
  }

  /**
   * A valid token of the user: the current one, or a refreshed one.
   * @throws {AuthenticationError} FORGE_AUTH_AUTHORIZATION_REQUIRED when the user has not signed in
   * @throws {TokenRefreshError} FORGE_AUTH_REFRESH_FAILED when their refresh token is refused: they must sign in again
   */
  getToken(): Promise<Token> {
    return this.#with((handle) => handle.get());
  }

  /** Takes a token of the user that was obtained elsewhere, and shares it with the fleet. */
  setToken(token: Token): Promise<void> {
    return this.#with((handle) => handle.set(token));
  }

  /** Checks whether there is a token of the user that is valid, or can be refreshed. Nothing is requested. */
  has(): Promise<boolean> {
    return this.#with((handle) => handle.has());
  }

  /**
   * Revokes the user's token at the issuer, the refresh token where there is one, and forgets it in every process.
   * @throws {AuthenticationError} when the issuer refuses
   */
  revoke(): Promise<void> {
    return this.#with((handle) => handle.revoke());
  }

  /** Forgets the user's token in every process. The issuer hears nothing of it. */
  async forget(): Promise<void> {
    await this.#with((handle) => handle.forget());
  }
}
