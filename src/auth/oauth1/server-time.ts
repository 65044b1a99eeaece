import { askAtOnce } from '../../option-check/at-once.js';
import type { Clock } from '../../clock.js';
import { originOf } from '../../http/origin.js';

/** Closer than this no service complains, and an answer may be on its way for as long. */
const TOLERANCE_S = 30;

/** A request whose timestamp may be corrected. */
export interface TimedRequest {
  readonly url: string;
  readonly clock: Clock;
  /** Stands for all sendings of one call. */
  readonly call: object;
}

/** Time at which a request was sent, by our clock and as it was given. */
interface SentTime {
  /** Seconds since 1970, corrected. */
  readonly timestamp: number;
  /** Seconds. */
  readonly correction: number;
  /** Epoch milliseconds. */
  readonly at: number;
}

/**
 * Measures how far the machine's clock is off, by the `Date` of services: a correction is tried on one call, and kept for the
 * service's origin once it was accepted.
 */
export class ServerTime {
  readonly #ownTimestamp: (() => number) | undefined;
  /** In seconds, by origin. */
  readonly #kept = new Map<string, number>();
  /** In seconds, by call. */
  readonly #tried = new WeakMap<object, number>();
  readonly #sent = new WeakMap<TimedRequest, SentTime>();

  /** @param ownTimestamp seconds since 1970; left out, taken from the request's clock */
  constructor(ownTimestamp?: () => number) {
    this.#ownTimestamp = ownTimestamp;
  }

  /** The timestamp for a request that is about to be sent. */
  timestampFor(request: TimedRequest): number {
    const at = request.clock.now();
    const correction = this.#tried.get(request.call) ?? this.#kept.get(originOf(request.url)) ?? 0;
    const timestamp = Math.floor(askAtOnce('timestamp()', () => this.#ownTimestamp?.()) ?? at / 1_000) + correction;
    this.#sent.set(request, { timestamp, correction, at });
    return timestamp;
  }

  /**
   * Corrects the timestamp of a call, once.
   * @param date when the service answered, by its own clock
   * @param refused whether the service says that it is the timestamp that it refused
   * @returns whether there was something to correct
   */
  correct(request: TimedRequest, date: string | string[] | undefined, refused: boolean): boolean {
    const sent = this.#sent.get(request);
    const serverMs = typeof date === 'string' ? Date.parse(date) : Number.NaN;
    if (sent === undefined || Number.isNaN(serverMs) || this.#tried.has(request.call)) return false;
    // By the time of day: what that was set to meanwhile is part of what has to be corrected.
    const underWayMs = request.clock.now() - sent.at;
    const ahead = Math.round((serverMs - underWayMs) / 1_000) - sent.timestamp;
    if (refused ? ahead === 0 : Math.abs(ahead) <= TOLERANCE_S) return false;
    // Another call may have changed what is kept since this one was sent.
    this.#tried.set(request.call, sent.correction + ahead);
    return true;
  }

  /** Seconds by which the timestamp of the call was corrected; undefined where it was not. */
  correctionOf({ call }: TimedRequest): number | undefined {
    return this.#tried.get(call);
  }

  /** Uses what was tried on the call from now on. */
  keep({ url, call }: TimedRequest): void {
    const tried = this.#tried.get(call);
    if (tried !== undefined) this.#kept.set(originOf(url), tried);
  }
}
