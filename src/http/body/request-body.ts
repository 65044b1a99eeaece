import { askAtOnce } from '../../option-check/at-once.js';
import { ownJson } from '../../option-check/own-json.js';
import { Readable } from 'node:stream';
import { isAnyArrayBuffer } from 'node:util/types';
import type { ReadableStream } from 'node:stream/web';
import { systemClock } from '../../clock.js';
import { InvalidRequestError } from '../../errors.js';
import { BytesOnly } from './bytes-only.js';
import type { HttpBody } from '../http-request.js';
import { declared, ownOptions } from '../../option-check/own-options.js';

/** Values that a caller may give as `data`. A function is called again for each attempt. */
export type RequestData = unknown;

/** A body, ready to be sent once. */
export interface OpenBody {
  body: HttpBody;
  /** Sent as `content-type` unless the caller set one. */
  contentType?: string;
  /** True when it overrides the caller's own: only the encoder knows the boundary between parts of a multipart body. */
  overridesContentType?: boolean;
  /** Sent as `content-length` unless the caller set one: of a stream that knows its length. */
  contentLength?: number;
}

/** Source of the body of a call. */
export interface BodySource {
  /** True when `open()` can be called a second time: not for a stream. */
  readonly replayable: boolean;
  open(): OpenBody | Promise<OpenBody>;
}

const JSON_TYPE = 'application/json';
const FORM_TYPE = 'application/x-www-form-urlencoded;charset=utf-8';

/**
 * Makes the body source of a call's `data`; undefined where there is no body.
 *
 * Plain objects and arrays → JSON (form, if `contentType` says so); URLSearchParams → form; FormData → multipart;
 * strings, Buffers, typed arrays, Blobs and streams as they are; a function → what it returns, asked for each attempt.
 * @throws {InvalidRequestError} when the data cannot be encoded
 */
export function bodySourceOf(data: RequestData, contentType: string | undefined): BodySource | undefined {
  if (data === undefined || data === null) return undefined;
  if (typeof data === 'function') {
    const produce = data as () => unknown;
    return {
      replayable: true,
      open: async () => {
        const source = bodySourceOf(await produce(), contentType);
        return source === undefined ? { body: '' } : source.open();
      },
    };
  }
  if (data instanceof FormData || data instanceof Blob)
    return { replayable: true, open: () => encodeWithResponse(data) };
  if (isFormLike(data)) return { replayable: false, open: openForm(data) };
  const opened = openNow(data, contentType);
  return { replayable: !(opened.body instanceof Readable), open: () => opened };
}

function openNow(data: unknown, contentType: string | undefined): OpenBody {
  if (typeof data === 'string') return { body: data, contentType: 'text/plain;charset=utf-8' };
  if (data instanceof URLSearchParams) return { body: data.toString(), contentType: FORM_TYPE };
  if (Buffer.isBuffer(data)) return { body: data };
  if (ArrayBuffer.isView(data)) return { body: Buffer.from(data.buffer, data.byteOffset, data.byteLength) };
  if (isAnyArrayBuffer(data)) return { body: Buffer.from(data) };
  if (isNodeStream(data)) return { body: guarded(isOfBytes(data) ? data : piped(data)) };
  if (data instanceof globalThis.ReadableStream) return { body: guarded(Readable.fromWeb(data as ReadableStream)) };
  if (isAsyncIterable(data)) return { body: guarded(piped(Readable.from(data))) };
  if (contentType?.startsWith('application/x-www-form-urlencoded') === true && typeof data === 'object') {
    return { body: new URLSearchParams(formEntries(data as object)).toString(), contentType: FORM_TYPE };
  }
  return { body: toJson(data), contentType: JSON_TYPE };
}

/** A stream of the `form-data` package, or of its like. */
interface FormLike extends NodeJS.ReadableStream {
  getHeaders(): Record<string, unknown>;
  getLength?(callback: (error: unknown, length: number) => void): void;
}

function isFormLike(data: unknown): data is FormLike {
  return isNodeStream(data) && typeof declared(data as unknown as Partial<FormLike>, 'getHeaders') === 'function';
}

/**
 * Of a form's own headers only those that describe its content: others are not its business, a credential least of all. Its
 * stream is passed on as a plain one, so that nobody below asks it again.
 */
