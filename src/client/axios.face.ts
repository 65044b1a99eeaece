import { STATUS_CODES } from 'node:http';
import axios, {
  type AxiosAdapter,
  AxiosError,
  type AxiosInstance,
  type AxiosResponse,
  CanceledError,
  type InternalAxiosRequestConfig,
  isCancel,
  type RawAxiosResponseHeaders,
} from 'axios';
import { ForgeAuthError, HttpStatusError, InvalidRequestError, TimeoutError } from '../errors.js';
import type { HttpResponse } from '../http/http-request.js';
import { prepareBaseUrl, resolveUrl } from '../http/url.js';
import { redactUrl } from '../redact.js';
import { axiosBodyOf } from './axios-body.js';
import { withParts } from './axios-error.js';
import type { CallRequest } from './call-request.js';
import type { ClientCore, Follow } from './client-core.js';
import type { FaceRequest } from './face-request.js';
import type { RequestConfig, RequestHeaders } from './request-config.js';
import type { ResolvedService } from './resolved-service.js';

/** What a call through an axios face may ask of this package, beside what axios knows. */
export type ForgeAxiosOptions = Pick<RequestConfig, 'auth' | 'idempotent' | 'retry' | 'totalTimeoutMs'>;

declare module 'axios' {
  interface AxiosRequestConfig {
    /** What the call asks of nestjs-forge-auth. */
    forge?: ForgeAxiosOptions;
  }
}

/** Where a face finds its client. */
export interface FaceOwner {
  /** The client's chain, opened on first use. */
  open(): ClientCore | Promise<ClientCore>;
  /** The service's base URL, as far as it is known yet. */
  baseUrl(): string | undefined;
}

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
 * A real axios instance whose adapter is the service's client: interceptors, transforms, `validateStatus`, cancellation
 * and progress work as ever, and below them every request is authenticated, retried, redirected and redacted.
 */
export function createAxiosFace(owner: FaceOwner): AxiosInstance {
  // oxlint-disable-next-line import/no-named-as-default-member -- axios 1.18 has no export `create`
  const instance = axios.create({ adapter: adapterOf(owner) });
  // Generated clients look here; a service's options may be made after its face.
  Object.defineProperty(instance.defaults, 'baseURL', {
    get: () => owner.baseUrl(),
    set: (value: unknown) => {
      Object.defineProperty(instance.defaults, 'baseURL', {
        value,
        enumerable: true,
        configurable: true,
        writable: true,
      });
    },
    enumerable: true,
    configurable: true,
  });
  return instance;
}

/** An adapter that makes its requests through a client; `below` then sends them, in place of axios's own `http`. */
export function adapterOf(owner: FaceOwner, below?: AxiosAdapter): AxiosAdapter {
  return (config) => exchange(owner, config, below);
}

/** One request of axios's, as a call of ours. */
async function exchange(
  owner: FaceOwner,
  config: InternalAxiosRequestConfig,
  below: AxiosAdapter | undefined,
): Promise<AxiosResponse> {
  let rejected: AxiosResponse | undefined;
  try {
    const opened = owner.open();
    const core = opened instanceof Promise ? await opened : opened;
    return await core.run(
      requestOf(config, core.service, below),
      (request, answered) => {
        const response = responseOf(config, request, answered);
        if (isValid(config, core.service, answered.status)) return response;
        rejected = response;
        throw statusError(request, answered, core.service);
      },
      followerOf(config),
    );
  } catch (error) {
    throw axiosErrorOf(error, config, rejected);
  }
}

function requestOf(
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
    throw new InvalidRequestError('Request body larger than maxBodyLength limit');
  }
  const { headers, unsent } = headersOf(config);
  return {
    ...forge,
    method: method ?? 'get',
    url: urlOf(config, service),
    headers,
    body: axiosBodyOf(data),
    responseType: responseType === 'stream' ? 'stream' : 'arraybuffer',
    axios: transportSettings(config, unsent, below),
    ...(typeof timeout === 'number' && timeout > 0 ? { timeoutMs: timeout } : undefined),
    ...(signal instanceof AbortSignal ? { signal } : undefined),
    ...(maxRedirects === undefined ? undefined : { maxRedirects }),
    ...(maxContentLength !== undefined && maxContentLength > -1 ? { maxContentLength } : undefined),
  };
}

