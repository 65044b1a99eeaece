import { undecodedIn } from './body/undecoded.js';
import { concealedCause } from '../redaction/own-cause.js';
import { type Clock, millisecondsSince, monotonicNow, systemClock } from '../clock.js';
import {
  ConfigurationError,
  ForgeAuthError,
  InvalidRequestError,
  ResponseParseError,
  TimeoutError,
} from '../errors.js';
import { redactUrl, shownValue } from '../redaction/redact.js';
import { AxiosTransport } from './axios/axios.transport.js';
import { type AxiosTransportOptions, POOL_RULES } from './axios/axios-transport-options.js';
import { ForgeResponse } from './forge-response.js';
import type { HttpHeaders, HttpRequest, HttpResponse } from './http-request.js';
import type { OpenBody } from './body/request-body.js';
import { afterPatiently } from './patient-timer.js';
import { linkSignals } from './signals.js';
import {
  isRecord,
  checkOption,
  checkOptions,
  type OptionPlace,
  type OptionRules,
} from '../option-check/option-check.js';
import { RULES } from '../option-check/option-rules.js';
import { loadedWhenCalled } from '../lazy.js';
import { checkTls, TLS_RULES } from './tls-options.js';
import { checkResponse, type Transport } from './transport.js';
import { ownOptions } from '../option-check/own-options.js';

/** Options of the requests to a token endpoint. Nothing is inherited from the service the token is for. */
export interface HttpRequesterOptions extends AxiosTransportOptions {
  /** Per request, to the end of the body, in milliseconds. @default 30_000 */
  timeoutMs?: number;
  /** Sent with every request. Left out: none but those of the request. */
  headers?: Readonly<Record<string, string>>;
  /** Takes the place of axios, whose settings are then not read. Whoever made it closes it; it knows its own `tls`. */
  transport?: Transport;
}

/** The options of {@link HttpRequesterOptions}. */
export const REQUESTER_RULES: OptionRules<HttpRequesterOptions> = Object.freeze({
  timeoutMs: RULES.durationMs,
  headers: RULES.record,
  transport: RULES.transport,
  axios: RULES.axios,
  tls: { accepts: (value) => isRecord(value) || typeof value === 'function', what: 'an object, or a function of one' },
  pool: RULES.record,
});

const nearbyHttp = [
  { known: Object.keys(TLS_RULES), as: (name: string) => `http: { tls: { ${name}: … } }` },
  { known: Object.keys(POOL_RULES), as: (name: string) => `http: { pool: { ${name}: … } }` },
];

/** @throws {ConfigurationError} naming the option, as `http.…` */
export function checkRequesterOptions(options: unknown, place: OptionPlace): void {
  const { refuse } = place;
  checkOption('http', options, RULES.record, place);
  if (options === undefined) return;
  const { headers = {}, tls, pool } = ownOptions(options as HttpRequesterOptions);
  const http = { ...place, prefix: 'http.', nearby: nearbyHttp };
  checkOptions(options, REQUESTER_RULES, http);
  if (pool !== undefined) checkOptions(pool, POOL_RULES, { ...place, prefix: 'http.pool.' });
  for (const [name, value] of Object.entries(headers) as [string, unknown][]) {
    if (typeof value === 'string' && SENDABLE_NAME.test(name) && SENDABLE_VALUE.test(value)) continue;
    throw refuse(`http.headers must be of names and texts that a header can carry. Correct ${shownName(name)}.`);
  }
  checkTls(tls, http);
  if (tls !== undefined && (options as HttpRequesterOptions).transport !== undefined)
    throw refuse('http.tls means nothing beside http.transport: give the transport its tls.');
}

