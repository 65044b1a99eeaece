import { isAnyArrayBuffer } from 'node:util/types';
import { type AxiosAdapter, AxiosError, CanceledError, type InternalAxiosRequestConfig } from 'axios';
import { InvalidRequestError } from '../../errors.js';
import { BODY_TOO_LARGE } from '../../http/body/framed-body.js';
import { type BaseUrl, prepareBaseUrl, resolveUrl } from '../../http/url.js';
import { axiosQueryOf } from './axios-defaults.js';
import { axiosBodyOf } from './axios-body.js';
import { ownCause } from '../../redaction/own-cause.js';
import type { AbortLink } from '../call-abort.js';
import type { FaceRequest } from './face-request.js';
import type { RequestHeaders } from '../request/request-config.js';
import type { ResolvedService } from '../resolved-service.js';

/** Settings of one request that axios's own adapter carries out, below our layers. */
const OF_THE_TRANSPORT = [
  'onUploadProgress',
  'onDownloadProgress',
  'maxRate',
  'decompress',
  'lookup',
  'family',
  'httpAgent',
  'httpsAgent',
  'proxy',
  'socketPath',
  'allowedSocketPaths',
  'insecureHTTPParser',
  'httpVersion',
  'http2Options',
  'transport',
] as const;

/**
 * One request of axios's, as a call of ours. `below` is the adapter that is to send it.
 * @throws {InvalidRequestError} when it asks for what cannot be done
 */
export function requestOf(
  config: InternalAxiosRequestConfig,
  service: ResolvedService,
  below: AxiosAdapter | undefined,
): FaceRequest {
  const { method, data, timeout, signal, responseType, maxRedirects, maxContentLength, forge } = config;
  if (typeof config.beforeRedirect === 'function') {
    throw new InvalidRequestError(
      'beforeRedirect is not called here: each hop is judged and authenticated anew. Follow redirects yourself with maxRedirects: 0.',
    );
  }
  if (isTooLarge(data, config.maxBodyLength)) {
    throw new InvalidRequestError(BODY_TOO_LARGE);
  }
  const { headers, unsent, withheld } = headersOf(config);
  return {
    ...forge,
    method: method ?? 'get',
    url: urlOf(config, service),
    headers,
    body: axiosBodyOf(data),
    responseType: responseType === 'stream' ? 'stream' : 'arraybuffer',
    axios: transportSettings(config, unsent, below, service),
    ...(withheld.size === 0 ? undefined : { withheld }),
    ...timeoutOf(timeout),
    ...(signal instanceof AbortSignal ? { signal } : undefined),
    ...(maxRedirects === undefined ? undefined : { maxRedirects }),
    ...(maxContentLength !== undefined && maxContentLength > -1 ? { maxContentLength } : undefined),
  };
}

/** A number, or a text that begins with one; none, and nothing of the service's, for zero. */
function timeoutOf(timeout: unknown): { timeoutMs?: number } {
  if (timeout === undefined || timeout === null) return {};
  const timeoutMs = Number.parseInt(String(timeout), 10);
  if (Number.isNaN(timeoutMs)) {
    const cause = new AxiosError('', AxiosError.ERR_BAD_OPTION_VALUE);
    throw new InvalidRequestError('timeout must be a number of milliseconds.', { cause });
  }
  return timeoutMs > 0 ? { timeoutMs } : {};
}

/** As axios puts it together; what is below a base URL of the request's own is judged like any other absolute URL. */
function urlOf(config: InternalAxiosRequestConfig, service: ResolvedService): string {
  const { baseURL, allowAbsoluteUrls, params } = config;
  // A URL object is taken, though axios declares a text alone.
  const url = String(config.url ?? '');
  const own = baseURL === undefined || baseURL === '' || baseURL === service.base?.given;
  const base = own ? (service.base ?? localBase(config)) : prepareBaseUrl(baseURL, service.name);
  const absolute = /^(?:[a-z][a-z\d+\-.]*:)?\/\//i.test(url);
  const below = absolute && allowAbsoluteUrls === false && base !== undefined ? `/${url}` : url;
  const address = resolveUrl(base, below.split('#', 1)[0] ?? '');
  if (params === undefined || params === null) return address;
  const query = axiosQueryOf(config);
  return query === '' ? address : address + (address.includes('?') ? '&' : '?') + query;
}

