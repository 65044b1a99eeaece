import type { UnderlyingByteSource } from 'node:stream/web';
import { defineOwn } from '../../option-check/own-options.js';

type Stream = ReadableStream<Uint8Array<ArrayBuffer>>;

/** A platform's stream without its constructor, which costs about a tenth of a request. */
const Unopened = function (): void {} as unknown as new () => object;
Unopened.prototype = ReadableStream.prototype;

/** The name under which Node's own functions ask whether a stream has been read. */
const DISTURBED = Symbol.for('nodejs.stream.disturbed');

/**
 * A `ReadableStream` that is made when somebody first uses it: the platform's own `Response` takes it for one, and most
 * are never used. Whoever asks for the body of an answer is given the real one.
 */
export class DeferredStream extends Unopened {
  readonly #source: UnderlyingByteSource;
  #opened: Stream | undefined;
  #taken = false;

  constructor(source: UnderlyingByteSource) {
    super();
    this.#source = source;
  }

  /** Returns the real stream. */
  open(): Stream {
    if (this.#opened === undefined) {
      this.#opened = new ReadableStream(this.#source) as Stream;
      if (this.#taken) this.#opened.getReader();
    }
    return this.#opened;
  }

  /** Locks the stream for good: its source is read in another way. */
  take(): void {
    this.#taken = true;
    this.#opened?.getReader();
  }

  get locked(): boolean {
    return this.#taken || this.#opened?.locked === true;
  }

  get [DISTURBED](): boolean {
    return this.#taken || (this.#opened !== undefined && Reflect.get(this.#opened, DISTURBED) === true);
  }
}

/** All else that a stream can do, the real one does. */
for (const name of Reflect.ownKeys(ReadableStream.prototype)) {
  const { value, get } = Reflect.getOwnPropertyDescriptor(ReadableStream.prototype, name) ?? {};
  if (Object.hasOwn(DeferredStream.prototype, name)) continue;
  if (get !== undefined) define(name, { get: openThen(get) });
  else if (typeof value === 'function') define(name, { value: openThen(value as AnyFunction) });
}

type AnyFunction = (...args: unknown[]) => unknown;

function openThen(run: AnyFunction): (this: DeferredStream, ...args: unknown[]) => unknown {
  return function (...args) {
    return Reflect.apply(run, this.open(), args);
  };
}

function define(name: PropertyKey, descriptor: PropertyDescriptor): void {
  defineOwn(DeferredStream.prototype, name, { ...descriptor, configurable: true });
}
