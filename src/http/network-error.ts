import {
  type AnswerHead,
  ConnectionError,
  type ForgeAuthError,
  InvalidRequestError,
  ResponseParseError,
  TlsError,
} from '../errors.js';
import { tlsCure } from './tls-hints.js';
import { isErrorCode, RedactedCause, redactUrl } from '../redaction/redact.js';

/** Codes of Node and OpenSSL that mean that a certificate or handshake was refused. */
const TLS_CODE =
  /^(?:ERR_SSL_|ERR_TLS_|CERT_|UNABLE_TO_|EPROTO$|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|ERR_OSSL_|CRL_)/;

/** Nothing left this machine: even a POST may be sent again. */
const NOTHING_SENT: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ENOTFOUND', 'UND_ERR_CONNECT_TIMEOUT']);

/** Error codes of a request on a connection that its server has closed. */
const CLOSED: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);

const BAD_INPUT: ReadonlySet<string> = new Set([
  'ERR_BAD_OPTION_VALUE',
  'ERR_BAD_OPTION',
  'ERR_BAD_REQUEST',
  'ERR_INVALID_CHAR',
  'ERR_INVALID_URL',
  'ERR_HTTP_INVALID_HEADER_VALUE',
  'ERR_HTTP_TRAILER_INVALID',
  'ERR_SOCKET_BAD_PORT',
  'ERR_INVALID_HTTP_TOKEN',
  'ERR_INVALID_ARG_TYPE',
  'ERR_INVALID_ARG_VALUE',
  'ERR_INVALID_PROTOCOL',
  'ERR_UNESCAPED_CHARACTERS',
  'ERR_NOT_SUPPORT',
  'UND_ERR_INVALID_ARG',
  'UND_ERR_NOT_SUPPORTED',
  'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH',
]);

/** Further details of a failure. */
interface NetworkErrorOptions {
  readonly onKeptConnection?: boolean | undefined;
  readonly cause?: unknown;
  /** Part of the answer that was received. */
  readonly answer?: AnswerHead | undefined;
  /** Likely reason, and what to do about it: a sentence. */
  readonly hint?: string | undefined;
}

/**
 * Turns what an HTTP library throws into one of our own errors, by its code alone: never by its message or data.
 * @param how whether the request went out on a connection that served others (left out, `raw` may know), and what is
 * shown of it: of a transport of the app's own perhaps more
 */
export function networkError(method: string, url: string, raw: unknown, how: NetworkErrorOptions = {}): ForgeAuthError {
  const { onKeptConnection, cause = raw, answer, hint } = how;
  const code = errorCode(raw) ?? '';
  const what = `${method} ${redactUrl(url)}`;
  if (TLS_CODE.test(code)) {
    return new TlsError(withHint(`${what} failed: TLS refused (${code}).`, hint ?? tlsCure(code)), { cause });
  }
  if (BAD_INPUT.has(code)) return new InvalidRequestError(`${what} cannot be sent as given (${code}).`, { cause });
  if (/^(?:Z_|ERR__|ZSTD_)/.test(code) || code === 'ERR_BAD_RESPONSE') {
    return new ResponseParseError(`${what} answered a body that cannot be read (${code}).`, { cause, answer });
  }
  const own = cause instanceof RedactedCause ? `: its transport threw ${cause.summary}` : '';
  const why = (code === '' ? 'connection failed' : `connection failed (${code})`) + own;
  const staleConnection = answer === undefined && CLOSED.has(code) && (onKeptConnection ?? isOnKeptConnection(raw));
  return new ConnectionError(withHint(`${what} failed: ${why}.`, hint), {
    cause,
    answer,
    nothingSent: NOTHING_SENT.has(code),
    staleConnection,
  });
}

function withHint(message: string, hint: string | undefined): string {
  return hint === undefined || hint === '' ? message : `${message} ${hint}`;
}

/** The code of an error, or of the first error inside an AggregateError (Node tries several addresses). */
function errorCode(raw: unknown): string | undefined {
  if (typeof raw !== 'object' || raw === null) return undefined;
  const { code, cause, errors } = raw as { code?: unknown; cause?: unknown; errors?: unknown };
  if (isErrorCode(code) && code !== 'ERR_NETWORK') return code;
  return errorCode(cause) ?? (Array.isArray(errors) ? errorCode(errors[0]) : undefined);
}

/** Checks whether Node's request without an answer (axios hands it on) or undici's socket was on a kept connection. */
function isOnKeptConnection(raw: unknown): boolean {
  if (typeof raw !== 'object' || raw === null) return false;
  const { request, response, socket, cause } = raw as Partial<
    Record<'request' | 'response' | 'socket' | 'cause', unknown>
  >;
  if (response !== undefined) return false;
  const kept = (request as { reusedSocket?: unknown } | undefined)?.reusedSocket === true;
  return kept || Number((socket as { bytesRead?: unknown } | undefined)?.bytesRead) > 0 || isOnKeptConnection(cause);
}
