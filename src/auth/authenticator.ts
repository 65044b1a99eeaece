import type { Clock } from '../clock.js';
import type { ForgeResponse } from '../http/forge-response.js';
import type { HttpRequest } from '../http/http-request.js';
import type { AuthRetryStrategy } from '../retry/auth-retry.strategy.js';
import type { TokenRequest } from '../token/token-provider.js';
import { declared } from '../option-check/own-options.js';

/** A request that is about to be sent: an authenticator puts a credential into its headers or URL. */
export interface AuthenticatedRequest extends HttpRequest {
  /** Name of the service that is called. */
  readonly serviceName: string;
  /** Parameters that the call asks of its token. */
  readonly tokenRequest: TokenRequest | undefined;
  /** Stands for the whole call, replays included: a place to hang what is known of it. */
  readonly call: object;
  /** The time, for whoever signs or waits. */
  readonly clock: Clock;
  /** Aborts when the caller no longer waits. Made on first use. */
  readonly callSignal: AbortSignal;
  /** Number of times that this request was sent before, each with another credential: 0 for the first sending. */
  readonly replays: number;
  /** Headers that stay away: the call wants them left out, or brought them itself and a redirect has dropped them. */
  readonly withheld?: ReadonlySet<string> | undefined;
  /** Credential parameters that the call brought itself, in its query or its form: they stay as they are. */
  readonly ownParameters?: ReadonlySet<string> | undefined;
  /** True when the call brought an `Authorization` header itself, which is then its credential. */
  readonly ownAuthorization?: boolean | undefined;
  /** True when it can be sent once more: not with a body that can be read only once. */
  readonly replayable: boolean;
  /**
   * Reason of the rejection that an authenticator has just judged, in words that follow the status in the error's
   * message. Never a part of the answer or of a credential.
   */
  rejection?: string | undefined;
}

/**
 * Verdict of an answer on the credential that its request carried.
 *
 * - `accepted`: nothing against it;
 * - `resend`: the request is worth sending again as things stand now, nothing was renewed for it: a nonce was learned, a
 *   clock set, or another call has replaced the credential already. Not counted as a replay, and done three times at most;
 * - `replaced`: another credential was obtained, with which the request is sent again, as often as `retry` allows;
 * - `rejected`: it was refused, and there is no other: the answer stands.
 */
export type CredentialVerdict = 'accepted' | 'resend' | 'replaced' | 'rejected';

/**
 * Puts a credential on requests to one service.
 *
 * Called for each request that is sent, replays included, with a copy of its own. Never called for another origin than
 * the service's, for an excluded path, or where the call brought a credential of its own.
 */
export interface Authenticator {
  /**
   * Changes `request.headers` or `request.url`.
   * @throws {AuthenticationError} when no credential can be obtained: the request is not sent
   */
  authenticate(request: AuthenticatedRequest): void | Promise<void>;
  /** Checks whether this authenticator is meant for the request. Asked by {@link CompositeAuth}. @default always */
  appliesTo?(request: AuthenticatedRequest): boolean;
  /**
   * Judges every answer to a request that this authenticator wrote, by whatever it likes: `retry` only bounds the
   * replays. A body that was asked for as a stream must be left unread.
   * @throws {ConfigurationError} when a function of the app's that must answer at once returns a promise
   */
  onResponse?(response: ForgeResponse, request: AuthenticatedRequest): CredentialVerdict | Promise<CredentialVerdict>;
  /**
   * The simple form of `onResponse`, called where `retry` says that the credential was rejected and the request may be
   * sent again: returns whether another credential was obtained. With neither, a rejection stands.
   */
  onRejected?(response: ForgeResponse, request: AuthenticatedRequest): Promise<boolean>;
  /** Decides when a rejected call is sent again. @default `SimpleAuthRetryStrategy`: once, on 401 */
  readonly retry?: AuthRetryStrategy | undefined;
  /** True when calls may say what they ask of its token: `auth: { subject }`. @default false */
  readonly takesTokenRequest?: boolean | undefined;
  /** Signs the request as it stands: {@link CompositeAuth} calls it after those that change it. @default false */
  readonly signsRequest?: boolean | undefined;
  /**
   * Lower-case names of the headers that are written. A call that sets one of them itself is left alone; with none, one
   * that sets `Authorization`.
   */
  readonly credentialHeaders?: readonly string[] | undefined;
  /** Names of the parameters that are written, by their place. A call that brings one of them itself is left alone. */
  readonly credentialParameters?: CredentialParameters | undefined;
}

/** Names of parameters that carry a credential. */
export interface CredentialParameters {
  /** Names of query parameters. @default none */
  readonly query?: readonly string[];
  /** Names of parameters in a form body. @default none */
  readonly form?: readonly string[];
}

/** A credential, or a function that reads it for each request. */
export type CredentialSource = string | (() => string | Promise<string>);

/** Checks whether `value` can authenticate requests. */
export function isAuthenticator(value: unknown): value is Authenticator {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  return typeof declared(value as Partial<Authenticator>, 'authenticate') === 'function';
}
