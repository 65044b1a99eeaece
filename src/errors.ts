// More than 250 lines: every error of the package, and its documentation, where people look for them.
import { type Challenge, parseChallenges } from './challenges.js';
import { defineOwn, ownOptions } from './option-check/own-options.js';
import { isInstance, RedactedCause } from './redaction/redact.js';

/** Every code an error of this package can bear. Codes are stable; messages are not. */
export type ForgeAuthErrorCode =
  | 'FORGE_AUTH_CONFIGURATION'
  | 'FORGE_AUTH_TOKEN_REQUEST_FAILED'
  | 'FORGE_AUTH_TOKEN_REFUSED'
  | 'FORGE_AUTH_TOKEN_RESPONSE_INVALID'
  | 'FORGE_AUTH_TOKEN_EXPIRED_ON_ARRIVAL'
  | 'FORGE_AUTH_TOKEN_DEADLINE'
  | 'FORGE_AUTH_BACKOFF'
  | 'FORGE_AUTH_REFRESH_FAILED'
  | 'FORGE_AUTH_AUTHORIZATION_REQUIRED'
  | 'FORGE_AUTH_SIGN_IN_FAILED'
  | 'FORGE_AUTH_CREDENTIAL_FAILED'
  | 'FORGE_AUTH_CALLER_TOKEN_MISSING'
  | 'FORGE_AUTH_ID_TOKEN_INVALID'
  | 'FORGE_AUTH_HTTP_STATUS'
  | 'FORGE_AUTH_TIMEOUT'
  | 'FORGE_AUTH_CONNECTION'
  | 'FORGE_AUTH_TLS'
  | 'FORGE_AUTH_RESPONSE_PARSE'
  | 'FORGE_AUTH_RESPONSE_TOO_LARGE'
  | 'FORGE_AUTH_TOO_MANY_REDIRECTS'
  | 'FORGE_AUTH_ORIGIN_NOT_ALLOWED'
  | 'FORGE_AUTH_INVALID_REQUEST'
  | 'FORGE_AUTH_CIRCUIT_OPEN'
  | 'FORGE_AUTH_CLIENT_CLOSED';

/** Options of every error of this package. */
export interface ForgeAuthErrorOptions {
  /** Stable code. Left out: that of the class. */
  code?: ForgeAuthErrorCode;
  /** Name of the service whose call failed. Left out: set on the way up, where it is known. */
  serviceName?: string;
  /** Cause of the error. Anything but an error of this package is copied without its message and data. */
  cause?: unknown;
}

/**
 * Base of all errors of this package.
 *
 * Messages, properties, JSON and `util.inspect` never hold a token, secret, body or query string.
 */
export class ForgeAuthError extends Error {
  /** Stable, machine-readable. */
  declare readonly code: ForgeAuthErrorCode;
  /** Name of the service whose call failed. Set on the way up where it was not known. */
  declare serviceName?: string;
  /** Number of attempts made. Set by the retry that gave up. */
  declare attempts?: number;

  constructor(message: string, given: ForgeAuthErrorOptions & { code: ForgeAuthErrorCode }) {
    const options = ownOptions(given);
    super(message);
    defineOwn(this, 'name', { value: new.target.name, enumerable: false, configurable: true });
    this.code = options.code;
    if (options.serviceName !== undefined) this.serviceName = options.serviceName;
    if (options.cause !== undefined) {
      const cause = isOurs(options.cause) ? options.cause : new RedactedCause(options.cause);
      defineOwn(this, 'cause', { value: cause, enumerable: false, configurable: true, writable: true });
    }
  }

  /** Anything may be thrown, a proxy that answers no question too: that is no error of this package. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return isInstance(this, value);
  }

  /** Name, code, message and service. */
  toJSON(): Record<string, unknown> {
    return Object.assign({ name: this.name, message: this.message } as Record<string, unknown>, this);
  }
}

function isOurs(cause: unknown): boolean {
  return cause instanceof ForgeAuthError || cause instanceof RedactedCause;
}

