import { ConfigurationError } from '../errors.js';
import type { HttpHeaders, HttpRequest, HttpResponse } from '../http/http-request.js';
import type { Transport } from '../http/transport.js';

/** One call that a `RecordingForgeClient` was asked for, once for each attempt. Holds what was sent: it is a test's. */
export interface RecordedCall {
  readonly method: string;
  /** Absolute, with query. */
  readonly url: string;
  /** Path without query. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** Names are lower-case. */
  readonly headers: Readonly<HttpHeaders>;
  /** The body: parsed where it is JSON, else text; undefined where there is none. */
  readonly data: unknown;
}

/** Answer to a call. An `Error` is thrown as the transport's own: a `ConnectionError`, a `TimeoutError` … */
export type RecordedAnswer =
  | Error
  | {
      /** HTTP status. @default 200 */
      readonly status?: number;
      readonly headers?: Readonly<Record<string, string | readonly string[]>>;
      /** Sent as JSON, or as it is where it is a text or a Buffer. Left out: no body. */
      readonly data?: unknown;
    };

/** An answer, or what makes one of a call. */
export type RecordedAnswerSource = RecordedAnswer | ((call: RecordedCall) => RecordedAnswer | Promise<RecordedAnswer>);

interface Route {
  readonly method: string;
  readonly path: string | RegExp;
  readonly answers: readonly RecordedAnswerSource[];
  used: number;
}

/** A transport that sends nothing: it answers by method and path, and records what it was asked. */
export class RecordingTransport implements Transport {
  readonly calls: RecordedCall[] = [];
  readonly #routes: Route[] = [];

  /** Later routes come first. Of several answers each is given once, in order, the last one for ever. */
  route(method: string, path: string | RegExp, answers: readonly RecordedAnswerSource[]): void {
    this.#routes.unshift({ method: method.toUpperCase(), path, answers, used: 0 });
  }

  async send(request: HttpRequest): Promise<HttpResponse> {
    request.signal?.throwIfAborted();
    const call = await recordOf(request);
    this.calls.push(call);
    const route = this.#routes.find((candidate) => matches(candidate, call));
    if (route === undefined) throw this.#unknown(call);
    const source = route.answers[Math.min(route.used, route.answers.length - 1)] ?? {};
    route.used += 1;
    const answer = typeof source === 'function' ? await source(call) : source;
    request.signal?.throwIfAborted();
    if (answer instanceof Error) throw answer;
    return responseOf(answer, request.url);
  }

  #unknown({ method, path }: RecordedCall): ConfigurationError {
    const known = this.#routes.map((route) => `${route.method} ${String(route.path)}`).toReversed();
    return new ConfigurationError(
      `The test has no answer for ${method} ${path}. ${known.length === 0 ? 'Give it one: client.answer(method, path, answer).' : `There are: ${known.join(', ')}.`}`,
    );
  }
}

function matches({ method, path }: Route, call: RecordedCall): boolean {
  if (method !== '*' && method !== call.method) return false;
  return typeof path === 'string'
    ? path === call.path
    : new RegExp(path.source, path.flags.replace(/[gy]/g, '')).test(call.path);
}

async function recordOf({ method, url, headers, body }: HttpRequest): Promise<RecordedCall> {
  const { pathname, searchParams } = new URL(url);
  const text = body === undefined ? undefined : await textOf(body);
  const isJson = String(headers['content-type'] ?? '').includes('json');
  return {
    method,
    url,
    path: pathname,
    query: Object.fromEntries(searchParams),
    headers: { ...headers },
    data: text !== undefined && isJson ? JSON.parse(text) : text,
  };
}

async function textOf(body: NonNullable<HttpRequest['body']>): Promise<string> {
  if (typeof body === 'string') return body;
  if (Buffer.isBuffer(body)) return body.toString('utf8');
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks).toString('utf8');
}

function responseOf(answer: Exclude<RecordedAnswer, Error>, url: string): HttpResponse {
  const { status = 200, headers = {}, data } = answer;
  const isRaw = typeof data === 'string' || Buffer.isBuffer(data) || data === undefined;
  const own: HttpHeaders = isRaw ? {} : { 'content-type': 'application/json' };
  for (const [name, value] of Object.entries(headers))
    own[name.toLowerCase()] = typeof value === 'string' ? value : [...value];
  const body = isRaw ? Buffer.from(data ?? '') : Buffer.from(JSON.stringify(data));
  return { status, headers: own, body, url };
}
