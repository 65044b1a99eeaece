// More than 250 lines: everything that knows axios is here, so that nothing else need.
import * as http from 'node:http';
import * as https from 'node:https';
import type { Readable } from 'node:stream';
import axios, {
  type AxiosAdapter,
  type AxiosRequestConfig,
  type AxiosResponse,
  type CancelToken,
  type GenericAbortSignal,
  getAdapter,
  type InternalAxiosRequestConfig,
} from 'axios';
import {
  type AnswerHead,
  ConnectionError,
  ForgeAuthError,
  InvalidRequestError,
  ResponseParseError,
  TlsError,
} from '../errors.js';
import { type OptionRules, RULES } from '../option-check/option-check.js';
import { redactUrl } from '../redaction/redact.js';
import { throwIfAborted } from './cancellation.js';
import { BODY_TOO_LARGE } from './framed-body.js';
import { CLOSED_AMID, DECODED_TOO_LARGE, decode, isCoded } from './content-coding.js';
import { type HttpHeaders, type HttpRequest, type HttpResponse, headOf } from './http-request.js';
import { NOT_INHERITED_BY_SOCKETS } from './not-inherited.js';
import { exchangePlainly, type PlainSettings, type PlainAnswer } from './plain-exchange.js';
import { isPlain, isPlainRequest } from './plain-request.js';
import { networkError } from './network-error.js';
import { NODE_TRANSPORT } from './node-transport.js';
import { spelledHeaders } from './spelled-headers.js';
import { typedStream } from './typed-stream.js';
import { FreshTlsAgent } from './fresh-tls.agent.js';
import { certificateProblem } from './tls-hints.js';
import type { TlsOptions, TlsSource } from './tls-options.js';
import type { Transport } from './transport.js';
import { ownOptions } from '../option-check/own-options.js';

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

/** Settings that the adapter must not take from a shared config: set for each request, or done elsewhere. */
const PER_REQUEST = {
  url: undefined,
  method: undefined,
  baseURL: undefined,
  params: undefined,
  data: undefined,
  headers: undefined,
  auth: undefined,
  responseType: undefined,
  cancelToken: undefined,
  signal: undefined,
  beforeRedirect: undefined,
  transformRequest: undefined,
  transformResponse: undefined,
  timeout: 0,
  maxRedirects: 0,
  validateStatus: null,
} as const;

/** Checks whether a setting of axios is not taken from a shared config. */
export function isSetPerRequest(name: string): boolean {
  return Object.hasOwn(PER_REQUEST, name);
}

/**
 * axios sets this delay on every socket that it is given: an agent that wants another one sets its own again after each
 * request, with several system calls each.
 */
const KEEP_ALIVE = { ...NOT_INHERITED_BY_SOCKETS, keepAlive: true, keepAliveMsecs: 60_000 } as const;

/**
 * The default transport: axios's own `http` adapter, called directly; and what asks nothing of that goes out over Node's
 * client, as axios would send it, at half the cost.
 *
 * Agents, proxies and mocks made for axios work; its per-request merging of configs, which costs as much as the
 * request itself, is done once. Agents are made on first use and closed with the transport; given ones are left alone.
 * Proxies of the environment are read before the first request.
 */
export class AxiosTransport implements Transport {
  readonly #options: AxiosTransportOptions;
  readonly takesCancellation = true;
  #prepared: Prepared | undefined;
  #ownAgents: http.Agent[] = [];

  constructor(options: AxiosTransportOptions = {}) {
    this.#options = ownOptions(options);
  }

