import { inspect } from 'node:util';
import type { AxiosError, AxiosResponse, InternalAxiosRequestConfig } from 'axios';
import { redactHeaders, redactUrl } from '../redact.js';

/** What hangs on an AxiosError and may hold secrets. */
export interface AxiosErrorParts {
  readonly config: InternalAxiosRequestConfig;
  readonly request?: object | undefined;
  readonly response?: AxiosResponse | undefined;
  readonly cause?: unknown;
}

/**
 * Hangs config, request and response on an AxiosError so that code finds them where it always does, and printing or
 * serialising the error shows none of their secrets.
 */
export function withParts<E extends AxiosError>(error: E, { config, request, response, cause }: AxiosErrorParts): E {
  const shownConfig = describeConfig(config);
  const hide = (name: string, value: unknown): void => {
    Object.defineProperty(error, name, { value, enumerable: false, configurable: true, writable: true });
  };
  const safeConfig = printedAs(config, shownConfig);
  hide('config', safeConfig);
  if (request !== undefined) hide('request', request);
  if (cause !== undefined) hide('cause', cause);
  if (response !== undefined) {
    error.status = response.status;
    const { status, statusText } = response;
    hide('response', printedAs({ ...response, config: safeConfig }, { status, statusText }));
  }
  hide('toJSON', () => {
    const { message, name, code, status, stack } = error;
    return { message, name, code, status, stack, config: shownConfig };
  });
  return error;
}

function describeConfig(config: InternalAxiosRequestConfig): Record<string, unknown> {
  const { method, baseURL, url, headers, timeout, responseType } = config;
  const address = /^https?:/i.test(url ?? '') ? redactUrl(url ?? '') : (url ?? '').split(/[?#]/, 1)[0];
  return {
    method,
    ...(baseURL === undefined ? undefined : { baseURL: redactUrl(baseURL) }),
    url: address,
    headers: redactHeaders({ ...headers }),
    timeout,
    responseType,
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
