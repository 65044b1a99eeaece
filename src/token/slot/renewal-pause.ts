import { type Clock, monotonicNow } from '../../clock.js';

/** A service that rejects even fresh tokens is asked again with a new one after this time at the earliest. */
export const FIRST_PAUSE_MS = 30_000;
const LONGEST_PAUSE_MS = 300_000;

/** Hears of pauses. */
export interface PauseListener {
  /** A pause began, maybe the next one in a row. */
  paused(pauseMs: number): void;
  /** A token was accepted since. */
  ended(): void;
}

/**
 * Stops a minting loop: when a service rejects even a token that was just renewed for it, rejections renew nothing for
 * 30 s, doubling to 5 min. The 401s reach their callers meanwhile; the token goes on being used. A token has one for all
 * services, and one for each resource that refuses what others accept.
 */
export class RenewalPause {
  readonly #clock: Clock;
  readonly #listener: PauseListener | undefined;
  #level = 0;
  #until = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, listener?: PauseListener) {
    this.#clock = clock;
    this.#listener = listener;
  }

  /** True when there was a pause since a token was last accepted. */
  get begun(): boolean {
    return this.#level > 0;
  }

  get active(): boolean {
    return monotonicNow(this.#clock) < this.#until;
  }

  /** Notes the rejection of a token that was just renewed. Counts once per pause, however many calls saw it. */
  freshTokenRejected(): void {
    if (this.active) return;
    const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#level);
    this.#until = monotonicNow(this.#clock) + pauseMs;
    this.#level += 1;
    this.#listener?.paused(pauseMs);
  }

  /** A token was accepted. */
  freshTokenAccepted(): void {
    if (!this.begun) return;
    this.#level = 0;
    this.#until = Number.NEGATIVE_INFINITY;
    this.#listener?.ended();
  }
}
