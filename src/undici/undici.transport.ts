import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { type AnswerHead, ConfigurationError, ForgeAuthError, ResponseParseError } from '../errors.js';
import { throwIfAborted } from '../http/cancellation.js';
import { CLOSED_AMID, DECODED_TOO_LARGE, decode, isCoded } from '../http/body/content-coding.js';
import { type HttpHeaders, type HttpRequest, type HttpResponse, headOf } from '../http/http-request.js';
import { networkError } from '../http/network-error.js';
import { spelledHeaders } from '../http/axios/spelled-headers.js';
import { checkTls, type TlsOptions } from '../http/tls-options.js';
import type { Transport } from '../http/transport.js';
import { typedStream } from '../http/body/typed-stream.js';
import { declared, ownOptions } from '../option-check/own-options.js';
import { redactUrl } from '../redaction/redact.js';
import { collect } from './collecting-handler.js';
import { type Connections, connectionsOf, givenConnections } from './connections.js';
import type { UndiciTransportOptions } from './undici.transport.options.js';
import { nodeHeaders } from './node-headers.js';

const DEFAULT_HEADERS = { 'accept-encoding': 'gzip, deflate, br', 'user-agent': 'nestjs-forge-auth' } as const;

/**
 * A transport over undici, for a third of the CPU time: as `transport` of a service, in `defaults`, or as a provider's
 * `http.transport`. Needs the package `undici`.
 *
 * Made with options, it has connections of its own, opened on first use, which `close()` closes; made with a dispatcher
 * (an `Agent`, a `Pool`, a `MockAgent`), it uses that and leaves it open. Whoever made a transport closes it.
 */
export class UndiciTransport implements Transport {
  readonly takesCancellation = true;
  readonly #connections: Connections;
  readonly maxContentLength: number | undefined;

  /** @throws {ConfigurationError} when an option is malformed */
  constructor(options: UndiciTransportOptions | Dispatcher = {}) {
    if (isDispatcher(options)) {
      this.#connections = givenConnections(options);
      return;
    }
    const given = checked(options);
    this.maxContentLength = given.maxContentLength;
    this.#connections = connectionsOf(given);
  }

  async send(request: HttpRequest): Promise<HttpResponse> {
    throwIfAborted(request);
    const opened = this.#connections.count;
    const dispatcher = this.#connections.for(request);
    const limit = request.maxContentLength ?? this.maxContentLength;
    try {
      return request.responseType === 'stream'
        ? await this.#stream(request, dispatcher, limit)
        : await this.#collect(request, dispatcher, limit);
    } catch (error) {
      // A connection that was there before the request is a kept one, if no other was opened meanwhile.
      throw failure(error, request, limit, this.#connections.count === opened && opened > 0);
    } finally {
      if (request.freshConnection === true) this.#connections.release(dispatcher);
    }
  }

  /** Closes the connections of a transport that was made with options; requests under way fail. */
  async close(): Promise<void> {
    await this.#connections.close();
  }

  async #collect(request: HttpRequest, dispatcher: Dispatcher, limit: number | undefined): Promise<HttpResponse> {
    const response = { ...(await collect(dispatcher, optionsOf(request), request, limit)), url: request.url };
    if (isCoded(response.headers)) await this.#decode(response, request, limit);
    return response;
  }

  async #stream(request: HttpRequest, dispatcher: Dispatcher, limit: number | undefined): Promise<HttpResponse> {
    const signal = request.signal ?? request.cancellation?.signal;
    const options: Dispatcher.RequestOptions = optionsOf(request);
    const answered = await dispatcher.request(signal === undefined ? options : Object.assign(options, { signal }));
    const { statusCode: status, body } = answered;
    const headers = nodeHeaders(answered.headers as HttpHeaders);
    const statusText = (answered as { statusText?: string }).statusText;
    const response: HttpResponse = { status, statusText, headers, body: body as unknown as Readable, url: request.url };
    await this.#decode(response, request, limit);
    response.body = typedStream(response.body as Readable, (error) =>
      failure(error ?? CLOSED, request, limit, false, headOf(response)),
    );
    return response;
  }

  async #decode(response: HttpResponse, request: HttpRequest, limit: number | undefined): Promise<void> {
    try {
      await decode(response, request.method, limit);
      throwIfAborted(request);
    } catch (error) {
      throw failure(error, request, limit, false, headOf(response));
    }
  }
}

