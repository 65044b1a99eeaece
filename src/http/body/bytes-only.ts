import { ownOptions } from '../../option-check/own-options.js';
import { Transform, type TransformCallback } from 'node:stream';

/**
 * Passes bytes on, and fails at what is neither text nor bytes: written to a socket or a stream of bytes, that would throw
 * where nobody can catch it.
 */
export class BytesOnly extends Transform {
  readonly #refuse: (what: string) => Error;

  /** @param refuse makes the error of a chunk of another kind */
  constructor(refuse: (what: string) => Error) {
    super(ownOptions({ writableObjectMode: true }));
    this.#refuse = refuse;
  }

  override _transform(chunk: unknown, encoding: BufferEncoding, done: TransformCallback): void {
    if (typeof chunk === 'string') done(null, Buffer.from(chunk, Buffer.isEncoding(encoding) ? encoding : 'utf8'));
    else if (chunk instanceof Uint8Array) done(null, chunk);
    else done(this.#refuse(`chunks of type ${typeof chunk}: they must be text or bytes`));
  }
}
