import { type Authenticator, isAuthenticator } from '../../auth/authenticator.js';
import { monotonicNow } from '../../clock.js';
import { InvalidRequestError } from '../../errors.js';
import type { HttpHeaders, ResponseType } from '../../http/http-request.js';
import { bodySourceOf } from '../../http/body/request-body.js';
import type { QueryParams } from '../../http/query-params.js';
import { serializeParams } from '../../http/query-params.js';
import { queryNames, withoutQueryParams } from '../../http/query-of-url.js';
import { resolveUrl } from '../../http/url.js';
import type { TokenRequest } from '../../token/token-provider.js';
import { HARMLESS_DEFAULTS } from '../layers/sent-credentials.js';
import { ownParametersIn } from '../layers/own-credentials.js';
import type { CallRequest } from './call-request.js';
import type { CallScope } from './call-scope.js';
import type { FaceRequest } from '../faces/face-request.js';
import type { ForgeRequest, RequestHeaders } from './request-config.js';
import { spellingOf } from '../../http/axios/spelled-headers.js';
import { headersOf } from './request-headers.js';
import { assertTokenRequest } from './known-options.js';
import type { ResolvedService } from '../resolved-service.js';
import { ownOptions } from '../../option-check/own-options.js';
import { shownValue } from '../../redaction/redact.js';
import { credentialHeadersOf, credentialParametersOf } from '../../auth/composite.authenticator.js';

/** More than any answer that an app holds in memory on purpose; a few hundred kilobytes of it may unpack to more. */
export const MAX_BYTES_IN_MEMORY = 104_857_600;

const RESPONSE_TYPES: ReadonlySet<ResponseType> = new Set(['json', 'text', 'arraybuffer', 'stream']);

/**
 * Makes the request of a call.
 * @throws {InvalidRequestError | OriginNotAllowedError} when it cannot be sent as given
 */
export function buildRequest(service: ResolvedService, config: FaceRequest, scope: CallScope): CallRequest {
  const { authenticator, tokenRequest } = authOf(service, config.auth);
  const asked = resolveUrl(service.base, config.url ?? '', config.params);
  const resolved = service.replaceCredential ? withoutCredentialIn(asked, authenticator) : asked;
  if (authenticator !== false) service.origins.assertAllows(resolved);
  const own = isOwn(service, resolved);
  const startedAt = monotonicNow(service.clock);
  const given = service.replaceCredential ? withoutCredential(config.headers, authenticator) : config.headers;
  const headers = headersOf(own ? service.headers : harmless(service.headers), given);
  const responseType = responseTypeOf(config.responseType);
  return {
    method: methodOf(config.method),
    url: own && service.params !== undefined ? withDefaults(resolved, service.params) : resolved,
    headers,
    spelling: spellingOf(service.spelling, given),
    body: config.body ?? bodySourceOf(config.data, contentTypeOf(headers)),
    responseType,
    maxContentLength:
      bytes(config.maxContentLength) ??
      service.maxContentLength ??
      (responseType === 'stream' ? undefined : MAX_BYTES_IN_MEMORY),
    axios: config.axios,
    credentialRemoved: false,
    withheld: config.withheld,
    call: {
      scope,
      startedAt,
      totalTimeoutMs:
        duration(config.totalTimeoutMs, 'totalTimeoutMs') ?? service.totalTimeoutMs ?? Number.POSITIVE_INFINITY,
      timeoutMs: duration(config.timeoutMs, 'timeoutMs') ?? service.timeoutMs,
      maxRedirects: hops(config.maxRedirects) ?? service.maxRedirects,
      authenticator,
      tokenRequest,
      idempotent: config.idempotent,
      retry: config.retry !== false,
      attempts: 1,
      sent: 0,
      rejection: undefined,
      lastSent: undefined,
      sentCredentials: undefined,
      ownParameters: ownParametersIn(resolved, authenticator),
    },
  };
}

