import type { Clock } from '../clock.js';
import { AuthenticationError } from '../errors.js';
import type { FetchGate } from './fetch-gate.js';
import { tokenFailure } from './token-failure.js';
import { refreshExpiryOf, type ShelvedToken, type TokenShelf } from './token-shelf.js';
import { Token } from './token.js';

/** Where the tokens of one key come from. */
export interface TokenWork {
  /** The storage key. Asked before and after each fetch, since a rotated secret changes it. */
  key(): string | Promise<string>;
  /** Gets a new token; `previous` is the last one known, whose refresh token may still be good. */
  obtain(previous: Token | undefined, signal: AbortSignal): Promise<Token>;
}

/** Whom a renewal is for. */
export interface RenewalContext {
  /** For messages: `"orders"`. */
  readonly owner: string;
  readonly serviceName: string | undefined;
  readonly clock: Clock;
  readonly settings: { readonly defaultTtlMs: number | undefined };
}

/** One renewal: what is known before it. */
export interface RenewalRequest {
  readonly signal: AbortSignal;
  /** A new token is wanted, whatever storage has. */
  readonly forced: boolean;
  /** The last token known here. */
  readonly current: ShelvedToken | undefined;
  /** Whether a stored token will do. */
  acceptable(stored: ShelvedToken): boolean;
  /** Whether something newer has come meanwhile: a result that is late is then dropped. */
  overtaken(): boolean;
}

/** What came of a renewal. */
export interface Renewed {
  readonly shelved: ShelvedToken;
  /** False where another process had done it already. */
  readonly fetched: boolean;
}

/** The whole of one renewal: look in storage, pass the gate, fetch, write, hand over. */
export class TokenRenewal {
  readonly #context: RenewalContext;
  readonly #work: TokenWork;
  readonly #shelf: TokenShelf;
  readonly #gate: FetchGate;

  constructor(context: RenewalContext, work: TokenWork, shelf: TokenShelf, gate: FetchGate) {
    this.#context = context;
    this.#work = work;
    this.#shelf = shelf;
    this.#gate = gate;
  }

  /** @throws {AuthenticationError} when no token can be had */
  async run(request: RenewalRequest): Promise<Renewed> {
    const { signal, forced, current } = request;
    try {
      const stored = await this.#shelf.read();
      signal.throwIfAborted();
      if (!forced && stored !== undefined && request.acceptable(stored)) return { shelved: stored, fetched: false };
      this.#gate.check(this.#context.owner);
      const known = newest(current, stored);
      const obtainedAt = this.#context.clock.now();
      const token = await this.#obtain(known, signal);
      // Too late: nobody's, unless a one-time refresh token was spent for it and nothing newer has come.
      if (signal.aborted && (token.refreshToken === undefined || request.overtaken())) throw signal.reason;
      const shelved = this.shelve(token, obtainedAt, known);
      // Written before it is used: a rotated refresh token that is lost cannot be had again.
      await this.#shelf.put(shelved);
      return { shelved, fetched: true };
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw tokenFailure(error, this.#context.owner, this.#context.serviceName);
    }
  }

  /** A token with its place in the order of writes. */
  shelve(token: Token, obtainedAt: number, after: ShelvedToken | undefined): ShelvedToken {
    const { defaultTtlMs } = this.#context.settings;
    const endless = token.expiresAt === undefined && defaultTtlMs !== undefined;
    return {
      token: endless ? token.with({ expiresAt: obtainedAt + defaultTtlMs }) : token,
      obtainedAt,
      generation: Math.max(obtainedAt, (after?.generation ?? 0) + 1),
    };
  }

  async #obtain(known: ShelvedToken | undefined, signal: AbortSignal): Promise<Token> {
    const { owner, clock } = this.#context;
    const token = await this.#work.obtain(redeemable(known, clock.now()), signal);
    if (!(token instanceof Token)) {
      throw new AuthenticationError(
        `Token request for ${owner} failed: the provider answered no Token. Return new Token({ … }).`,
        { code: 'FORGE_AUTH_TOKEN_RESPONSE_INVALID' },
      );
    }
    if (token.expiresAt !== undefined && token.expiresAt <= clock.now()) {
      throw new AuthenticationError(
        `Token request for ${owner} failed: the token had expired when it arrived. Check the clocks.`,
        { code: 'FORGE_AUTH_TOKEN_EXPIRED_ON_ARRIVAL', transient: true },
      );
    }
    return token;
  }
}

function newest(a: ShelvedToken | undefined, b: ShelvedToken | undefined): ShelvedToken | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a.generation > b.generation ? a : b;
}

/** The token whose refresh token may be redeemed: not where the issuer said that it has run out. */
function redeemable(known: ShelvedToken | undefined, now: number): Token | undefined {
  const expiry = known === undefined ? undefined : refreshExpiryOf(known.token, known.obtainedAt);
  return expiry !== undefined && expiry <= now ? undefined : known?.token;
}
