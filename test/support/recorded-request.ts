import { IncomingMessage, type IncomingHttpHeaders } from 'node:http';
import { TLSSocket, type PeerCertificate } from 'node:tls';

/** One request as the server received it. It is recorded when its headers are in; its body fills when that is in. */
export interface RecordedRequest {
  readonly method: string;
  /** Path and query, exactly as sent. */
  readonly url: string;
  /** The path alone, exactly as sent. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** Names and values in turn, in the order and the case they were sent. */
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
  /** True when the whole body arrived. False for good when the client broke off. */
  readonly complete: boolean;
  /** The body as UTF-8. */
  readonly text: string;
  /** The body parsed as JSON. */
  json<T = unknown>(): T;
  /** The body parsed as a form. */
  form(): URLSearchParams;
  /** Arrival, in epoch milliseconds. */
  readonly at: number;
  /** Arrival, as `performance.now()`. */
  readonly startedAt: number;
  /** When the answer was complete or the connection gone, as `performance.now()`; undefined while being handled. */
  readonly endedAt: number | undefined;
  /** Which of the server's connections brought it, counted from 1. */
  readonly connection: number;
  /** The client's TLS certificate, where one was asked for and sent. */
  readonly clientCertificate: PeerCertificate | undefined;
  /** A fresh, unread `IncomingMessage` of this request, for frameworks that read the body themselves. */
  replay(): IncomingMessage;
}

/** The recording side of a {@link RecordedRequest}. */
export class Recording implements RecordedRequest {
  readonly at = Date.now();
  readonly startedAt = performance.now();
  readonly method: string;
  readonly url: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly connection: number;
  readonly clientCertificate: PeerCertificate | undefined;
  body: Buffer = Buffer.alloc(0);
  complete = false;
  endedAt: number | undefined;
  readonly #message: IncomingMessage;

  constructor(message: IncomingMessage, connection: number) {
    this.#message = message;
    this.connection = connection;
    this.method = message.method ?? '';
    this.url = message.url ?? '';
    this.path = this.url.split('?', 1)[0] ?? '';
    this.headers = message.headers;
    this.rawHeaders = message.rawHeaders;
    this.clientCertificate = clientCertificateOf(message);
  }

  get query(): URLSearchParams {
    return new URLSearchParams(this.url.slice(this.path.length));
  }

  get text(): string {
    return this.body.toString('utf8');
  }

  json<T = unknown>(): T {
    return JSON.parse(this.text) as T;
  }

  form(): URLSearchParams {
    return new URLSearchParams(this.text);
  }

  replay(): IncomingMessage {
    const { method, url, headers, rawHeaders, httpVersion, httpVersionMajor, httpVersionMinor } = this.#message;
    const replayed = new IncomingMessage(this.#message.socket);
    Object.assign(replayed, { method, url, rawHeaders, httpVersion, httpVersionMajor, httpVersionMinor });
    replayed.headers = headers;
    if (this.body.length > 0) replayed.push(this.body);
    replayed.push(null);
    replayed.complete = true;
    return replayed;
  }

  /** Reads the body to its end. Returns false when the client broke off. */
  async readBody(): Promise<boolean> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of this.#message) chunks.push(chunk as Buffer);
      this.complete = true;
    } catch {
      // The client is gone: what arrived is what there is.
    }
    this.body = Buffer.concat(chunks);
    return this.complete;
  }
}

function clientCertificateOf(message: IncomingMessage): PeerCertificate | undefined {
  if (!(message.socket instanceof TLSSocket)) return undefined;
  const certificate = message.socket.getPeerCertificate();
  return Object.keys(certificate).length > 0 ? certificate : undefined;
}
