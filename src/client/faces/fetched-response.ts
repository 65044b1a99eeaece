import { STATUS_CODES } from 'node:http';
import type { Readable } from 'node:stream';
import { inspect } from 'node:util';
import { defineOwn, ownOptions } from '../../option-check/own-options.js';
import { redactUrl } from '../../redaction/redact.js';
import type { HttpHeaders } from '../../http/http-request.js';
import type { CallScope } from '../request/call-scope.js';
import type { AbandonedBodies } from './abandoned-bodies.js';
import { DeferredStream } from './deferred-stream.js';
import { collectStream, FetchedBody } from './fetched-body.js';

/** Parts that a {@link FetchedResponse} is made of. */
export interface FetchedParts {
  readonly status: number;
  readonly statusText: string | undefined;
  readonly headers: HttpHeaders;
  /** Null where the status or method allows no body. */
  readonly body: Readable | null;
  readonly url: string;
  readonly redirected: boolean;
  readonly scope: CallScope;
  /** Of a body that is read whole. */
  readonly maxBytes: number;
  readonly abandoned: AbandonedBodies;
}

const UNUSABLE = 'Body is unusable: Body has already been read';

/** The platform's own Response, whose accessors are declared as properties, which no class may override. */
const Native = Response as unknown as new (body: Bytes | DeferredStream | null, init: ResponseInit) => object;
type Bytes = ReadableStream<Uint8Array<ArrayBuffer>>;
const nativeBody = getterOf('body') as (this: Response) => Bytes | DeferredStream | null;
const nativeBodyUsed = getterOf('bodyUsed') as (this: Response) => boolean;
const nativeClone = Reflect.get(Response.prototype, 'clone') as (this: Response) => Response;

function getterOf(name: keyof Response): unknown {
  return Reflect.getOwnPropertyDescriptor(Response.prototype, name)?.get;
}

/**
 * A `Response` in all that the platform's own methods ask of one. Its body is read straight from Node's stream where it
 * can be: reading a web stream costs about as much as the request itself.
 */
export class FetchedResponse extends Native implements Response {
  readonly #parts: FetchedParts;
  /** Undefined for a clone, and where there is none. */
  readonly #body: FetchedBody | undefined;
  #headers: Headers | undefined;
  #used = false;

  /** @param branch of the body, for a clone */
  constructor(parts: FetchedParts, branch?: Bytes | null) {
    const { body: source, scope, maxBytes, abandoned } = parts;
    const body = source === null || branch !== undefined ? undefined : new FetchedBody(source, scope, maxBytes);
    super(body?.stream ?? branch ?? null, initOf(parts));
    this.#parts = parts;
    this.#body = body;
    if (body === undefined) return;
    body.owner = this;
    abandoned.watch(body);
  }

  get status(): number {
    // The platform's own constructor asks before there is one.
    return #parts in this ? this.#parts.status : 200;
  }

  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  get statusText(): string {
    return this.#parts.statusText ?? STATUS_CODES[this.status] ?? '';
  }

  get url(): string {
    return this.#parts.url;
  }

  get redirected(): boolean {
    return this.#parts.redirected;
  }

  get type(): 'basic' {
    return 'basic';
  }

  get headers(): Headers {
    return (this.#headers ??= immutable(headersOf(this.#parts.headers)));
  }

  get body(): Bytes | null {
    this.#body?.lift();
    const stream = nativeBody.call(this);
    return stream instanceof DeferredStream ? stream.open() : stream;
  }

  get bodyUsed(): boolean {
    return this.#used || nativeBodyUsed.call(this);
  }

  async text(): Promise<string> {
    return textOf(await this.#read());
  }

  async json(): Promise<unknown> {
    const text = textOf(await this.#read());
    try {
      return JSON.parse(text);
    } catch {
      // The parser's own error quotes the body.
      throw new SyntaxError(`The body of an answer with status ${this.status} is no JSON.`);
    }
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return new Uint8Array(await this.#read()).buffer;
  }

  /** Not on every Node that we support. */
  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return new Uint8Array(await this.#read());
  }

  async blob(): Promise<Blob> {
    // The platform writes its type as the standard has it: `text/plain;charset=iso-8859-1`.
    return (await this.#whole()).blob();
  }

  async formData(): Promise<FormData> {
    return (await this.#whole()).formData();
  }

  clone(): FetchedResponse {
    if (this.bodyUsed || nativeBody.call(this)?.locked === true)
      throw new TypeError('Response.clone: Body has already been consumed.');
    this.#body?.lift();
    return new FetchedResponse(this.#parts, nativeClone.call(this).body as Bytes | null);
  }

  [inspect.custom](): string {
    return `Response { status: ${this.status}, url: '${redactUrl(this.url)}', bodyUsed: ${this.bodyUsed} }`;
  }

  async #whole(): Promise<Response> {
    // Under a status that may have a body: of 204 there may be none, not an empty one either.
    return new Response(new Uint8Array(await this.#read()), ownOptions({ ...initOf(this.#parts), status: 200 }));
  }

  #read(): Promise<Buffer> {
    const stream = nativeBody.call(this);
    if (stream === null) return Promise.resolve(Buffer.alloc(0));
    if (this.bodyUsed || stream.locked) return Promise.reject(new TypeError(UNUSABLE));
    this.#used = true;
    const body = this.#body;
    if (body !== undefined && body.stream === stream) return body.collect();
    // Whoever has cloned it reads a branch.
    return collectStream(stream as Bytes, this.#parts.maxBytes);
  }
}

function textOf(body: Buffer): string {
  const text = body.toString('utf8');
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}

/** Returns what the platform's own methods read of a Response; it takes no status below 200, and none above 599. */
function initOf({ status, headers }: FetchedParts): ResponseInit {
  const contentType = headers['content-type'];
  return ownOptions({
    ...(status >= 200 && status <= 599 && { status }),
    ...(typeof contentType === 'string' && { headers: ownOptions({ 'content-type': contentType }) }),
  });
}

function headersOf(given: HttpHeaders): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(given)) {
    for (const one of Array.isArray(value) ? value : [value]) headers.append(name, one);
  }
  return headers;
}

function refuseChange(): never {
  throw new TypeError('immutable');
}

/** Makes headers immutable, as those of fetch are. */
function immutable(headers: Headers): Headers {
  for (const name of ['append', 'delete', 'set']) defineOwn(headers, name, { value: refuseChange, configurable: true });
  return headers;
}
