import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.js';
import type { TokenSignal } from '../lock/token-lock.js';
import { callDeclared } from '../option-check/own-options.js';

/** One channel for all tokens of a storage: changes are rare, and one subscription is cheap. */
const CHANNEL = 'forge-auth:changes';
/** Time after which a subscription that could not be made is tried again. */
const RETRY_MS = 5_000;

/**
 * Announces to the processes on one storage which tokens have changed, and hears it from them.
 * Announcements may get lost: whoever listens asks `up` whether it can rely on them.
 */
export class Announcements {
  readonly #signal: TokenSignal;
  readonly #clock: Clock;
  readonly #muted: () => boolean;
  readonly #onFailure: (error: unknown) => void;
  readonly #self = randomUUID();
  readonly #listeners = new Map<string, Set<() => void>>();
  #up = false;
  #closed = false;
  #started = false;
  #end: (() => void | Promise<void>) | undefined;
  #cancelRetry: (() => void) | undefined;

  /**
   * @param muted whether nothing is to be announced: for a store that is down, messages would only pile up
   * @param onFailure called with what keeps it from listening; it is tried again
   */
  constructor(
    signal: TokenSignal,
    clock: Clock,
    muted: () => boolean = () => false,
    onFailure: (error: unknown) => void = () => undefined,
  ) {
    this.#signal = signal;
    this.#clock = clock;
    this.#muted = muted;
    this.#onFailure = onFailure;
  }

  /** True when every change elsewhere is received. */
  get up(): boolean {
    return this.#up;
  }

  /** Announces a change. Nobody waits for it: who misses it looks for itself. */
  announce(key: string): void {
    for (const listener of this.#listeners.get(key) ?? []) listener();
    if (this.#closed || this.#muted()) return;
    // A signal of the app's may throw, or return nothing.
    const publish = async (): Promise<void> => this.#signal.publish(CHANNEL, `${this.#self} ${key}`);
    publish().catch(() => undefined);
  }

  /** Calls `listener` whenever the token under `key` may have changed. Returns a function that ends it. */
  onChange(key: string, listener: () => void): () => void {
    this.#start();
    const listeners = this.#listeners.get(key) ?? new Set();
    this.#listeners.set(key, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(key) === listeners) this.#listeners.delete(key);
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#up = false;
    this.#cancelRetry?.();
    await this.#end?.();
    await callDeclared(this.#signal, 'close');
  }

  /** Only when somebody listens: a store that is never used is never connected to. */
  #start(): void {
    if (this.#started || this.#closed) return;
    this.#started = true;
    void this.#subscribe();
  }

  async #subscribe(): Promise<void> {
    try {
      this.#end = await this.#signal.subscribe(
        CHANNEL,
        (message) => this.#heard(message),
        (up) => this.#changeState(up),
      );
      if (this.#closed) await this.#end();
    } catch (error) {
      if (this.#closed) return;
      this.#onFailure(error);
      this.#cancelRetry = this.#clock.after(RETRY_MS, () => void this.#subscribe());
    }
  }

  #heard(message: string): void {
    const space = message.indexOf(' ');
    const [sender, key] = [message.slice(0, space), message.slice(space + 1)];
    if (space < 0 || sender === this.#self) return;
    for (const listener of this.#listeners.get(key) ?? []) listener();
  }

  /** Something may have been missed: everybody looks. */
  #changeState(up: boolean): void {
    if (this.#closed || up === this.#up) return;
    this.#up = up;
    for (const listeners of this.#listeners.values()) for (const listener of listeners) listener();
  }
}
