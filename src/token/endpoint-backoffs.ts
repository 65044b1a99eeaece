import type { FetchBackoff } from './slot/fetch-backoff.js';

/** The backoff of one endpoint and client, and where in storage the fleet's note of it stands. */
export interface EndpointBackoff {
  readonly noteKey: string;
  readonly backoff: FetchBackoff;
}

/**
 * The backoffs of one application, by endpoint and client: what one token's request was refused with holds back those
 * for all others.
 */
export class EndpointBackoffs {
  readonly #backoffs = new Map<string, FetchBackoff>();

  /**
   * Returns the one of an endpoint and client, made if it is the first that is asked for.
   * @param name fingerprint of what distinguishes an endpoint and client
   */
  of(keyPrefix: string, name: string, make: () => FetchBackoff): EndpointBackoff {
    const backoff = this.#backoffs.get(name) ?? make();
    this.#backoffs.set(name, backoff);
    return { noteKey: `${keyPrefix}:${name}:backoff`, backoff };
  }
}
