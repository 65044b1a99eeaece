import { type Readable, Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { ResponseParseError } from '../errors.js';
import type { HttpHeaders } from '../http/http-request.js';

/** A body that was coded more often is no body but an attack. */
const MOST_CODINGS = 5;

interface Coding {
  decode(body: Buffer, limit: number | undefined): Promise<Buffer>;
  stream(): Transform;
}

type Decoder = (
  body: Buffer,
  options: { maxOutputLength?: number },
  callback: (error: Error | null, result: Buffer) => void,
) => void;

const whole =
  (decode: Decoder) =>
  (body: Buffer, limit: number | undefined): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      const done = (error: Error | null, result: Buffer): void => (error === null ? resolve(result) : reject(error));
      decode(body, limit === undefined ? {} : { maxOutputLength: limit }, done);
    });

const GZIP: Coding = { decode: whole(zlib.gunzip), stream: () => zlib.createGunzip() };
const BROTLI: Coding = { decode: whole(zlib.brotliDecompress), stream: () => zlib.createBrotliDecompress() };
/** Some servers send the bare deflate stream, without the zlib wrapper that the name means. */
const DEFLATE: Coding = {
  decode: (body, limit) => whole(((body[0] ?? 0) & 0x0f) === 0x08 ? zlib.inflate : zlib.inflateRaw)(body, limit),
  stream: () => new InflateEither(),
};

/** By the names of RFC 9110 §8.4.1. */
const CODINGS: Readonly<Record<string, Coding>> = { gzip: GZIP, 'x-gzip': GZIP, deflate: DEFLATE, br: BROTLI };

/** A body that is in, decoded; its headers say so from then on. */
export function decodeBody(
  body: Buffer,
  headers: HttpHeaders,
  method: string,
  status: number,
  limit: number | undefined,
): Buffer | Promise<Buffer> {
  const codings = codingsOf(headers, method, status);
  if (codings.length === 0 || body.length === 0) return body;
  return decodeAll(body, codings, limit);
}

async function decodeAll(body: Buffer, codings: readonly Coding[], limit: number | undefined): Promise<Buffer> {
  let decoded = body;
  for (const coding of codings) decoded = await coding.decode(decoded, limit);
  return decoded;
}

/** The same for a body that is still on its way. */
export function decodeStream(
  body: Readable,
  headers: HttpHeaders,
  method: string,
  status: number,
  limit: number | undefined,
): Readable {
  const stages: Transform[] = codingsOf(headers, method, status).map((coding) => coding.stream());
  if (limit !== undefined) stages.push(new Limit(limit));
  let last = body;
  for (const stage of stages) {
    const source = last;
    source.once('error', (error) => stage.destroy(error));
    source.once('close', () => {
      if (!source.readableEnded) stage.destroy(source.errored ?? closedAmid());
    });
    stage.once('close', () => source.destroy());
    last = source.pipe(stage);
  }
  return last;
}

/** What has to be undone, the last applied first. Takes it off the headers. */
function codingsOf(headers: HttpHeaders, method: string, status: number): Coding[] {
  const named = headers['content-encoding'];
  if (named === undefined) return [];
  const names = String(named)
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'identity');
  if (names.length > MOST_CODINGS) throw new ResponseParseError(`A body was coded more than ${MOST_CODINGS} times.`);
  const codings = names.map((name) => (Object.hasOwn(CODINGS, name) ? CODINGS[name] : undefined));
  // One that nobody knows: the body is handed over as it is, and says so.
  if (codings.includes(undefined)) return [];
  delete headers['content-encoding'];
  delete headers['content-length'];
  if (method === 'HEAD' || status === 204 || status === 304) return [];
  return (codings as Coding[]).toReversed();
}

function closedAmid(): Error {
  return Object.assign(new Error('closed amid the answer'), { code: 'UND_ERR_SOCKET', response: true });
}

class Limit extends Transform {
  readonly #limit: number;
  #size = 0;

  constructor(limit: number) {
    super();
    this.#limit = limit;
  }

  override _transform(chunk: Buffer, _encoding: string, done: (error?: Error | null, data?: Buffer) => void): void {
    this.#size += chunk.length;
    if (this.#size <= this.#limit) return done(null, chunk);
    done(Object.assign(new Error('too large'), { code: 'UND_ERR_RES_EXCEEDED_MAX_SIZE' }));
  }
}

/** Inflates, with the zlib wrapper or without: the first byte tells. */
class InflateEither extends Transform {
  #inflate: zlib.Inflate | zlib.InflateRaw | undefined;

  override _transform(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#inflate ??= this.#begin(chunk);
    this.#inflate.write(chunk, done);
  }

  override _flush(done: () => void): void {
    if (this.#inflate === undefined) return done();
    this.#inflate.once('end', done);
    this.#inflate.end();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#inflate?.destroy();
    done(error);
  }

  #begin(chunk: Buffer): zlib.Inflate | zlib.InflateRaw {
    const inflate = ((chunk[0] ?? 0) & 0x0f) === 0x08 ? zlib.createInflate() : zlib.createInflateRaw();
    inflate.on('data', (data: Buffer) => this.push(data));
    inflate.once('error', (error) => this.destroy(error));
    return inflate;
  }
}
