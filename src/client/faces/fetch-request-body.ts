import { Readable } from 'node:stream';
import { isAnyArrayBuffer } from 'node:util/types';
import { type BodySource, bodySourceOf } from '../../http/body/request-body.js';

/** A body that came whole within this many bytes is kept, so that it can be sent again. */
const MAX_KEPT_BYTES = 1_048_576;

/** The body that `fetch` would send of `body`, under the content type that it would give it. */
export function fetchBodyOf(body: unknown): BodySource | undefined {
  if (body === undefined || body === null) return undefined;
  if (body instanceof URLSearchParams) {
    return text(body.toString(), 'application/x-www-form-urlencoded;charset=UTF-8');
  }
  if (typeof body !== 'object') return text(String(body as string), 'text/plain;charset=UTF-8');
  const known =
    body instanceof FormData ||
    body instanceof Blob ||
    isAnyArrayBuffer(body) ||
    body instanceof ReadableStream ||
    body instanceof Readable ||
    ArrayBuffer.isView(body);
  if (known) return bodySourceOf(body, undefined);
  if (Symbol.asyncIterator in body) return bodySourceOf(Readable.from(body as AsyncIterable<Uint8Array>), undefined);
  // As WebIDL has it.
  return text(String(body as object), 'text/plain;charset=UTF-8');
}

/**
 * The body of a `Request`, of which only a stream is left. If it is there at once it is kept, and can be sent again
 * after a 401; one that takes its time goes through as it comes.
 */
export async function requestBodyOf(body: ReadableStream<Uint8Array> | null): Promise<BodySource | undefined> {
  if (body === null) return undefined;
  const reader = body.getReader();
  const chunks: Uint8Array[] = [];
  for (let size = 0; size <= MAX_KEPT_BYTES;) {
    const next = reader.read();
    const result = await Promise.race([next, nextTurn()]);
    if (result === undefined) return streamed(chunks, reader, next);
    if (result.done) {
      const whole = Buffer.concat(chunks);
      return { replayable: true, open: () => ({ body: whole }) };
    }
    chunks.push(result.value);
    size += result.value.byteLength;
  }
  return streamed(chunks, reader, reader.read());
}

function text(body: string, contentType: string): BodySource {
  return { replayable: true, open: () => ({ body, contentType }) };
}

function streamed(
  chunks: readonly Uint8Array[],
  reader: ReadableStreamDefaultReader<Uint8Array>,
  next: ReturnType<ReadableStreamDefaultReader<Uint8Array>['read']>,
): BodySource | undefined {
  async function* rest(): AsyncGenerator<Uint8Array> {
    yield* chunks;
    for (let result = await next; !result.done; result = await reader.read()) yield result.value;
  }
  return bodySourceOf(Readable.from(rest(), { objectMode: false }), undefined);
}

function nextTurn(): Promise<undefined> {
  return new Promise((resolve) => {
    setImmediate(() => setImmediate(() => resolve(undefined)));
  });
}
