import type * as http from 'node:http';
import type { Readable } from 'node:stream';
import axios, { type AxiosRequestConfig, getAdapter } from 'axios';
import { ownOptions } from '../option-check/own-options.js';
import { type OptionRules, RULES } from '../option-check/option-check.js';
import { type Exchange, exchangeOf, guardedSettings, HTTP_ADAPTER, PER_REQUEST } from './axios-config.js';
import { axiosFailure } from './axios-failure.js';
import { throwIfAborted } from './cancellation.js';
import { decode, isCoded } from './content-coding.js';
import { FreshTlsAgent } from './fresh-tls.agent.js';
import type { HttpHeaders, HttpRequest, HttpResponse } from './http-request.js';
import { NODE_TRANSPORT } from './node-transport.js';
import { ownHttpAgent, ownHttpsAgent } from './own-agents.js';
import { exchangePlainly, type PlainAnswer, type PlainSettings } from './plain-exchange.js';
import { isPlain, isPlainRequest } from './plain-request.js';
import { certificateProblem } from './tls-hints.js';
import type { TlsOptions, TlsSource } from './tls-options.js';
import type { Transport } from './transport.js';
import { typedStream } from './typed-stream.js';

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

/**
 * axios sets this delay on every socket that it is given: an agent that wants another one sets its own again after each
 * request, with several system calls each.
 */
const KEEP_ALIVE = { keepAlive: true, keepAliveMsecs: 60_000 } as const;

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
  readonly maxContentLength: number | undefined;
  #prepared: Prepared | undefined;
  #ownAgents: http.Agent[] = [];

  constructor(options: AxiosTransportOptions = {}) {
    this.#options = ownOptions(options);
    this.maxContentLength = limitOf(ownOptions(this.#options.axios));
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
        headers: headers as HttpHeaders,
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
      throw axiosFailure(error, request, limit, response, () => certificateProblem(this.#certificate()));
    }
  }

  close(): void {
    for (const agent of this.#ownAgents) agent.destroy();
    this.#ownAgents = [];
    this.#prepared = undefined;
  }

  #prepare(): Prepared {
    const { axios: settings, tls, pool } = this.#options;
    const given = guardedSettings(ownOptions(settings));
    const config = { ...given, ...PER_REQUEST } as unknown as Exchange;
    config.httpAgent = given.httpAgent ?? this.#own(ownHttpAgent({ ...KEEP_ALIVE, ...pool }));
    config.httpsAgent = given.httpsAgent ?? this.#own(ownHttpsAgent({ ...KEEP_ALIVE, ...pool }, tls));
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

/** axios undoes one coding alone, and says no more which it was. */
async function throughAdapter(exchange: Exchange): Promise<PlainAnswer> {
  const decodes = exchange.adapter === HTTP_ADAPTER && exchange.decompress !== false;
  if (decodes) exchange.decompress = false;
  const { status, statusText, headers, data } = await exchange.adapter(exchange);
  return { status, statusText, headers: { ...headers }, data: data as unknown, decodes };
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
  return typedStream(body, (error) => axiosFailure(error, request, limit, response));
}

/** axios says -1 for none. */
function limitOf({ maxContentLength = -1 }: AxiosRequestConfig): number | undefined {
  return maxContentLength > -1 ? maxContentLength : undefined;
}
