import { type ArgumentsHost, Catch, type ExceptionFilter, Logger } from '@nestjs/common';
import type { ForgeAuthError } from '../errors.js';
import { guardedLogger } from '../logger.js';
import { checkOptions, definitionPlace, type OptionRules } from '../option-check/option-check.js';
import { type ForgeAuthProblem, problemOf } from './forge-auth.problem.js';
import { answerWithProblem, forgeAuthErrorOf, type ProblemAnswer } from './problem-answer.js';
import { ownOptions } from '../option-check/own-options.js';

/** Options of {@link ForgeAuthExceptionFilter}. */
export interface ForgeAuthExceptionFilterOptions {
  /** Statuses of a service that mean the same to the app's own callers, such as 404; any other becomes 502. @default [] */
  passStatuses?: readonly number[];
}

const RULES_OF: OptionRules<ForgeAuthExceptionFilterOptions> = Object.freeze({
  passStatuses: {
    accepts: (value) => Array.isArray(value) && value.every((status) => Number.isInteger(status)),
    what: 'a list of HTTP statuses, such as [404]',
  },
});

/** Every error of this package: of another copy of it, too, and those that stand behind an error of axios. */
class AnyForgeAuthError {
  static [Symbol.hasInstance](error: unknown): boolean {
    return forgeAuthErrorOf(error) !== undefined;
  }
}

/**
 * Answers the app's own callers that a service failed, as problem details (RFC 9457): 401 where a user must sign in again,
 * 503 with `Retry-After` where a service or an issuer is to be left alone, 504 where one took too long, 502 for every
 * other failure of theirs, and 500 where the app itself is at fault. For Express, Fastify, GraphQL (as `extensions` of
 * the error) and microservices.
 *
 * What callers get holds neither a secret nor an address: the error itself goes into the log.
 *
 * ```ts
 * providers: [{ provide: APP_FILTER, useClass: ForgeAuthExceptionFilter }]
 * ```
 *
 * @see [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)
 */
@Catch(AnyForgeAuthError)
export class ForgeAuthExceptionFilter implements ExceptionFilter {
  readonly #logger = guardedLogger(new Logger('ForgeAuth'));
  readonly #passStatuses: ReadonlySet<number>;

  /** @throws {ConfigurationError} when an option is malformed or unknown */
  constructor(options: ForgeAuthExceptionFilterOptions = {}) {
    checkOptions(options, RULES_OF, definitionPlace(this));
    this.#passStatuses = new Set(ownOptions(options).passStatuses);
  }

  /** Answers a request; of GraphQL returns the error that its executor is to report, of a microservice a stream of it. */
  catch(thrown: unknown, host: ArgumentsHost): ProblemAnswer {
    const error = forgeAuthErrorOf(thrown) as ForgeAuthError;
    const answer = problemOf(error, this.#passStatuses);
    this.#log(error, answer.problem);
    return answerWithProblem(host, answer);
  }

  #log(error: ForgeAuthError, { status }: ForgeAuthProblem): void {
    if (status === 500) this.#logger.error(error.message, error.stack);
    else if (status > 500) this.#logger.warn(`Answered ${status}: ${error.message}`);
  }
}
