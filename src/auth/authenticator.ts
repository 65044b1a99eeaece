import type { ForgeResponse } from '../http/forge-response.js';
import type { HttpRequest } from '../http/http-request.js';
import type { AuthRetryStrategy } from '../retry/auth-retry.strategy.js';
import type { TokenRequest } from '../token/token-provider.js';

/** A request that is about to be sent: an authenticator puts a credential into its headers or URL. */
export interface AuthenticatedRequest extends HttpRequest {
  /** Name of the service that is called. */
  readonly serviceName: string;
  /** What the call asks of its token. */
  readonly tokenRequest: TokenRequest | undefined;
  /** Stands for the whole call, replays included: a place to hang what is known of it. */
  readonly call: object;
  /** Aborts when the caller no longer waits. Made on first use. */
  readonly callSignal: AbortSignal;
}

/**
 * Puts a credential on requests to one service.
 *
 * Called for each request that is sent, replays included, with a copy of its own. Never called for another origin than
 * the service's, for an excluded path, or where the call brought a credential of its own.
 */
export interface Authenticator {
  /**
   * Changes `request.headers` or `request.url`.
   * @throws {AuthenticationError} when there is no credential to be had: the request is not sent
   */
  authenticate(request: AuthenticatedRequest): void | Promise<void>;
  /** Whether this authenticator is meant for the request. Asked by {@link CompositeAuth}. @default always */
  appliesTo?(request: AuthenticatedRequest): boolean;
  /**
   * The service rejected the credential: answers whether another one was got, so that the call is worth sending again.
   * Left out, a rejection stands.
   */
  onRejected?(response: ForgeResponse, request: AuthenticatedRequest): Promise<boolean>;
  /**
   * Whether the sending again that `onRejected` has just asked for counts as one of those that `retry` allows. It does
   * not where the credential was merely the newest known here, and may be as old as the rejected one. @default true
   */
  countsReplay?(request: AuthenticatedRequest): boolean;
  /** The last answer to a call that had a rejection: whether it was one, too. */
  onSettled?(request: AuthenticatedRequest, rejected: boolean): void;
  /** When a rejected call is sent again. @default `SimpleAuthRetryStrategy`: once, on 401 */
  readonly retry?: AuthRetryStrategy | undefined;
  /** Lower-case name of the header that is written. A call that sets it itself is left alone. */
  readonly credentialHeader?: string | undefined;
}

/** A credential, or a function that reads it for each request. */
export type CredentialSource = string | (() => string | Promise<string>);

/** Whether `value` can authenticate requests. */
export function isAuthenticator(value: unknown): value is Authenticator {
  return typeof (value as Partial<Authenticator> | undefined)?.authenticate === 'function';
}
