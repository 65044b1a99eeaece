import { Readable, Transform, type TransformCallback } from 'node:stream';
import { InvalidRequestError } from '../errors.js';
import type { HttpHeaders, HttpRequest } from './http-request.js';

const UNFIT = 'Content-Length or Transfer-Encoding does not fit the body: leave both out, they are written for you.';

/** Node throws of it as it writes the headers: where nobody may catch it. */
const NO_TRAILERS = 'Trailer announces what can only follow a stream of unknown length: leave it out.';

/**
 * Makes sure that the headers that frame a body are true of it: what is beyond a Content-Length, or behind a coding that
 * is not chunked, the server reads as the next request on the connection. The length of a stream is counted while it is
 * written; `failure` of what is returned then says what was wrong.
 * @throws {InvalidRequestError} when they are not true
 * @see [RFC 9112 §6](https://www.rfc-editor.org/rfc/rfc9112#section-6)
 */
export function frameBody(request: HttpRequest): CountedStream | undefined {
  const { headers, body } = request;
  const length = headers['content-length'];
  const coding = headers['transfer-encoding'];
  if (headers['trailer'] !== undefined && !(body instanceof Readable && length === undefined))
    throw new InvalidRequestError(NO_TRAILERS);
  if (length === undefined && coding === undefined) return undefined;
  if (!(body instanceof Readable)) {
    if (coding === undefined && String(length) === String(lengthOf(body))) return undefined;
  } else if (coding === undefined) {
    const bytes = wholeNumber(length);
    if (bytes !== undefined) return (request.body = new CountedStream(body, bytes));
  } else if (length === undefined && isChunked(coding)) return undefined;
  throw new InvalidRequestError(UNFIT);
}

/** Passes a stream on that has its declared length, and fails as soon as it has not. */
export class CountedStream extends Transform {
  failure: InvalidRequestError | undefined;
  readonly #length: number;
  #written = 0;
  /** Goes out when it is known whether it is the last: a request that is refused was never whole. */
  #held: Buffer | undefined;

  constructor(source: Readable, length: number) {
    super();
    this.#length = length;
    source.once('error', (error) => this.destroy(error));
    source.once('close', () => !source.readableEnded && this.destroy());
    this.once('close', () => source.destroy());
    // Whoever sends it hears of it; before that, nobody may listen yet.
    this.on('error', () => undefined);
    source.pipe(this);
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#written += chunk.length;
    if (this.#written > this.#length) return done(this.#fail('longer'));
    const held = this.#held;
    this.#held = chunk;
    done(null, held);
  }

  override _flush(done: TransformCallback): void {
    if (this.#written < this.#length) done(this.#fail('shorter'));
    else done(null, this.#held);
  }

  #fail(how: string): InvalidRequestError {
    return (this.failure = new InvalidRequestError(`The stream is ${how} than its Content-Length of ${this.#length}.`));
  }
}

function lengthOf(body: HttpRequest['body']): number {
  return typeof body === 'string' ? Buffer.byteLength(body) : ((body as Buffer | undefined)?.length ?? 0);
}

function wholeNumber(length: HttpHeaders[string] | undefined): number | undefined {
  return typeof length === 'string' && /^\d{1,15}$/.test(length) ? Number(length) : undefined;
}

function isChunked(coding: HttpHeaders[string]): boolean {
  return typeof coding === 'string' && coding.toLowerCase() === 'chunked';
}
