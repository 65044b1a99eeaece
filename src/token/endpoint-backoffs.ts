import type { Clock } from '../clock.js';
import { FetchBackoff } from './slot/fetch-backoff.js';

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
  readonly #clock: Clock;
  readonly #backoffs = new Map<string, FetchBackoff>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param name fingerprint of what tells an endpoint and client apart */
  of(keyPrefix: string, name: string): EndpointBackoff {
    const backoff = this.#backoffs.get(name) ?? new FetchBackoff(this.#clock);
    this.#backoffs.set(name, backoff);
    return { noteKey: `${keyPrefix}:${name}:backoff`, backoff };
  }
}
