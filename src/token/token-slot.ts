import type { Clock } from '../clock.js';
import type { ForgeLogger } from '../diagnostics.js';
import { AuthenticationError, ClientClosedError, ForgeAuthError } from '../errors.js';
import { RedactedCause } from '../redact.js';
import type { GuardedStorage } from '../storage/guarded-storage.js';
import { FetchGate } from './fetch-gate.js';
import { agesOf, type RefreshWindows, type TokenAges } from './refresh-policy.js';
import { RenewalPause } from './renewal-pause.js';
import { Flight } from './single-flight.js';
import { tokenFailure } from './token-failure.js';
import { TokenRenewal, type TokenWork } from './token-renewal.js';
import { type ShelvedToken, TokenShelf } from './token-shelf.js';
import type { Replacement } from './token-source.js';
import type { Token } from './token.js';

/** Settings of a slot, complete. */
export interface SlotSettings extends RefreshWindows {
  /** Lifetime assumed for a token that comes without one; undefined: until it is rejected. */
  readonly defaultTtlMs: number | undefined;
  /** Longest time that one flight may take. */
  readonly deadlineMs: number;
  /** Longest time that a token is used without a look at shared storage. */
  readonly nearCacheTtlMs: number;
}

/** What a slot needs around it. */
export interface SlotEnvironment {
  /** For messages: `"orders"`, or `"orders", step "app_token"`. */
  readonly owner: string;
  readonly serviceName: string | undefined;
  readonly clock: Clock;
  readonly logger: ForgeLogger;
  /** Asked for at each flight: an application's storage is known only when it has started. */
  readonly storage: () => GuardedStorage | undefined;
  readonly settings: SlotSettings;
  /** In `[0, 1)`, one per process: spreads the refreshes of a fleet. */
  readonly jitter: number;
}

/** What happens to the tokens of a slot. */
export interface SlotEvents {
  refreshed(token: Token, previous: Token | undefined): void;
  invalidated(token: Token): void;
  failed(error: unknown): void;
}

/** The token in use and what is known of it. */
interface Held extends ShelvedToken {
  readonly ages: TokenAges;
  /** Answered as it is, so that a warm call allocates nothing. */
  readonly promise: Promise<Token>;
  /** Until then the token is used without another look at anything. */
  checkAt: number;
}

/** A token is fresh for this long: rejected so soon, another one would fare no better. */
const FRESH_MS = 30_000;

/**
 * The life of one token: one key, at most one flight.
 *
 * fresh → used; due → used, and refreshed once in the background; in the leeway → waited for, and used if that fails;
 * expired → never used again.
 */
export class TokenSlot {
  readonly #environment: SlotEnvironment;
  readonly #events: SlotEvents;
  readonly #shelf: TokenShelf;
  readonly #renewal: TokenRenewal;
  readonly #gate: FetchGate;
  readonly #pause: RenewalPause;
  readonly #isOwnFailure: (error: unknown) => boolean;
  #held: Held | undefined;
  /** The last token known, used or not: its refresh token may still be good. */
  #last: ShelvedToken | undefined;
  /** Fingerprint of the token that was rejected last: it is not taken from storage again. */
  #rejected: string | undefined;
  /** Fingerprint of the token that a service rejected last; an invalidation by the app says nothing of the service. */
  #rejectedByService: string | undefined;
  #rejectedAt = Number.NEGATIVE_INFINITY;
  /** Whether the token in use was got in place of such a one: a rejection of it, too, tells that no token will do. */
  #onProbation = false;
  #flight: Flight<Token> | undefined;
  #forced: Flight<Token> | undefined;
  #rereading = false;
  #warned = false;
  #closed = false;

