import type { Readable } from 'node:stream';
import type { FetchedBody } from './fetched-body.js';

/**
 * Frees the connections of answers whose bodies nobody reads, when the answers themselves are garbage. Most bodies are
 * read at once; watching is dear, so only those are watched that are still unread a turn later.
 */
export class AbandonedBodies {
  readonly #registry = new FinalizationRegistry<WeakRef<Readable>>((body) => body.deref()?.destroy());
  #fresh: [response: object, body: FetchedBody][] = [];

  /** Watches the body of an answer that was just made. */
  watch(response: object, body: FetchedBody): void {
    if (this.#fresh.push([response, body]) === 1) setImmediate(() => this.#watchUnread());
  }

  #watchUnread(): void {
    const fresh = this.#fresh;
    this.#fresh = [];
    for (const [response, body] of fresh) {
      if (!body.isBegun) this.#registry.register(response, new WeakRef(body.source));
    }
  }
}