/** Base of a request over a socket of this machine, which names no host: axios has one for it. */
function localBase({ socketPath }: InternalAxiosRequestConfig): BaseUrl | undefined {
  return typeof socketPath === 'string' ? prepareBaseUrl('http://localhost', 'socketPath') : undefined;
}

/** Splits the headers of a config. One set to null or false is never sent, nor is the service's default for it. */
function headersOf(config: InternalAxiosRequestConfig): {
  headers: RequestHeaders;
  unsent: Record<string, false>;
  withheld: Set<string>;
} {
  const headers: Record<string, string | readonly string[] | null> = {};
  const unsent: Record<string, false> = {};
  const withheld = new Set<string>();
  for (const [name, value] of Object.entries(config.headers)) {
    if (value === undefined) continue;
    if (value === false || value === null) {
      headers[name] = null;
      withheld.add(name.toLowerCase());
      unsent[name] = false;
    } else headers[name] = Array.isArray(value) ? value.map(String) : String(value);
  }
  if (config.auth !== undefined && config.auth !== null) {
    const { username = '', password = '' } = config.auth;
    for (const name of Object.keys(headers)) if (name.toLowerCase() === 'authorization') delete headers[name];
    headers['authorization'] = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  }
  return { headers, unsent, withheld };
}

function transportSettings(
  config: InternalAxiosRequestConfig,
  unsent: Record<string, false>,
  below: AxiosAdapter | undefined,
  service: ResolvedService,
): Record<string, unknown> | undefined {
  let settings: Record<string, unknown> | undefined = below && { adapter: below };
  for (const name of OF_THE_TRANSPORT) {
    const value = (config as unknown as Record<string, unknown>)[name];
    if (value !== undefined) (settings ??= {})[name] = PROGRESS.has(name) ? harmless(value, service) : value;
  }
  const { maxBodyLength, transitional, responseType } = config;
  // The stream of an answer is typed by the face.
  if (responseType === 'stream') (settings ??= {})['readHere'] = true;
  if (maxBodyLength !== undefined && maxBodyLength > -1) (settings ??= {})['maxBodyLength'] = maxBodyLength;
  if (transitional?.advertiseZstdAcceptEncoding === true) (settings ??= {})['transitional'] = transitional;
  return Object.keys(unsent).length === 0 ? settings : { ...settings, headers: unsent };
}

const PROGRESS: ReadonlySet<string> = new Set(['onUploadProgress', 'onDownloadProgress']);

/** A progress callback is called where nobody could catch what it throws: its failure fails no call, and no process. */
function harmless(report: unknown, { name, logger, revealCauses: reveal }: ResolvedService): unknown {
  if (typeof report !== 'function') return report;
  return async (progress: unknown): Promise<void> => {
    try {
      await (report as (progress: unknown) => unknown)(progress);
    } catch (error) {
      const { summary } = ownCause(error, { reveal });
      logger.warn(`A progress callback of service "${name}" failed, the call goes on: ${summary}.`);
    }
  };
}

function isTooLarge(data: unknown, maxBodyLength: number | undefined): boolean {
  if (maxBodyLength === undefined || maxBodyLength < 0) return false;
  if (typeof data === 'string' || Buffer.isBuffer(data)) return Buffer.byteLength(data) > maxBodyLength;
  return isAnyArrayBuffer(data) && data.byteLength > maxBodyLength;
}

/** Cancel tokens, and abort signals of other makes. */
export function abortLinkOf({ cancelToken, signal }: InternalAxiosRequestConfig): AbortLink | undefined {
  const foreign = signal === undefined || signal instanceof AbortSignal ? undefined : signal;
  if (cancelToken === undefined && foreign === undefined) return undefined;
  return (scope) => {
    const cancel = (): void => scope.abort(new CanceledError());
    const onCancelToken = (reason: unknown): void => scope.abort(reason);
    const token = cancelToken as SubscribableToken | undefined;
    token?.subscribe(onCancelToken);
    if (foreign?.aborted === true) cancel();
    else foreign?.addEventListener?.('abort', cancel);
    return () => {
      token?.unsubscribe(onCancelToken);
      foreign?.removeEventListener?.('abort', cancel);
    };
  };
}

/** Methods that every cancel token has, though axios does not declare them. */
interface SubscribableToken {
  subscribe(listener: (reason: unknown) => void): void;
  unsubscribe(listener: (reason: unknown) => void): void;
}
