import type { Token } from './token.js';

/**
 * Is called with a token that is taken out of use.
 * @param early true when it was rejected or invalidated, or another took its place before it was due
 */
export type TakenOutListener = (token: Token, early: boolean) => void;

/** The tokens of another service, as far as one that shares them needs them. */
export interface SharedTokens {
  for(): {
    /** A valid token; gives up when `signal` aborts, without disturbing others who wait. */
    get(signal?: AbortSignal): Promise<Token>;
    /** Returns a newer token than the rejected one; undefined when none is available. */
    replace(rejected: Token, signal?: AbortSignal): Promise<{ readonly token: Token } | undefined>;
    /** Has a listener called with each token that is taken out of use. Left out where nobody knows. */
    onTakenOut?(listener: TakenOutListener): void;
  };
}
