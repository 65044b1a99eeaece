import { AuthenticationError } from '../errors.js';
import type { ForgeResponse } from '../http/forge-response.js';
import { parseRetryAfter } from '../retry/retry-after.js';
import type { ComplianceResponse } from './compliance.js';
import { ownOptions } from '../own-options.js';

/** `error` codes are lower-case words; anything else may be a quotation of what was sent. */
const ERROR_CODE = /^[a-z][a-z0-9_]{1,40}$/;

/** Codes with which a server says that it cannot now, rather than that it will not. */
const PASSING: ReadonlySet<string> = new Set(['server_error', 'temporarily_unavailable', 'slow_down']);

function codeOf(error: unknown, said: string): string | undefined {
  return typeof error === 'string' && ERROR_CODE.test(error) && !said.includes(error) ? error : undefined;
}

/** Statuses after which the same request may succeed. */
export function isPassing(status: number): boolean {
  return status >= 500 || status === 408 || status === 425 || status === 429;
}

/** The body as a compliance hook sees it. */
export function complianceResponse(response: ForgeResponse): ComplianceResponse {
  return {
    status: response.status,
    headers: response.headers,
    body: response.jsonOrNull<unknown>() ?? response.text(),
  };
}

/**
 * The JSON object of a successful answer; throws what the answer says otherwise.
 *
 * Any 2xx and any label will do. An `error` in a 200 is an error; a 200 that is no JSON object (HTML, nothing, half of
 * one) is a failure that may pass.
 * @param what what was asked: `Token request for "payments"`
 * @param said the request, credentials included: an error code that is part of it is a quotation
 * @throws {AuthenticationError}
 */
export function readTokenAnswer(
  response: ComplianceResponse,
  what: string,
  nowMs: number,
  said = '',
): Record<string, unknown> {
  const { status, headers, body } = response;
  const json =
    typeof body === 'object' && body !== null && !Array.isArray(body)
      ? ownOptions(body as Record<string, unknown>)
      : undefined;
  const ok = status >= 200 && status < 300;
  const hasError = json?.['error'] !== undefined && json['error'] !== null;
  if (ok && json !== undefined && !hasError) return json;
  const retryAfterMs = parseRetryAfter(headers['retry-after'], nowMs);
  const shared = { status, ...(retryAfterMs === undefined ? undefined : { retryAfterMs }) };
  if (!hasError) {
    if (ok) {
      throw new AuthenticationError(`${what} failed: HTTP ${status} with a body that is no JSON object.`, {
        ...shared,
        code: 'FORGE_AUTH_TOKEN_RESPONSE_INVALID',
        transient: true,
      });
    }
    throw new AuthenticationError(`${what} failed: HTTP ${status}.`, {
      ...shared,
      code: isPassing(status) ? 'FORGE_AUTH_TOKEN_REQUEST_FAILED' : 'FORGE_AUTH_TOKEN_REFUSED',
      transient: isPassing(status),
    });
  }
  const code = codeOf(json['error'], said);
  const transient = isPassing(status) || (code !== undefined && PASSING.has(code));
  const description = json['error_description'];
  throw new AuthenticationError(`${what} failed: ${code ?? 'an error'} (HTTP ${status}).`, {
    ...shared,
    code: transient ? 'FORGE_AUTH_TOKEN_REQUEST_FAILED' : 'FORGE_AUTH_TOKEN_REFUSED',
    transient,
    ...(code === undefined ? undefined : { error: code }),
    ...(typeof description === 'string' ? { errorDescription: description } : undefined),
  });
}

/** What a Basic header says, and every other header as it is. */
export function credentialsIn(headers: Record<string, string>): string {
  return Object.values(headers)
    .map((value) => (/^Basic /i.test(value) ? Buffer.from(value.slice(6), 'base64').toString() : value))
    .join(' ');
}