/** As axios puts it together; what is below a base URL of the request's own is judged like any other absolute URL. */
function urlOf(config: InternalAxiosRequestConfig, service: ResolvedService): string {
  const { baseURL, url = '', allowAbsoluteUrls, params } = config;
  const own = baseURL === undefined || baseURL === '' || baseURL === service.base?.href ? service.base : undefined;
  const base = own ?? (baseURL === undefined || baseURL === '' ? undefined : prepareBaseUrl(baseURL, service.name));
  const absolute = /^(?:[a-z][a-z\d+\-.]*:)?\/\//i.test(url);
  const below = absolute && allowAbsoluteUrls === false ? `/${url}` : url;
  const address = resolveUrl(base, below.split('#', 1)[0] ?? '');
  if (params === undefined || params === null) return address;
  const query = axios.getUri({ params: params as unknown, ...paramsSerializerOf(config) }).replace(/^[?&]/, '');
  return query === '' ? address : address + (address.includes('?') ? '&' : '?') + query;
}

function paramsSerializerOf({ paramsSerializer }: InternalAxiosRequestConfig): object {
  return paramsSerializer === undefined ? {} : { paramsSerializer };
}

/** What axios leaves out, the service's default is left out for; what it was told never to send, is never sent. */
function headersOf(config: InternalAxiosRequestConfig): { headers: RequestHeaders; unsent: Record<string, false> } {
  const headers: Record<string, string | readonly string[] | null> = {};
  const unsent: Record<string, false> = {};
  for (const [name, value] of Object.entries(config.headers)) {
    if (value === undefined) continue;
    if (value === false || value === null) {
      headers[name] = null;
      if (value === false) unsent[name] = false;
    } else headers[name] = Array.isArray(value) ? value.map(String) : String(value);
  }
  if (config.auth !== undefined && config.auth !== null) {
    const { username = '', password = '' } = config.auth;
    for (const name of Object.keys(headers)) if (name.toLowerCase() === 'authorization') delete headers[name];
    headers['authorization'] = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  }
  return { headers, unsent };
}

function transportSettings(
  config: InternalAxiosRequestConfig,
  unsent: Record<string, false>,
  below: AxiosAdapter | undefined,
): Record<string, unknown> | undefined {
  let settings: Record<string, unknown> | undefined = below && { adapter: below };
  for (const name of OF_THE_TRANSPORT) {
    const value = (config as unknown as Record<string, unknown>)[name];
    if (value !== undefined) (settings ??= {})[name] = value;
  }
  const { maxBodyLength, transitional } = config;
  if (maxBodyLength !== undefined && maxBodyLength > -1) (settings ??= {})['maxBodyLength'] = maxBodyLength;
  if (transitional?.advertiseZstdAcceptEncoding === true) (settings ??= {})['transitional'] = transitional;
  return Object.keys(unsent).length === 0 ? settings : { ...settings, headers: unsent };
}

function isTooLarge(data: unknown, maxBodyLength: number | undefined): boolean {
  if (maxBodyLength === undefined || maxBodyLength < 0) return false;
  if (typeof data === 'string' || Buffer.isBuffer(data)) return Buffer.byteLength(data) > maxBodyLength;
  return data instanceof ArrayBuffer && data.byteLength > maxBodyLength;
}

