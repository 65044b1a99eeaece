import type { Readable } from 'node:stream';
import type { UnderlyingByteSource } from 'node:stream/web';
import { ForgeAuthError, ResponseParseError } from '../../errors.js';
import { RedactedCause } from '../../redaction/redact.js';
import type { CallScope } from '../request/call-scope.js';
import { DeferredStream } from './deferred-stream.js';

/** The body of a fetched answer, still on its way. */
export class FetchedBody {
  readonly type = 'bytes' as const;
  /** Made only when somebody asks for it: until then Node's own stream can be read at less cost. */
  readonly stream: DeferredStream;
  /** The answer that it is of: not to be taken for abandoned while the stream is in use. */
  owner: object | undefined;
  readonly source: Readable;
  readonly #scope: CallScope;
  readonly #maxBytes: number;
  #chunks: AsyncIterator<Buffer> | undefined;
  #begun = false;
  #read = 0;
  #limited = true;

  /** @param maxBytes of a body that is read whole */
  constructor(source: Readable, scope: CallScope, maxBytes: number) {
    this.source = source;
    this.#scope = scope;
    this.#maxBytes = maxBytes;
    // Whoever reads it sees it fail; while nobody does, the process must not.
    source.on('error', ignore);
    this.stream = new DeferredStream(this as UnderlyingByteSource);
  }

  /** True when any of it has been asked for. */
  get isBegun(): boolean {
    return this.#begun;
  }

  /** Lifts the limit: a reader that goes chunk by chunk may read as long as it likes. */
  lift(): void {
    this.#limited = false;
  }

  /** Reads all of it, past the stream. */
  collect(): Promise<Buffer> {
    this.#begun = true;
    this.stream.take();
    const [body, scope, maxBytes] = [this.source, this.#scope, this.#maxBytes];
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let ended = false;
      let size = 0;
      body.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        size += chunk.length;
        if (size > maxBytes) body.destroy(tooLarge(maxBytes));
      });
      body.on('end', () => {
        ended = true;
        resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
      });
      body.on('error', (error) => reject(brokenOff(error, scope) as Error));
      body.on('close', () => {
        if (!ended) reject(brokenOff(undefined, scope) as Error);
      });
      if (body.destroyed || scope.aborted) reject(brokenOff(body.errored, scope) as Error);
    });
  }

  async pull(controller: ReadableByteStreamController): Promise<void> {
    this.#begun = true;
    this.#chunks ??= this.source[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    try {
      const { done, value } = await this.#chunks.next();
      if (done !== true) {
        this.#read += value.length;
        if (this.#limited && this.#read > this.#maxBytes) throw tooLarge(this.#maxBytes);
        controller.enqueue(new Uint8Array(value));
        return;
      }
    } catch (error) {
      this.source.destroy();
      throw brokenOff(error, this.#scope);
    }
    // A stream that was destroyed without an error ends, as if it were complete.
    if (this.#scope.aborted || !this.source.readableEnded) throw brokenOff(this.source.errored, this.#scope);
    controller.close();
    controller.byobRequest?.respond(0);
  }

  cancel(): void {
    this.source.destroy();
  }
}

/**
 * Reads all of a stream that is a branch of a body's, or of which somebody has read a part.
 * @throws {TypeError} whose cause says so, when it is larger than `maxBytes`
 */
export async function collectStream(stream: ReadableStream<Uint8Array>, maxBytes: number): Promise<Buffer> {
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (let result = await reader.read(); !result.done; result = await reader.read()) {
    chunks.push(result.value);
    size += result.value.byteLength;
    if (size > maxBytes) {
      const error = new TypeError('terminated', { cause: tooLarge(maxBytes) });
      // The other branch may go on; a cancelled one settles with it alone.
      void reader.cancel(error).catch(() => undefined);
      throw error;
    }
  }
  return Buffer.concat(chunks);
}

function ignore(): void {}

function tooLarge(maxBytes: number): ResponseParseError {
  return new ResponseParseError(`The body of an answer is larger than ${maxBytes} bytes.`, {
    code: 'FORGE_AUTH_RESPONSE_TOO_LARGE',
  });
}

/** Returns the error that reading rejects with: the caller's own reason where it gave up, else that of `fetch`. */
function brokenOff(error: unknown, scope: CallScope): unknown {
  if (scope.aborted) return scope.reason;
  if (error === undefined || error === null) return new TypeError('terminated');
  return new TypeError('terminated', { cause: error instanceof ForgeAuthError ? error : new RedactedCause(error) });
}
