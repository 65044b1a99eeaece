import { ownOptions } from '../../option-check/own-options.js';
import { credentialHeadersOf } from '../../auth/composite.authenticator.js';
import { ForgeAuthError } from '../../errors.js';
import type { HttpHeaders, HttpResponse } from '../../http/http-request.js';
import { originOf } from '../../http/origin.js';
import { redactUrl } from '../../redaction/redact.js';
import { type CallRequest, discard } from '../request/call-request.js';
import type { Layer } from './layer.js';

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** Headers of a request that another origin may see: none that could be a credential. */
const HARMLESS_ELSEWHERE: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'accept-language',
  'cache-control',
  'content-language',
  'content-type',
  'range',
  'user-agent',
]);

const OF_THE_BODY: ReadonlySet<string> = new Set([
  'content-type',
  'content-length',
  'content-encoding',
  'content-language',
  'content-location',
  'transfer-encoding',
]);

/**
 * Follows redirects, each hop judged and authenticated anew; methods and bodies change as in the Fetch standard.
 * A redirect that needs a body which cannot be sent again is answered as it is.
 * @see [RFC 9110 §15.4](https://www.rfc-editor.org/rfc/rfc9110#section-15.4)
 */
export const redirectLayer: Layer = async (request, next) => {
  const { maxRedirects } = request.call;
  let current = request;
  for (let hops = 0; ; hops += 1) {
    const response = await next(current);
    if (hops > 0) response.requestedUrl = current.url;
    if (!REDIRECTS.has(response.status) || maxRedirects === 0) return response;
    const target = nextHop(current, response);
    if (target === undefined) return response;
    if (hops === maxRedirects) {
      discard(response);
      throw new ForgeAuthError(
        `${request.method} ${redactUrl(request.url)} was redirected more than ${maxRedirects} times.`,
        {
          code: 'FORGE_AUTH_TOO_MANY_REDIRECTS',
        },
      );
    }
    discard(response);
    current = target;
  }
};

/** The request to send next; undefined when the answer is no redirect that can be followed. */
function nextHop(request: CallRequest, response: HttpResponse): CallRequest | undefined {
  const url = targetOf(request, response);
  if (url === undefined) return undefined;
  const method = methodAfter(request.method, response.status);
  const keepsBody = method === request.method;
  if (keepsBody && request.body !== undefined && !request.body.replayable) return undefined;
  const elsewhere = originOf(url) !== originOf(request.url);
  return {
    ...request,
    url,
    method,
    body: keepsBody ? request.body : undefined,
    headers: headersAfter(request.headers, keepsBody, elsewhere),
    ...(elsewhere ? leftBehind(request) : undefined),
  };
}

/** Withholds the call's own headers that are dropped: nothing takes their place, wherever it goes from there. */
function leftBehind({ headers, withheld, call: { authenticator } }: CallRequest): Partial<CallRequest> {
  const dropped = Object.keys(headers).filter((name) => !HARMLESS_ELSEWHERE.has(name));
  const written = new Set(['authorization', ...(authenticator === false ? [] : credentialHeadersOf(authenticator))]);
  return {
    withheld: new Set([...(withheld ?? []), ...dropped]),
    ...(dropped.some((name) => written.has(name)) ? { credentialRemoved: true } : undefined),
  };
}

function targetOf(request: CallRequest, response: HttpResponse): string | undefined {
  const { location } = response.headers;
  if (typeof location !== 'string') return undefined;
  let url: URL;
  try {
    url = new URL(asWritten(location), request.url);
  } catch {
    return undefined;
  }
  if (!/^https?:$/.test(url.protocol)) return undefined;
  url.username = '';
  url.password = '';
  url.hash = '';
  // Where a credential cannot be taken out, the redirect is not followed.
  const clean = request.call.sentCredentials?.removeFrom(url, url.origin !== originOf(request.url)) ?? true;
  return clean ? url.href : undefined;
}

/** Headers come as Latin-1; what was UTF-8 is read as such, as `fetch` does. */
function asWritten(location: string): string {
  if (!/[\x80-\xFF]/.test(location) || !/^[\0-\xFF]*$/.test(location)) return location;
  try {
    return UTF8.decode(Buffer.from(location, 'latin1'));
  } catch {
    return location;
  }
}

/** 303 asks for a GET; so, in practice, do 301 and 302 after a POST. */
function methodAfter(method: string, status: number): string {
  if (status === 303) return method === 'HEAD' ? method : 'GET';
  return method === 'POST' && (status === 301 || status === 302) ? 'GET' : method;
}

function headersAfter(headers: Readonly<HttpHeaders>, keepsBody: boolean, elsewhere: boolean): HttpHeaders {
  const kept = Object.entries(headers).filter(
    ([name]) =>
      (keepsBody || !OF_THE_BODY.has(name)) && (!elsewhere || HARMLESS_ELSEWHERE.has(name)) && name !== 'host',
  );
  return ownOptions(Object.fromEntries(kept));
}
