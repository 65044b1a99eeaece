import type { AxiosRequestConfig } from 'axios';
import type { OptionRules } from '../../option-check/option-check.js';
import { RULES } from '../../option-check/option-rules.js';
import type { TlsSource } from '../tls-options.js';

/** Settings of a whole client that an {@link AxiosTransport} takes over: agents, proxy, lookup, limits. */
export interface AxiosTransportOptions {
  /**
   * Agents, proxy, socketPath, lookup, limits. What belongs to one request (url, headers, data, params …) is not read.
   * Left out: none of them.
   */
  axios?: AxiosRequestConfig;
  /** TLS of this party; a function is called for each new connection. Left out: Node's own. */
  tls?: TlsSource;
  /** The connections that are kept, unless `axios` brings agents. */
  pool?: PoolOptions;
}

/** The connections that are kept for a service. */
export interface PoolOptions {
  /** Number of connections open at once to one origin; further requests wait. @default no limit */
  maxSockets?: number;
  /** Keeps connections for the next request. @default true */
  keepAlive?: boolean;
}

/** The options of {@link PoolOptions}. */
export const POOL_RULES: OptionRules<PoolOptions> = Object.freeze({
  maxSockets: RULES.countFromOne,
  keepAlive: RULES.switch,
});

/** axios says -1 for no limit. */
export function contentLimitOf({ maxContentLength = -1 }: AxiosRequestConfig): number | undefined {
  return maxContentLength > -1 ? maxContentLength : undefined;
}
