import { randomUUID } from 'node:crypto';
import type { AcquireOptions, Lease, TokenLock, TokenSignal, TokenStorage } from 'nestjs-forge-auth';
import type { ParentMessage, SharedStore } from '../places/shared-store.js';

/** A storage of one's own, as small as can be: the parent process keeps the tokens, the leases, and passes messages on. */
export class ParentTokenStorage implements TokenStorage {
  readonly #waiting = new Map<string, { resolve(value: unknown): void; reject(error: Error): void }>();
  #listener: (message: string) => void = () => undefined;
  #onStateChange: (up: boolean) => void = () => undefined;

  constructor() {
    process.on('message', (message: ParentMessage) => this.#hear(message));
  }

  async get(key: string): Promise<string | undefined> {
    return this.#ask('get', key);
  }

  async set(key: string, value: string, ttlMs?: number): Promise<void> {
    await this.#ask('set', key, value, ttlMs);
  }

  setIfNewer(key: string, value: string, ttlMs: number, generation: number): Promise<boolean> {
    return this.#ask('setIfNewer', key, value, ttlMs, generation);
  }

  createLock(): TokenLock {
    return { acquire: (key, options) => this.#acquire(key, options) };
  }

  createSignal(): TokenSignal {
    return {
      publish: (_channel, message) => this.#ask('publish', message),
      subscribe: async (_channel, listener, onStateChange = () => undefined) => {
        this.#listener = listener;
        this.#onStateChange = onStateChange;
        onStateChange(true);
        return () => {
          this.#listener = () => undefined;
          this.#onStateChange = () => undefined;
        };
      },
    };
  }

  async #acquire(key: string, { ttlMs, signal }: AcquireOptions): Promise<Lease | null> {
    const owner = randomUUID();
    const generation = await this.#ask('acquire', key, owner, ttlMs);
    if (generation === null) return null;
    const lease: Lease = {
      generation,
      extend: () => this.#ask('extend', key, owner, ttlMs),
      release: () => this.#ask('release', key, owner),
    };
    if (signal.aborted) await lease.release();
    signal.throwIfAborted();
    return lease;
  }

  /** Waits for ever where there is no answer: the library gives each call its deadline. */
  #ask<Method extends keyof SharedStore>(
    method: Method,
    ...args: Parameters<SharedStore[Method]>
  ): Promise<ReturnType<SharedStore[Method]>> {
    const id = randomUUID();
    return new Promise((resolve, reject) => {
      if (!process.connected) throw new Error('The parent process is gone.');
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      process.send?.({ ask: { id, method, args } });
    });
  }

  #hear({ answer, heard, up }: ParentMessage): void {
    if (heard !== undefined) this.#listener(heard);
    if (answer !== undefined) {
      this.#waiting.get(answer.id)?.resolve(answer.value);
      this.#waiting.delete(answer.id);
    }
    if (up === undefined) return;
    for (const { reject } of this.#waiting.values()) reject(new Error('The store has gone.'));
    this.#waiting.clear();
    this.#onStateChange(up);
  }
}
