import { AuthenticationError, ConfigurationError } from '../errors.js';
import type { AuthenticatedRequest, Authenticator } from './authenticator.js';
import { currentCaller } from './caller.js';
import { ownOptions } from '../option-check/own-options.js';

/** Options of {@link CallerTokenAuth}. */
export interface CallerTokenAuthOptions {
  /**
   * Sends a request without a credential where there is no caller, or none with a token.
   * @default false: then it fails, and nothing is sent
   */
  optional?: boolean;
}

/**
 * Passes the caller's own bearer token on, to the service's own origin and `allowedOrigins` alone.
 *
 * For services that accept the same tokens as the app itself does. The token is the one that `ForgeRequestContext` holds
 * for the request that is being answered. It is not ours to renew: a rejection stands. A service of another audience
 * wants a token of its own: see `TokenExchangeProvider`.
 */
export class CallerTokenAuth implements Authenticator {
  readonly credentialHeaders: readonly string[] = ['authorization'];
  readonly #optional: boolean;

  /** @throws {ConfigurationError} when an option is malformed */
  constructor(options: CallerTokenAuthOptions = {}) {
    const { optional = false } = ownOptions(options);
    if (typeof optional !== 'boolean') throw new ConfigurationError('CallerTokenAuth: optional must be true or false.');
    this.#optional = optional;
  }

  /** @throws {AuthenticationError} FORGE_AUTH_CALLER_TOKEN_MISSING when there is no caller, or none with a token */
  authenticate(request: AuthenticatedRequest): void {
    const token = currentCaller()?.bearerToken;
    if (token !== undefined) request.headers['authorization'] = `Bearer ${token}`;
    else if (!this.#optional) throw missing(request.serviceName);
  }
}

function missing(serviceName: string): AuthenticationError {
  return new AuthenticationError(
    `No credential for "${serviceName}": the caller's token is to be passed on, and there is none. Is forRoot({ requestContext: true }) set, did the request bring a bearer token, and does work outside of a request run in ForgeRequestContext.run()?`,
    { code: 'FORGE_AUTH_CALLER_TOKEN_MISSING', serviceName, transient: false },
  );
}
