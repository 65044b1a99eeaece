/** State of the last refresh token that another process was seen to renew with, and that no grant can take the place of. */
export class RenewalElsewhere {
  #refreshToken: string | undefined;
  #lostSight = false;

  /** The lease was refused: another process sends it. @param refreshToken undefined where a grant can take its place */
  seen(refreshToken: string | undefined): void {
    if (refreshToken !== this.#refreshToken) this.#lostSight = false;
    this.#refreshToken = refreshToken;
  }

  /** Storage does not answer. Returns whether the refresh token may have been sent: then what came of it is waited for. */
  loseSight(refreshToken: string | undefined): boolean {
    if (refreshToken === undefined || refreshToken !== this.#refreshToken) return false;
    this.#lostSight = true;
    return true;
  }

  /** Checks whether nobody here knows what came of a refresh token: whoever has sent it may still write that. */
  isUnsureOf(refreshToken: string | undefined): boolean {
    return this.#lostSight && refreshToken === this.#refreshToken;
  }

  /** It was waited for long enough. */
  over(): void {
    this.#lostSight = false;
  }
}
