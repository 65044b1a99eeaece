import { type Clock, monotonicNow } from '../clock.js';

type Document = Readonly<Record<string, unknown>>;

/** Documents of issuers, by URL, fetched once for all who ask at the same time. */
export interface DiscoveryDocuments {
  get(url: string, fetch: () => Promise<Document>): Promise<Document>;
  /** Has a document fetched again when it is next asked for, unless another one is known by now. */
  expire(document: Document): void;
}

/** Issuers move their endpoints rarely, and announce it. */
const TTL_MS = 3_600_000;

/** An issuer whose document cannot be fetched now is not asked for it before every token request. */
const RETRY_AFTER_MS = 30_000;

/** Documents of one application's issuers: fetched once, looked up again after an hour; an old one beats none. */
export class DiscoveryCache implements DiscoveryDocuments {
  readonly #clock: Clock;
  readonly #documents = new Map<string, { document: Document; until: number }>();
  readonly #fetching = new Map<string, Promise<Document>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async get(url: string, fetch: () => Promise<Document>): Promise<Document> {
    const known = this.#documents.get(url);
    if (known !== undefined && monotonicNow(this.#clock) < known.until) return known.document;
    let fetching = this.#fetching.get(url);
    if (fetching === undefined) {
      fetching = this.#fetch(url, fetch).finally(() => this.#fetching.delete(url));
      this.#fetching.set(url, fetching);
    }
    try {
      return await fetching;
    } catch (error) {
      if (known === undefined) throw error;
      known.until = monotonicNow(this.#clock) + RETRY_AFTER_MS;
      return known.document;
    }
  }

  expire(document: Document): void {
    for (const known of this.#documents.values()) if (known.document === document) known.until = 0;
  }

  async #fetch(url: string, fetch: () => Promise<Document>): Promise<Document> {
    const document = await fetch();
    this.#documents.set(url, { document, until: monotonicNow(this.#clock) + TTL_MS });
    return document;
  }
}
