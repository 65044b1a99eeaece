import { type ArgumentsHost, Catch, type ExceptionFilter, Logger } from '@nestjs/common';
import { type Observable, throwError } from 'rxjs';
import { type ForgeAuthError, isForgeAuthError } from '../errors.js';
import { checkOptions, definitionPlace, type OptionRules } from '../option-check/option-check.js';
import { type ForgeAuthProblem, problemOf } from './forge-auth.problem.js';

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

/** What Express and Fastify have in common. */
interface HttpReply {
  readonly headersSent?: boolean;
  readonly sent?: boolean;
  status(status: number): HttpReply;
  header(name: string, value: string): HttpReply;
  send(body: string): unknown;
}

/** Every error of this package: of another copy of it, too, and those that stand behind an error of axios. */
class AnyForgeAuthError {
  static [Symbol.hasInstance](error: unknown): boolean {
    return forgeAuthErrorOf(error) !== undefined;
  }
}

function forgeAuthErrorOf(error: unknown): ForgeAuthError | undefined {
  if (isForgeAuthError(error)) return error;
  const { cause } = (error ?? {}) as { cause?: unknown };
  return isForgeAuthError(cause) ? cause : undefined;
}

/**
 * Tells the app's own callers that a service failed, as problem details (RFC 9457): 401 where a user must sign in again,
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
  readonly #logger = new Logger('ForgeAuth');
  readonly #passStatuses: ReadonlySet<number>;

  /** @throws {ConfigurationError} when an option is malformed or unknown */
  constructor(options: ForgeAuthExceptionFilterOptions = {}) {
    checkOptions(options, RULES_OF, definitionPlace(this));
    this.#passStatuses = new Set(options.passStatuses);
  }

  /** Answers a request; of GraphQL returns the error that its executor is to report, of a microservice a stream of it. */
  catch(thrown: unknown, host: ArgumentsHost): Error | Observable<never> | void {
    const error = forgeAuthErrorOf(thrown) as ForgeAuthError;
    const { problem, retryAfterSeconds } = problemOf(error, this.#passStatuses);
    this.#log(error, problem);
    const context: string = host.getType();
    if (context === 'http') return answer(host.switchToHttp().getResponse<HttpReply>(), problem, retryAfterSeconds);
    const more = retryAfterSeconds === undefined ? undefined : { retryAfter: retryAfterSeconds };
    if (context === 'graphql') return graphqlError({ ...problem, ...more });
    return throwError(() => ({ ...problem, ...more, message: problem.title }));
  }

  #log(error: ForgeAuthError, { status }: ForgeAuthProblem): void {
    if (status === 500) this.#logger.error(error.message, error.stack);
    else if (status > 500) this.#logger.warn(`Answered ${status}: ${error.message}`);
  }
}

function answer(reply: HttpReply, problem: ForgeAuthProblem, retryAfterSeconds: number | undefined): void {
  // A body that is half sent cannot become another.
  if (reply.headersSent === true || reply.sent === true) return;
  if (retryAfterSeconds !== undefined) reply.header('Retry-After', String(retryAfterSeconds));
  reply.status(problem.status).header('Content-Type', 'application/problem+json').send(JSON.stringify(problem));
}

/** An error that graphql-js reports with our `extensions`; it reads them of any error. */
function graphqlError(extensions: ForgeAuthProblem): Error {
  const error = Object.assign(new Error(extensions.title), { extensions });
  delete error.stack;
  return error;
}
