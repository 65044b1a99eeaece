import { STATUS_CODES } from 'node:http';
import { inspect } from 'node:util';
import { AxiosError, type AxiosResponse, CanceledError, type InternalAxiosRequestConfig, isCancel } from 'axios';
import { type ConnectionError, ForgeAuthError, type HttpStatusError, TimeoutError } from '../../errors.js';
import { defineOwn } from '../../option-check/own-options.js';
import { REDACTED, redactHeaders, redactUrl } from '../../redaction/redact.js';
import { SentRequest } from './sent-request.js';

/** Returns the error that axios would reject with, as far as it knows such a failure; our own error is its cause. */
export function axiosErrorOf(
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
  if (codeOfCause(error) === AxiosError.ERR_CANCELED)
    return withParts(new CanceledError('Request stream has been aborted'), { config, cause: error });
  const [message, code] = wordsOf(error, config);
  const request = rejected === undefined ? requestOf(error, config) : (rejected.request as object);
  return withParts(new AxiosError(message, code), { config, request, response: rejected, cause: error });
}

function wordsOf(error: ForgeAuthError, config: InternalAxiosRequestConfig): [message: string, code: string] {
  const { timeoutErrorMessage, transitional, maxContentLength } = config;
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
      // axios knows no time but that of one request.
      const { limit, limitMs } = error as TimeoutError;
      const byConfig = limit === 'timeoutMs' ? `timeout of ${limitMs}ms exceeded` : error.message;
      const code = transitional?.clarifyTimeoutError === true ? AxiosError.ETIMEDOUT : AxiosError.ECONNABORTED;
      return [timeoutErrorMessage ?? byConfig, code];
    }
    case 'FORGE_AUTH_CONNECTION':
      if ((error as ConnectionError).answer !== undefined)
        return ['stream has been aborted', AxiosError.ERR_BAD_RESPONSE];
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

/** Code distinguishes "no answer" from "not sent" by whether there is a request. */
function requestOf(error: ForgeAuthError, config: InternalAxiosRequestConfig): SentRequest | undefined {
  const sent = [
    'FORGE_AUTH_CONNECTION',
    'FORGE_AUTH_TLS',
    'FORGE_AUTH_RESPONSE_PARSE',
    'FORGE_AUTH_RESPONSE_TOO_LARGE',
  ];
  return sent.includes(error.code) || error instanceof TimeoutError ? sentRequestOf(config) : undefined;
}

/** Returns the stand-in for the request that a config asked for. */
export function sentRequestOf({ method, url, baseURL }: InternalAxiosRequestConfig): SentRequest | undefined {
  try {
    return new SentRequest((method ?? 'get').toUpperCase(), new URL(url ?? '', baseURL).href);
  } catch {
    return undefined;
  }
}

/** Parts of an AxiosError that may hold secrets. */
interface AxiosErrorParts {
  readonly config: InternalAxiosRequestConfig;
  readonly request?: object | undefined;
  readonly response?: AxiosResponse | undefined;
  readonly cause?: unknown;
}

/**
 * Hangs config, request and response on an AxiosError so that code finds them where it always does, and printing or
 * serialising the error shows none of their secrets.
 */
function withParts<E extends AxiosError>(error: E, { config, request, response, cause }: AxiosErrorParts): E {
  const shownConfig = describeConfig(config);
  const hide = (name: string, value: unknown): void => {
    defineOwn(error, name, { value, enumerable: false, configurable: true, writable: true });
  };
  const safeConfig = printedAs(config, shownConfig);
  hide('config', safeConfig);
  if (request !== undefined) hide('request', request);
  if (cause !== undefined) hide('cause', cause);
  if (response !== undefined) {
    error.status = response.status;
    // The reason phrase is the server's own: it may echo anything.
    const { status } = response;
    const statusText = STATUS_CODES[status] ?? '';
    hide('response', printedAs({ ...response, config: safeConfig }, { status, statusText }));
  }
  hide('toJSON', () => {
    const { message, name, code, status, stack } = error;
    return { message, name, code, status, stack, config: shownConfig };
  });
  return error;
}

const RESPONSE_TYPES: ReadonlySet<string> = new Set([
  'arraybuffer',
  'blob',
  'document',
  'formdata',
  'json',
  'stream',
  'text',
]);

function isWord(method: string | undefined): boolean {
  return method === undefined || /^[A-Za-z]{1,12}$/.test(method);
}

/** Of an address what {@link redactUrl} shows; of a path all but its query. */
function addressOf(url: string): string {
  if (/^[\\/]{2}/.test(url)) return redactUrl(`http:${url}`);
  return /^\s*[a-z][a-z\d+.-]*:/i.test(url) ? redactUrl(url) : (url.split(/[?#]/, 1)[0] ?? '');
}

function describeConfig(config: InternalAxiosRequestConfig): Record<string, unknown> {
  const { method, baseURL, url, headers, timeout, responseType } = config;
  return {
    method: isWord(method) ? method : REDACTED,
    ...(baseURL === undefined ? undefined : { baseURL: redactUrl(baseURL) }),
    url: addressOf(String(url ?? '')),
    headers: redactHeaders({ ...headers }),
    timeout: typeof timeout === 'number' ? timeout : undefined,
    responseType: responseType === undefined || RESPONSE_TYPES.has(responseType) ? responseType : REDACTED,
  };
}

/**
 * The object itself to code, to every way of printing it only `shown`: interceptors that send `error.config` again, or
 * mark it, work as ever. `util.inspect` looks at a proxy's target, JSON asks for `toJSON`.
 */
function printedAs<T extends object>(original: T, shown: object): T {
  const target = Object.assign(Object.create(Object.getPrototypeOf(shown) as object) as object, shown);
  const toJSON = (): object => shown;
  return new Proxy(target, {
    get: (_target, key) => {
      if (key === 'toJSON') return toJSON;
      if (key === inspect.custom) return undefined;
      return Reflect.get(original, key) as unknown;
    },
    set: (_target, key, value) => Reflect.set(original, key, value),
    has: (_target, key) => Reflect.has(original, key),
    deleteProperty: (_target, key) => Reflect.deleteProperty(original, key),
    defineProperty: (_target, key, descriptor) => Reflect.defineProperty(original, key, descriptor),
    ownKeys: () => Reflect.ownKeys(original),
    getOwnPropertyDescriptor: (_target, key) => {
      const descriptor = Reflect.getOwnPropertyDescriptor(original, key);
      return descriptor && { ...descriptor, configurable: true };
    },
  }) as T;
}
