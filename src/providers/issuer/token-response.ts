import { AuthenticationError } from '../../errors.js';
import type { ForgeResponse } from '../../http/forge-response.js';
import { maskSecrets } from '../../redaction/known-secrets.js';
import { redactUrl } from '../../redaction/redact.js';
import { parseRetryAfter } from '../../retry/retry-after.js';
import type { ComplianceResponse } from '../compliance.js';
import { registeredCode } from '../../token/registered-code.js';
import { saysAnything } from './answer-members.js';
import { ownOptions } from '../../option-check/own-options.js';

/** Codes with which a server says that it cannot now, rather than that it will not. */
const PASSING: ReadonlySet<string> = new Set(['server_error', 'temporarily_unavailable', 'slow_down']);

/** Statuses of an address at which there is no endpoint. */
export const NOT_THERE: ReadonlySet<number> = new Set([404, 405, 410]);

/** Statuses after which the same request may succeed. */
export function isTransientStatus(status: number): boolean {
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
 * @param what name of the request: `Token request for "payments"`
 * @param option the option that says where to ask, for the message about an endpoint that has moved
 * @throws {AuthenticationError}
 */
export function readTokenAnswer(
  response: ComplianceResponse,
  what: string,
  nowMs: number,
  option = 'tokenUrl',
): Record<string, unknown> {
  const { status, headers, body } = response;
  const json =
    typeof body === 'object' && body !== null && !Array.isArray(body)
      ? ownOptions(body as Record<string, unknown>)
      : undefined;
  const ok = status >= 200 && status < 300;
  const hasError = saysAnything(json?.['error']);
  if (ok && json !== undefined && !hasError) return json;
  const retryAfterMs = parseRetryAfter(headers['retry-after'], nowMs);
  const shared = { status, ...(retryAfterMs === undefined ? undefined : { retryAfterMs }) };
  if (json === undefined || !hasError) {
    if (ok) {
      throw new AuthenticationError(`${what} failed: HTTP ${status} with a body that is no JSON object.`, {
        ...shared,
        code: 'FORGE_AUTH_TOKEN_RESPONSE_INVALID',
        transient: true,
      });
    }
    const hint = NOT_THERE.has(status)
      ? `. Look at the option that names the endpoint (${option})`
      : redirectOf(status, headers['location'], option);
    throw new AuthenticationError(`${what} failed: HTTP ${status}${hint}.`, {
      ...shared,
      code: isTransientStatus(status) ? 'FORGE_AUTH_TOKEN_REQUEST_FAILED' : 'FORGE_AUTH_TOKEN_REFUSED',
      transient: isTransientStatus(status),
    });
  }
  const code = registeredCode(json['error']);
  const transient = isTransientStatus(status) || PASSING.has(code);
  const description = json['error_description'];
  throw new AuthenticationError(`${what} failed: ${code} (HTTP ${status}).`, {
    ...shared,
    code: transient ? 'FORGE_AUTH_TOKEN_REQUEST_FAILED' : 'FORGE_AUTH_TOKEN_REFUSED',
    transient,
    error: code,
    ...(typeof description === 'string' ? { errorDescription: description } : undefined),
  });
}

/**
 * For messages: the place that an endpoint moved to, and the cure. A redirect is not followed, since it would take the
 * secret along.
 */
export function redirectOf(status: number, header: string | readonly string[] | undefined, option: string): string {
  const redirect = redirectTarget(status, header);
  return redirect && `${redirect}. Give the option that names the endpoint (${option}) where it leads`;
}

/** Statuses of an answer that says where else to ask. */
export const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** Stands for the host of an endpoint, where a redirect names none. */
const SAME_HOST = 'http://same.invalid';

/** For messages: where a redirect leads, without its query; the path alone where it stays on its host. Empty for anything else. */
export function redirectTarget(status: number, header: string | readonly string[] | undefined): string {
  const [location = ''] = [header ?? ''].flat();
  if (!REDIRECTS.has(status) || location.trim() === '' || !URL.canParse(location, SAME_HOST)) return '';
  const { protocol, origin, pathname, href } = new URL(location, SAME_HOST);
  if (!/^https?:$/.test(protocol)) return '';
  return `, a redirect to ${maskSecrets(origin === SAME_HOST ? pathname : redactUrl(href))}`;
}
