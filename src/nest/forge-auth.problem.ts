import { systemClock } from '../clock.js';
import type { ForgeAuthError, ForgeAuthErrorCode } from '../errors.js';
import { parseRetryAfter } from '../retry/retry-after.js';

/** Answer to the app's callers about a service that failed. @see [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457) */
export interface ForgeAuthProblem {
  readonly type: 'about:blank';
  readonly title: string;
  /** HTTP status. */
  readonly status: number;
  readonly detail: string;
  /** The code of the error. */
  readonly code: ForgeAuthErrorCode;
  /** Name of the service that was called. */
  readonly service?: string;
}

const TITLES: Readonly<Record<number, string>> = Object.freeze({
  401: 'Unauthorized',
  404: 'Not Found',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
});

/** Statuses of error codes that are not 502, the answer for a service that failed. */
const STATUS_OF_CODE: Partial<Readonly<Record<ForgeAuthErrorCode, number>>> = Object.freeze({
  FORGE_AUTH_AUTHORIZATION_REQUIRED: 401,
  FORGE_AUTH_REFRESH_FAILED: 401,
  FORGE_AUTH_SIGN_IN_FAILED: 401,
  FORGE_AUTH_CALLER_TOKEN_MISSING: 401,
  FORGE_AUTH_BACKOFF: 503,
  FORGE_AUTH_CIRCUIT_OPEN: 503,
  FORGE_AUTH_CLIENT_CLOSED: 503,
  FORGE_AUTH_TIMEOUT: 504,
  FORGE_AUTH_TOKEN_DEADLINE: 504,
  FORGE_AUTH_CONFIGURATION: 500,
  FORGE_AUTH_INVALID_REQUEST: 500,
  FORGE_AUTH_ORIGIN_NOT_ALLOWED: 500,
});

/** Statuses that answer an upstream's own, where they are not 502. */
const STATUS_OF_UPSTREAM: Readonly<Record<number, number>> = Object.freeze({ 408: 504, 429: 503, 503: 503, 504: 504 });

/**
 * The problem that an error is to the app's callers, in words of our own: messages name addresses.
 * @param passStatuses statuses of a service that are passed on
 */
export function problemOf(
  error: ForgeAuthError,
  passStatuses: ReadonlySet<number> = new Set(),
): { problem: ForgeAuthProblem; retryAfterSeconds: number | undefined } {
  const status = statusOf(error, passStatuses);
  const { code, serviceName } = error;
  const problem: ForgeAuthProblem = {
    type: 'about:blank',
    title: TITLES[status] ?? 'Error',
    status,
    detail: detailOf(status, serviceName),
    code,
    ...(serviceName === undefined ? undefined : { service: serviceName }),
  };
  return { problem, retryAfterSeconds: status === 503 ? retryAfterOf(error) : undefined };
}

/** Read by name, not by class: the error may come from another copy of the package. */
function statusOf(error: ForgeAuthError, passStatuses: ReadonlySet<number>): number {
  const { status } = error as { status?: unknown };
  const upstream = typeof status === 'number' ? status : undefined;
  const known = STATUS_OF_CODE[error.code];
  if (known !== undefined) return known;
  if (upstream === undefined) return 502;
  if (error.code === 'FORGE_AUTH_HTTP_STATUS' && passStatuses.has(upstream)) return upstream;
  return STATUS_OF_UPSTREAM[upstream] ?? 502;
}

function retryAfterOf(error: ForgeAuthError): number | undefined {
  const { retryAfterMs, headers } = error as {
    retryAfterMs?: number;
    headers?: Readonly<Record<string, string | string[]>>;
  };
  const ms = retryAfterMs ?? parseRetryAfter(headers?.['retry-after'], systemClock.now());
  return ms === undefined ? undefined : Math.max(1, Math.ceil(ms / 1_000));
}

function detailOf(status: number, serviceName: string | undefined): string {
  const service = serviceName === undefined ? 'A service' : `The service "${serviceName}"`;
  switch (status) {
    case 401:
      return 'The user must sign in.';
    case 500:
      return 'The request to a service could not be made.';
    case 503:
      return `${service} cannot be called at the moment.`;
    case 504:
      return `${service} did not answer in time.`;
    case 502:
      return `${service} failed.`;
    default:
      return `${service} answered ${status}.`;
  }
}
