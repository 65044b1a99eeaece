import { shownName, shownWord } from '../../option-check/option-suggestion.js';
import { type Clock, Instant, systemClock } from '../../clock.js';
import { defineOwn } from '../../option-check/own-options.js';
import { ConfigurationError } from '../../errors.js';
import type { Token } from '../../token/token.js';
import type { FetchContext } from './token-fetcher.js';

/** Thrown when a step asks for the token of an indirect dependency that is not at hand: it is got, and the step asked again. */
export class TokenWanted extends Error {
  readonly step: string;

  constructor(step: string) {
    super(`The token of step "${shownWord(step)}" is not at hand.`);
    this.step = step;
  }
}

/** The tokens of the steps that one step depends on. */
export class StepContext implements FetchContext {
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** By the time of day as it is now; an own property, as a context may be copied. */
  declare readonly requestedAt: number;
  #requestedAt: Instant;
  readonly #step: string;
  readonly #tokens: ReadonlyMap<string, Token>;
  readonly #reachable: ReadonlySet<string>;

  /** @param reachable names of all steps that the step depends on, directly or through others */
  constructor(
    step: string,
    tokens: ReadonlyMap<string, Token>,
    reachable: ReadonlySet<string>,
    signal: AbortSignal,
    clock: Clock = systemClock,
  ) {
    this.clock = clock;
    this.#requestedAt = new Instant(clock);
    this.#step = step;
    this.#tokens = tokens;
    this.#reachable = reachable;
    this.signal = signal;
    defineOwn(this, 'requestedAt', { enumerable: true, get: () => this.#requestedAt.epochMs });
  }

  /** Another attempt begins. */
  beginAttempt(): void {
    this.#requestedAt = new Instant(this.clock);
  }

  token(name: string): Token {
    const token = this.#tokens.get(name);
    if (token !== undefined) return token;
    if (this.#reachable.has(name)) throw new TokenWanted(name);
    throw new ConfigurationError(
      `Step "${shownWord(this.#step)}" asks for the token of "${shownName(name)}", which it does not depend on. Add it to dependsOn.`,
    );
  }

  accessToken(name: string): string {
    return this.token(name).accessToken;
  }

  has(name: string): boolean {
    return this.#reachable.has(name);
  }
}

/** The context of a fetcher that is called on its own. */
export function emptyContext(step: string): FetchContext {
  return new StepContext(step, new Map(), new Set(), new AbortController().signal);
}

/** Returns when the attempt of a context began; now, where it does not say. Epoch milliseconds. */
export function requestedAtOf({ clock = systemClock, requestedAt = clock.now() }: FetchContext): number {
  return requestedAt;
}

/** Begins a request: returns when the attempt of its context began, by the time of day as it is when that is asked for. */
export function beginRequest(context: FetchContext): () => number {
  const requestedAt = requestedAtOf(context);
  const instant = new Instant(context.clock ?? systemClock);
  return () => requestedAt + instant.setMs;
}
