import type { Dispatcher } from 'undici';
import type { HttpHeaders, HttpRequest } from '../http/http-request.js';
import { atOnce } from '../option-check/at-once.js';
import { ONCE } from '../option-check/own-options.js';
import { nodeHeaders } from './node-headers.js';

/** An answer whose body is in. */
export interface CollectedAnswer {
  readonly status: number;
  readonly statusText: string | undefined;
  readonly headers: HttpHeaders;
  /** As it was sent: not yet decoded. */
  readonly body: Buffer;
}

/** Sends a request and collects its answer: no stream is made for a body that is read whole. */
export function collect(
  dispatcher: Dispatcher,
  options: Dispatcher.DispatchOptions,
  request: HttpRequest,
  limit: number | undefined,
): Promise<CollectedAnswer> {
  return new Promise((resolve, reject) => {
    const handler = new CollectingHandler(resolve, reject, limit);
    const { cancellation } = request;
    // A signal is made when it is asked for: not to be read without need.
    const signal = cancellation === undefined ? request.signal : undefined;
    if (cancellation !== undefined) {
      const onAbort = (reason: unknown): void => handler.abort(reason);
      handler.onEnd = () => cancellation.unsubscribe(onAbort);
      cancellation.subscribe(onAbort);
    } else if (signal !== undefined) {
      const onAbort = (): void => handler.abort(signal.reason);
      handler.onEnd = () => signal.removeEventListener('abort', onAbort);
      signal.addEventListener('abort', onAbort, ONCE);
    }
    try {
      atOnce(dispatcher.dispatch(options, handler) as unknown, 'UndiciTransport: dispatch()');
    } catch (error) {
      handler.fail(error);
    }
  });
}

const EMPTY = Buffer.alloc(0);

class CollectingHandler implements Dispatcher.DispatchHandler {
  /** Runs once, when the exchange is over. */
  onEnd: (() => void) | undefined;
  readonly #resolve: (answer: CollectedAnswer) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #limit: number;
  #controller: Dispatcher.DispatchController | undefined;
  #aborted: { readonly reason: unknown } | undefined;
  #status = 0;
  #statusText: string | undefined;
  #headers: HttpHeaders = {};
  #first: Buffer | undefined;
  #chunks: Buffer[] | undefined;
  #size = 0;

  constructor(
    resolve: (answer: CollectedAnswer) => void,
    reject: (reason: unknown) => void,
    limit = Number.POSITIVE_INFINITY,
  ) {
    this.#resolve = resolve;
    this.#reject = reject;
    this.#limit = limit;
  }

  /** Ends the exchange. One that still waits for a connection is not sent. */
  abort(reason: unknown): void {
    this.#aborted ??= { reason };
    this.#controller?.abort(reason as Error);
    this.fail(reason);
  }

  fail(reason: unknown): void {
    this.onEnd?.();
    this.#reject(reason);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#aborted !== undefined) controller.abort(this.#aborted.reason as Error);
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: Readonly<Record<string, string | string[] | undefined>>,
    statusText?: string,
  ): void {
    if (status < 200) return;
    this.#status = status;
    this.#statusText = statusText;
    this.#headers = nodeHeaders(headers);
    if (Number(this.#headers['content-length']) > this.#limit) this.#tooLarge(controller);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#size += chunk.length;
    if (this.#size > this.#limit) return this.#tooLarge(controller);
    if (this.#first === undefined) this.#first = chunk;
    else (this.#chunks ??= [this.#first]).push(chunk);
  }

  onResponseEnd(): void {
    this.onEnd?.();
    this.#resolve({
      status: this.#status,
      statusText: this.#statusText,
      headers: this.#headers,
      body: this.#chunks === undefined ? (this.#first ?? EMPTY) : Buffer.concat(this.#chunks),
    });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.fail(this.#status === 0 ? error : this.#withAnswer(error));
  }

  #tooLarge(controller: Dispatcher.DispatchController): void {
    const error = Object.assign(new Error('too large'), { code: 'UND_ERR_RES_EXCEEDED_MAX_SIZE' });
    controller.abort(error);
    this.fail(error);
  }

  /** An error after the answer began: whoever reads it must not take the connection for a stale one. */
  #withAnswer({ code, name }: Error & { code?: unknown }): object {
    return { code, name, answer: { status: this.#status, statusText: this.#statusText, headers: this.#headers } };
  }
}
