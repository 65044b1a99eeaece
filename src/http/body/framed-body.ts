import { Readable, Transform, type TransformCallback } from 'node:stream';
import { InvalidRequestError } from '../../errors.js';
import type { HttpHeaders, HttpRequest } from '../http-request.js';

/** Message of axios about a body beyond `maxBodyLength`, for which it has no code of its own. */
export const BODY_TOO_LARGE = 'Request body larger than maxBodyLength limit';

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
  const most = request.axios === undefined ? undefined : limitOf(request.axios);
  if (headers['trailer'] !== undefined && !(body instanceof Readable && length === undefined))
    throw new InvalidRequestError(NO_TRAILERS);
  if (most !== undefined && (wholeNumber(length) ?? lengthOf(body)) > most)
    throw new InvalidRequestError(BODY_TOO_LARGE);
  if (length === undefined && coding === undefined) return limited(request, most);
  if (!(body instanceof Readable)) {
    if (coding === undefined && String(length) === String(lengthOf(body))) return undefined;
  } else if (coding === undefined) {
    const bytes = wholeNumber(length);
    if (bytes !== undefined) return (request.body = new CountedStream(body, bytes, true));
  } else if (length === undefined && isChunked(coding)) return limited(request, most);
  throw new InvalidRequestError(UNFIT);
}

function limited(request: HttpRequest, most: number | undefined): CountedStream | undefined {
  const { body } = request;
  if (most === undefined || !(body instanceof Readable)) return undefined;
  return (request.body = new CountedStream(body, most, false));
}

function limitOf(settings: Readonly<Record<string, unknown>>): number | undefined {
  const most = Object.hasOwn(settings, 'maxBodyLength') ? Number(settings['maxBodyLength']) : -1;
  return most > -1 ? most : undefined;
}

/** Passes a stream on that has its declared length, or no more than a limit, and fails as soon as it has not. */
export class CountedStream extends Transform {
  failure: InvalidRequestError | undefined;
  readonly #length: number;
  /** True for a declared length, false for a limit. */
  readonly #exact: boolean;
  #written = 0;
  /** Goes out when it is known whether it is the last: a request that is refused was never whole. */
  #held: Buffer | undefined;

  constructor(source: Readable, length: number, exact: boolean) {
    super();
    this.#length = length;
    this.#exact = exact;
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
    if (!this.#exact) return done(null, chunk);
    const held = this.#held;
    this.#held = chunk;
    done(null, held);
  }

  override _flush(done: TransformCallback): void {
    if (this.#exact && this.#written < this.#length) done(this.#fail('shorter'));
    else done(null, this.#held);
  }

  #fail(how: string): InvalidRequestError {
    const words = this.#exact ? `The stream is ${how} than its Content-Length of ${this.#length}.` : BODY_TOO_LARGE;
    return (this.failure = new InvalidRequestError(words));
  }
}

function lengthOf(body: HttpRequest['body']): number {
  if (typeof body === 'string') return Buffer.byteLength(body);
  return Buffer.isBuffer(body) ? body.length : 0;
}

function wholeNumber(length: HttpHeaders[string] | undefined): number | undefined {
  return typeof length === 'string' && /^\d{1,15}$/.test(length) ? Number(length) : undefined;
}

function isChunked(coding: HttpHeaders[string]): boolean {
  return typeof coding === 'string' && coding.toLowerCase() === 'chunked';
}
