import { Readable } from 'node:stream';
import { ForgeAuthError, InvalidRequestError } from '../../errors.js';
import type { HttpResponse } from '../../http/http-request.js';
import { ownCause } from '../../redaction/own-cause.js';
import { redactUrl } from '../../redaction/redact.js';
import { type CallRequest, discard } from '../request/call-request.js';
import type { ClientCore } from '../client-core.js';
import type { FaceRequest } from './face-request.js';
import { headersAsked, valuesOf, withImplied } from './fetch-request-headers.js';
import { fetchBodyOf, requestBodyOf } from './fetch-request-body.js';
import { assertInit } from './fetch-init.js';
import { AbandonedBodies } from './abandoned-bodies.js';
import { FetchedResponse } from './fetched-response.js';
import { MAX_BYTES_IN_MEMORY } from '../request/request-builder.js';
import type { RequestConfig } from '../request/request-config.js';
import { ownOptions } from '../../option-check/own-options.js';

/** Options of this package for a call through `fetch`, beside those that `fetch` knows. */
export type ForgeFetchOptions = Pick<
  RequestConfig,
  'auth' | 'idempotent' | 'maxContentLength' | 'retry' | 'timeoutMs' | 'totalTimeoutMs'
>;

/** `RequestInit`, and what the call asks of this package. */
export interface ForgeRequestInit extends RequestInit {
  /** Options of this package for the call. Left out: the service's. */
  forge?: ForgeFetchOptions;
}

/** The signature of `fetch`; relative URLs are below the service's base URL. */
export type ForgeFetch = (input: string | URL | Request, init?: ForgeRequestInit) => Promise<Response>;

type RequestRedirect = Request['redirect'];

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const NO_BODY: ReadonlySet<number> = new Set([101, 103, 204, 205, 304]);
const FORBIDDEN_METHOD = /^(?:connect|trace|track)$/i;

const NO_INIT = Object.freeze(ownOptions<ForgeRequestInit>({}));

/** The stream of an answer stays within the Response, which words its failures itself. */
const READ_HERE = Object.freeze({ readHere: true });

/** Failures that `fetch` rejects with a TypeError for. */
const NETWORK_FAILURES: ReadonlySet<string> = new Set([
  'FORGE_AUTH_CONNECTION',
  'FORGE_AUTH_TLS',
  'FORGE_AUTH_RESPONSE_PARSE',
  'FORGE_AUTH_RESPONSE_TOO_LARGE',
  'FORGE_AUTH_TOO_MANY_REDIRECTS',
]);

/**
 * `fetch` over a client: resolves with any status, and rejects as `fetch` does: with the signal's reason when aborted,
 * with a TypeError when the network fails or the request is malformed (its cause is this package's own error), and with
 * that error itself where `fetch` knows no such failure: no credential, a foreign origin, a timeout, an open circuit.
 */
export function createFetchFace(open: () => ClientCore | Promise<ClientCore>): ForgeFetch {
  const abandoned = new AbandonedBodies();
  return async (input, given) => {
    // A Request has no properties of its own.
    const init = given === undefined || given instanceof Request ? given : ownOptions<ForgeRequestInit>(given);
    try {
      if (!(given instanceof Request)) assertInit(given);
      const opened = open();
      const core = opened instanceof Promise ? await opened : opened;
      if ((input as unknown) === undefined) throw new InvalidRequestError('fetch needs a URL or a Request.');
      const redirect = redirectOf(input, init);
      const asking = asked(input, init, redirect, core.service.revealCauses);
      const request = asking instanceof Promise ? await asking : asking;
      return await core.run(request, (sent, answered) => responseOf(sent, answered, redirect, abandoned));
    } catch (error) {
      throw asFetchError(error);
    }
  };
}

function redirectOf(input: string | URL | Request, init: ForgeRequestInit | undefined): RequestRedirect {
  return init?.redirect ?? (input instanceof Request ? input.redirect : 'follow');
}

/** The request that is asked for, at once where no body of a `Request` has to be read for it. */
function asked(
  input: string | URL | Request,
  init: ForgeRequestInit | undefined,
  redirect: RequestRedirect,
  reveal: boolean,
): FaceRequest | Promise<FaceRequest> {
  try {
    if (!(input instanceof Request)) return requestOf(partsOfInit(String(input), init ?? NO_INIT), init, redirect);
    return partsOfRequest(init === undefined ? input : new Request(input, init))
      .then((parts) => requestOf(parts, init, redirect))
      .catch((error: unknown) => {
        throw askedError(error, init, reveal);
      });
  } catch (error) {
    throw askedError(error, init, reveal);
  }
}

