import type { Readable } from 'node:stream';
import type { FetchedBody } from './fetched-body.js';

/**
 * Frees the connections of answers whose bodies nobody reads, when the answers themselves are garbage. Most bodies are
 * read at once; watching is dear, so only those are watched that are still unread a turn later.
 */
export class AbandonedBodies {
  readonly #registry = new FinalizationRegistry<WeakRef<Readable>>((body) => body.deref()?.destroy());
  #fresh: FetchedBody[] = [];

  /** Watches the body of an answer that was just made, its owner. */
  watch(body: FetchedBody): void {
    if (this.#fresh.push(body) === 1) setImmediate(() => this.#watchUnread());
  }

  #watchUnread(): void {
    const fresh = this.#fresh;
    this.#fresh = [];
    for (const body of fresh) {
      const { owner, source } = body;
      if (owner !== undefined && !body.isBegun) this.#registry.register(owner, new WeakRef(source));
    }
  }
}
