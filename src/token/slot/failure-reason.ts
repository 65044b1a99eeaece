import { AuthenticationError, ForgeAuthError } from '../../errors.js';
import { isRegisteredCode } from '../registered-code.js';

/** Code of an error that says nothing beside that a token request failed. */
const SAYS_NOTHING = 'FORGE_AUTH_TOKEN_REQUEST_FAILED';
const STATUS = /^HTTP [1-5]\d\d$/;
const OWN_CODE = /^FORGE_AUTH_[A-Z_]{1,40}$/;

/**
 * Reason of a failure in a word that may be stored and logged: a registered error code, `HTTP 503`, or a code of ours.
 * Undefined where nothing is known but that it failed.
 */
export function failureReason(error: unknown): string | undefined {
  if (!(error instanceof ForgeAuthError)) return undefined;
  if (error instanceof AuthenticationError) {
    if (error.error !== undefined && isRegisteredCode(error.error)) return error.error;
    if (error.status !== undefined && error.status >= 300) return `HTTP ${error.status}`;
  }
  if (error.code !== SAYS_NOTHING) return error.code;
  return error.cause instanceof ForgeAuthError ? failureReason(error.cause) : undefined;
}

/** Checks whether a text that was stored is a reason. */
export function isFailureReason(text: string): boolean {
  return STATUS.test(text) || OWN_CODE.test(text) || isRegisteredCode(text);
}
