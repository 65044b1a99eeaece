import type { ServerResponse } from 'node:http';
import { systemClock } from '../clock.js';
import { start } from './dashboard-http.js';

/** Interval at which a stream is written without an event: ages move, and proxies close what is silent. */
const INTERVAL_MS = 5_000;
/** Time in which events of a burst are gathered, to be sent together. */
const GATHER_MS = 200;
/** A reader that leaves this much unread has gone. */
const MAX_UNREAD_BYTES = 1_000_000;

/** The pages that listen, by server-sent events: a bounded number of them, served by one timer. */
export class DashboardStreams {
  readonly #render: () => string;
  readonly #max: number;
  readonly #open = new Set<ServerResponse>();
  /** Cancels the next regular message. */
  #interval: (() => void) | undefined;
  /** Cancels the message that gathers a burst. */
  #gathering: (() => void) | undefined;
  #closed = false;

  /** @param render returns what every page is sent, in one line */
  constructor(render: () => string, max: number) {
    this.#render = render;
    this.#max = max;
  }

  /** Streams that are open. */
  get size(): number {
    return this.#open.size;
  }

  /** Opens a stream; returns whether there was room for it. */
  add(response: ServerResponse): boolean {
    // Whoever left while a guard decided will not close it again.
    if (response.destroyed) return true;
    if (this.#closed || this.#open.size >= this.#max) return false;
    this.#open.add(response);
    response.once('close', () => this.#remove(response));
    response.on('error', () => this.#remove(response));
    start(response, 200, {
      'Content-Type': 'text/event-stream; charset=utf-8',
      // Neither a proxy nor a middleware that compresses may hold events back.
      'Cache-Control': 'no-store, no-transform',
      'X-Accel-Buffering': 'no',
    });
    response.write(`retry: ${INTERVAL_MS}\n\n${this.#message()}`);
    if (this.#interval === undefined) this.#sendRegularly();
    return true;
  }

  /** Something has changed. */
  changed(): void {
    if (this.#open.size === 0 || this.#gathering !== undefined) return;
    this.#gathering = systemClock.after(GATHER_MS, () => {
      this.#gathering = undefined;
      this.#send();
    });
  }

  /** Ends every stream: an open one would keep the server from closing. */
  close(): void {
    this.#closed = true;
    for (const response of this.#open) response.end();
    this.#open.clear();
    this.#stop();
  }

  #sendRegularly(): void {
    this.#interval = systemClock.after(INTERVAL_MS, () => {
      this.#sendRegularly();
      this.#send();
    });
  }

  #send(): void {
    if (this.#open.size === 0) return;
    const message = this.#message();
    for (const response of this.#open) {
      response.write(message);
      if (response.writableLength > MAX_UNREAD_BYTES) response.destroy();
    }
  }

  #message(): string {
    return `event: state\ndata: ${this.#render()}\n\n`;
  }

  #remove(response: ServerResponse): void {
    this.#open.delete(response);
    if (this.#open.size === 0) this.#stop();
  }

  #stop(): void {
    this.#interval?.();
    this.#gathering?.();
    this.#interval = undefined;
    this.#gathering = undefined;
  }
}
