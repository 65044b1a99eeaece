import { ForgeAuthError } from '../../errors.js';
import type { Token } from '../../token/token.js';

/** State of a step. Holds no secret. */
export interface StepState {
  name: string;
  dependsOn: readonly string[];
  /** True when there is a token in this process that has not run out. */
  cached: boolean;
  /** Seconds to the end of that token; left out where it has none. */
  secondsToExpiry?: number;
  /** Start of the token's fingerprint. */
  fingerprint?: string;
  /** Error that the last fetch failed with, if it did. */
  lastError?: { code: string; message: string };
}

/** Characters of a fingerprint that are shown. */
const SHOWN_FINGERPRINT = 8;

/** @param now epoch milliseconds */
export function stepState(
  name: string,
  dependsOn: readonly string[],
  token: Token | undefined,
  error: unknown,
  now: number,
): StepState {
  return {
    name,
    dependsOn: [...dependsOn],
    cached: token !== undefined,
    ...(token?.expiresAt === undefined ? undefined : { secondsToExpiry: Math.floor((token.expiresAt - now) / 1000) }),
    ...(token === undefined ? undefined : { fingerprint: token.fingerprint.slice(0, SHOWN_FINGERPRINT) }),
    ...(error instanceof ForgeAuthError ? { lastError: { code: error.code, message: error.message } } : undefined),
  };
}