/** Errors of the platform quote headers; what a body or a function of the app's own throws, it may quote anything. */
function askedError(error: unknown, init: ForgeRequestInit | undefined, reveal: boolean): ForgeAuthError {
  if (error instanceof ForgeAuthError) return error;
  const cause = ownCause(error, { reveal, secrets: valuesOf(init?.headers) });
  return new InvalidRequestError(`The request cannot be made: ${cause.summary}.`, { cause });
}

function requestOf(parts: FaceRequest, init: ForgeRequestInit | undefined, redirect: RequestRedirect): FaceRequest {
  if (parts.headers !== undefined && Object.keys(parts.headers).some((name) => /^host$/i.test(name)))
    throw new InvalidRequestError('Host must not be among the headers: it is the URL that names it.');
  if (init?.integrity)
    throw new InvalidRequestError('integrity is not checked here: leave it out, and check the body.');
  const request: FaceRequest = { ...init?.forge, ...parts, responseType: 'stream', axios: READ_HERE };
  if (redirect !== 'follow') request.maxRedirects = 0;
  return request;
}

async function partsOfRequest(request: Request): Promise<FaceRequest> {
  if (request.bodyUsed) throw new InvalidRequestError('The Request has been used already: its body is gone.');
  return {
    url: request.url,
    method: request.method,
    headers: withImplied(Object.fromEntries(request.headers), request),
    body: await requestBodyOf(request.body),
    signal: request.signal,
  };
}

function partsOfInit(url: string, init: RequestInit): FaceRequest {
  const { method = 'GET', body, signal } = init;
  if (FORBIDDEN_METHOD.test(method)) throw new InvalidRequestError(`'${method}' HTTP method is unsupported.`);
  const hasBody = body !== undefined && body !== null;
  if (hasBody && /^(?:get|head)$/i.test(method)) {
    throw new InvalidRequestError('Request with GET/HEAD method cannot have body.');
  }
  const streams =
    body instanceof ReadableStream || (hasBody && typeof body === 'object' && Symbol.asyncIterator in body);
  if (streams && (init as { duplex?: unknown }).duplex !== 'half') {
    throw new InvalidRequestError('RequestInit: duplex option is required when sending a body that is a stream.');
  }
  const parts: FaceRequest = { url, method, body: fetchBodyOf(body) };
  const headers = headersAsked(url, init);
  if (headers !== undefined) parts.headers = headers;
  if (signal !== undefined && signal !== null) parts.signal = signal;
  return parts;
}

function responseOf(
  request: CallRequest,
  answered: HttpResponse,
  redirect: RequestRedirect,
  abandoned: AbandonedBodies,
): Response {
  const { status, statusText, headers, contentCoding, requestedUrl } = answered;
  if (redirect !== 'manual' && REDIRECTS.has(status) && headers['location'] !== undefined) {
    discard(answered);
    const why = redirect === 'error' ? 'which the request does not allow' : 'which cannot be followed';
    throw new ForgeAuthError(`${request.method} ${redactUrl(request.url)} was answered by a redirect, ${why}.`, {
      code: 'FORGE_AUTH_TOO_MANY_REDIRECTS',
    });
  }
  const body = Buffer.isBuffer(answered.body) ? Readable.from([answered.body]) : answered.body;
  const empty = NO_BODY.has(status) || request.method === 'HEAD';
  if (empty) body.resume();
  return new FetchedResponse({
    status,
    statusText,
    headers: contentCoding === undefined ? headers : { ...headers, 'content-encoding': contentCoding },
    body: empty ? null : body,
    url: requestedUrl ?? request.url,
    redirected: requestedUrl !== undefined,
    scope: request.call.scope,
    maxBytes: request.maxContentLength ?? MAX_BYTES_IN_MEMORY,
    abandoned,
  });
}

function asFetchError(error: unknown): unknown {
  if (!(error instanceof ForgeAuthError)) return error;
  if (error.code === 'FORGE_AUTH_INVALID_REQUEST') return typeError(error.message, error);
  return NETWORK_FAILURES.has(error.code) ? typeError('fetch failed', error) : error;
}

/** Makes a TypeError that can be recognised by its code, too. */
function typeError(message: string, cause: ForgeAuthError): TypeError {
  return Object.assign(new TypeError(message, { cause }), { code: cause.code });
}
