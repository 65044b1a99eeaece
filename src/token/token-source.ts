import type { Token } from './token.js';
import type { TokenRequest } from './token-provider.js';

/** What a TokenManager stands on: a provider's tokens by key, or a pipeline. */
export interface TokenSource {
  get(request?: TokenRequest, signal?: AbortSignal): Promise<Token>;
  peek(request?: TokenRequest): Token | undefined;
  /** The current token while it is fresh. */
  peekFresh(request?: TokenRequest): Token | undefined;
  forceRefresh(request?: TokenRequest, signal?: AbortSignal): Promise<Token>;
  /** A newer token than the rejected one; undefined when there is none to be had. */
  replace(rejected: Token, request?: TokenRequest, signal?: AbortSignal): Promise<Token | undefined>;
  /** A rejected token is not used again. */
  reject(rejected: Token, request?: TokenRequest): void;
  /** What a service thought of a token that was replaced for it. */
  judge(token: Token, accepted: boolean, request?: TokenRequest): void;
  invalidate(rejected?: Token): Promise<void>;
  set(token: Token, request?: TokenRequest): Promise<void>;
  revoke(): Promise<void>;
  introspect(): Promise<Record<string, unknown>>;
  close(): Promise<void>;
}
