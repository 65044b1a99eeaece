import type { Authenticator } from '../../auth/authenticator.js';
import type { HeaderSpelling, HttpHeaders, HttpRequest, HttpResponse, ResponseType } from '../../http/http-request.js';
import type { BodySource } from '../../http/body/request-body.js';
import type { TokenRequest } from '../../token/token-provider.js';
import type { CallScope } from './call-scope.js';
import type { SentCredentials } from '../layers/sent-credentials.js';
import { secretsOf } from '../../redaction/known-secrets.js';

/** State of one call, whatever attempts and hops it takes. */
export interface Call {
  readonly scope: CallScope;
  /** Monotonic milliseconds at which the call started. */
  readonly startedAt: number;
  /** Milliseconds after which the call is given up; `Infinity` without a total timeout. */
  readonly totalTimeoutMs: number;
  /** Per attempt, to the end of the body (to the headers of a stream). */
  readonly timeoutMs: number;
  readonly maxRedirects: number;
  /** Authenticator of the call; `false`: none. */
  readonly authenticator: Authenticator | false;
  readonly tokenRequest: TokenRequest | undefined;
  /** True when the call says that it may be sent twice, false when it says that it may not. */
  readonly idempotent: boolean | undefined;
  /** True when transient failures are retried. */
  readonly retry: boolean;
  /** Attempts begun. */
  attempts: number;
  /** Requests handed to the transport: attempts, replays with another token, redirects. */
  sent: number;
  /** Reason that its authenticator knows for the rejection that the last answer is. */
  rejection: string | undefined;
  /** The request as it last went out, credential and all. */
  lastSent: HttpRequest | undefined;
  /** Credential parameters that the call brought itself, in its query or its form: no authenticator writes them. */
  ownParameters: ReadonlySet<string> | undefined;
  /** Credentials that were put on requests of the call that were redirected. */
  sentCredentials: SentCredentials | undefined;
}

/** A request on its way down: not yet authenticated, its body not yet opened. */
export interface CallRequest {
  readonly method: string;
  /** Absolute and normalised. */
  readonly url: string;
  readonly headers: Readonly<HttpHeaders>;
  readonly spelling: HeaderSpelling | undefined;
  readonly body: BodySource | undefined;
  readonly responseType: ResponseType;
  readonly maxContentLength: number | undefined;
  /** Options that only the axios transport reads. */
  readonly axios: Readonly<Record<string, unknown>> | undefined;
  /** Lower-case names of headers that no authenticator may write. */
  readonly withheld?: ReadonlySet<string> | undefined;
  /** The call brought a credential of its own, which a redirect elsewhere has dropped: none takes its place. */
  readonly credentialRemoved?: boolean;
  readonly call: Call;
}

/** Methods that may be sent twice (RFC 9110 §9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']);

/** Checks whether a request may be sent twice: as its call says, else as its method does. */
export function isIdempotent({ method, call }: { readonly method: string; readonly call: Call }): boolean {
  return call.idempotent ?? IDEMPOTENT.has(method);
}

/** Frees the connection of an answer that nobody will read. */
export function discard(response: HttpResponse): void {
  if (!Buffer.isBuffer(response.body)) response.body.destroy();
}

/** Returns the known reason of a call's rejection, to follow the status in a message. */
export function rejectionOf({ rejection }: Call): string {
  return rejection === undefined ? '' : `: ${rejection}`;
}

/** Returns the secrets of a call, not to be logged: its own headers and query, and what last went out. */
export function secretsOfCall(request: CallRequest): string[] {
  const { lastSent } = request.call;
  return [...secretsOf(request), ...(lastSent === undefined ? [] : secretsOf(lastSent))];
}
