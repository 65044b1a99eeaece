import {
  type AxiosAdapter,
  type AxiosRequestConfig,
  type CancelToken,
  type GenericAbortSignal,
  getAdapter,
  type InternalAxiosRequestConfig,
} from 'axios';
import { isAsyncFunction } from 'node:util/types';
import { failureOf, guardAgent, guardedOptions } from '../../option-check/guarded-callbacks.js';
import { isRecord } from '../../option-check/option-check.js';
import { declared, ownOptions } from '../../option-check/own-options.js';
import type { HttpRequest } from '../http-request.js';
import { withoutKeepAlive } from '../node/own-agents.js';
import { spelledHeaders } from './spelled-headers.js';

/** Axios's own adapter for Node. */
export const HTTP_ADAPTER = getAdapter('http');

/** Config that the adapter is given. */
export interface Exchange extends InternalAxiosRequestConfig {
  adapter: AxiosAdapter;
}

/**
 * Returns settings with the functions in them guarded that Node calls.
 *
 * An async `lookup` stays one: axios knows it by that.
 */
export function guardedSettings<T extends AxiosRequestConfig>(given: T): T {
  const { lookup, transport, httpAgent, httpsAgent } = ownOptions(given) as T & {
    lookup?: unknown;
    transport?: unknown;
  };
  guardAgent(httpAgent, 'axios.httpAgent');
  guardAgent(httpsAgent, 'axios.httpsAgent');
  const guarded =
    typeof lookup !== 'function'
      ? undefined
      : isAsyncFunction(lookup)
        ? { lookup: failing(lookup as AsyncLookup) }
        : guardedOptions({ lookup }, 'axios.');
  return Object.assign(ownOptions(given), guarded, isRecord(transport) && { transport: guardedTransport(transport) });
}

type AsyncLookup = (...given: unknown[]) => Promise<unknown>;

/** Node takes nothing but an error for a reason: of anything else a request would wait for ever. */
function failing(lookup: AsyncLookup): AsyncLookup {
  return async (...given) => {
    try {
      return await lookup(...given);
    } catch (thrown) {
      throw failureOf(thrown, 'axios.lookup()');
    }
  };
}

/** axios asks it for requests alone. */
function guardedTransport(transport: { request?: unknown }): object {
  const request = declared(transport, 'request');
  return typeof request === 'function'
    ? guardedOptions({ request: request.bind(transport) as unknown }, 'axios.transport.')
    : transport;
}

/** All that differs between requests stands in the prepared config already: filling it in is cheaper than adding to it. */
export function exchangeOf(request: HttpRequest, prepared: Exchange): Exchange {
  const exchange = { ...prepared };
  exchange.url = request.url;
  exchange.method = request.method;
  exchange.headers = spelledHeaders(request.headers, request.spelling) as unknown as Exchange['headers'];
  exchange.data = request.body;
  exchange.responseType = request.responseType === 'stream' ? 'stream' : 'arraybuffer';
  if (request.maxContentLength !== undefined) exchange.maxContentLength = request.maxContentLength;
  if (request.axios !== undefined) Object.assign(exchange, ofOneRequest(request));
  if (request.freshConnection === true) takeFreshConnection(exchange);
  const { cancellation } = request;
  // Other adapters may know signals only. A signal is made when it is asked for: not to be read without need.
  if (cancellation === undefined || exchange.adapter !== HTTP_ADAPTER)
    exchange.signal = (cancellation?.signal ?? request.signal) as GenericAbortSignal;
  else exchange.cancelToken = cancellation as unknown as CancelToken;
  return exchange;
}

function takeFreshConnection(exchange: Exchange): void {
  exchange.httpAgent = withoutKeepAlive(exchange.httpAgent);
  exchange.httpsAgent = withoutKeepAlive(exchange.httpsAgent);
}

/** Returns one request's own adapter settings, never those set above; headers named there (as false) are not sent. */
function ofOneRequest(request: HttpRequest): Record<string, unknown> {
  const { adapter, headers, readHere: _readHere, ...given } = ownOptions(request.axios);
  const settings = guardedSettings(given);
  return {
    ...settings,
    ...(adapter === undefined ? undefined : { adapter: getAdapter(adapter as AxiosRequestConfig['adapter']) }),
    ...(headers === undefined
      ? undefined
      : { headers: { ...(headers as object), ...spelledHeaders(request.headers, request.spelling) } }),
  };
}
