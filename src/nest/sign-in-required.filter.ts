import { type ArgumentsHost, Catch, type ExceptionFilter, Inject, Optional } from '@nestjs/common';
import { AuthenticationError, type ForgeAuthError } from '../errors.js';
import { checkOptions, definitionPlace, type OptionRules } from '../option-check/option-check.js';
import { ownOptions } from '../option-check/own-options.js';
import { problemOf } from './forge-auth.problem.js';
import { answerWithProblem, forgeAuthErrorOf, type HttpReply, isBegun, type ProblemAnswer } from './problem-answer.js';

/** Options of {@link SignInRequiredFilter}. */
export interface SignInRequiredFilterOptions {
  /**
   * Path that a browser is sent to for a sign-in, or a function of the service whose token is missing; undefined for
   * none. Requests of scripts always get the problem document. Left out: everybody gets it.
   */
  // The app knows its request: only it can type it.
  // oxlint-disable-next-line typescript/no-explicit-any -- as in Nest's own filters
  redirectTo?: string | ((serviceName: string | undefined, request: any) => string | undefined);
}

/** Injection token of {@link SignInRequiredFilterOptions}, for a filter that Nest creates (`APP_FILTER`). */
export const SIGN_IN_REQUIRED_OPTIONS = 'FORGE_AUTH_SIGN_IN_REQUIRED_OPTIONS';

const RULES_OF: OptionRules<SignInRequiredFilterOptions> = Object.freeze({
  redirectTo: {
    accepts: (value) => typeof value === 'function' || (typeof value === 'string' && value !== ''),
    what: 'a path, or a function of the service',
  },
});

const CODES: ReadonlySet<string> = new Set(['FORGE_AUTH_AUTHORIZATION_REQUIRED', 'FORGE_AUTH_REFRESH_FAILED']);

/** Every error that says so: of another copy of this package, too, and those that stand behind an error of axios. */
class SignInRequired {
  static [Symbol.hasInstance](error: unknown): boolean {
    return isCoded(forgeAuthErrorOf(error));
  }
}

/**
 * Turns "this user must sign in" into an answer: a redirect to the sign-in for a browser that navigates, a 401 problem
 * document for everybody else on Express and Fastify, and the same members in the `extensions` of a GraphQL error or in
 * the error of a microservice. Every other error is left to Nest, and to other filters.
 *
 * `app.useGlobalFilters(new SignInRequiredFilter({ redirectTo }))`, or `@UseFilters()`, or as `APP_FILTER`.
 * @see [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)
 */
@Catch(SignInRequired)
export class SignInRequiredFilter implements ExceptionFilter {
  readonly #options: SignInRequiredFilterOptions;

  /** @throws {ConfigurationError} when an option is malformed or unknown */
  constructor(@Optional() @Inject(SIGN_IN_REQUIRED_OPTIONS) options?: SignInRequiredFilterOptions) {
    checkOptions(options ?? {}, RULES_OF, definitionPlace(this));
    this.#options = ownOptions(options ?? {});
  }

  /** Answers a request; of GraphQL returns the error that its executor is to report, of a microservice a stream of it. */
  catch(thrown: unknown, host: ArgumentsHost): ProblemAnswer {
    const error = forgeAuthErrorOf(thrown) as ForgeAuthError;
    const url = host.getType() === 'http' ? this.#signInOf(error, host.switchToHttp().getRequest()) : undefined;
    if (url === undefined) return answerWithProblem(host, problemOf(error));
    const reply = host.switchToHttp().getResponse<HttpReply>();
    if (!isBegun(reply)) reply.status(302).header('location', url).header('cache-control', 'no-store').send('');
  }

  /** Path that a browser that navigates is sent to. */
  #signInOf({ serviceName }: ForgeAuthError, request: NavigatingRequest): string | undefined {
    const { redirectTo } = this.#options;
    if (!isNavigation(request)) return undefined;
    return typeof redirectTo === 'function' ? redirectTo(serviceName, request) : redirectTo;
  }
}

/** Checks whether an error says that a user must sign in, for the first time or again. */
export function isSignInRequired(error: unknown): error is AuthenticationError {
  return error instanceof AuthenticationError && isCoded(error);
}

function isCoded(error: ForgeAuthError | undefined): boolean {
  return error !== undefined && CODES.has(error.code);
}

interface NavigatingRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** A browser that shows what it gets: it can be sent elsewhere. */
function isNavigation({ method, headers }: NavigatingRequest): boolean {
  return (method === 'GET' || method === 'HEAD') && String(headers['accept'] ?? '').includes('text/html');
}