/** Removes what a library has written in the place of the credential that will be put on. */
function withoutCredential(
  headers: RequestHeaders | undefined,
  authenticator: Authenticator | false,
): RequestHeaders | undefined {
  if (headers === undefined || authenticator === false) return headers;
  const credentials = new Set(['authorization', ...credentialHeadersOf(authenticator)]);
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !credentials.has(name.toLowerCase())));
}

/** As {@link withoutCredential}, of the query. A form's is written over. */
function withoutCredentialIn(url: string, authenticator: Authenticator | false): string {
  if (authenticator === false || !url.includes('?')) return url;
  return withoutQueryParams(url, new Set(credentialParametersOf(authenticator).query));
}

/** Checks whether the service's own headers and parameters may go there: without base and credential, everywhere. */
function isOwn({ base, authenticator, origins }: ResolvedService, url: string): boolean {
  return origins.allows(url) || (base === undefined && authenticator === false);
}

function authOf(
  service: ResolvedService,
  auth: ForgeRequest['auth'],
): { authenticator: Authenticator | false; tokenRequest: TokenRequest | undefined } {
  if (auth === undefined) return { authenticator: service.authenticator, tokenRequest: undefined };
  if (auth === false) return { authenticator: false, tokenRequest: undefined };
  if (isAuthenticator(auth)) return { authenticator: auth, tokenRequest: undefined };
  if (typeof auth === 'object' && auth !== null && service.usesTokens) {
    assertTokenRequest(auth);
    return { authenticator: service.authenticator, tokenRequest: auth };
  }
  throw new InvalidRequestError(
    service.usesTokens
      ? 'auth must be false, an authenticator, or token parameters such as { scope }.'
      : 'auth must be false or an authenticator: the service has no token that parameters could be asked of.',
  );
}

function methodOf(method: string | undefined): string {
  if (method === undefined) return 'GET';
  if (typeof method === 'string' && /^[A-Za-z]+(?:-[A-Za-z]+)*$/.test(method)) return method.toUpperCase();
  throw new InvalidRequestError('method must be a word such as GET.');
}

/** A call's own parameters take the place of the service's. */
function withDefaults(url: string, params: QueryParams): string {
  const own = queryNames(new URL(url).search);
  const more = serializeParams(params)
    .split('&')
    .filter((pair) => pair !== '' && ![...queryNames(pair)].some((name) => own.has(name)));
  if (more.length === 0) return url;
  return new URL(`${url}${url.includes('?') ? '&' : '?'}${more.join('&')}`).href;
}

function harmless(headers: Readonly<HttpHeaders>): HttpHeaders {
  return ownOptions(Object.fromEntries(Object.entries(headers).filter(([name]) => HARMLESS_DEFAULTS.has(name))));
}

function contentTypeOf(headers: Readonly<HttpHeaders>): string | undefined {
  const value = headers['content-type'];
  return typeof value === 'string' ? value.toLowerCase() : undefined;
}

function responseTypeOf(type: ResponseType = 'json'): ResponseType {
  if (RESPONSE_TYPES.has(type)) return type;
  throw new InvalidRequestError(
    `responseType must be one of ${[...RESPONSE_TYPES].join(', ')}, not ${shownValue(type)}.`,
  );
}

function hops(value: number | undefined): number | undefined {
  if (value === undefined || (typeof value === 'number' && value >= 0)) return value;
  throw new InvalidRequestError(`maxRedirects must be a number, zero or more, not ${shownValue(value)}.`);
}

function bytes(value: number | undefined): number | undefined {
  if (value === undefined || (typeof value === 'number' && value > 0)) return value;
  throw new InvalidRequestError(`maxContentLength must be a number of bytes above zero, not ${shownValue(value)}.`);
}

function duration(value: number | undefined, name: string): number | undefined {
  if (value === undefined || (typeof value === 'number' && value > 0)) return value;
  throw new InvalidRequestError(`${name} must be a number of milliseconds above zero, not ${shownValue(value)}.`);
}
