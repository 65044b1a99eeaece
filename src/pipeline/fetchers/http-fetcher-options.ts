import type { AxiosTransportOptions } from '../../http/axios/axios-transport-options.js';
import type { TlsSource } from '../../http/tls-options.js';
import type { Transport } from '../../http/transport.js';
import { isRecord, type OptionRules } from '../../option-check/option-check.js';
import { oneOf, RULES } from '../../option-check/option-rules.js';
import type { RequestRetryStrategy } from '../../retry/request-retry.strategy.js';
import type { FetchContext } from './token-fetcher.js';

/** A value, or a synchronous function of the tokens at hand that makes it for each request. */
export type ContextValue<T> = T | ((context: FetchContext) => T);

/** Options of every fetcher that calls an endpoint. Durations are in milliseconds. */
export interface HttpTokenFetcherOptions {
  /** Names the step. */
  name: string;
  /** URL that `endpoint` is below. */
  baseUrl: string;
  /** Path of the endpoint. @default '' */
  endpoint?: string;
  /** HTTP method. @default 'POST' */
  method?: string;
  /** Headers of every request. @default {} */
  requestHeaders?: ContextValue<Readonly<Record<string, string>>>;
  /** Parameters in the body; in the query of a GET. @default {} */
  requestData?: ContextValue<Readonly<Record<string, unknown>>>;
  /** Form in which the body is sent. @default 'form' */
  bodyFormat?: 'form' | 'json';
  /** Names of the steps whose tokens are needed first. @default [] */
  dependsOn?: readonly string[];
  /**
   * Milliseconds that the token is good for, where the issuer does not set an earlier end. Left out: as the issuer
   * says.
   */
  ttlMs?: number;
  /** Milliseconds for one request, to the end of the body. @default 30_000 */
  timeoutMs?: number;
  /** Milliseconds for one fetch, retries included. @default the pipeline's */
  deadlineMs?: number;
  /** Milliseconds before expiry at which a refresh starts in the background. @default the pipeline's */
  refreshWindowMs?: number;
  /** Decides when a fetch is tried again. @default transient failures, 3 attempts */
  retry?: RequestRetryStrategy;
  /** Parts that distinguish two steps of this name. @default taken from the request that is built */
  identity?: string | readonly string[];
  /** TLS of this endpoint. Left out: Node's own. */
  tls?: TlsSource;
  /** Agents, proxy, limits. Left out: none of them. */
  axios?: NonNullable<AxiosTransportOptions['axios']>;
  /** Takes the place of axios. */
  transport?: Transport;
  /** Allows a plain-http endpoint that is not on this machine. @default false */
  allowInsecure?: boolean;
}

/** The options of {@link HttpTokenFetcherOptions}. */
export const FETCHER_RULES: OptionRules<HttpTokenFetcherOptions> = Object.freeze({
  name: RULES.text,
  baseUrl: RULES.any, // Checked as a URL.
  endpoint: { accepts: (value: unknown) => typeof value === 'string', what: 'a path' },
  method: RULES.text,
  requestHeaders: RULES.recordOrFunction,
  requestData: RULES.recordOrFunction,
  bodyFormat: oneOf('form', 'json'),
  dependsOn: { ...RULES.texts, what: 'a list of step names' },
  ttlMs: RULES.lifetimeMs,
  timeoutMs: RULES.durationMs,
  deadlineMs: RULES.durationMs,
  refreshWindowMs: RULES.windowMs,
  retry: RULES.requestRetry,
  identity: RULES.identity,
  tls: { accepts: (value) => isRecord(value) || typeof value === 'function', what: 'an object, or a function of one' },
  axios: RULES.axios,
  transport: RULES.transport,
  allowInsecure: RULES.switch,
});