function openForm(form: FormLike): () => Promise<OpenBody> {
  const formHeaders = Object.entries(headersOfForm(form)).map(([name, value]) => [name.toLowerCase(), value] as const);
  const own = (name: string): unknown => formHeaders.find((entry) => entry[0] === name)?.[1];
  const contentType = own('content-type');
  // Before it flows: the form leaves out what it has given already.
  const knownLength = own('content-length') ?? lengthOf(form);
  const body = guarded(piped(form));
  return async () => {
    const length = await knownLength;
    return {
      body,
      ...(typeof contentType === 'string' && { contentType, overridesContentType: true }),
      ...(/^\d{1,15}$/.test(String(length)) && { contentLength: Number(length) }),
    };
  };
}

/**
 * Returns what a form says of its headers; nothing where it says nothing.
 * @throws {ConfigurationError} when it returns a promise
 */
export function headersOfForm(form: { getHeaders(): Record<string, unknown> }): Record<string, unknown> {
  const headers: unknown = askAtOnce("the form's getHeaders()", () => form.getHeaders());
  return typeof headers === 'object' && headers !== null ? ownOptions(headers as Record<string, unknown>) : {};
}

/** A form that has not found its own length by then is sent without one. */
const LENGTH_MS = 5_000;

/** Undefined where it does not know: a part is a stream without an end in sight. */
async function lengthOf(form: FormLike): Promise<number | undefined> {
  const ask = declared(form as Partial<FormLike>, 'getLength');
  if (ask === undefined) return undefined;
  let cancel: (() => void) | undefined;
  const answered = new Promise<number | undefined>((resolve) => {
    cancel = systemClock.after(LENGTH_MS, () => resolve(undefined));
    ask.call(form, (error, length) => resolve(error === null || error === undefined ? length : undefined));
  });
  try {
    return await answered;
  } catch {
    return undefined;
  } finally {
    cancel?.();
  }
}

/** A stream of the old kind, as `form-data` is one: it flows only when piped, and pipes no errors. */
function piped(stream: NodeJS.ReadableStream): Readable {
  const body = new BytesOnly((type) => new InvalidRequestError(`The stream of the body gives ${type}.`));
  stream.once('error', (error) => body.destroy(error));
  body.once('close', () => (stream as Partial<Readable>).destroy?.());
  if (stream instanceof Readable) {
    if (stream.destroyed) body.destroy(stream.errored ?? undefined);
    stream.once('close', () => !stream.readableEnded && body.destroy());
  }
  return stream.pipe(body);
}

/** Guards a stream that may fail while the call waits for its token: reported on sending, no uncaught exception. */
function guarded(stream: Readable): Readable {
  return stream.on('error', () => undefined);
}

async function encodeWithResponse(data: FormData | Blob): Promise<OpenBody> {
  const encoded = new Response(data);
  const contentType = encoded.headers.get('content-type');
  const body = Buffer.from(await encoded.arrayBuffer());
  if (contentType === null || contentType === '') return { body };
  return { body, contentType, overridesContentType: data instanceof FormData };
}

function formEntries(data: object): [string, string][] {
  return Object.entries(data).flatMap(([key, value]: [string, unknown]) =>
    (Array.isArray(value) ? value : [value])
      .filter((item) => item !== undefined && item !== null)
      .map((item): [string, string] => [key, String(item)]),
  );
}

function toJson(data: unknown): string {
  let text: string | undefined;
  try {
    text = ownJson(data);
  } catch (cause) {
    throw new InvalidRequestError('The request data cannot be written as JSON.', { cause });
  }
  if (text === undefined) throw new InvalidRequestError(`Request data of type ${typeof data} cannot be sent.`);
  return text;
}

function isOfBytes(stream: NodeJS.ReadableStream): stream is Readable {
  return stream instanceof Readable && !stream.readableObjectMode;
}

function isAsyncIterable(data: unknown): data is AsyncIterable<unknown> {
  return (
    typeof data === 'object' &&
    data !== null &&
    typeof declared(data as Partial<AsyncIterable<unknown>>, Symbol.asyncIterator) === 'function'
  );
}

function isNodeStream(data: unknown): data is Readable {
  return (
    data instanceof Readable ||
    (typeof data === 'object' && data !== null && typeof declared(data as Readable, 'pipe') === 'function')
  );
}