  async send(request: HttpRequest): Promise<HttpResponse> {
    throwIfAborted(request);
    const prepared = (this.#prepared ??= this.#prepare());
    const limit = request.maxContentLength ?? prepared.limit;
    let response: HttpResponse | undefined;
    try {
      const { status, statusText, headers, data, decodes } =
        prepared.isPlain && isPlainRequest(request, limit)
          ? await exchangePlainly(request, prepared.settings, limit)
          : await throughAdapter(exchangeOf(request, prepared.exchange));
      response = {
        status,
        statusText,
        headers: { ...headers } as HttpHeaders,
        body: request.responseType === 'stream' ? (data as Readable) : toBuffer(data),
        url: request.url,
      };
      if (decodes && isCoded(response.headers)) {
        await decode(response, request.method, limit);
        throwIfAborted(request);
      }
      if (!Buffer.isBuffer(response.body)) response.body = streamOf(response, response.body, request, limit);
      return response;
    } catch (error) {
      throw failure(error, request, limit, response, () => certificateProblem(this.#certificate()));
    }
  }

  close(): void {
    for (const agent of this.#ownAgents) agent.destroy();
    this.#ownAgents = [];
    this.#prepared = undefined;
  }

  #prepare(): Prepared {
    const { axios: settings, tls, pool } = this.#options;
    const given = ownOptions(settings);
    const config = { ...given, ...PER_REQUEST } as unknown as Exchange;
    config.httpAgent = given.httpAgent ?? this.#own(new http.Agent({ ...KEEP_ALIVE, ...pool }));
    config.httpsAgent = given.httpsAgent ?? this.#own(httpsAgent({ ...KEEP_ALIVE, ...pool }, tls));
    config.adapter = getAdapter(given.adapter ?? 'http');
    config.transport = (given.transport as unknown) ?? NODE_TRANSPORT;
    return {
      exchange: config,
      isPlain: config.adapter === HTTP_ADAPTER && isPlain(given),
      settings: { httpAgent: config.httpAgent, httpsAgent: config.httpsAgent, headers: DEFAULT_HEADERS },
      limit: limitOf(given),
    };
  }

  /** The TLS options of the connections that are opened now. */
  #certificate(): TlsOptions | undefined {
    const { tls } = this.#options;
    if (typeof tls !== 'function') return tls;
    const agent: unknown = this.#prepared?.exchange.httpsAgent;
    return agent instanceof FreshTlsAgent ? agent.last : undefined;
  }

  #own<A extends http.Agent>(agent: A): A {
    this.#ownAgents.push(agent);
    return agent;
  }
}

function httpsAgent(options: https.AgentOptions, tls: TlsSource | undefined): https.Agent {
  return typeof tls === 'function' ? new FreshTlsAgent(options, tls) : new https.Agent({ ...options, ...tls });
}

/** Config that the adapter is given. */
interface Exchange extends InternalAxiosRequestConfig {
  adapter: AxiosAdapter;
}

/** Parts that are made once for all requests. */
interface Prepared {
  readonly exchange: Exchange;
  /** True when requests that ask nothing more go over Node's own client. */
  readonly isPlain: boolean;
  readonly settings: PlainSettings;
  readonly limit: number | undefined;
}

/** As axios's adapter sends them. */
const DEFAULT_HEADERS = Object.freeze({
  // oxlint-disable-next-line import/no-named-as-default-member -- axios's types have no export `VERSION`
  'user-agent': `axios/${axios.VERSION}`,
  'accept-encoding': 'gzip, compress, deflate, br',
});

const HTTP_ADAPTER = getAdapter('http');

/** axios undoes one coding alone, and says no more which it was. */
async function throughAdapter(exchange: Exchange): Promise<PlainAnswer> {
  const decodes = exchange.adapter === HTTP_ADAPTER && exchange.decompress !== false;
  if (decodes) exchange.decompress = false;
  const { status, statusText, headers, data } = await exchange.adapter(exchange);
  return { status, statusText, headers, data: data as unknown, decodes };
}

/** All that differs between requests stands in the prepared config already: filling it in is cheaper than adding to it. */
function exchangeOf(request: HttpRequest, prepared: Exchange): Exchange {
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

/** An agent of the app's own kind (a proxy's) cannot be copied: it knows by now that the kept connection is closed. */
function takeFreshConnection(exchange: Exchange): void {
  const plain = optionsOf(exchange.httpAgent, http.Agent);
  if (plain !== undefined) exchange.httpAgent = new http.Agent({ ...plain, keepAlive: false });
  const secure = optionsOf(exchange.httpsAgent, https.Agent);
  if (secure !== undefined) exchange.httpsAgent = new https.Agent({ ...secure, keepAlive: false });
}

/** Returns the options of an agent of exactly this class: Node keeps them, though its types do not say so. */
function optionsOf(agent: unknown, kind: typeof http.Agent): https.AgentOptions | undefined {
  const known = typeof agent === 'object' && agent !== null && agent.constructor === kind;
  return known ? (agent as { readonly options: https.AgentOptions }).options : undefined;
}

/** Returns one request's own adapter settings, never those set above; headers named there (as false) are not sent. */
function ofOneRequest(request: HttpRequest): Record<string, unknown> {
  const { adapter, headers, readHere: _readHere, ...settings } = ownOptions(request.axios);
  return {
    ...settings,
    ...(adapter === undefined ? undefined : { adapter: getAdapter(adapter as AxiosRequestConfig['adapter']) }),
    ...(headers === undefined
      ? undefined
      : { headers: { ...(headers as object), ...spelledHeaders(request.headers, request.spelling) } }),
  };
}

function toBuffer(data: unknown): Buffer {
  if (Buffer.isBuffer(data)) return data;
  if (data === undefined || data === null) return Buffer.alloc(0);
  if (data instanceof ArrayBuffer) return Buffer.from(data);
  // Mock adapters answer with what the test wrote down: text, or an object that a server would have sent as JSON.
  return Buffer.from(typeof data === 'string' ? data : JSON.stringify(data));
}

/** Whoever reads the stream himself, and hands it to nobody, may have it as it is: passing it through is dear. */
function streamOf(response: HttpResponse, body: Readable, request: HttpRequest, limit: number | undefined): Readable {
  if (request.axios?.['readHere'] === true && request.maxContentLength === undefined) return body;
  return typedStream(body, (error) => failure(error, request, limit, response));
}

/** axios says -1 for none. */
function limitOf({ maxContentLength = -1 }: AxiosRequestConfig): number | undefined {
  return maxContentLength > -1 ? maxContentLength : undefined;
}

/** The signal's reason where it aborted, else an error of our own. */
function failure(
  error: unknown,
  request: HttpRequest,
  limit: number | undefined,
  answered: HttpResponse | undefined,
  hint: () => string | undefined = () => undefined,
): unknown {
  const { aborted, reason } = request.cancellation ?? request.signal ?? { aborted: false };
  if (aborted) return reason;
  const where = `${request.method} ${redactUrl(request.url)}`;
  // Of an agent of ours: the request, secrets of its agent and all, was written on it, or axios has wrapped it.
  const refused = [error, (error as { cause?: unknown } | undefined)?.cause].find((one) => one instanceof TlsError);
  if (refused !== undefined) return new TlsError(`${where} failed: ${refused.message}`);
  if (error instanceof ForgeAuthError) return error;
  const { code, message, response } = (error ?? {}) as { code?: unknown; message?: unknown; response?: AxiosResponse };
  if (message === BODY_TOO_LARGE) return new InvalidRequestError(BODY_TOO_LARGE, { cause: error });
  if (code === 'ERR_CANCELED')
    return new InvalidRequestError('The stream of the body was closed before its end.', { cause: error });
  // axios has one code for all of these, and tells them apart by message alone.
  const tooLarge = code === 'ERR_BAD_RESPONSE' && String(message).startsWith('maxContentLength');
  if (tooLarge || code === DECODED_TOO_LARGE) {
    return new ResponseParseError(`${where} answered more than ${limit} bytes.`, {
      code: 'FORGE_AUTH_RESPONSE_TOO_LARGE',
    });
  }
  const answer = answered === undefined ? answerOf(response) : headOf(answered);
  const closed = code === 'ERR_BAD_RESPONSE' && message === 'stream has been aborted';
  if (closed || code === CLOSED_AMID || (answered !== undefined && error === undefined)) {
    return new ConnectionError(`${where} failed: the connection was closed amid the answer.`, { cause: error, answer });
  }
  return networkError(request.method, request.url, error, { answer, hint: answer === undefined ? hint() : undefined });
}

/** Returns what axios reports of an answer whose body failed. */
function answerOf(response: AxiosResponse | undefined): AnswerHead | undefined {
  if (response === undefined) return undefined;
  const { status, statusText, headers } = response;
  return { status, statusText, headers: { ...headers } as HttpHeaders };
}
