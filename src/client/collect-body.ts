import type { Readable } from 'node:stream';

/** More of an error's body than this nobody reads. */
const MAX_BYTES = 65_536;

/** The body of an answer that is not what was hoped for: read, so that its connection is free again, and cut. */
export async function collectBody(body: Buffer | Readable): Promise<Buffer> {
  if (Buffer.isBuffer(body)) return body;
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size >= MAX_BYTES) break;
    }
  } catch {
    // What arrived is what there is.
  }
  return Buffer.concat(chunks).subarray(0, MAX_BYTES);
}
