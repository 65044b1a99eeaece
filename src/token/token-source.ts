import type { Token } from './token.js';
import type { TokenRequest } from './token-provider.js';

/** What takes the place of a token that a service rejected. */
export interface Replacement {
  readonly token: Token;
  /**
   * Whether it was got since the rejection: if it is rejected, too, no token will do. One that was at hand already may
   * have been revoked just as the first was.
   */
  readonly onProbation: boolean;
}

/** What a TokenManager stands on: a provider's tokens by key, or a pipeline. */
export interface TokenSource {
  get(request?: TokenRequest, signal?: AbortSignal): Promise<Token>;
  peek(request?: TokenRequest): Token | undefined;
  /** The current token while it is fresh. */
  peekFresh(request?: TokenRequest): Token | undefined;
  forceRefresh(request?: TokenRequest, signal?: AbortSignal): Promise<Token>;
  /** A newer token than the rejected one; undefined when there is none to be had. */
  replace(rejected: Token, request?: TokenRequest, signal?: AbortSignal): Promise<Replacement | undefined>;
  /** A rejected token is not used again. */
  reject(rejected: Token, request?: TokenRequest): void;
  /** What a service thought of a token that was got for it. */
  judge(token: Token, accepted: boolean, request?: TokenRequest): void;
  invalidate(rejected?: Token): Promise<void>;
  set(token: Token, request?: TokenRequest): Promise<void>;
  revoke(): Promise<void>;
  introspect(): Promise<Record<string, unknown>>;
  close(): Promise<void>;
}
