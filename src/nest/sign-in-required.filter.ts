import { type ArgumentsHost, Catch, type ExceptionFilter, Inject, Logger, Optional } from '@nestjs/common';
import { AuthenticationError } from '../errors.js';

/** Options of {@link SignInRequiredFilter}. */
export interface SignInRequiredFilterOptions {
  /**
   * Where a browser is sent to sign in: a path, or a function of the service whose token is missing; undefined for none.
   * Requests of scripts always get the problem document.
   */
  // The app knows its request: only it can type it.
  // oxlint-disable-next-line typescript/no-explicit-any -- as in Nest's own filters
  redirectTo?: string | ((serviceName: string | undefined, request: any) => string | undefined);
}

/** Injection token of {@link SignInRequiredFilterOptions}, for a filter that Nest creates (`APP_FILTER`). */
export const SIGN_IN_REQUIRED_OPTIONS = 'FORGE_AUTH_SIGN_IN_REQUIRED_OPTIONS';

const CODES: ReadonlySet<string> = new Set(['FORGE_AUTH_AUTHORIZATION_REQUIRED', 'FORGE_AUTH_REFRESH_FAILED']);

/** The part that Express's response and Fastify's reply have in common. */
interface Reply {
  status(code: number): Reply;
  header(name: string, value: string): Reply;
  send(body: string): unknown;
}

/**
 * Turns "this user must sign in" into an answer: a redirect to the sign-in for a browser that navigates, a 401 problem
 * document for everybody else. Every other `AuthenticationError` is answered as Nest answers what it does not know.
 *
 * `app.useGlobalFilters(new SignInRequiredFilter({ redirectTo }))`, or `@UseFilters()`, or as `APP_FILTER`.
 * @see [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)
 */
@Catch(AuthenticationError)
export class SignInRequiredFilter implements ExceptionFilter<AuthenticationError> {
  readonly #options: SignInRequiredFilterOptions;
  readonly #logger = new Logger('ForgeAuth');

  constructor(@Optional() @Inject(SIGN_IN_REQUIRED_OPTIONS) options?: SignInRequiredFilterOptions) {
    this.#options = options ?? {};
  }

  catch(error: AuthenticationError, host: ArgumentsHost): void {
    // Queues, sockets and GraphQL have answers of their own.
    if (host.getType() !== 'http') throw error;
    const http = host.switchToHttp();
    const reply = http.getResponse<Reply>();
    if (!CODES.has(error.code)) {
      this.#logger.error(error.message);
      sendJson(reply, 500, 'application/json', { statusCode: 500, message: 'Internal server error' });
      return;
    }
    const request = http.getRequest<NavigatingRequest>();
    const { redirectTo } = this.#options;
    const target = typeof redirectTo === 'function' ? redirectTo(error.serviceName, request) : redirectTo;
    const url = isNavigation(request) ? target : undefined;
    if (url === undefined) sendJson(reply, 401, 'application/problem+json', problemOf(error));
    else reply.status(302).header('location', url).header('cache-control', 'no-store').send('');
  }
}

/** Whether an error says that a user must sign in, for the first time or again. */
export function isSignInRequired(error: unknown): error is AuthenticationError {
  return error instanceof AuthenticationError && CODES.has(error.code);
}

interface NavigatingRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** A browser that shows what it gets: it can be sent elsewhere. */
function isNavigation({ method, headers }: NavigatingRequest): boolean {
  return (method === 'GET' || method === 'HEAD') && String(headers['accept'] ?? '').includes('text/html');
}

function sendJson(reply: Reply, status: number, type: string, body: object): void {
  reply.status(status).header('content-type', type).send(JSON.stringify(body));
}

function problemOf({ code, serviceName }: AuthenticationError): object {
  return {
    type: 'about:blank',
    title: 'Sign-in required',
    status: 401,
    detail: 'The user must sign in to go on.',
    code,
    ...(serviceName === undefined ? undefined : { service: serviceName }),
  };
}