/** Cancel tokens, and abort signals of other makes. */
function followerOf({ cancelToken, signal }: InternalAxiosRequestConfig): Follow | undefined {
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

/** What every cancel token can do, though axios does not declare it. */
interface SubscribableToken {
  subscribe(listener: (reason: unknown) => void): void;
  unsubscribe(listener: (reason: unknown) => void): void;
}

function responseOf(config: InternalAxiosRequestConfig, request: CallRequest, answered: HttpResponse): AxiosResponse {
  const { status, statusText, headers } = answered;
  return {
    data: dataOf(config, answered),
    status,
    statusText: statusText ?? STATUS_CODES[status] ?? '',
    // Of axios's own kind once it has seen them.
    headers: headers as RawAxiosResponseHeaders,
    config,
    request: new SentRequest(request.method, answered.askedUrl ?? request.url),
  };
}

/** Bytes, a stream, or the text that `transformResponse` makes something of. */
function dataOf({ responseType, responseEncoding }: InternalAxiosRequestConfig, { body }: HttpResponse): unknown {
  if (responseType === 'stream' || responseType === 'arraybuffer' || !Buffer.isBuffer(body)) return body;
  const encoding = (responseEncoding ?? 'utf8') as BufferEncoding;
  const text = body.toString(encoding);
  return encoding === 'utf8' && text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}

/**
 * What stands for the request that was sent: the parts of a `ClientRequest` that code asks for, and none of its
 * headers. The URL that answered is `res.responseUrl`.
 */
class SentRequest {
  readonly method: string;
  readonly #url: string;

  constructor(method: string, url: string) {
    this.method = method;
    this.#url = url;
  }

  get protocol(): string {
    return new URL(this.#url).protocol;
  }

  get host(): string {
    return new URL(this.#url).hostname;
  }

  get path(): string {
    const { pathname, search } = new URL(this.#url);
    return pathname + search;
  }

  get res(): { readonly responseUrl: string } {
    return { responseUrl: this.#url };
  }
}

/** A request that says nothing is judged by the service's rule, as `client.get` is. */
function isValid({ validateStatus }: InternalAxiosRequestConfig, service: ResolvedService, status: number): boolean {
  if (validateStatus === axios.defaults.validateStatus) return service.validateStatus(status);
  return typeof validateStatus === 'function' ? validateStatus(status) : true;
}

function statusError(
  { method, url, call }: CallRequest,
  { status, headers, body }: HttpResponse,
  { name }: ResolvedService,
): HttpStatusError {
  const data = Buffer.isBuffer(body) ? body.toString() : body;
  const error = new HttpStatusError(`${method} ${redactUrl(url)} answered ${status} (service "${name}").`, {
    status,
    headers,
    data,
  });
  error.attempts = call.attempts;
  return error;
}

/** What axios would have rejected with, as far as it knows such a failure; our own error is its cause. */
function axiosErrorOf(
  error: unknown,
  config: InternalAxiosRequestConfig,
  rejected: AxiosResponse | undefined,
): unknown {
  if (isCancel(error)) return withParts(error as AxiosError, { config });
  const { signal } = config;
  if (signal instanceof AbortSignal && signal.aborted && error === signal.reason) {
    return withParts(new CanceledError(), { config });
  }
  if (!(error instanceof ForgeAuthError)) return error;
  const [message, code] = wordsOf(error, config);
  const request = rejected === undefined ? sentRequestOf(error, config) : (rejected.request as object);
  return withParts(new AxiosError(message, code), { config, request, response: rejected, cause: error });
}

function wordsOf(error: ForgeAuthError, config: InternalAxiosRequestConfig): [message: string, code: string] {
  const { timeout, timeoutErrorMessage, transitional, maxContentLength } = config;
  switch (error.code) {
    case 'FORGE_AUTH_HTTP_STATUS': {
      const { status } = error as HttpStatusError;
      const isClientError = status >= 400 && status < 500;
      return [
        `Request failed with status code ${status}`,
        isClientError ? AxiosError.ERR_BAD_REQUEST : AxiosError.ERR_BAD_RESPONSE,
      ];
    }
    case 'FORGE_AUTH_TIMEOUT': {
      const byConfig = typeof timeout === 'number' && timeout > 0 ? `timeout of ${timeout}ms exceeded` : error.message;
      const code = transitional?.clarifyTimeoutError === true ? AxiosError.ETIMEDOUT : AxiosError.ECONNABORTED;
      return [timeoutErrorMessage ?? byConfig, code];
    }
    case 'FORGE_AUTH_CONNECTION':
      return [error.message, codeOfCause(error) ?? AxiosError.ERR_NETWORK];
    case 'FORGE_AUTH_TLS':
      return [error.message, codeOfCause(error) ?? error.code];
    case 'FORGE_AUTH_RESPONSE_PARSE':
      return [error.message, codeOfCause(error) ?? AxiosError.ERR_BAD_RESPONSE];
    case 'FORGE_AUTH_RESPONSE_TOO_LARGE':
      return [
        maxContentLength !== undefined && maxContentLength > -1
          ? `maxContentLength size of ${maxContentLength} exceeded`
          : error.message,
        AxiosError.ERR_BAD_RESPONSE,
      ];
    case 'FORGE_AUTH_TOO_MANY_REDIRECTS':
      return ['Maximum number of redirects exceeded', AxiosError.ERR_FR_TOO_MANY_REDIRECTS];
    case 'FORGE_AUTH_INVALID_REQUEST':
      return [error.message, codeOfCause(error) ?? AxiosError.ERR_BAD_REQUEST];
    default:
      return [error.message, error.code];
  }
}

function codeOfCause({ cause }: ForgeAuthError): string | undefined {
  const code = (cause as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}

/** Code tells "no answer" from "not sent" by whether there is a request. */
function sentRequestOf(
  error: ForgeAuthError,
  { method, url, baseURL }: InternalAxiosRequestConfig,
): object | undefined {
  const sent = [
    'FORGE_AUTH_CONNECTION',
    'FORGE_AUTH_TLS',
    'FORGE_AUTH_RESPONSE_PARSE',
    'FORGE_AUTH_RESPONSE_TOO_LARGE',
  ];
  if (!sent.includes(error.code) && !(error instanceof TimeoutError)) return undefined;
  try {
    return new SentRequest((method ?? 'get').toUpperCase(), new URL(url ?? '', baseURL).href);
  } catch {
    return undefined;
  }
}
