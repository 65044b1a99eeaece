import { systemClock } from '../clock.js';
import { ConfigurationError } from '../errors.js';
import { RefusingResources } from './refusing-resources.js';
import type { Token } from './token.js';
import type { TokenRequest } from './token-provider.js';
import type { Replacement, TokenHandle, TokenKind, TokenSource } from './token-source.js';

/** A manager that is none of ours: what a test puts in the place of one. Only `getToken` is needed. */
export interface ForeignTokenManager {
  getToken(request?: TokenRequest): Promise<Token>;
  forceRefresh?(request?: TokenRequest): Promise<Token>;
  setToken?(token: Token, request?: TokenRequest): Promise<void>;
  invalidate?(rejected?: Token, request?: TokenRequest): Promise<void>;
  peek?(request?: TokenRequest): Token | undefined;
  revoke?(options?: TokenRequest & { token?: TokenKind }): Promise<void>;
  introspect?(request?: TokenRequest): Promise<Record<string, unknown>>;
}

/** Tokens of a manager that is none of ours: each call asks it, nothing is kept. */
export class ForeignTokenSource implements TokenSource {
  readonly #manager: ForeignTokenManager;
  readonly #refusing = new RefusingResources(systemClock);

  constructor(manager: ForeignTokenManager) {
    this.#manager = manager;
  }

  for(request?: TokenRequest): TokenHandle {
    const manager = this.#manager;
    return {
      refusing: this.#refusing,
      get: () => manager.getToken(request),
      peek: () => manager.peek?.(request),
      peekFresh: () => undefined,
      forceRefresh: () => renewed(manager, request),
      replace: async (rejected): Promise<Replacement | undefined> => {
        await manager.invalidate?.(rejected, request);
        const token = await renewed(manager, request);
        return token.accessToken === rejected.accessToken ? undefined : { token, obtainedAfterRejection: true };
      },
      reject: () => undefined,
      resume: () => undefined,
      recordOutcome: () => undefined,
      set: async (token) => manager.setToken?.(token, request),
      invalidate: async (rejected) => manager.invalidate?.(rejected, request),
      revoke: async (token) => manager.revoke?.({ ...request, ...(token === undefined ? undefined : { token }) }),
      introspect: async () => manager.introspect?.(request) ?? {},
      has: async () => manager.peek?.(request) !== undefined,
      forget: async () => {
        const known = manager.peek?.(request) !== undefined;
        await manager.invalidate?.(undefined, request);
        return known;
      },
    };
  }

  async invalidate(rejected?: Token): Promise<void> {
    await this.#manager.invalidate?.(rejected);
  }

  /** The manager is its owner's to close. */
  async close(): Promise<void> {}
}

/** @throws {ConfigurationError} unless it can give a token */
export function foreignSource(manager: unknown, owner: string): ForeignTokenSource {
  if (typeof (manager as Partial<ForeignTokenManager> | undefined)?.getToken === 'function')
    return new ForeignTokenSource(manager as ForeignTokenManager);
  throw new ConfigurationError(
    `${owner}: what takes the place of its token manager must have a method getToken(): Promise<Token>.`,
  );
}

function renewed(manager: ForeignTokenManager, request: TokenRequest | undefined): Promise<Token> {
  return manager.forceRefresh === undefined ? manager.getToken(request) : manager.forceRefresh(request);
}
