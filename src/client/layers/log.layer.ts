import { createHash, randomBytes } from 'node:crypto';
import { type Clock, millisecondsSince, monotonicNow } from '../../clock.js';
import type { ForgeLogger } from '../../logger.js';
import { ForgeAuthError } from '../../errors.js';
import type { HttpRequest, HttpResponse } from '../../http/http-request.js';
import { secretsOf } from '../../redaction/known-secrets.js';
import { redactHeaders, redactUrl } from '../../redaction/redact.js';
import type { Call } from '../request/call-request.js';
import { LogEntry } from './log-entry.js';
import type { Layer, SentRequest } from './layer.js';
import { type BodyKeys, describeBody } from './logged-body.js';
import { writtenBy } from '../../auth/credential-headers.js';
import { judgesAnswers } from '../../auth/credential-verdict.js';

/** Parts of a call that go into the log, beside the line itself. */
export interface LoggingOptions {
  /** Headers of request and answer, every value masked that is not known to be harmless. @default false */
  headers?: boolean;
  /**
   * JSON and form bodies of request and answer, up to 2,000 characters: their keys, and the type and size of each value. A
   * list names keys whose texts and numbers are shown. Of other bodies only type and size.
   * @default false
   */
  body?: boolean | readonly string[];
  /** Further headers and keys of bodies that are masked, in any case of letters. */
  sensitiveKeys?: Iterable<string>;
  /**
   * Gives the logger one object, `{ message, …fields }`, in place of a line with the fields beside it: for loggers that
   * drop what follows a text, such as the `Logger` of nestjs-pino.
   * @default false
   */
  asObject?: boolean;
}

/** Logging options, complete. */
export interface ResolvedLogging {
  readonly serviceName: string;
  readonly headers: boolean;
  /** Undefined: bodies are not logged. */
  readonly body: BodyKeys | undefined;
  readonly sensitiveKeys: ReadonlySet<string>;
  readonly asObject: boolean;
}

/** As many characters of a token's fingerprint distinguish it. */
const SHOWN_FINGERPRINT = 8;

/** Ids that calls bring with them, if they look like ids. */
const ID_HEADERS = ['x-request-id', 'x-correlation-id'];

/**
 * One entry for each request that is sent. The line holds method, origin and path, status or error code, duration,
 * attempt, request id and token fingerprint; an object with the same, for loggers that write JSON, follows it.
 */
export function logLayer(options: ResolvedLogging, logger: ForgeLogger, clock: Clock): Layer<SentRequest> {
  const ids = new WeakMap<Call, string>();
  const write = (level: 'log' | 'warn', fields: Record<string, unknown>, end: string): void => {
    const line = lineOf(fields, end);
    try {
      if (options.asObject) logger[level](new LogEntry(line, fields));
      else logger[level](line, fields);
    } catch {
      // A logger that fails, fails no call.
    }
  };
  return async (request, next) => {
    const { call } = request;
    const startedAt = monotonicNow(clock);
    const id = idOf(request, call, ids);
    const entry = (end: Record<string, unknown>): Record<string, unknown> => ({
      service: options.serviceName,
      method: request.method,
      url: call.sentCredentials?.shown(request.url) ?? redactUrl(request.url),
      ...end,
      durationMs: millisecondsSince(clock, startedAt),
      attempt: call.attempts,
      requestId: id,
      ...fingerprintOf(request, call),
      ...(options.headers ? { requestHeaders: redactHeaders(request.headers, options.sensitiveKeys) } : undefined),
      ...(options.body === undefined
        ? undefined
        : { requestBody: describeBody(request, options.body, sentSecretsOf(request)) }),
    });
    try {
      const response = await next(request);
      const fields = entry({ status: response.status, ...answerOf(response, options, sentSecretsOf(request)) });
      write('log', fields, String(response.status));
      return response;
    } catch (error) {
      const fields = entry(error instanceof ForgeAuthError ? { errorCode: error.code } : { aborted: true });
      write('warn', fields, error instanceof ForgeAuthError ? `failed (${error.code})` : 'was aborted');
      throw error;
    }
  };
}

/** Of the body nothing: what is listed there is shown. */
function sentSecretsOf({ url, headers }: HttpRequest): string[] {
  return secretsOf({ url, headers });
}

function lineOf(fields: Record<string, unknown>, end: string): string {
  const { method, url, durationMs, attempt, requestId, tokenFingerprint } = fields;
  const token = tokenFingerprint === undefined ? '' : `, token …${String(tokenFingerprint)}`;
  return `${String(method)} ${String(url)} ${end} in ${String(durationMs)} ms (attempt ${String(attempt)}, request ${String(requestId)}${token})`;
}

function answerOf(
  response: HttpResponse,
  { headers, body, sensitiveKeys }: ResolvedLogging,
  secrets: readonly string[],
): Record<string, unknown> {
  return {
    ...(headers ? { responseHeaders: redactHeaders(response.headers, sensitiveKeys, secrets) } : undefined),
    ...(body === undefined ? undefined : { responseBody: describeBody(response, body, secrets) }),
  };
}

function idOf({ headers }: HttpRequest, call: Call, ids: WeakMap<Call, string>): string {
  const known = ids.get(call);
  if (known !== undefined) return known;
  const brought = ID_HEADERS.map((name) => headers[name]).find(
    (value) => typeof value === 'string' && /^[\w.:-]{1,64}$/.test(value),
  );
  const id = typeof brought === 'string' ? brought : randomBytes(4).toString('hex');
  ids.set(call, id);
  return id;
}

/** Of what came from a token source: a fingerprint of a password or a short key could be guessed back. */
function fingerprintOf({ headers }: HttpRequest, { authenticator }: Call): Record<string, string> {
  if (authenticator === false) return {};
  const value = headers[writtenBy(authenticator)[0] ?? 'authorization'];
  if (typeof value !== 'string') return {};
  const token =
    /^(?:Bearer|DPoP) (.+)$/i.exec(value)?.[1] ?? (judgesAnswers(authenticator) ? value.split(' ').at(-1) : undefined);
  if (token === undefined || /^Basic /i.test(value)) return {};
  return {
    tokenFingerprint: createHash('sha256').update(token).digest('base64url').slice(0, SHOWN_FINGERPRINT),
  };
}
