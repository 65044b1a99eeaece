import {
  AuthenticationError,
  ClientClosedError,
  ConfigurationError,
  ConnectionError,
  ForgeAuthError,
  TimeoutError,
} from '../errors.js';
import { RedactedCause } from '../redaction/redact.js';

/** Checks whether trying the same thing again may help: the network, not a refusal. */
export function isTransient(error: unknown): boolean {
  if (error instanceof AuthenticationError) return error.transient;
  return error instanceof ConnectionError || error instanceof TimeoutError;
}

/** Answers of a gateway that has heard nothing, or nothing it understood, from the issuer behind it. */
const OUTCOME_UNKNOWN: ReadonlySet<number> = new Set([502, 504]);

/** Checks whether it is certain what the issuer made of the request: it answered, or has never seen it. */
export function outcomeIsKnown(error: unknown): boolean {
  if (error instanceof AuthenticationError && error.status !== undefined) return !OUTCOME_UNKNOWN.has(error.status);
  const cause = error instanceof AuthenticationError ? error.cause : error;
  return cause instanceof ConnectionError && cause.nothingSent;
}

/** Refusals of the client, whatever it asks for. */
const CLIENT_REFUSALS: ReadonlySet<string> = new Set(['invalid_client', 'unauthorized_client']);

/** Checks whether a failure is the endpoint's for any request: not a refusal of what one request asked for. */
export function isOfEndpoint(error: unknown): boolean {
  if (!(error instanceof AuthenticationError)) return false;
  const { status, retryAfterMs, cause } = error;
  if (retryAfterMs !== undefined || error.code === 'FORGE_AUTH_TOKEN_DEADLINE') return true;
  if (CLIENT_REFUSALS.has(error.error ?? '') || cause instanceof ConnectionError || cause instanceof TimeoutError)
    return true;
  return status !== undefined && error.transient;
}

/**
 * Whatever a provider threw, as the error that all waiting callers get.
 * @param owner for the message: `"orders"`
 */
export function tokenFailure(error: unknown, owner: string, serviceName: string | undefined): ForgeAuthError {
  if (
    error instanceof AuthenticationError ||
    error instanceof ConfigurationError ||
    error instanceof ClientClosedError
  ) {
    if (serviceName !== undefined) error.serviceName ??= serviceName;
    return error;
  }
  const why =
    error instanceof ForgeAuthError
      ? error.message
      : wordsOf(error instanceof RedactedCause ? error : new RedactedCause(error));
  return new AuthenticationError(`Token request for ${owner} failed: ${why}`, {
    cause: error,
    transient: true,
    ...(serviceName === undefined ? undefined : { serviceName }),
  });
}

function wordsOf({ option = 'the provider', summary }: RedactedCause): string {
  return `${option} threw ${summary}.`;
}
