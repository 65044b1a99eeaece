import type { NestMiddleware } from '@nestjs/common';
import { Caller, type CallerInit, currentCaller, runAs } from '../auth/caller.js';
import { ConfigurationError } from '../errors.js';
import type { RequestContextOptions } from '../options/options.js';
import { ownOptions } from '../option-check/own-options.js';

/** A request as a middleware sees it: Express's own, or the raw one of Fastify. */
export interface InboundRequest {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** The characters of a bearer token (RFC 6750 §2.1). */
const BEARER = /^Bearer +([A-Za-z0-9\-._~+/]+=*) *$/i;

/**
 * Knows on whose behalf code runs: the bearer token of the inbound request, and the app's name for its user.
 *
 * `forRoot({ requestContext: true })` captures every HTTP request, GraphQL included. Queues, microservices and sockets
 * bring their caller with `run`. All methods but `use` are static and may be passed on as they are.
 */
export class ForgeRequestContext implements NestMiddleware {
  readonly #options: RequestContextOptions;
  readonly #handled: (request: object) => unknown;

  // No decorator: Nest makes one without options where an app applies the class itself.
  /** @param handled finds the request that guards and handlers see, where it is another one */
  constructor(options: RequestContextOptions = {}, handled: (request: object) => unknown = (request) => request) {
    this.#options = ownOptions(options);
    this.#handled = handled;
  }

  /** The caller's bearer token, without its scheme; undefined where there is none. */
  static bearerToken(this: void): string | undefined {
    return currentCaller()?.bearerToken;
  }

  /** The app's name for the caller; undefined where it is not known. */
  static subject(this: void): string | undefined {
    return currentCaller()?.subject;
  }

  /**
   * Runs `work`, and whatever it starts, on behalf of a caller. Nothing is taken over from the caller before.
   * @returns what `work` returns
   * @throws {ConfigurationError} when a part of the caller is no text, or the token none that a header can carry
   */
  static run<T>(this: void, caller: CallerInit, work: () => T): T {
    const { bearerToken, subject } = caller;
    for (const [name, value] of Object.entries({ bearerToken, subject })) {
      if (value === undefined || (typeof value === 'string' && value !== '')) continue;
      throw new ConfigurationError(`ForgeRequestContext.run: ${name} must be a text that is not empty.`);
    }
    if (bearerToken !== undefined && !BEARER.test(`Bearer ${bearerToken}`))
      throw new ConfigurationError(
        'ForgeRequestContext.run: bearerToken must be the token alone, without its scheme and as RFC 6750 writes it.',
      );
    return runAs(new Caller(bearerToken, () => subject), work);
  }

  /** Answers the request on behalf of whoever sent it. */
  use(request: InboundRequest, _response: unknown, next: () => void): void {
    const { subject } = this.#options;
    runAs(new Caller(bearerTokenOf(request), () => subject?.(this.#handled(request))), next);
  }
}

function bearerTokenOf({ headers }: InboundRequest): string | undefined {
  const { authorization } = headers;
  return typeof authorization === 'string' ? BEARER.exec(authorization)?.[1] : undefined;
}
