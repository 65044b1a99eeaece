import { Transform } from 'node:stream';
import * as zlib from 'node:zlib';

/**
 * Undoes `deflate`. The name means a zlib wrapper (RFC 1950); some servers send the bare stream (RFC 1951): the first byte
 * shows which.
 */
export class Inflating extends Transform {
  readonly #options: zlib.ZlibOptions;
  #inflate: zlib.Inflate | zlib.InflateRaw | undefined;

  constructor(options: zlib.ZlibOptions) {
    super();
    this.#options = options;
  }

  /** Checks whether a body begins as a zlib wrapper does. */
  static isWrapped(body: Buffer): boolean {
    return ((body[0] ?? 0) & 0x0f) === 0x08;
  }

  override _transform(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#inflate ??= this.#begin(chunk);
    this.#inflate.write(chunk, done);
  }

  /** A few bytes may become very many: no more than is read. */
  override _read(size: number): void {
    this.#inflate?.resume();
    // oxlint-disable-next-line eslint/no-underscore-dangle -- so Node calls it
    super._read(size);
  }

  override _flush(done: () => void): void {
    if (this.#inflate === undefined) return done();
    // It has ended already where there are bytes behind the stream.
    if (this.#inflate.readableEnded) done();
    else this.#inflate.once('end', done);
    this.#inflate.end();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#inflate?.destroy();
    done(error);
  }

  #begin(chunk: Buffer): zlib.Inflate | zlib.InflateRaw {
    const options = this.#options;
    const inflate = Inflating.isWrapped(chunk) ? zlib.createInflate(options) : zlib.createInflateRaw(options);
    inflate.on('data', (data: Buffer) => this.push(data) || inflate.pause());
    inflate.once('error', (error) => this.destroy(error));
    return inflate;
  }
}
