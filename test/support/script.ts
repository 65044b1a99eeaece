import { setTimeout as delay } from 'node:timers/promises';
import type { Answer } from './answer.js';
import { Gate } from './gate.js';
import type { RecordedRequest } from './recorded-request.js';

/** Decides the answer to one request; undefined leaves it to the server's own behaviour. */
export type Respond = (request: RecordedRequest) => Answer | undefined | Promise<Answer | undefined>;

/** Options of a scripted server, before or while it runs. */
export interface ScriptOptions {
  /** Time taken for each answer, in milliseconds. @default 0 */
  delayMs?: number | undefined;
  /** Overrides answers. Asked when the request has arrived, after those queued by `answerNext`. */
  respond?: Respond | undefined;
}

/** Overrides, one-off answers, delay and hold of a scripted server. */
export class Script {
  readonly #gate = new Gate();
  readonly #queue: (Answer | undefined)[] = [];
  #options: ScriptOptions;

  constructor(options: ScriptOptions) {
    this.#options = options;
  }

  get held(): number {
    return this.#gate.waiting;
  }

  configure(options: ScriptOptions): void {
    this.#options = { ...this.#options, ...options };
  }

  answerNext(...answers: (Answer | undefined)[]): void {
    this.#queue.push(...answers);
  }

  hold(): void {
    this.#gate.hold();
  }

  release(): void {
    this.#gate.release();
  }

  /** The scripted answer to a request that has just arrived, if there is one. */
  async answerTo(request: RecordedRequest): Promise<Answer | undefined> {
    if (this.#queue.length > 0) {
      const queued = this.#queue.shift();
      if (queued !== undefined) return queued;
    }
    return this.#options.respond?.(request);
  }

  /** Resolves when no hold is on and the delay is over. */
  async turn(): Promise<void> {
    await this.#gate.pass();
    if (this.#options.delayMs) await delay(this.#options.delayMs, undefined, { ref: false });
  }
}

/** The controls that every scripted server hands to a test. */
export interface Scripted {
  /** How many requests are being held. */
  readonly held: number;
  /** Queues answers for the next requests, one each. `undefined` in their midst stands for the usual answer. */
  answerNext(...answers: (Answer | undefined)[]): void;
}
