import { sleep } from '../../clock.js';
import { AuthenticationError, TokenRefreshError } from '../../errors.js';
import type { ServiceScope } from '../runtime.js';
import { Token } from '../token.js';
import type { ClaimFacts, ClaimRefreshToken, RefreshTokenClaims } from './refresh-token-claims.js';
import type { FlightReport } from './slot-observer.js';
import type { TokenWork } from './token-work.js';

/** A token with less left is as good as expired: the next one is there in a moment. */
const SHORTEST_LIFE_MS = 1_000;
const ASK_AGAIN_MS = 400;
/** So that the last is asked for when the first has run out. */
const MOST_ASKED = 4;

/** The flight that asks. */
interface RequestContext {
  readonly signal: AbortSignal;
  readonly report: FlightReport;
}

/** Requests of one renewal to the issuer: more than one where it answers a token that is about to run out. */
export class TokenRequests {
  readonly #scope: ServiceScope;
  readonly #work: TokenWork;
  readonly #claims: RefreshTokenClaims;

  constructor(scope: ServiceScope, work: TokenWork, claims: RefreshTokenClaims) {
    this.#scope = scope;
    this.#work = work;
    this.#claims = claims;
  }

  /**
   * Obtains a token that has some time left: of one that is about to run out the next one is asked for, while the flight lasts.
   * @throws {AuthenticationError} when there is none, or it was expired when it arrived
   */
  async obtain(claimFacts: ClaimFacts, { signal, report }: RequestContext): Promise<Token> {
    const { clock } = this.#scope;
    const known = claimFacts.known?.token;
    const candidate = this.#claims.candidate(claimFacts);
    let askedAt = clock.now();
    let token = notShortened(await this.#ask(candidate, claimFacts, signal, report), known);
    // What a refresh token was spent for is taken as it is.
    const { rerunnable = true, ttlMs = Number.POSITIVE_INFINITY } = this.#work;
    const mayAskAgain = rerunnable && token.refreshToken === undefined && ttlMs >= SHORTEST_LIFE_MS;
    const mostAsked = mayAskAgain ? MOST_ASKED : 1;
    for (let asked = 1; asked < mostAsked && isAboutToExpire(token, askedAt); asked += 1) {
      await sleep(clock, ASK_AGAIN_MS, signal);
      askedAt = clock.now();
      token = notShortened(await this.#ask(undefined, claimFacts, signal, report), known);
    }
    if (token.expiresAt !== undefined && token.expiresAt <= clock.now()) {
      throw new AuthenticationError(
        `Token request for ${this.#scope.owner} failed: the token was expired when it arrived. Check the clocks.`,
        {
          code: 'FORGE_AUTH_TOKEN_EXPIRED_ON_ARRIVAL',
          transient: true,
        },
      );
    }
    this.#claims.succeeded();
    return token;
  }

  async #ask(
    previous: Token | undefined,
    claimFacts: ClaimFacts,
    signal: AbortSignal,
    report: FlightReport,
  ): Promise<Token> {
    try {
      const claim: ClaimRefreshToken = () => this.#claims.claim(claimFacts);
      const token = await this.#work.obtain(previous, signal, claim, report);
      if (token instanceof Token) return token;
    } catch (error) {
      if (error instanceof TokenRefreshError) await this.#claims.refused(claimFacts);
      throw error;
    }
    throw new AuthenticationError(
      `Token request for ${this.#scope.owner} failed: the provider answered no Token. Return new Token({ … }).`,
      {
        code: 'FORGE_AUTH_TOKEN_RESPONSE_INVALID',
      },
    );
  }
}

/** The same token again, with its lifetime rounded down or counted anew: nothing that is known of it gets less. */
function notShortened(token: Token, known: Token | undefined): Token {
  if (known?.fingerprint !== token.fingerprint || token.expiresAt === undefined) return token;
  return known.expiresAt !== undefined && known.expiresAt <= token.expiresAt
    ? token
    : token.with({ expiresAt: known.expiresAt });
}

/** Checks whether the issuer gave a token less than a second, counted from the request. */
function isAboutToExpire({ expiresAt }: Token, askedAt: number): boolean {
  return expiresAt !== undefined && expiresAt - askedAt < SHORTEST_LIFE_MS;
}
