import { AuthenticationError } from '../../errors.js';
import { untilAborted } from '../../http/signals.js';
import type { EndpointBackoff } from '../endpoint-backoffs.js';
import type { ServiceScope } from '../runtime.js';
import { isOfEndpoint } from '../token-failure.js';
import { FetchBackoff } from './fetch-backoff.js';
import type { TokenStore } from './token-store.js';

/** One fetch: what becomes of it decides when the next one may start. Only the first of its ends counts. */
export interface SlotAttempt {
  succeeded(): Promise<void>;
  failed(error: unknown): Promise<void>;
  abandoned(): void;
}

/**
 * Holds back the fetches of one slot: for what its own requests were refused with, and for what its endpoint refuses
 * everybody with. Both are shared with the fleet by notes in storage.
 */
export class SlotBackoff {
  readonly #scope: ServiceScope;
  readonly #store: TokenStore;
  readonly #own: FetchBackoff;
  readonly #endpoint: EndpointBackoff | undefined;

  constructor(scope: ServiceScope, store: TokenStore, endpoint: EndpointBackoff | undefined) {
    this.#scope = scope;
    this.#store = store;
    this.#own = new FetchBackoff(scope.clock);
    this.#endpoint = endpoint;
  }

  /** Milliseconds until a fetch may start, zero when one may. */
  get waitMs(): number {
    return Math.max(this.#own.waitMs, this.#endpoint?.backoff.waitMs ?? 0);
  }

  /** True once for an outage that this process knows of by a note of another one alone. */
  takeUnheard(): boolean {
    return this.#own.takeUnheard() || this.#endpoint?.backoff.takeUnheard() === true;
  }

  /** @throws {AuthenticationError} FORGE_AUTH_BACKOFF while this process, or another one, holds fetches back */
  async check(): Promise<void> {
    const [own, shared] = await Promise.all([
      this.#store.readNote(),
      this.#endpoint && this.#store.readNote(this.#endpoint.noteKey),
    ]);
    this.#own.adopt(own);
    this.#endpoint?.backoff.adopt(shared);
    this.#assert();
  }

  /**
   * Starts a fetch. After a failure of the endpoint one fetch goes first, whoever's it is: the others wait for its end.
   * @throws {AuthenticationError} FORGE_AUTH_BACKOFF when it fails, too
   */
  async begin(signal: AbortSignal): Promise<SlotAttempt> {
    await this.check();
    for (let probe = this.#endpoint?.backoff.probing; probe !== undefined; probe = this.#endpoint?.backoff.probing) {
      await untilAborted(probe, signal);
      this.#assert();
    }
    const [own, shared] = [this.#own.begin(), this.#endpoint?.backoff.begin()];
    const failuresBefore = this.#own.failures + (this.#endpoint?.backoff.failures ?? 0);
    return {
      succeeded: async () => {
        own.succeeded();
        shared?.succeeded();
        if (failuresBefore > 0) await this.#withdraw();
      },
      failed: async (error) => {
        if (shared !== undefined && isOfEndpoint(error)) {
          shared.failed(error);
          await this.#announce(this.#endpoint?.backoff, this.#endpoint?.noteKey);
        } else {
          shared?.abandoned();
          own.failed(error);
          await this.#announce(this.#own, undefined);
        }
      },
      // Of a token's own fetches there is one at a time: nobody waits for the end of another.
      abandoned: () => shared?.abandoned(),
    };
  }

  /** Another process has obtained a token since. */
  succeededElsewhere(obtainedAt: number): void {
    this.#own.succeededElsewhere(obtainedAt);
    this.#endpoint?.backoff.succeededElsewhere(obtainedAt);
  }

  #assert(): void {
    this.#own.assertNotBackingOff(this.#scope.owner);
    this.#endpoint?.backoff.assertNotBackingOff(this.#scope.owner);
  }

  async #announce(backoff: FetchBackoff | undefined, noteKey: string | undefined): Promise<void> {
    if (backoff === undefined) return;
    const { clock, observer, serviceName } = this.#scope;
    if (backoff.waitMs > 0)
      observer.emit({ type: 'backoff', at: clock.now(), service: serviceName, until: backoff.retryAt });
    const { text, ttlMs } = backoff.toNote();
    await this.#store.writeNote(text, ttlMs, noteKey);
  }

  async #withdraw(): Promise<void> {
    await Promise.all([
      this.#store.writeNote('', 1),
      this.#endpoint && this.#store.writeNote('', 1, this.#endpoint.noteKey),
    ]);
  }
}

/** Checks whether an error says that a fetch was held back, rather than that one failed. */
export function isHeldBack(error: unknown): boolean {
  return error instanceof AuthenticationError && error.code === 'FORGE_AUTH_BACKOFF';
}
