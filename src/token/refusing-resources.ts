import { type Clock, monotonicNow } from '../clock.js';
import { FIRST_PAUSE_MS, RenewalPause } from './slot/renewal-pause.js';

/** Once this many resources refuse fresh tokens, all others together cause one renewal in {@link FIRST_PAUSE_MS}. */
const MANY = 8;

/** As many of each kind are remembered, the latest. */
const MOST = 1_000;

/** Record of a resource since it last accepted a token. */
interface Refusal {
  /** Rejections in a row that renewed, without showing whether the token in their place fared better. */
  suspicions: number;
  suspectedAt: number;
  /** While it lasts, this resource is not believed: it refused a fresh token. */
  readonly pause: RenewalPause;
}

/**
 * The resources that refuse a token which others accept: a subscription is missing, a role, a right. Their rejections say
 * nothing of the token, and cost no new one.
 */
export class RefusingResources {
  readonly #clock: Clock;
  readonly #refusals = new Map<string, Refusal>();
  /** Those that accepted the token they were shown last: when they refuse one, it was revoked. */
  readonly #accepting = new Set<string>();
  #lastPause: number | undefined;
  /** True while one that accepted tokens has refused a fresh one: no token will do, wherever it is shown. */
  #refusedByAccepting = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Checks whether a rejection by this resource is worth a new token. */
  mayRenew(resource: string): boolean {
    if (this.#refusals.get(resource)?.pause.active === true) return false;
    return (
      this.#accepting.has(resource) || this.#refusals.size < MANY || !this.#isWithin(this.#lastPause, FIRST_PAUSE_MS)
    );
  }

  /**
   * Checks whether a rejection by this resource is a revocation, whatever others made of the token: it accepts tokens, and
   * those that refused a fresh one do not.
   */
  showsRevocation(resource: string): boolean {
    return this.#accepting.has(resource) && !this.#refusedByAccepting;
  }

  /**
   * Notes a rejection whose call is not sent again: the next call shows how the next token fares. Returns whether there
   * were so many of them that no token will do: the first token may have been replaced by one just as old.
   */
  suspect(resource: string): boolean {
    const refusal = this.#known(resource);
    if (!this.#isWithin(refusal.suspectedAt, FIRST_PAUSE_MS)) refusal.suspicions = 0;
    refusal.suspicions += 1;
    refusal.suspectedAt = monotonicNow(this.#clock);
    return refusal.suspicions > 2;
  }

  /** Notes that a token which was just obtained for this resource was refused. */
  refusedFresh(resource: string): void {
    const { pause } = this.#known(resource);
    if (pause.active) return;
    pause.freshTokenRejected();
    this.#lastPause = monotonicNow(this.#clock);
    if (this.#accepting.delete(resource)) this.#refusedByAccepting = true;
  }

  /** Notes that this resource accepts the token. */
  accepted(resource: string): void {
    this.#refusedByAccepting = false;
    if (this.#refusals.size > 0) this.#refusals.delete(resource);
    if (this.#accepting.has(resource)) return;
    this.#accepting.add(resource);
    const [oldest] = this.#accepting.size > MOST ? this.#accepting : [];
    if (oldest !== undefined) this.#accepting.delete(oldest);
  }

  #known(resource: string): Refusal {
    const known = this.#refusals.get(resource);
    if (known !== undefined) return known;
    const [oldest] = this.#refusals.size >= MOST ? this.#refusals.keys() : [];
    if (oldest !== undefined) this.#refusals.delete(oldest);
    const pause = new RenewalPause(this.#clock);
    const refusal = { suspicions: 0, suspectedAt: monotonicNow(this.#clock), pause };
    this.#refusals.set(resource, refusal);
    return refusal;
  }

  #isWithin(since: number | undefined, lengthMs: number): boolean {
    return since !== undefined && monotonicNow(this.#clock) - since < lengthMs;
  }
}
