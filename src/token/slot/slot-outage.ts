import { AuthenticationError, ClientClosedError, ForgeAuthError } from '../../errors.js';
import type { ServiceScope } from '../runtime.js';
import { tokenFailure } from '../token-failure.js';
import type { PauseListener } from './renewal-pause.js';
import type { ObservedTokens } from './slot-observer.js';

/** Logs an outage once when it begins, and once when it is over. */
export class SlotOutage {
  readonly #scope: ServiceScope;
  #logged = false;

  constructor(scope: ServiceScope) {
    this.#scope = scope;
  }

  /** @param tokenStays whether there is a token that has not run out */
  failed(error: unknown, tokenStays: boolean): void {
    if (this.#logged) return;
    this.#logged = true;
    const what = error instanceof ForgeAuthError ? error.message : 'A token request failed.';
    this.#scope.logger.warn(`${what}${tokenStays ? ' The current token stays in use until it expires.' : ''}`);
  }

  over(): void {
    if (!this.#logged) return;
    this.#logged = false;
    this.#scope.logger.log(`Tokens for ${this.#scope.owner} are available again.`);
  }
}

/** Logs a token whose successors are rejected, too: once when that begins, and once when one is accepted. */
export class SlotPause implements PauseListener {
  readonly #scope: ServiceScope;
  readonly #perCall: boolean;
  #logged = false;

  constructor(scope: ServiceScope, { perCall = false }: ObservedTokens) {
    this.#scope = scope;
    this.#perCall = perCall;
  }

  paused(pauseMs: number): void {
    this.#emit(pauseMs);
    if (this.#logged) return;
    this.#logged = true;
    this.#scope.logger.warn(
      `New tokens for ${this.#scope.owner} are rejected, too: for ${pauseMs / 1000} s, and longer if that goes on, rejections cause no token request, and reach the callers.`,
    );
  }

  ended(): void {
    this.#logged = false;
    this.#emit(0);
    this.#scope.logger.log(`Tokens for ${this.#scope.owner} are accepted again.`);
  }

  #emit(pauseMs: number): void {
    const { observer, clock, serviceName: service } = this.#scope;
    const at = clock.now();
    observer.emit({
      type: 'renewal_pause',
      at,
      service,
      until: at + pauseMs,
      ...(this.#perCall ? { perCall: true } : undefined),
    });
  }
}

/** Returns the error for those who wait for a flight that took too long. */
export function deadlineFailure({ owner, serviceName, settings }: ServiceScope): ForgeAuthError {
  const late = new AuthenticationError(`Token request for ${owner} did not end within ${settings.deadlineMs} ms.`, {
    code: 'FORGE_AUTH_TOKEN_DEADLINE',
    transient: true,
  });
  return tokenFailure(late, owner, serviceName);
}

/** Returns the error for those who wait for a token that was dropped while it was renewed. */
export function droppedFailure({ owner }: ServiceScope, subject: string | undefined): AuthenticationError {
  return new AuthenticationError(`The token for ${owner} was dropped while it was renewed: the user must sign in.`, {
    code: 'FORGE_AUTH_AUTHORIZATION_REQUIRED',
    ...(subject === undefined ? undefined : { subject }),
  });
}

/** Returns the error for those who ask when all is over. */
export function closedFailure({ owner, serviceName }: ServiceScope): ClientClosedError {
  return new ClientClosedError(
    `Tokens for ${owner} are no longer available: closed.`,
    serviceName === undefined ? {} : { serviceName },
  );
}