/** An option is missing, malformed or contradicts another. Thrown at bootstrap where it can be known there. */
export class ConfigurationError extends ForgeAuthError {
  constructor(message: string, options: Omit<ForgeAuthErrorOptions, 'code'> = {}) {
    super(message, { ...options, code: 'FORGE_AUTH_CONFIGURATION' });
  }
}

/** Marks the errors of every copy of the package that say that no credential could be obtained. */
const AUTHENTICATION_ERROR = Symbol.for('nestjs-forge-auth.AuthenticationError');

/** Options of an {@link AuthenticationError}. */
export interface AuthenticationErrorOptions extends ForgeAuthErrorOptions {
  /** Name of the pipeline step that failed. Left out where it was none. */
  step?: string;
  /** `error` of the token endpoint's answer (RFC 6749 §5.2). Left out where it has none. */
  error?: string;
  /** HTTP status of the token endpoint's answer. Left out where there was none. */
  status?: number;
  /** True when a later attempt may succeed after this failure. @default true for a status of 408, 425, 429 and 5xx */
  transient?: boolean;
  /** Milliseconds for which the token endpoint asked to be left alone. Left out where it did not. */
  retryAfterMs?: number;
  /** Names of the pipeline steps that were tried, the one that was wanted first. Left out where there are none. */
  chain?: readonly string[];
  /** Owner of the token, hashed: see {@link AuthenticationError.subject}. Left out where it is nobody's. */
  subject?: string;
}

/**
 * No credential could be obtained, so the call was not sent.
 *
 * `error` and `errorDescription` are the token endpoint's own words (RFC 6749 §5.2), kept only where they are of the
 * form the RFC prescribes.
 */
export class AuthenticationError extends ForgeAuthError {
  /** Name of the pipeline step that failed. Set on the way up where it was not known. */
  declare step?: string;
  /** `error` of the token endpoint's answer. @see [RFC 6749 §5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2) */
  declare readonly error?: string;
  /** HTTP status of the token endpoint's answer. */
  declare readonly status?: number;
  /** Names of the pipeline steps that were tried, the one that was wanted first. */
  declare readonly chain?: readonly string[];
  /** SHA-256 of the app's name for the user whose token it was, base64url: distinguishes users without naming them. */
  declare readonly subject?: string;
  readonly #errorDescription: string | undefined;
  readonly #transient: boolean;
  readonly #retryAfterMs: number | undefined;

  constructor(message: string, given: AuthenticationErrorOptions & { errorDescription?: string } = {}) {
    const options = ownOptions(given);
    super(message, { ...options, code: options.code ?? 'FORGE_AUTH_TOKEN_REQUEST_FAILED' });
    if (options.step !== undefined) this.step = options.step;
    if (options.error !== undefined) this.error = options.error;
    if (options.status !== undefined) this.status = options.status;
    if (options.chain !== undefined) this.chain = options.chain;
    if (options.subject !== undefined) this.subject = options.subject;
    this.#errorDescription = options.errorDescription;
    this.#transient = options.transient ?? isTransientStatus(options.status);
    this.#retryAfterMs = options.retryAfterMs;
  }

  /** `error_description` of the token endpoint's answer. A getter: issuers quote input there, so it is never printed. */
  get errorDescription(): string | undefined {
    return this.#errorDescription;
  }

  /** True when a later attempt may succeed where this one failed. */
  get transient(): boolean {
    return this.#transient;
  }

  /** Milliseconds for which the token endpoint asked to be left alone. */
  get retryAfterMs(): number | undefined {
    return this.#retryAfterMs;
  }
}

defineOwn(AuthenticationError.prototype, AUTHENTICATION_ERROR, { value: true });

/** Statuses after which the same request may succeed. */
function isTransientStatus(status: number | undefined): boolean {
  return status !== undefined && (status >= 500 || status === 408 || status === 425 || status === 429);
}

