import http, { type Agent, type ClientRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import https from 'node:https';
import type { AxiosResponse } from 'axios';
import { whenAborted } from '../cancellation.js';
import type { HeaderSpelling, HttpHeaders, HttpRequest } from '../http-request.js';
import { ownRequestOptions } from './not-inherited.js';
import { badResponse, headersOf, releaseRefused } from './node-transport.js';

/** Parts of an answer of axios's adapter that are read. */
export interface PlainAnswer {
  readonly status: number;
  readonly statusText: string;
  readonly headers: AxiosResponse['headers'];
  /** Bytes, or a stream. */
  readonly data: unknown;
  /** True when codings that the headers name are still to be undone. */
  readonly decodes: boolean;
}

/** Settings that requests of one client go out with. */
export interface PlainSettings {
  readonly httpAgent: Agent;
  readonly httpsAgent: Agent;
  /** Sent where a request has none of that name. */
  readonly headers: Readonly<HttpHeaders>;
}

/**
 * Sends one request over Node's own client, and returns what axios's adapter would, not yet decoded: for what that asks
 * nothing more of it, at half of what a request costs there.
 * @param limit of the body's bytes, as they come over the wire
 */
export function exchangePlainly(
  request: HttpRequest,
  settings: PlainSettings,
  limit: number | undefined,
): Promise<PlainAnswer> {
  return new Promise((resolve, reject) => new PlainExchange(request, limit, resolve, reject).start(settings));
}

class PlainExchange {
  readonly #request: HttpRequest;
  readonly #limit: number;
  readonly #resolve: (answer: PlainAnswer) => void;
  readonly #reject: (reason: unknown) => void;
  #sent: ClientRequest | undefined;
  #answer: PlainAnswer | undefined;
  #body: IncomingMessage | undefined;
  #unfollow: (() => void) | undefined;
  #aborted = false;
  readonly #chunks: Buffer[] = [];
  #size = 0;

  constructor(
    request: HttpRequest,
    limit: number | undefined,
    resolve: (answer: PlainAnswer) => void,
    reject: (reason: unknown) => void,
  ) {
    this.#request = request;
    this.#limit = limit ?? Number.POSITIVE_INFINITY;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  start(settings: PlainSettings): void {
    const { method, url, headers, spelling, body } = this.#request;
    const secure = url.startsWith('https:');
    const pathAt = url.indexOf('/', 8);
    const { hostname, port } = addressOf(url.slice(secure ? 8 : 7, pathAt));
    const options = ownRequestOptions<https.RequestOptions>({
      hostname,
      port,
      // Agents of proxies read it: those that find none guess, and may send in the clear.
      protocol: secure ? 'https:' : 'http:',
      agent: secure ? settings.httpsAgent : settings.httpAgent,
      method,
      path: url.slice(pathAt),
      headers: sentHeaders(settings.headers, headers, spelling, body),
      // As axios's adapter has it, whatever Node was started with.
      insecureHTTPParser: false,
    });
    const sent = (secure ? https : http).request(options, (answered) => this.#answered(answered));
    this.#sent = sent;
    sent.on('error', (error) => this.#fail(error));
    // Of an answer that switches protocols, though nobody asked for that, Node reports nothing more.
    sent.on('close', () => this.#body ?? this.#fail(badResponse('stream has been aborted')));
    this.#unfollow = whenAborted(this.#request, (reason) => this.#abort(reason));
    // Of a text, Node would write the headers in its encoding, too: beyond ASCII they would be others.
    try {
      sent.end(typeof body === 'string' ? Buffer.from(body) : body);
    } catch (error) {
      // Some headers Node looks at only now: the connection would wait for the request forever.
      this.#unfollow?.();
      sent.destroy();
      throw error;
    }
  }

  #answered(message: IncomingMessage): void {
    this.#body = message;
    this.#answer = {
      status: message.statusCode ?? 0,
      statusText: message.statusMessage ?? '',
      headers: headersOf(message) as AxiosResponse['headers'],
      data: message,
      decodes: true,
    };
    if (this.#request.responseType === 'stream') {
      message.on('close', () => this.#release());
      this.#resolve(this.#answer);
      return;
    }
    message.on('data', (chunk: Buffer) => this.#collect(chunk));
    message.on('error', () => this.#fail(badResponse('stream has been aborted')));
    message.on('end', () => this.#end());
  }

  #collect(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    if (this.#size <= this.#limit) return;
    this.#fail(badResponse(`maxContentLength size of ${this.#limit} exceeded`));
    this.#body?.destroy();
  }

  #end(): void {
    const answer = this.#answer as PlainAnswer;
    const data = this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks);
    this.#release();
    this.#resolve({ ...answer, data });
  }

  #release(): void {
    this.#unfollow?.();
    if (this.#body !== undefined) releaseRefused(this.#sent, this.#body);
  }

  #abort(reason: unknown): void {
    this.#aborted = true;
    this.#reject(reason);
    if (this.#body === undefined) this.#sent?.destroy();
    else this.#body.destroy(reason as Error);
  }

  /**
   * Whoever reads the error learns what there was of a connection and an answer: where axios has it, but never the
   * request itself, which holds the credential. An agent of the app's own may keep its errors.
   */
  #fail(error: Error): void {
    // What comes of an abort is the reason itself, which is the caller's: nothing is written on it.
    if (this.#aborted) return;
    this.#unfollow?.();
    const known = { request: { reusedSocket: this.#sent?.reusedSocket }, response: this.#answer };
    this.#reject(Object.isExtensible(error) ? Object.assign(error, known) : error);
  }
}

function sentHeaders(
  defaults: Readonly<HttpHeaders>,
  given: HttpHeaders,
  spelling: HeaderSpelling | undefined,
  body: HttpRequest['body'],
): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = { ...defaults };
  if (body !== undefined) headers['content-length'] = Buffer.byteLength(body as string);
  for (const name of Object.keys(given)) {
    const value = given[name] as HttpHeaders[string] | undefined;
    // What an app's own authenticator has taken off so.
    if (value !== undefined && value !== null) headers[spelling?.[name] ?? name] = value;
  }
  return headers;
}

/** Host and port of an authority: `[::1]:8080`. */
function addressOf(authority: string): { hostname: string; port: string } {
  const portAt = authority.indexOf(':', authority.lastIndexOf(']') + 1);
  const host = portAt < 0 ? authority : authority.slice(0, portAt);
  return {
    hostname: host.startsWith('[') ? host.slice(1, -1) : host,
    port: portAt < 0 ? '' : authority.slice(portAt + 1),
  };
}