  constructor(environment: SlotEnvironment, work: TokenWork, events: SlotEvents) {
    const { clock, storage } = environment;
    this.#environment = environment;
    this.#events = guarded(events, environment.logger);
    this.#shelf = new TokenShelf(
      storage,
      () => work.key(),
      clock,
      () => this.#changedElsewhere(),
    );
    this.#gate = new FetchGate(clock);
    this.#pause = new RenewalPause(clock);
    this.#isOwnFailure = (error) => work.isOwnFailure?.(error) ?? true;
    this.#renewal = new TokenRenewal(environment, work, this.#shelf, this.#gate);
  }

  /** A valid token. Without I/O, timers or allocation while the current one is fresh. */
  get(signal?: AbortSignal): Promise<Token> {
    const held = this.#held;
    if (held !== undefined && this.#environment.clock.now() < held.checkAt) return held.promise;
    return this.#getSlowly(signal);
  }

  /** The current token while `get` would answer it without another look at anything. */
  peekFresh(): Token | undefined {
    const held = this.#held;
    return held !== undefined && this.#environment.clock.now() < held.checkAt ? held.token : undefined;
  }

  /** The current token if it has not run out; nothing is fetched. */
  peek(): Token | undefined {
    const held = this.#held;
    return held !== undefined && this.#environment.clock.now() < held.ages.expiresAt ? held.token : undefined;
  }

  /** The token in use and what is known of it, whatever its age; nothing is fetched. */
  get current(): ShelvedToken | undefined {
    return this.#held;
  }

  /** Takes over what another process has stored, if it is newer than what was rejected here. */
  async adoptStored(): Promise<boolean> {
    const stored = await this.#shelf.read();
    if (stored === undefined || this.#held !== undefined || !this.#acceptable(stored, undefined)) return false;
    this.#adopt(stored);
    return true;
  }

  /** Whether a flight is under way. */
  get busy(): boolean {
    return this.#flight !== undefined || this.#forced !== undefined;
  }

  /** A new token, whatever the age of the current one. Concurrent calls share one flight. */
  async forceRefresh(signal?: AbortSignal): Promise<Token> {
    // A flight that started earlier may answer a token from before what made the caller ask.
    while (this.#forced === undefined && this.#flight !== undefined)
      await this.#flight.join(signal).catch(() => signal?.throwIfAborted());
    this.#forced ??= this.#takeOff(true);
    return this.#forced.join(signal);
  }

  /**
   * A service rejected `rejected`: answers a newer token, having it fetched if need be, however many calls report the
   * same one. Undefined when there is no newer one to be had: renewal pauses, or the issuer answers the same token again.
   */
  async replace(rejected: Token, signal?: AbortSignal): Promise<Replacement | undefined> {
    if (!this.reject(rejected)) return undefined;
    const token = await this.get(signal);
    if (token.fingerprint !== rejected.fingerprint) return { token, onProbation: this.#isOnProbation(token) };
    this.#pause.freshTokenRejected();
    return undefined;
  }

  /** A service rejected `rejected`: it is not used again. Answers false while renewal pauses: then it is. */
  reject(rejected: Token): boolean {
    const held = this.#held;
    if (held === undefined || held.token.fingerprint !== rejected.fingerprint) return true;
    if (this.#onProbation && this.#isFresh(held)) this.#pause.freshTokenRejected();
    if (this.#pause.active) return false;
    this.#noteRejection(rejected);
    this.#drop(held);
    return true;
  }

  /** What a service thought of a token that was got for it. */
  judge(token: Token, accepted: boolean): void {
    const held = this.#held;
    if (held?.token.fingerprint !== token.fingerprint) return;
    if (accepted) {
      this.#onProbation = false;
      this.#pause.freshTokenAccepted();
    } else if (this.#isFresh(held)) {
      this.#pause.freshTokenRejected();
    }
  }

  /** Forgets the current token, or `rejected` if that is the current one. Other processes see it in storage. */
  async invalidate(rejected?: Token): Promise<void> {
    const held = this.#held;
    if (rejected !== undefined && held !== undefined && held.token.fingerprint !== rejected.fingerprint) return;
    if (rejected !== undefined) this.#noteRejection(rejected);
    const target = held?.token ?? rejected;
    if (held !== undefined) this.#drop(held);
    const buried = await this.#shelf.bury(target);
    if (held === undefined && buried !== undefined) this.#rejected = buried.fingerprint;
  }

  /** Forgets the current token and whatever is stored, be it newer. */
  async discard(): Promise<void> {
    const held = this.#held;
    if (held !== undefined) this.#drop(held);
    const buried = await this.#shelf.bury(undefined);
    if (buried !== undefined) this.#rejected = buried.fingerprint;
  }

  /** The last token known here or in storage, unless it is good for nothing any more. */
  async known(): Promise<Token | undefined> {
    const stored = await this.#shelf.read();
    const own = this.#held ?? this.#last;
    const last = own === undefined || (stored !== undefined && stored.generation > own.generation) ? stored : own;
    if (last === undefined) return undefined;
    const usable = last.rejected !== true && this.#environment.clock.now() < (last.token.expiresAt ?? Infinity);
    return usable || last.token.refreshToken !== undefined ? last.token : undefined;
  }

  /** Forgets a token that was revoked, its refresh token, too. */
  async forget(revoked: Token): Promise<void> {
    const held = this.#held;
    if (held?.token.fingerprint === revoked.fingerprint) this.#drop(held);
    this.#rejected = revoked.fingerprint;
    if (this.#last?.token.fingerprint === revoked.fingerprint) this.#last = undefined;
    await this.#shelf.bury(revoked, true);
  }

  /** Takes a token that came from elsewhere. */
  async set(token: Token): Promise<void> {
    this.#rejected = undefined;
    const held = this.#heldOf(this.#renewal.shelve(token, this.#environment.clock.now(), this.#last));
    this.#use(held);
    await this.#shelf.put(held);
    this.#shelf.announce();
  }

  /** Forgotten by its owner: listens no longer. Its token stays good. */
  release(): void {
    this.#shelf.close();
  }

  /** Aborts what is under way; every later call is refused. */
  close(): void {
    this.#closed = true;
    const reason = this.#closedError();
    this.#flight?.abort(reason);
    this.#forced?.abort(reason);
    this.#held = undefined;
    this.#shelf.close();
  }

  #getSlowly(signal: AbortSignal | undefined): Promise<Token> {
    if (this.#closed) return Promise.reject(this.#closedError());
    const held = this.#held;
    const now = this.#environment.clock.now();
    if (held !== undefined && now < held.ages.leewayAt) {
      if (now >= held.ages.dueAt) this.#refreshInBackground(held, now);
      else this.#rereadInBackground(held);
      return held.promise;
    }
    return this.#fly(signal).catch((error: unknown) => {
      // In the leeway: better than none, while it has really not expired.
      const valid = signal?.aborted === true ? undefined : this.peek();
      if (valid !== undefined) return valid;
      throw error;
    });
  }

  #fly(signal: AbortSignal | undefined): Promise<Token> {
    if (this.#forced !== undefined && !this.#forced.aborted) return this.#forced.join(signal);
    if (this.#flight === undefined || this.#flight.aborted) this.#flight = this.#takeOff(false);
    return this.#flight.join(signal);
  }

  #takeOff(forced: boolean): Flight<Token> {
    if (this.#closed) throw this.#closedError();
    const { clock, settings, owner } = this.#environment;
    const onDeadline = (): Error =>
      this.#failure(
        new AuthenticationError(`Token request for ${owner} did not end within ${settings.deadlineMs} ms.`, {
          code: 'FORGE_AUTH_TOKEN_DEADLINE',
          transient: true,
        }),
      );
    const flight = new Flight<Token>((signal) => this.#renew(signal, forced), clock, settings.deadlineMs, onDeadline);
    const clear = (): void => {
      if (this.#flight === flight) this.#flight = undefined;
      if (this.#forced === flight) this.#forced = undefined;
    };
    flight.settled.then(clear, (error: unknown) => {
      clear();
      this.#landedBadly(flight, error);
    });
    return flight;
  }

  async #renew(signal: AbortSignal, forced: boolean): Promise<Token> {
    let before = this.#held;
    const renewed = await this.#renewal.run({
      signal,
      forced,
      current: before ?? this.#last,
      acceptable: (stored) => this.#acceptable(stored, before),
      lastResort: (stored) => {
        before ??= this.#takeUp(stored);
      },
      overtaken: () => this.busy || this.#held !== before,
    });
    if (this.#closed) throw this.#closedError();
    this.#use(this.#heldOf(renewed.shelved));
    if (!renewed.fetched) return renewed.shelved.token;
    this.#landedWell();
    this.#events.refreshed(renewed.shelved.token, before?.token);
    return renewed.shelved.token;
  }

  /**
   * Whether what storage has may be used: newer than the token that is to be replaced, not rejected, not about to expire.
   * An announcement may have brought it meanwhile.
   */
  #acceptable(stored: ShelvedToken, replaced: Held | undefined): boolean {
    if (stored.rejected === true || stored.token.fingerprint === this.#rejected) return false;
    const newer =
      replaced === undefined ||
      (replaced.token.fingerprint !== stored.token.fingerprint && stored.generation >= replaced.generation);
    return newer && this.#environment.clock.now() < this.#heldOf(stored).ages.leewayAt;
  }

  /** A stored token in its leeway is held while a new one is asked for. */
  #takeUp(stored: ShelvedToken): Held | undefined {
    const held = this.#heldOf(stored);
    const usable = stored.rejected !== true && stored.token.fingerprint !== this.#rejected;
    if (this.#held !== undefined || !usable || this.#environment.clock.now() >= held.ages.expiresAt) return undefined;
    this.#use(held);
    return held;
  }

  #heldOf({ token, obtainedAt, generation }: ShelvedToken): Held {
    const { settings, jitter } = this.#environment;
    const ages = agesOf(obtainedAt, token.expiresAt, settings, jitter);
    return {
      token,
      obtainedAt,
      generation,
      ages,
      promise: Promise.resolve(token),
      checkAt: Math.min(ages.dueAt, this.#shelf.nextLook(settings.nearCacheTtlMs)),
    };
  }

  #isFresh(held: Held): boolean {
    return this.#environment.clock.now() - held.obtainedAt < FRESH_MS;
  }

  #use(held: Held): void {
    const suspect = this.#rejectedByService;
    const inItsPlace = suspect !== undefined && this.#held === undefined && this.#last?.token.fingerprint === suspect;
    // What another process had got before may have been revoked together with it.
    this.#onProbation = inItsPlace && held.obtainedAt >= this.#rejectedAt;
    this.#held = held;
    this.#last = held;
  }

  #adopt(stored: ShelvedToken): void {
    this.#gate.succeededElsewhere(stored.obtainedAt);
    this.#use(this.#heldOf(stored));
  }

  #isOnProbation(token: Token): boolean {
    return this.#onProbation && this.#held?.token.fingerprint === token.fingerprint;
  }

  #noteRejection(rejected: Token): void {
    this.#rejectedByService = rejected.fingerprint;
    this.#rejectedAt = this.#environment.clock.now();
  }

  #refreshInBackground(held: Held, now: number): void {
    if (this.busy) return;
    if (this.#gate.waitMs > 0) {
      held.checkAt = Math.min(now + this.#gate.waitMs, held.ages.leewayAt);
      return;
    }
    this.#fly(undefined).catch(() => undefined);
  }

  #rereadInBackground(held: Held): void {
    held.checkAt = Math.min(held.ages.dueAt, this.#shelf.nextLook(this.#environment.settings.nearCacheTtlMs));
    if (this.#rereading) return;
    this.#rereading = true;
    this.#look(held)
      .catch(() => undefined) // The key could not be made: the next flight tells why.
      .finally(() => {
        this.#rereading = false;
      });
  }

  #changedElsewhere(): void {
    if (this.#held !== undefined && !this.#closed) this.#rereadInBackground(this.#held);
  }

  /** Takes over what another process did to the token: a newer one, or a tombstone. */
  async #look(held: Held): Promise<void> {
    const stored = await this.#shelf.read();
    if (stored === undefined || this.#held !== held) return;
    if (stored.rejected === true && stored.token.fingerprint === held.token.fingerprint) this.#drop(held);
    else if (this.#acceptable(stored, held)) this.#adopt(stored);
  }

  #drop(held: Held): void {
    this.#rejected = held.token.fingerprint;
    if (this.#held === held) this.#held = undefined;
    this.#events.invalidated(held.token);
  }

  #landedWell(): void {
    if (!this.#warned) return;
    this.#warned = false;
    this.#environment.logger.log(`Tokens for ${this.#environment.owner} can be had again.`);
  }

  #landedBadly(flight: Flight<Token>, error: unknown): void {
    if (
      this.#closed ||
      flight.abandoned ||
      (error instanceof AuthenticationError && error.code === 'FORGE_AUTH_BACKOFF')
    )
      return;
    // Failures of the fetch itself are counted where it is made; a deadline is only seen here.
    if (flight.aborted) this.#renewal.failed(error).catch(() => undefined);
    this.#events.failed(error);
    if (this.#last !== undefined && this.#last.token.fingerprint === this.#rejected)
      this.#shelf.bury(this.#last.token).catch(() => undefined);
    if (this.#warned || !this.#isOwnFailure(error)) return;
    this.#warned = true;
    const stays = this.peek() === undefined ? '' : ' The current token stays in use until it expires.';
    this.#environment.logger.warn(
      `${error instanceof ForgeAuthError ? error.message : 'A token request failed.'}${stays}`,
    );
  }

  #failure(error: unknown): ForgeAuthError {
    return tokenFailure(error, this.#environment.owner, this.#environment.serviceName);
  }

  #closedError(): ClientClosedError {
    const { owner, serviceName } = this.#environment;
    return new ClientClosedError(
      `Tokens for ${owner} are no longer to be had: closed.`,
      serviceName === undefined ? {} : { serviceName },
    );
  }
}

/** A listener that throws must not fail the flight that tells it something. */
function guarded(events: SlotEvents, logger: ForgeLogger): SlotEvents {
  const tell = (work: () => void): void => {
    try {
      work();
    } catch (error) {
      logger.warn(`A listener of token events failed: ${new RedactedCause(error).message}.`);
    }
  };
  return {
    refreshed: (token, previous) => tell(() => events.refreshed(token, previous)),
    invalidated: (token) => tell(() => events.invalidated(token)),
    failed: (error) => tell(() => events.failed(error)),
  };
}
