import type { TakenOutListener } from './shared-tokens.js';
import type { RefusingResources } from './refusing-resources.js';
import type { Token } from './token.js';
import type { TokenPresenter } from './token-presenter.js';
import type { BoundTokenProvider, TokenRequest } from './token-provider.js';

/** Token in the place of one that a service rejected. */
export interface Replacement {
  readonly token: Token;
  /**
   * True when it was obtained after the rejection: if it is rejected, too, no token will do. One at hand already may
   * have been revoked just as the first was.
   */
  readonly obtainedAfterRejection: boolean;
}

/** One of a token's two credentials, in the terms of RFC 7009 §2.1. */
export type TokenKind = 'access_token' | 'refresh_token';

/**
 * One token: what is obtained, cached, shared and renewed under one key. A call takes one and keeps it until it ends;
 * while anybody has it, whoever asks for the same token gets the same handle.
 */
export interface TokenHandle {
  /** A valid token; gives up when `signal` aborts, without disturbing others who wait. */
  get(signal?: AbortSignal): Promise<Token>;
  /** The current token while it is valid. */
  peek(): Token | undefined;
  /** The current token while it is fresh. */
  peekFresh(): Token | undefined;
  forceRefresh(signal?: AbortSignal): Promise<Token>;
  /** Returns a newer token than the rejected one; undefined when none is available. */
  replace(rejected: Token, signal?: AbortSignal): Promise<Replacement | undefined>;
  /** A rejected token is not used again. */
  reject(rejected: Token): void;
  /** The rejected token was revoked, whatever resources made of it that accept none: renewal does not pause for them. */
  resume(rejected: Token): void;
  /** The resources that refuse it whatever it is. */
  readonly refusing: RefusingResources;
  /** Records what a service made of a token that was obtained for it. */
  recordOutcome(token: Token, accepted: boolean): void;
  set(token: Token): Promise<void>;
  /** Forgets the current token, or `rejected` if that is the current one. */
  invalidate(rejected?: Token): Promise<void>;
  /** @param kind left out, the refresh token where there is one */
  revoke(kind?: TokenKind): Promise<void>;
  introspect(): Promise<Record<string, unknown>>;
  /** Checks whether there is a token that is valid or can be refreshed, here or in storage. */
  has(): Promise<boolean>;
  /**
   * Drops the token, its refresh token, too, in every process; the issuer hears nothing of it.
   * @param which left out, whatever token there is
   * @returns whether there was one
   */
  forget(which?: (token: Token) => boolean): Promise<boolean>;
  /** Has a listener called with each token that is taken out of use. Left out where nobody knows. */
  onTakenOut?(listener: TakenOutListener): void;
}

/** Origin of the tokens of a source: two sources of one origin ask for the same token, each for itself. */
export interface TokenOrigin {
  /** The provider, pipeline or fetcher, as the app wrote it. */
  readonly definition: object;
  /** Step of a pipeline that it is. */
  readonly step?: string;
  /** Identity of its endpoint and client; undefined where none is given. */
  readonly endpoint: string | undefined;
  /** Returns the identity that distinguishes its token from every other; undefined where none is given. */
  identity(): Promise<string | undefined>;
}

/** Source that a TokenManager stands on: a provider's tokens by key, or a pipeline. */
export interface TokenSource {
  /**
   * The handle of the token that `request` asks for; of the usual one without it.
   * @throws {InvalidRequestError} when the source takes no parameters
   */
  for(request?: TokenRequest): TokenHandle;
  /** Completes what a call asks for, in its own async context, before `for`. Left out, calls are taken as they are. */
  readonly prepare?: ((request: TokenRequest | undefined) => Promise<TokenRequest>) | undefined;
  /** Forgets `rejected` where it is the current token; every token without it. */
  invalidate(rejected?: Token): Promise<void>;
  /** Presenter of its tokens, over where the service wants them. */
  presenter?(placement: TokenPresenter): TokenPresenter;
  /** Provider of its tokens; left out where it is no single one. */
  readonly provider?: BoundTokenProvider;
  /** Its own, and those of the steps of a pipeline. Left out where nothing is obtained: the tokens are somebody else's. */
  readonly origins?: readonly TokenOrigin[];
  close(): Promise<void>;
}