/** RFC 9110 §5.1, and what Node sends of §5.5. */
const SENDABLE_NAME = /^[!#$%&'*+\-.^_`|~\dA-Za-z]+$/;
const SENDABLE_VALUE = /^[\t\x20-\x7E\x80-\xFF]*$/;

function shownName(name: string): string {
  return SENDABLE_NAME.test(name) ? name : 'the name that has other characters in it';
}

/** One request by its parts. `json`, `form` and `body` exclude each other. */
export interface RequesterRequest {
  method?: string;
  /** Absolute. */
  url: string;
  headers?: Readonly<Record<string, string>>;
  query?: Readonly<Record<string, string>>;
  json?: unknown;
  form?: Readonly<Record<string, string>> | URLSearchParams;
  body?: string | Buffer | URLSearchParams;
  signal?: AbortSignal;
  /** Milliseconds for the request, to the end of the body. */
  timeoutMs?: number;
}

/** A token endpoint that has not answered by then will not. */
const DEFAULT_TIMEOUT_MS = 30_000;

/** No token answer is this large; what is, is a mistake or an attack. */
const MAX_ANSWER_BYTES = 1_048_576;

const openBody = loadedWhenCalled(async () => {
  const { bodySourceOf } = await import('./body/request-body.js');
  return async (data: unknown, contentType: string | undefined): Promise<OpenBody | undefined> =>
    bodySourceOf(data, contentType)?.open();
});

const frameBody = loadedWhenCalled(async () => {
  const framed = await import('./body/framed-body.js');
  return async (request: HttpRequest): Promise<void> => void framed.frameBody(request);
});

/** Answers of token endpoints, discovery documents and the like: small, bounded in time and size, any status. */
export class HttpRequester implements Transport {
  readonly #transport: Transport;
  readonly #ownsTransport: boolean;
  readonly #timeoutMs: number;
  readonly #headers: HttpHeaders;
  readonly #clock: Clock;

  /** @throws {ConfigurationError} when an option is malformed */
  constructor(given: HttpRequesterOptions = {}, clock: Clock = systemClock) {
    const options = ownOptions(given);
    this.#ownsTransport = options.transport === undefined;
    this.#transport = options.transport ?? new AxiosTransport(options);
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    if (!(this.#timeoutMs > 0)) {
      throw new ConfigurationError(
        `http.timeoutMs must be above zero, not ${shownValue(this.#timeoutMs)}. It is in milliseconds.`,
      );
    }
    this.#headers = Object.fromEntries(
      Object.entries(options.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]),
    );
    this.#clock = clock;
  }

  /**
   * Sends one request and answers whatever status comes back; redirects are not followed.
   * @throws {ConnectionError | TlsError | TimeoutError | ResponseParseError} when there is no answer
   */
  async request(given: RequesterRequest): Promise<ForgeResponse> {
    const request = ownOptions(given);
    const headers = ownOptions<HttpHeaders>({ accept: 'application/json', ...lowerCase(request.headers) });
    const data = request.json ?? (request.form && new URLSearchParams(request.form)) ?? request.body;
    const opened = ownOptions(
      data === undefined ? undefined : await openBody(data, headers['content-type'] as string | undefined),
    );
    if (opened?.contentType !== undefined) headers['content-type'] ??= opened.contentType;
    const sent: HttpRequest = {
      method: (request.method ?? 'GET').toUpperCase(),
      url: withQuery(request.url, request.query),
      headers,
      body: opened?.body,
      responseType: 'json',
      signal: request.signal,
    };
    const startedAt = monotonicNow(this.#clock);
    const response = await this.send(sent, request.timeoutMs);
    const elapsedMs = millisecondsSince(this.#clock, startedAt);
    return new ForgeResponse(sent, response, { elapsedMs, attempts: 1 });
  }

  /** Sends a request as it is, within the timeout and the size limit. */
  async send(given: HttpRequest, timeoutMs = this.#timeoutMs): Promise<HttpResponse> {
    const request = ownOptions(given);
    request.headers = ownOptions({ ...this.#headers, ...request.headers });
    const link = linkSignals(request.signal);
    const cancel = afterPatiently(this.#clock, timeoutMs, () =>
      link.abort(
        new TimeoutError(`${request.method} ${redactUrl(request.url)} did not answer within ${timeoutMs} ms.`),
      ),
    );
    try {
      await frameBody(request);
      const answered = await this.#transport.send(
        ownOptions({
          ...request,
          signal: link.signal,
          maxContentLength: request.maxContentLength ?? MAX_ANSWER_BYTES,
        }),
      );
      const response = checkResponse(answered, request);
      const undecoded = undecodedIn(response);
      if (undecoded === undefined) return response;
      throw new ResponseParseError(`${request.method} ${redactUrl(request.url)} answered a body ${undecoded}.`);
    } catch (error) {
      if (this.#ownsTransport || error instanceof ForgeAuthError || link.signal.aborted) throw error;
      // A transport of the app's own may throw what it likes.
      const { networkError } = await import('./network-error.js');
      throw networkError(request.method, request.url, error, { cause: concealedCause(error) });
    } finally {
      cancel();
      link.release();
    }
  }

  async close(): Promise<void> {
    if (this.#ownsTransport) await this.#transport.close?.();
  }
}

function lowerCase(headers: Readonly<Record<string, string>> = {}): HttpHeaders {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function withQuery(url: string, query: Readonly<Record<string, string>> = {}): string {
  const entries = Object.entries(query);
  if (entries.length === 0) return url;
  try {
    const parsed = new URL(url);
    for (const [name, value] of entries) parsed.searchParams.append(name, value);
    return parsed.href;
  } catch {
    throw new InvalidRequestError(`${redactUrl(url)}: the URL must be absolute.`);
  }
}
