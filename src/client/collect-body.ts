import type { Readable } from 'node:stream';
import type { Clock } from '../clock.js';
import { afterPatiently } from '../http/patient-timer.js';

/** More of an error's body than this nobody reads. */
const MAX_BYTES = 65_536;

/**
 * The body of an answer that is not what was hoped for: read, so that its connection is free again, and cut.
 * After `timeoutMs` what has arrived is what there is.
 */
export async function collectBody(body: Buffer | Readable, clock: Clock, timeoutMs: number): Promise<Buffer> {
  if (Buffer.isBuffer(body)) return body;
  const chunks: Buffer[] = [];
  let size = 0;
  const cancel = afterPatiently(clock, timeoutMs, () => body.destroy());
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size >= MAX_BYTES) break;
    }
  } catch {
    // What arrived is what there is.
  } finally {
    cancel();
  }
  return Buffer.concat(chunks).subarray(0, MAX_BYTES);
}
