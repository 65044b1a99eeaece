import { STATUS_CODES } from 'node:http';
import type { Readable } from 'node:stream';
import { inspect } from 'node:util';
import { ForgeAuthError, ResponseParseError } from '../../errors.js';
import { RedactedCause, redactUrl } from '../../redaction/redact.js';
import type { HttpHeaders } from '../../http/http-request.js';
import type { CallScope } from '../request/call-scope.js';

/** What a {@link FetchedResponse} is made of. */
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

/**
 * Frees the connections of answers whose bodies nobody reads, when the answers themselves are garbage. Most bodies are
 * read at once; watching is dear, so only those are watched that are still unread a turn later.
 */
export class AbandonedBodies {
  readonly #registry = new FinalizationRegistry<WeakRef<Readable>>((body) => body.deref()?.destroy());
  #fresh: FetchedResponse[] = [];

  /** Watches the body of an answer that was just made. */
  watch(response: FetchedResponse): void {
    if (this.#fresh.push(response) === 1) setImmediate(() => this.#watchUnread());
  }

  #watchUnread(): void {
    const fresh = this.#fresh;
    this.#fresh = [];
    for (const response of fresh) {
      const body = FetchedResponse.unreadBodyOf(response);
      if (body !== undefined) this.#registry.register(response, new WeakRef(body));
    }
  }
}

/**
 * A `Response` whose body is read straight from Node's stream. Making a web stream of it costs more than the request
 * itself, so that is left until somebody asks for `body`, `clone()` or `formData()`.
 */
export class FetchedResponse implements Response {
  static {
    // `instanceof Response` holds, without the constructor's work: nothing of it is used.
    Object.setPrototypeOf(FetchedResponse.prototype, Response.prototype);
  }

  readonly #parts: FetchedParts;
  #headers: Headers | undefined;
  /** Takes over everything about the body as soon as somebody wants it as a web stream. */
  #native: Response | undefined;
  #used = false;

  constructor(parts: FetchedParts, native?: Response) {
    this.#parts = parts;
    this.#native = native;
    if (parts.body === null || native !== undefined) return;
    // Whoever reads it sees it fail; while nobody does, the process must not.
    parts.body.on('error', ignore);
    parts.abandoned.watch(this);
  }

  /** The body that nobody has asked for yet. */
  static unreadBodyOf(response: FetchedResponse): Readable | undefined {
    return response.#used || response.#native !== undefined ? undefined : (response.#parts.body ?? undefined);
  }

  get status(): number {
    return this.#parts.status;
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

  get body(): ReadableStream<Uint8Array> | null {
    if (this.#parts.body === null) return null;
    return this.#used ? usedUp() : this.#asNative().body;
  }

  get bodyUsed(): boolean {
    return this.#native?.bodyUsed ?? this.#used;
  }

  async text(): Promise<string> {
    if (this.#native !== undefined) return this.#native.text();
    const text = (await this.#read()).toString('utf8');
    return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  }

  async json(): Promise<unknown> {
    const text = await this.text();
    try {
      return JSON.parse(text);
    } catch {
      // The parser's own error quotes the body.
      throw new SyntaxError(`The body of an answer with status ${this.status} is no JSON.`);
    }
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    if (this.#native !== undefined) return this.#native.arrayBuffer();
    return new Uint8Array(await this.#read()).buffer;
  }

  /** Not on every Node that we support. */
  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return new Uint8Array(await this.arrayBuffer());
  }

  async blob(): Promise<Blob> {
    return new Blob([await this.arrayBuffer()], { type: this.headers.get('content-type') ?? '' });
  }

  async formData(): Promise<FormData> {
    if (this.#used) throw new TypeError(UNUSABLE);
    return this.#asNative().formData();
  }

  clone(): FetchedResponse {
    if (this.bodyUsed) throw new TypeError('Response.clone: Body has already been consumed.');
    return new FetchedResponse(this.#parts, this.#asNative().clone());
  }

  #asNative(): Response {
    if (this.#native !== undefined) return this.#native;
    const { body, headers, scope } = this.#parts;
    const contentType = headers['content-type'];
    const native = new Response(body === null ? null : webStreamOf(body, scope), {
      headers: typeof contentType === 'string' ? { 'content-type': contentType } : {},
    });
    this.#native = native;
    return native;
  }

  [inspect.custom](): string {
    return `Response { status: ${this.status}, url: '${redactUrl(this.url)}', bodyUsed: ${this.bodyUsed} }`;
  }

  async #read(): Promise<Buffer> {
    const { body, scope, maxBytes } = this.#parts;
    if (body === null) return Buffer.alloc(0);
    if (this.#used) throw new TypeError(UNUSABLE);
    this.#used = true;
    return collect(body, scope, maxBytes);
  }
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

/** As fetch has them: what a service said is not to be changed. */
function immutable(headers: Headers): Headers {
  for (const name of ['append', 'delete', 'set'])
    Object.defineProperty(headers, name, { value: refuseChange, configurable: true });
  return headers;
}

function ignore(): void {}

/** What is left of a body that was read: a stream that nobody can read. */
function usedUp(): ReadableStream<Uint8Array> {
  const stream = new ReadableStream<Uint8Array>();
  stream.getReader();
  return stream;
}

function collect(body: Readable, scope: CallScope, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let ended = false;
    let size = 0;
    body.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      if (size > maxBytes) body.destroy(tooLarge(maxBytes));
    });
    body.once('end', () => {
      ended = true;
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
    });
    body.once('error', (error) => reject(brokenOff(error, scope) as Error));
    body.once('close', () => {
      if (!ended) reject(brokenOff(undefined, scope) as Error);
    });
    if (body.destroyed || scope.aborted) reject(brokenOff(body.errored, scope) as Error);
  });
}

function tooLarge(maxBytes: number): ResponseParseError {
  return new ResponseParseError(`The body of an answer is larger than ${maxBytes} bytes.`, {
    code: 'FORGE_AUTH_RESPONSE_TOO_LARGE',
  });
}

function webStreamOf(body: Readable, scope: CallScope): ReadableStream<Uint8Array> {
  const chunks = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  return new ReadableStream({
    type: 'bytes',
    async pull(controller) {
      try {
        const { done, value } = await chunks.next();
        if (done !== true) {
          controller.enqueue(new Uint8Array(value));
          return;
        }
      } catch (error) {
        throw brokenOff(error, scope);
      }
      // A stream that was destroyed without an error ends, as if it were complete.
      if (scope.aborted || !body.readableEnded) throw brokenOff(body.errored, scope);
      controller.close();
      controller.byobRequest?.respond(0);
    },
    cancel() {
      body.destroy();
    },
  });
}

/** What reading rejects with: the caller's own reason where it gave up, else what `fetch` says of a broken body. */
function brokenOff(error: unknown, scope: CallScope): unknown {
  if (scope.aborted) return scope.reason;
  if (error === undefined || error === null) return new TypeError('terminated');
  return new TypeError('terminated', { cause: error instanceof ForgeAuthError ? error : new RedactedCause(error) });
}
