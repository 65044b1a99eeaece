import { ownOptions } from '../../option-check/own-options.js';
import { constants } from 'node:buffer';
import { type Readable, Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { ResponseParseError } from '../../errors.js';
import { Inflating } from './inflating.js';
import { type HttpHeaders, type HttpResponse, headOf } from '../http-request.js';
import { redactUrl } from '../../redaction/redact.js';

/** A body that was coded more often is no body but an attack. */
const MOST_CODINGS = 5;

/** The code of a body that is larger, decoded, than it may be: as zlib has it. */
export const DECODED_TOO_LARGE = 'ERR_BUFFER_TOO_LARGE';

/** The code of a connection that was closed before the body was whole. */
export const CLOSED_AMID = 'ERR_STREAM_PREMATURE_CLOSE';

interface Coding {
  decode(body: Buffer, limit: number | undefined): Promise<Buffer>;
  stream(): Transform;
}

type Decoder = (
  body: Buffer,
  options: zlib.ZlibOptions,
  callback: (error: Error | null, result: Buffer) => void,
) => void;

const whole =
  (decoder: Decoder, options: zlib.ZlibOptions) =>
  (body: Buffer, limit: number | undefined): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      const done = (error: Error | null, result: Buffer): void => (error === null ? resolve(result) : reject(error));
      decoder(body, limit === undefined ? options : ownOptions({ ...options, maxOutputLength: asLength(limit) }), done);
    });

/** zlib knows no limit below one byte, and none above what a Buffer can hold. */
function asLength(limit: number): number {
  return Math.max(1, Math.min(Math.floor(limit), constants.MAX_LENGTH));
}

/** Options that hand over what is there of a broken-off body, as browsers do: many servers forget the last bytes. */
const LENIENT = Object.freeze(
  ownOptions({ flush: zlib.constants.Z_SYNC_FLUSH, finishFlush: zlib.constants.Z_SYNC_FLUSH }),
);
const LENIENT_BROTLI = Object.freeze(
  ownOptions({
    flush: zlib.constants.BROTLI_OPERATION_FLUSH,
    finishFlush: zlib.constants.BROTLI_OPERATION_FLUSH,
  }),
);

const GZIP: Coding = { decode: whole(zlib.unzip, LENIENT), stream: () => zlib.createUnzip(LENIENT) };
const BROTLI: Coding = {
  decode: whole(zlib.brotliDecompress, LENIENT_BROTLI),
  stream: () => zlib.createBrotliDecompress(LENIENT_BROTLI),
};
const inflate = whole(zlib.inflate, LENIENT);
const inflateRaw = whole(zlib.inflateRaw, LENIENT);
const DEFLATE: Coding = {
  decode: (body, limit) => (Inflating.isWrapped(body) ? inflate : inflateRaw)(body, limit),
  stream: () => new Inflating(LENIENT),
};

/** Parts of Zstandard that Node has since 22.15; its types of our oldest Node know none of it. */
interface Zstandard {
  readonly zstdDecompress?: Decoder;
  readonly createZstdDecompress?: () => Transform;
}
const { zstdDecompress, createZstdDecompress } = zlib as unknown as Zstandard;
const ZSTD: Coding | undefined = zstdDecompress &&
  createZstdDecompress && { decode: whole(zstdDecompress, {}), stream: () => createZstdDecompress() };

/** By the names of RFC 9110 §8.4.1 and RFC 8878. */
const CODINGS: Readonly<Record<string, Coding>> = Object.freeze({
  gzip: GZIP,
  'x-gzip': GZIP,
  deflate: DEFLATE,
  br: BROTLI,
  ...(ZSTD && { zstd: ZSTD }),
});

/** Checks whether there may be something to decode: most answers are not coded. */
export function isCoded(headers: HttpHeaders): boolean {
  return headers['content-encoding'] !== undefined;
}

/**
 * Decodes the body of an answer in place, be it in or still on its way: then it fails, with the same codes, as it is read.
 * `content-encoding` leaves the headers, and stands in `contentCoding` from then on.
 * @param limit of bytes, decoded; and of those on the wire, where the body is a stream
 * @throws what zlib throws of a broken body, or an error with the code {@link DECODED_TOO_LARGE}
 * @throws {ResponseParseError} when it was coded too often
 */
export function decode(response: HttpResponse, method: string, limit: number | undefined): Promise<void> | void {
  const codings = takeCodings(response, method);
  if (Buffer.isBuffer(response.body)) return decodeBytes(response, response.body, codings, limit);
  const stages = codings.map((coding) => coding.stream());
  if (limit !== undefined) stages.push(new Limit(limit));
  response.body = stages.reduce(through, response.body);
}

async function decodeBytes(
  response: HttpResponse,
  body: Buffer,
  codings: readonly Coding[],
  limit: number | undefined,
): Promise<void> {
  let decoded = body;
  if (body.length > 0) for (const coding of codings) decoded = await coding.decode(decoded, limit);
  response.body = decoded;
}

/** Unlike `pipe`, ends in an error where the source does, and ends the source where nobody reads on. */
function through(source: Readable, stage: Transform): Readable {
  source.once('error', (error) => stage.destroy(error));
  source.once('close', () => {
    if (!source.readableEnded) stage.destroy(source.errored ?? closedAmid());
  });
  stage.once('close', () => source.destroy());
  // Whoever reads it sees it fail; a reader that is not there yet must not crash the process.
  stage.on('error', ignore);
  return source.pipe(stage);
}

/** Returns the codings to undo, the last applied first. Takes them off the headers. */
function takeCodings(response: HttpResponse, method: string): Coding[] {
  const { headers, status } = response;
  const named = headers['content-encoding'];
  if (named === undefined) return [];
  const names = String(named)
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'identity');
  if (names.length > MOST_CODINGS) throw tooOften(response, names.length);
  const codings = names.map((name) => (Object.hasOwn(CODINGS, name) ? CODINGS[name] : undefined));
  // One that nobody knows: the body is handed over as it is, and says so.
  if (codings.includes(undefined)) return [];
  response.contentCoding = String(named);
  delete headers['content-encoding'];
  if (method === 'HEAD' || status === 204 || status === 304) return [];
  return (codings as Coding[]).toReversed();
}

function tooOften(response: HttpResponse, times: number): ResponseParseError {
  if (!Buffer.isBuffer(response.body)) response.body.on('error', ignore).destroy();
  return new ResponseParseError(`${redactUrl(response.url)} answered a body that was coded ${times} times.`, {
    answer: headOf(response),
  });
}

function ignore(): void {}

function closedAmid(): Error {
  return Object.assign(new Error('closed amid the answer'), { code: CLOSED_AMID });
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
    done(Object.assign(new Error('too large'), { code: DECODED_TOO_LARGE }));
  }
}