const CLOSED = Object.freeze({ code: CLOSED_AMID });

function isDispatcher(value: UndiciTransportOptions | Dispatcher): value is Dispatcher {
  if (typeof value !== 'object' || value === null) return false;
  return typeof declared(value as Partial<Dispatcher>, 'dispatch') === 'function';
}

function refuse(problem: string): ConfigurationError {
  return new ConfigurationError(`UndiciTransport: ${problem}`);
}

function checked(given: UndiciTransportOptions): UndiciTransportOptions {
  if (typeof given !== 'object' || given === null) throw refuse('give options, or a dispatcher of undici.');
  const options = ownOptions(given);
  const { proxy, maxContentLength } = options;
  for (const name of ['connections', 'pipelining'] as const) {
    const value = options[name];
    if (value !== undefined && !(Number.isInteger(value) && value > 0))
      throw refuse(`${name} must be a whole number above zero.`);
  }
  if (maxContentLength !== undefined && !(typeof maxContentLength === 'number' && maxContentLength > 0))
    throw refuse('maxContentLength must be a number of bytes above zero.');
  if (proxy !== undefined && proxy !== false && !URL.canParse(String(proxy)))
    throw refuse('proxy must be a URL such as http://proxy.example:3128, or false.');
  if (options.tls !== undefined) checkCertificates(options.tls);
  return options;
}

/** Checks what is asked of every `tls`; what else Node's connector takes is handed on unseen. */
function checkCertificates(tls: TlsOptions): void {
  if (typeof tls !== 'object' || tls === null) throw refuse('tls must be an object.');
  const { ca, cert, key, pfx, passphrase, rejectUnauthorized } = ownOptions(tls);
  checkTls(ownOptions({ ca, cert, key, pfx, passphrase, rejectUnauthorized }), { refuse });
}

/** As undici wants it. It frames bodies itself, and our timeouts stand above. */
function optionsOf({ method, url, headers, spelling, body }: HttpRequest): Dispatcher.RequestOptions {
  const pathAt = url.indexOf('/', 8);
  const { 'transfer-encoding': _framing, ...sent } = headers;
  return ownOptions({
    origin: url.slice(0, pathAt),
    path: url.slice(pathAt),
    method: method as Dispatcher.HttpMethod,
    headers: spelledHeaders({ ...DEFAULT_HEADERS, ...sent }, spelling),
    body: body ?? null,
    headersTimeout: 0,
    bodyTimeout: 0,
  });
}

/** The reason of an abort, else an error of our own. */
function failure(
  error: unknown,
  request: HttpRequest,
  limit: number | undefined,
  onKeptConnection: boolean,
  answered?: AnswerHead,
): unknown {
  const { aborted, reason } = request.cancellation ?? request.signal ?? { aborted: false };
  if (aborted) return reason;
  if (error instanceof ForgeAuthError) return error;
  const { code, answer = answered } = (error ?? {}) as { code?: unknown; answer?: AnswerHead };
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE' || code === DECODED_TOO_LARGE)
    return new ResponseParseError(`${request.method} ${redactUrl(request.url)} answered more than ${limit} bytes.`, {
      code: 'FORGE_AUTH_RESPONSE_TOO_LARGE',
    });
  return networkError(request.method, request.url, error, {
    onKeptConnection: (onKeptConnection && answer === undefined) || undefined,
    answer,
  });
}