/** A refresh token was refused, and no grant could take its place: the person must sign in again. */
export class TokenRefreshError extends AuthenticationError {
  constructor(message: string, given: AuthenticationErrorOptions & { errorDescription?: string } = {}) {
    const options = ownOptions(given);
    super(message, { ...options, code: options.code ?? 'FORGE_AUTH_REFRESH_FAILED' });
  }
}

/**
 * The service answered a status outside `validateStatus`.
 *
 * `status`, `headers` and `data` are getters: printing or serialising the error never shows the service's answer.
 */
export class HttpStatusError extends ForgeAuthError {
  readonly #answer: HttpStatusAnswer;

  constructor(message: string, answer: HttpStatusAnswer, options: Omit<ForgeAuthErrorOptions, 'code'> = {}) {
    super(message, { ...options, code: 'FORGE_AUTH_HTTP_STATUS' });
    this.#answer = answer;
  }

  /** HTTP status of the answer. */
  get status(): number {
    return this.#answer.status;
  }

  /**
   * Challenge of the service, parsed from `WWW-Authenticate`: an error, a scope, claims.
   * @see [RFC 9110 §11.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1), [RFC 6750 §3](https://www.rfc-editor.org/rfc/rfc6750#section-3)
   */
  get challenges(): readonly Challenge[] {
    return parseChallenges(this.#answer.headers['www-authenticate']);
  }

  /** Headers of the answer; names are lower-case. */
  get headers(): Readonly<Record<string, string | string[]>> {
    return this.#answer.headers;
  }

  /** The body, parsed as the response's own `data` would have been. */
  get data(): unknown {
    return this.#answer.data;
  }
}

/** Answer of the service. */
export interface HttpStatusAnswer {
  status: number;
  headers: Readonly<Record<string, string | string[]>>;
  data: unknown;
}

/** Part of an answer that was received when its body failed. */
export interface AnswerHead {
  /** HTTP status. */
  status: number;
  statusText?: string | undefined;
  headers: Readonly<Record<string, string | string[]>>;
}

/** Options of an error of an answer's body. */
export interface BodyErrorOptions extends ForgeAuthErrorOptions {
  /** Head of the answer whose body failed. Left out where it is not known. */
  answer?: AnswerHead | undefined;
}

/** Options of a {@link ConnectionError}. */
export interface ConnectionErrorOptions extends BodyErrorOptions {
  /** True when it is certain that nothing was sent (refused, not resolved). @default false */
  nothingSent?: boolean;
  /** True when the connection, kept from an earlier request, closed before a byte of the answer. @default false */
  staleConnection?: boolean;
}

/** The network failed: refused, reset, not resolved, closed early. */
export class ConnectionError extends ForgeAuthError {
  readonly #nothingSent: boolean;
  readonly #staleConnection: boolean;
  readonly #answer: AnswerHead | undefined;

  constructor(message: string, given: ConnectionErrorOptions = {}) {
    const options = ownOptions(given);
    super(message, { ...options, code: options.code ?? 'FORGE_AUTH_CONNECTION' });
    this.#answer = options.answer;
    this.#nothingSent = options.nothingSent ?? false;
    this.#staleConnection = options.staleConnection ?? false;
  }

  /** Status and headers of the answer, where the connection was closed amid its body. A getter: never printed. */
  get answer(): AnswerHead | undefined {
    return this.#answer;
  }

  /**
   * True when the connection was kept from an earlier request, and closed before a byte of the answer: most likely the
   * server closed it as the request was written.
   */
  get staleConnection(): boolean {
    return this.#staleConnection;
  }

  /** True when it is certain that the request never reached a server: then even a POST may be sent again. */
  get nothingSent(): boolean {
    return this.#nothingSent;
  }
}

/** An attempt took longer than `timeoutMs`, or the call longer than `totalTimeoutMs`. */
export class TimeoutError extends ForgeAuthError {
  readonly #limit: TimeLimit | undefined;
  readonly #limitMs: number | undefined;

