import type { AxiosInstance, AxiosRequestConfig } from 'axios';
import { isInheritedHeader, isOriginalValidateStatus } from '../client/faces/axios-defaults.js';
import type { RequestHeaders } from '../client/request/request-config.js';
import type { ConfigurationError } from '../errors.js';
import { joinHooks } from './hook-options.js';
import type { ForgeServiceDefaults, ForgeServiceOptions } from './options.js';
import type { QueryParams } from '../http/query-params.js';
import { ownOptions } from '../option-check/own-options.js';

type Refuse = (problem: string) => ConfigurationError;

/** Options that a whole axios client gives its requests, in the names that a service has for them. */
type OfAxios = Pick<
  ForgeServiceOptions,
  'baseUrl' | 'headers' | 'params' | 'timeoutMs' | 'maxRedirects' | 'validateStatus'
>;

/**
 * A service's options over the defaults: `headers` are merged, `hooks` concatenated, everything else is replaced. What an
 * axios config says of every request stands below the options beside it. An option present but undefined is reported,
 * not replaced.
 */
export function withDefaults(
  options: ForgeServiceOptions,
  defaults: ForgeServiceDefaults,
  refuse: Refuse,
): ForgeServiceOptions {
  const layers = [ofAxios(defaults.axios, refuse), defaults, ofAxios(options.axios, refuse), options].map(ownOptions);
  const headers = mergeHeaders(layers.map((layer) => layer.headers));
  const hooks = joinHooks(defaults.hooks, options.hooks);
  return ownOptions({
    ...(Object.assign({}, ...layers) as ForgeServiceOptions),
    ...(Object.keys(headers).length === 0 ? undefined : { headers }),
    ...(hooks === undefined ? undefined : { hooks }),
  });
}

/** The axios config that is given, or that a given HttpService or instance has. */
export function axiosConfigOf(given: ForgeServiceDefaults['axios']): AxiosRequestConfig {
  if (typeof given === 'function') return (given as AxiosInstance).defaults as AxiosRequestConfig;
  return ((given as { axiosRef?: AxiosInstance } | undefined)?.axiosRef?.defaults ?? given ?? {}) as AxiosRequestConfig;
}

function ofAxios(given: ForgeServiceDefaults['axios'], refuse: Refuse): OfAxios {
  const { auth, baseURL, headers, params, timeout, maxRedirects, validateStatus } = ownOptions(axiosConfigOf(given));
  if (auth !== undefined) throw refuse('axios.auth is not read. Use auth: new BasicAuth(username, password).');
  const own = headersOf(headers);
  return {
    ...(baseURL === undefined ? undefined : { baseUrl: baseURL }),
    ...(Object.keys(own).length === 0 ? undefined : { headers: own }),
    ...(params === undefined ? undefined : { params: params as QueryParams }),
    ...(typeof timeout === 'number' && timeout > 0 ? { timeoutMs: timeout } : undefined),
    ...(maxRedirects === undefined ? undefined : { maxRedirects }),
    ...(typeof validateStatus === 'function' && !isOriginalValidateStatus(validateStatus)
      ? { validateStatus }
      : undefined),
  };
}

/** Names differ in case, and are the same. */
function mergeHeaders(layers: readonly (RequestHeaders | undefined)[]): RequestHeaders {
  const entries = layers.flatMap((headers) => Object.entries(headers ?? {}));
  return Object.fromEntries(new Map(entries.map((entry) => [entry[0].toLowerCase(), entry])).values());
}

/** An instance keeps its headers by method, and those for all of them under `common`. */
function headersOf(given: AxiosRequestConfig['headers']): RequestHeaders {
  const { common, ...others } = ownOptions(given) as Record<string, unknown>;
  const own = Object.entries(others).filter(([, value]) => typeof value !== 'object' || Array.isArray(value));
  const ofAll = Object.entries((common ?? {}) as object).filter(([name, value]) => !isInheritedHeader(name, value));
  return Object.fromEntries([...ofAll, ...own]) as RequestHeaders;
}
