import type { ServerResponse } from 'node:http';

/**
 * Failure of a token request: a status, an OAuth `error` code (answered with 400, `invalid_client` with 401), or both in
 * detail. `reset` closes the connection without an answer.
 */
export type IssuerFailure =
  | number
  | string
  | {
      /** HTTP status. */
      readonly status?: number;
      /** `error` of the answer. @see [RFC 6749 §5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2) */
      readonly error?: string;
      readonly errorDescription?: string;
      readonly headers?: Readonly<Record<string, string>>;
      readonly reset?: boolean;
    };

/** Answer of an issuer. */
export interface IssuerAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is, in the place of `json`. */
  readonly text?: string;
  /** Closes the connection without an answer. */
  readonly reset?: boolean;
}

/** An answer whose JSON ends early. */
const CUT_SHORT = '{"access_token":"cut-sho';

/** Deviations of an issuer from what it should do: the next failures in a row, and how slow it is. */
export class IssuerScript {
  readonly #next: IssuerAnswer[] = [];
  /** Milliseconds that each answer waits. */
  delayMs = 0;

  /** The answer that the next token request gets in the place of its own. */
  take(): IssuerAnswer | undefined {
    return this.#next.shift();
  }

  fail(count: number, failure: IssuerFailure): void {
    for (let index = 0; index < count; index += 1) this.#next.push(answerOf(failure));
  }

  malform(count: number, body = CUT_SHORT): void {
    for (let index = 0; index < count; index += 1) this.#next.push({ text: body });
  }

  reset(): void {
    this.#next.length = 0;
    this.delayMs = 0;
  }
}

/** An OAuth error answer. @see [RFC 6749 §5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2) */
export function refusal(error: string, errorDescription?: string, status?: number): IssuerAnswer {
  return {
    status: status ?? (error === 'invalid_client' ? 401 : 400),
    ...(error === 'invalid_client' ? { headers: { 'www-authenticate': 'Basic realm="test"' } } : undefined),
    json: { error, ...(errorDescription === undefined ? undefined : { error_description: errorDescription }) },
  };
}

/** Sends an answer. */
export function sendAnswer(response: ServerResponse, { status = 200, headers, json, text, reset }: IssuerAnswer): void {
  if (reset === true) {
    response.destroy();
    return;
  }
  const body = text ?? (json === undefined ? '' : JSON.stringify(json));
  response.writeHead(status, {
    ...(body === '' ? undefined : { 'content-type': 'application/json' }),
    'cache-control': 'no-store',
    ...headers,
  });
  response.end(body);
}

function answerOf(failure: IssuerFailure): IssuerAnswer {
  if (typeof failure === 'string') return refusal(failure);
  if (typeof failure === 'number') return { status: failure, json: { error: errorOf(failure) } };
  const { status, error, errorDescription, headers, reset } = failure;
  if (reset === true) return { reset };
  const answer = error === undefined ? answerOf(status ?? 503) : refusal(error, errorDescription, status);
  return { ...answer, headers: { ...answer.headers, ...headers } };
}

function errorOf(status: number): string {
  if (status === 401) return 'invalid_client';
  if (status < 500) return 'invalid_request';
  return status === 503 ? 'temporarily_unavailable' : 'server_error';
}
