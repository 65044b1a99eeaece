import { Readable } from 'node:stream';
import { isAnyArrayBuffer } from 'node:util/types';
import { InvalidRequestError } from '../../errors.js';
import type { BodySource, OpenBody } from '../../http/body/request-body.js';
import { bodySourceOf, headersOfForm } from '../../http/body/request-body.js';
import { declared } from '../../option-check/own-options.js';

/** Stream of the `form-data` package, which axios makes of an object that is to be sent as multipart. */
interface FormDataStream {
  getHeaders(): Record<string, string>;
  getBuffer?(): Buffer;
  hasKnownLength?(): boolean;
}

/**
 * The body of an axios request, after `transformRequest`: the bytes that axios would send, ready to be sent again where
 * that is possible. A `form-data` body without streams is read once into memory, so that it can be.
 * @throws {InvalidRequestError} when axios would not send it, either
 */
export function axiosBodyOf(data: unknown): BodySource | undefined {
  // axios sends no body for any of these.
  if (data === undefined || data === null || data === '' || data === false || data === 0) return undefined;
  if (typeof data === 'string' || Buffer.isBuffer(data)) return replayable({ body: data });
  if (isAnyArrayBuffer(data)) return replayable({ body: Buffer.from(new Uint8Array(data)) });
  if (isFormDataStream(data)) return formDataStream(data);
  if (data instanceof Blob) return blobBody(data);
  if (data instanceof FormData || data instanceof ReadableStream || isNodeStream(data)) {
    return bodySourceOf(data, undefined);
  }
  throw new InvalidRequestError(
    'Data after transformation must be a string, an ArrayBuffer, a Buffer, a Blob, a form or a stream.',
  );
}

function replayable(opened: OpenBody): BodySource {
  return { replayable: true, open: () => opened };
}

/** Under the Blob's own type, whatever the request says: as axios has it. */
function blobBody(blob: Blob): BodySource {
  const contentType = blob.type === '' ? 'application/octet-stream' : blob.type;
  return {
    replayable: true,
    open: async () => ({
      body: Buffer.from(await blob.arrayBuffer()),
      ...(blob.size > 0 && { contentType, overridesContentType: true }),
    }),
  };
}

function formDataStream(form: FormDataStream): BodySource | undefined {
  const contentType = headersOfForm(form)['content-type'];
  const whole = bytesOf(form);
  if (whole === undefined) return bodySourceOf(form, undefined);
  return replayable({
    body: whole,
    ...(typeof contentType === 'string' && { contentType, overridesContentType: true }),
  });
}

/** Undefined where a part is a stream, or the package is too old to say. */
function bytesOf(form: FormDataStream): Buffer | undefined {
  try {
    return form.hasKnownLength?.() === true ? form.getBuffer?.() : undefined;
  } catch {
    return undefined;
  }
}

function isFormDataStream(data: unknown): data is FormDataStream {
  return isNodeStream(data) && typeof declared(data as Partial<FormDataStream>, 'getHeaders') === 'function';
}

function isNodeStream(data: unknown): boolean {
  return (
    data instanceof Readable ||
    (typeof data === 'object' && data !== null && typeof declared(data as { pipe?: unknown }, 'pipe') === 'function')
  );
}
