import { PassThrough, Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { InvalidRequestError } from '../errors.js';
import type { HttpBody } from './http-request.js';

/** What a caller may give as `data`. A function is called again for each attempt. */
export type RequestData = unknown;

/** A body, ready to be sent once. */
export interface OpenBody {
  body: HttpBody;
  /** Sent as `content-type` unless the caller set one. */
  contentType?: string;
  /** Whether the caller's own gives way: only the encoder knows the boundary between the parts of a multipart body. */
  overridesContentType?: boolean;
}

/** Where the body of a call comes from. */
export interface BodySource {
  /** Whether `open()` can be called a second time: not for a stream. */
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
  const opened = openNow(data, contentType);
  return { replayable: !(opened.body instanceof Readable), open: () => opened };
}

function openNow(data: unknown, contentType: string | undefined): OpenBody {
  if (typeof data === 'string') return { body: data, contentType: 'text/plain;charset=utf-8' };
  if (data instanceof URLSearchParams) return { body: data.toString(), contentType: FORM_TYPE };
  if (Buffer.isBuffer(data)) return { body: data };
  if (ArrayBuffer.isView(data)) return { body: Buffer.from(data.buffer, data.byteOffset, data.byteLength) };
  if (data instanceof ArrayBuffer) return { body: Buffer.from(data) };
  if (isNodeStream(data)) return openStream(data);
  if (data instanceof globalThis.ReadableStream) return { body: guarded(Readable.fromWeb(data as ReadableStream)) };
  if (contentType?.startsWith('application/x-www-form-urlencoded') === true && typeof data === 'object') {
    return { body: new URLSearchParams(formEntries(data as object)).toString(), contentType: FORM_TYPE };
  }
  return { body: toJson(data), contentType: JSON_TYPE };
}

/** `form-data` streams bring their own content type, boundary included. */
function openStream(stream: Readable & { getHeaders?: () => Record<string, string> }): OpenBody {
  const contentType = stream.getHeaders?.()['content-type'];
  const body = guarded(stream instanceof Readable ? stream : piped(stream));
  return contentType === undefined ? { body } : { body, contentType, overridesContentType: true };
}

/** A stream of the old kind, as `form-data` is one: it flows only when piped, and pipes no errors. */
function piped(stream: NodeJS.ReadableStream): Readable {
  const body = new PassThrough();
  stream.once('error', (error) => body.destroy(error));
  body.once('close', () => (stream as Partial<Readable>).destroy?.());
  return stream.pipe(body);
}

/** A stream may fail while the call still waits for its token: told when it is to be sent, no uncaught exception. */
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
    text = JSON.stringify(data);
  } catch (cause) {
    throw new InvalidRequestError('The request data cannot be written as JSON.', { cause });
  }
  if (text === undefined) throw new InvalidRequestError(`Request data of type ${typeof data} cannot be sent.`);
  return text;
}

function isNodeStream(data: unknown): data is Readable {
  return (
    data instanceof Readable ||
    (typeof data === 'object' && data !== null && typeof (data as Readable).pipe === 'function')
  );
}
