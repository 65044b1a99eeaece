import type { Flight } from './flight.js';
import type { Token } from '../token.js';

/** The flights of one slot: one for all who wait, and at most one more for those who want a new token whatever there is. */
export class SlotFlights {
  readonly #startFlight: (forced: boolean) => Flight<Token>;
  readonly #onFailure: (flight: Flight<Token>, error: unknown) => void;
  #usual: Flight<Token> | undefined;
  #forced: Flight<Token> | undefined;

  /** @param onFailure called when the next caller no longer gets the failed flight */
  constructor(
    startFlight: (forced: boolean) => Flight<Token>,
    onFailure: (flight: Flight<Token>, error: unknown) => void,
  ) {
    this.#startFlight = startFlight;
    this.#onFailure = onFailure;
  }

  /** True when one is under way. */
  get busy(): boolean {
    return this.#usual !== undefined || this.#forced !== undefined;
  }

  /** Returns the token of the current flight, or of a new one. */
  join(signal: AbortSignal | undefined): Promise<Token> {
    if (this.#forced !== undefined && !this.#forced.aborted) return this.#forced.join(signal);
    if (this.#usual === undefined || this.#usual.aborted) this.#usual = this.#start(false);
    return this.#usual.join(signal);
  }

  /** Returns the token of a flight that started after the call, or was forced before. */
  async force(signal: AbortSignal | undefined): Promise<Token> {
    // A flight that started earlier may answer a token from before what made the caller ask.
    while (this.#forced === undefined && this.#usual !== undefined)
      await this.#usual.join(signal).catch(() => signal?.throwIfAborted());
    this.#forced ??= this.#start(true);
    return this.#forced.join(signal);
  }

  abort(reason: unknown): void {
    this.#usual?.abort(reason);
    this.#forced?.abort(reason);
  }

  #start(forced: boolean): Flight<Token> {
    const flight = this.#startFlight(forced);
    const clear = (): void => {
      if (this.#usual === flight) this.#usual = undefined;
      if (this.#forced === flight) this.#forced = undefined;
    };
    flight.settled.then(clear, (error: unknown) => {
      clear();
      this.#onFailure(flight, error);
    });
    return flight;
  }
}
