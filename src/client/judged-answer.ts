import { millisecondsSince } from '../clock.js';
import { HttpStatusError } from '../errors.js';
import { type ExchangeInfo, ForgeResponse } from '../http/forge-response.js';
import type { HttpRequest, HttpResponse } from '../http/http-request.js';
import { askAtOnce } from '../option-check/at-once.js';
import { ownOptions } from '../option-check/own-options.js';
import { secretsOf } from '../redaction/known-secrets.js';
import { redactUrl } from '../redaction/redact.js';
import { collectBody } from './collect-body.js';
import { type CallRequest, rejectionOf } from './request/call-request.js';
import type { ForgeRequest } from './request/request-config.js';
import type { ResolvedService } from './resolved-service.js';

/**
 * Returns what a call answers, at once where its status is one that the call wants: most are.
 * @param given the call as the app has written it
 * @throws {HttpStatusError} where it is not, when the answer's body is read
 * @throws {ResponseParseError} where the call wants JSON, and it is none
 */
export function judge<T>(
  service: ResolvedService,
  request: CallRequest,
  answered: HttpResponse,
  given: ForgeRequest,
): ForgeResponse<T> | Promise<never> {
  const { call, url, method, responseType } = request;
  const config = ownOptions(given);
  const valid = config.validateStatus === undefined ? service.validateStatus : (config.validateStatus ?? (() => true));
  const { lastSent } = call;
  // Without what an authenticator put into it: the one asked for, unless redirects led elsewhere.
  const answeredBy = answered.requestedUrl ?? url;
  const info = {
    elapsedMs: millisecondsSince(service.clock, call.startedAt),
    attempts: call.attempts,
    secrets: lastSent && (() => secretsOf(lastSent)),
    shownUrl: call.sentCredentials?.shown(answeredBy),
  };
  const asked = { method, url: answeredBy, headers: { ...request.headers }, responseType };
  if (!askAtOnce('validateStatus()', () => valid(answered.status)))
    return refuse(service, request, asked, answered, info);
  const response = new ForgeResponse<T>(asked, answered, info);
  if (responseType === 'json') void response.data; // A body that is no JSON fails here, not where it is read.
  return response;
}

async function refuse(
  { name, clock }: ResolvedService,
  { call, url }: CallRequest,
  asked: HttpRequest,
  answered: HttpResponse,
  info: ExchangeInfo,
): Promise<never> {
  const { method, responseType } = asked;
  const body = await collectBody(answered.body, clock, call.timeoutMs);
  if (call.scope.aborted) throw call.scope.reason;
  const type = responseType === 'stream' ? 'json' : responseType;
  const response = new ForgeResponse({ ...asked, responseType: type }, { ...answered, body }, info);
  const { status, headers } = response;
  const error = new HttpStatusError(
    `${method} ${redactUrl(url)} answered ${status} (service "${name}")${rejectionOf(call)}.`,
    { status, headers, data: dataOf(response) },
  );
  error.attempts = call.attempts;
  throw error;
}

/** An error's body need not be what its label says, nor be readable at all. */
function dataOf(response: ForgeResponse): unknown {
  for (const read of [() => response.data, () => response.text()]) {
    try {
      return read();
    } catch {
      // The next way, if there is one.
    }
  }
  return undefined;
}
