import { ownJson } from '../option-check/own-json.js';
import type { ArgumentsHost } from '@nestjs/common';
import { type Observable, throwError } from 'rxjs';
import { type ForgeAuthError, isForgeAuthError } from '../errors.js';
import type { ForgeAuthProblem, problemOf } from './forge-auth.problem.js';

/** The part that Express's response and Fastify's reply have in common. */
export interface HttpReply {
  readonly headersSent?: boolean;
  readonly sent?: boolean;
  status(status: number): HttpReply;
  header(name: string, value: string): HttpReply;
  send(body: string): unknown;
}

/** Result of a filter: nothing over HTTP, where it has answered; else what Nest is to report. */
export type ProblemAnswer = Error | Observable<never> | void;

/** An error of this package: of another copy of it, too, or one that stands behind an error of axios. */
export function forgeAuthErrorOf(error: unknown): ForgeAuthError | undefined {
  if (isForgeAuthError(error)) return error;
  const { cause } = (error ?? {}) as { cause?: unknown };
  return isForgeAuthError(cause) ? cause : undefined;
}

/**
 * Answers whoever waits with the problem that an error is to them: as problem details over HTTP, as the `extensions` of
 * an error in GraphQL, as the error of a microservice.
 */
export function answerWithProblem(
  host: ArgumentsHost,
  { problem, retryAfterSeconds }: ReturnType<typeof problemOf>,
): ProblemAnswer {
  const context: string = host.getType();
  if (context === 'http') return answerHttp(host.switchToHttp().getResponse<HttpReply>(), problem, retryAfterSeconds);
  const more = retryAfterSeconds === undefined ? undefined : { retryAfter: retryAfterSeconds };
  if (context === 'graphql') return graphqlError({ ...problem, ...more });
  return throwError(() => ({ ...problem, ...more, message: problem.title }));
}

/** Checks whether an answer is on its way: a body that is half sent cannot become another. */
export function isBegun({ headersSent, sent }: HttpReply): boolean {
  return headersSent === true || sent === true;
}

function answerHttp(reply: HttpReply, problem: ForgeAuthProblem, retryAfterSeconds: number | undefined): void {
  if (isBegun(reply)) return;
  if (retryAfterSeconds !== undefined) reply.header('Retry-After', String(retryAfterSeconds));
  // Every 401 names a way to authenticate (RFC 9110 §15.5.2).
  if (problem.status === 401) reply.header('WWW-Authenticate', 'Bearer');
  reply.status(problem.status).header('Content-Type', 'application/problem+json').send(ownJson(problem));
}

/** An error that graphql-js reports with our `extensions`; it reads them of any error. */
function graphqlError(extensions: ForgeAuthProblem): Error {
  const error = Object.assign(new Error(extensions.title), { extensions });
  delete error.stack;
  return error;
}
