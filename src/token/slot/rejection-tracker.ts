import { type Clock, Instant } from '../../clock.js';
import type { CachedToken } from './cached-token.js';
import { type PauseListener, RenewalPause } from './renewal-pause.js';
import type { Token } from '../token.js';

/** A token is fresh for this long: rejected so soon, another one would fare no better. */
const FRESH_MS = 30_000;

/**
 * Outcomes of the tokens of one key at services. A token obtained in place of a rejected one is unproven: if it is
 * rejected, too, no token will do, and renewal pauses until one is accepted.
 */
export class RejectionTracker {
  readonly #clock: Clock;
  readonly #pause: RenewalPause;
  /** Fingerprint of the token that a service rejected last; an invalidation by the app says nothing of the service. */
  #rejected: string | undefined;
  #rejectedAt: Instant | undefined;
  #replacement: CachedToken | undefined;
  /** The last token that a service accepted. */
  #good: Token | undefined;

  constructor(clock: Clock, listener?: PauseListener) {
    this.#clock = clock;
    this.#pause = new RenewalPause(clock, listener);
  }

  /** Checks whether a rejection of `token` means that no token will do. */
  includes(token: Token): boolean {
    return this.#replacement?.token.fingerprint === token.fingerprint;
  }

  /** A service rejected the token in use. Returns false while renewal pauses: then the token stays in use. */
  reject(inUse: CachedToken): boolean {
    if (this.includes(inUse.token)) this.#freshRejected(inUse);
    if (this.#pause.active) return false;
    this.noteRejection(inUse.token);
    return true;
  }

  /** The token in use was revoked, whatever was made of it where no token is accepted: a pause for it ends. */
  resume(): void {
    this.#replacement = undefined;
    this.#pause.freshTokenAccepted();
  }

  noteRejection(rejected: Token): void {
    this.#rejected = rejected.fingerprint;
    this.#rejectedAt = new Instant(this.#clock);
  }

  /** The issuer answered the rejected token once more. */
  answeredAgain(): void {
    this.#pause.freshTokenRejected();
  }

  /** Notes that `next` is used after `last`. A token that another process obtained earlier may be revoked with it. */
  begin(next: CachedToken, last: Token | undefined): void {
    const inItsPlace = last !== undefined && last.fingerprint === this.#rejected;
    const rejectedAt = this.#rejectedAt?.epochMs ?? Number.NEGATIVE_INFINITY;
    this.#replacement = inItsPlace && next.obtainedAt >= rejectedAt ? next : undefined;
  }

  /** Notes how a service took a token that was obtained for it. The unproven one may not be in use any more. */
  recordOutcome(token: Token, accepted: boolean, inUse: CachedToken | undefined): void {
    if (accepted && token === this.#good && !this.#pause.begun) return;
    const candidates = [this.#replacement, inUse];
    const judged = candidates.find((candidate) => candidate?.token.fingerprint === token.fingerprint);
    if (judged === undefined) return;
    if (!accepted) return this.#freshRejected(judged);
    this.#good = token;
    this.#replacement = undefined;
    this.#pause.freshTokenAccepted();
  }

  /** A token that was accepted meanwhile is good: whoever rejects it has a reason of his own. */
  #freshRejected({ token, obtainedAt, takenAt }: CachedToken): void {
    if (token.fingerprint === this.#good?.fingerprint) return;
    const ageMs = this.#clock.now() - takenAt.setMs - obtainedAt;
    if (ageMs < FRESH_MS) this.#pause.freshTokenRejected();
  }
}
