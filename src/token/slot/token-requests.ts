import { Instant, monotonicNow, sleep } from '../../clock.js';
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

/** Pause before a token is asked for again that its issuer goes on handing out without a life: from this one on longer. */
const LONGEST_PAUSE_MS = 2_000;
const LONGER = 1.5;
/** Whoever waited for it uses it; whoever comes next has it asked for again. */
const FOR_THE_MOMENT_MS = 1;

/** A token whose issuer takes off more of its life than is left. */
interface HandedOut {
  readonly fingerprint: string;
  /** Monotonic milliseconds before which it is not asked for again. */
  readonly nextAt: number;
  readonly pauseMs: number;
}

/** The flight that asks. */
interface RequestContext {
  readonly signal: AbortSignal;
  readonly report: FlightReport;
  /** Checks whether a service has rejected a token. */
  isRejected(token: Token): boolean;
}

/** Requests of one renewal to the issuer: more than one where it answers a token that is about to run out. */
export class TokenRequests {
  readonly #scope: ServiceScope;
  readonly #work: TokenWork;
  readonly #claims: RefreshTokenClaims;
  /** A token that came again and again without a life: no other one comes before its issuer lets it go. */
  #handedOut: HandedOut | undefined;

  constructor(scope: ServiceScope, work: TokenWork, claims: RefreshTokenClaims) {
    this.#scope = scope;
    this.#work = work;
    this.#claims = claims;
  }

  /**
   * Obtains a token that has some time left: of one that is about to run out the next one is asked for, while the flight lasts.
   * An issuer that goes on handing out the same one takes off more of its life than was left: the token is the one to use
   * for the moment, unless a service has rejected it.
   * @throws {AuthenticationError} when there is none, or it was expired when it arrived
   */
  async obtain(claimFacts: ClaimFacts, { signal, report, isRejected }: RequestContext): Promise<Token> {
    const { clock } = this.#scope;
    const known = claimFacts.known?.rejected === true ? undefined : claimFacts.known?.token;
    const candidate = this.#claims.candidate(claimFacts);
    if (known !== undefined && this.#handedOut?.fingerprint === known.fingerprint)
      await sleep(clock, Math.max(0, this.#handedOut.nextAt - monotonicNow(clock)), signal);
    let askedAt = new Instant(clock);
    let token = notShortened(await this.#ask(candidate, claimFacts, signal, report), known);
    // What a refresh token was spent for is taken as it is.
    const { rerunnable = true, ttlMs = Number.POSITIVE_INFINITY } = this.#work;
    const mayAskAgain = rerunnable && token.refreshToken === undefined && ttlMs >= SHORTEST_LIFE_MS;
    const mostAsked = mayAskAgain ? MOST_ASKED : 1;
    for (let asked = 1; asked < mostAsked && isAboutToExpire(token, askedAt); asked += 1) {
      if (token.fingerprint === this.#handedOut?.fingerprint) break;
      await sleep(clock, ASK_AGAIN_MS, signal);
      askedAt = new Instant(clock);
      token = notShortened(await this.#ask(undefined, claimFacts, signal, report), known);
    }
    const comesAgain = token.fingerprint === known?.fingerprint && !isRejected(token);
    const isHandedOut = mayAskAgain && comesAgain && isAboutToExpire(token, askedAt);
    this.#handedOut = isHandedOut ? this.#noteHandedOut(token) : undefined;
    if (isHandedOut) token = notShortened(token.with({ expiresAt: clock.now() + FOR_THE_MOMENT_MS }), token);
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

  /** Notes that the issuer has no other token yet: it is asked less and less often. */
  #noteHandedOut({ fingerprint }: Token): HandedOut {
    const before = this.#handedOut?.fingerprint === fingerprint ? this.#handedOut.pauseMs * LONGER : ASK_AGAIN_MS;
    const pauseMs = Math.min(LONGEST_PAUSE_MS, before);
    return { fingerprint, pauseMs, nextAt: monotonicNow(this.#scope.clock) + pauseMs };
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
      `Token request for ${this.#scope.owner} failed: the provider returned no Token. Return new Token({ … }).`,
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
function isAboutToExpire({ expiresAt }: Token, askedAt: Instant): boolean {
  return expiresAt !== undefined && expiresAt - askedAt.epochMs < SHORTEST_LIFE_MS;
}
