import { inheritsProxy } from '../environment.js';
import { ownJson } from '../../option-check/own-json.js';
import type * as http from 'node:http';
import type { Readable } from 'node:stream';
import axios, { getAdapter } from 'axios';
import { ownOptions } from '../../option-check/own-options.js';
import { type Exchange, exchangeOf, guardedSettings, HTTP_ADAPTER } from './axios-config.js';
import { axiosFailure } from './axios-failure.js';
import { type AxiosTransportOptions, contentLimitOf } from './axios-transport-options.js';
import { throwIfAborted } from '../cancellation.js';
import { decode, isCoded } from '../body/content-coding.js';
import { FreshTlsAgent } from '../node/fresh-tls.agent.js';
import type { HttpHeaders, HttpRequest, HttpResponse } from '../http-request.js';
import { NODE_TRANSPORT } from '../node/node-transport.js';
import { ownHttpAgent, ownHttpsAgent } from '../node/own-agents.js';
import { PER_REQUEST } from './per-request.js';
import { exchangePlainly, type PlainAnswer, type PlainSettings } from '../node/plain-exchange.js';
import { isPlain, isPlainRequest } from '../node/plain-request.js';
import { certificateProblem } from '../tls-hints.js';
import type { TlsOptions } from '../tls-options.js';
import { typedStream } from '../body/typed-stream.js';

/**
 * axios sets this delay on every socket that it is given: an agent that wants another one sets its own again after each
 * request, with several system calls each.
 */
const KEEP_ALIVE = { keepAlive: true, keepAliveMsecs: 60_000 } as const;

/** Sends the requests of one transport, over agents of its own where none are given. */
export class AxiosSender {
  readonly #options: AxiosTransportOptions;
  #prepared: Prepared | undefined;
  #ownAgents: http.Agent[] = [];

  constructor(options: AxiosTransportOptions) {
    this.#options = options;
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
      limit: contentLimitOf(given),
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
  if (exchange.proxy === undefined && inheritsProxy()) exchange.proxy = false;
  const { status, statusText, headers, data } = await exchange.adapter(exchange);
  return { status, statusText, headers: ownOptions(headers) as PlainAnswer['headers'], data: data as unknown, decodes };
}

function toBuffer(data: unknown): Buffer {
  if (Buffer.isBuffer(data)) return data;
  if (data === undefined || data === null) return Buffer.alloc(0);
  if (data instanceof ArrayBuffer) return Buffer.from(data);
  // Mock adapters answer with what the test wrote down: text, or an object that a server would have sent as JSON.
  return Buffer.from(typeof data === 'string' ? data : ownJson(data));
}

/** Whoever reads the stream himself, and hands it to nobody, may have it as it is: passing it through is dear. */
function streamOf(response: HttpResponse, body: Readable, request: HttpRequest, limit: number | undefined): Readable {
  if (request.axios?.['readHere'] === true && request.maxContentLength === undefined) return body;
  return typedStream(body, (error) => axiosFailure(error, request, limit, response));
}
