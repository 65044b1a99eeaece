import type { Token } from './token.js';

/** The tokens of another service, as far as one that shares them needs them. */
export interface SharedTokens {
  for(): {
    /** A valid token; gives up when `signal` aborts, without disturbing others who wait. */
    get(signal?: AbortSignal): Promise<Token>;
    /** The current token while it is fresh. */
    peekFresh(): Token | undefined;
    /** Returns a newer token than the rejected one; undefined when none is available. */
    replace(rejected: Token, signal?: AbortSignal): Promise<{ readonly token: Token } | undefined>;
  };
}