  constructor(message: string, given: TimeoutErrorOptions = {}) {
    const options = ownOptions(given);
    super(message, { ...options, code: 'FORGE_AUTH_TIMEOUT' });
    this.#limit = options.limit;
    this.#limitMs = options.limitMs;
  }

  /** Option of the call or its service that ran out; undefined of a request for a token. */
  get limit(): TimeLimit | undefined {
    return this.#limit;
  }

  /** Milliseconds of it. */
  get limitMs(): number | undefined {
    return this.#limitMs;
  }
}

/** Options of a {@link TimeoutError}. */
export interface TimeoutErrorOptions extends Omit<ForgeAuthErrorOptions, 'code'> {
  /** Option that ran out. Left out where it is none of a call. */
  limit?: TimeLimit;
  /** Milliseconds of it. */
  limitMs?: number;
}

/** Options that bound how long a call may take: one attempt, or all of it. */
export type TimeLimit = 'timeoutMs' | 'totalTimeoutMs';

/** The TLS handshake or a certificate check failed. */
export class TlsError extends ForgeAuthError {
  constructor(message: string, options: Omit<ForgeAuthErrorOptions, 'code'> = {}) {
    super(message, { ...options, code: 'FORGE_AUTH_TLS' });
  }
}

/** The body is not what its label says, or larger than `maxContentLength`. */
export class ResponseParseError extends ForgeAuthError {
  readonly #answer: AnswerHead | undefined;

  constructor(message: string, given: BodyErrorOptions = {}) {
    const options = ownOptions(given);
    super(message, { ...options, code: options.code ?? 'FORGE_AUTH_RESPONSE_PARSE' });
    this.#answer = options.answer;
  }

  /** Status and headers of the answer whose body is broken, where they are known. A getter: never printed. */
  get answer(): AnswerHead | undefined {
    return this.#answer;
  }
}

/** A credential would have left for an origin that is neither the service's own nor in `allowedOrigins`. */
export class OriginNotAllowedError extends ForgeAuthError {
  constructor(message: string, options: Omit<ForgeAuthErrorOptions, 'code'> = {}) {
    super(message, { ...options, code: 'FORGE_AUTH_ORIGIN_NOT_ALLOWED' });
  }
}

/** The request could not be built or sent as it was given: a malformed URL, header, body or option of one call. */
export class InvalidRequestError extends ForgeAuthError {
  constructor(message: string, given: ForgeAuthErrorOptions = {}) {
    const options = ownOptions(given);
    super(message, { ...options, code: options.code ?? 'FORGE_AUTH_INVALID_REQUEST' });
  }
}

/** The service's circuit is open: the call failed at once, nothing was sent. */
export class CircuitOpenError extends ForgeAuthError {
  readonly #retryAfterMs: number | undefined;

  constructor(message: string, given: Omit<ForgeAuthErrorOptions, 'code'> & { retryAfterMs?: number } = {}) {
    const options = ownOptions(given);
    super(message, { ...options, code: 'FORGE_AUTH_CIRCUIT_OPEN' });
    this.#retryAfterMs = options.retryAfterMs;
  }

  /** Milliseconds until the circuit lets a call pass that probes the service, where that is known. */
  get retryAfterMs(): number | undefined {
    return this.#retryAfterMs;
  }
}

/** The client was closed. */
export class ClientClosedError extends ForgeAuthError {
  constructor(message: string, options: Omit<ForgeAuthErrorOptions, 'code'> = {}) {
    super(message, { ...options, code: 'FORGE_AUTH_CLIENT_CLOSED' });
  }
}

/** Checks whether `error` is one of this package's, also across two copies of the package. */
export function isForgeAuthError(error: unknown): error is ForgeAuthError {
  return error instanceof ForgeAuthError || codeOf(error)?.startsWith('FORGE_AUTH_') === true;
}

/** Checks whether `error` says that no credential could be obtained, also across two copies of the package. */
export function isAuthenticationError(error: unknown): error is AuthenticationError {
  return isForgeAuthError(error) && AUTHENTICATION_ERROR in error;
}

function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  return typeof code === 'string' ? code : undefined;
}
