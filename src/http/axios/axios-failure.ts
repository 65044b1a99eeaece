import type { AxiosResponse } from 'axios';
import {
  type AnswerHead,
  ConfigurationError,
  ConnectionError,
  ForgeAuthError,
  InvalidRequestError,
  ResponseParseError,
  TlsError,
} from '../../errors.js';
import { redactUrl } from '../../redaction/redact.js';
import { CLOSED_AMID, DECODED_TOO_LARGE } from '../body/content-coding.js';
import { BODY_TOO_LARGE } from '../body/framed-body.js';
import { type HttpHeaders, type HttpRequest, type HttpResponse, headOf } from '../http-request.js';
import { networkError } from '../network-error.js';

/** The signal's reason where it aborted, else an error of our own. */
export function axiosFailure(
  error: unknown,
  request: HttpRequest,
  limit: number | undefined,
  answered: HttpResponse | undefined,
  hint: () => string | undefined = () => undefined,
): unknown {
  const { aborted, reason } = request.cancellation ?? request.signal ?? { aborted: false };
  if (aborted) return reason;
  const where = `${request.method} ${redactUrl(request.url)}`;
  // Of an agent of ours: the request, secrets of its agent and all, was written on it, or axios has wrapped it.
  const refused = [error, (error as { cause?: unknown } | undefined)?.cause].find((one) => one instanceof TlsError);
  if (refused !== undefined) return new TlsError(`${where} failed: ${refused.message}`);
  const wrong = [error, (error as { cause?: unknown } | undefined)?.cause].find(
    (one) => one instanceof ConfigurationError,
  );
  if (wrong !== undefined) return new ConfigurationError(wrong.message, { cause: wrong.cause });
  if (error instanceof ForgeAuthError) return error;
  const { code, message, response } = (error ?? {}) as { code?: unknown; message?: unknown; response?: AxiosResponse };
  if (message === BODY_TOO_LARGE) return new InvalidRequestError(BODY_TOO_LARGE, { cause: error });
  if (code === 'ERR_CANCELED')
    return new InvalidRequestError('The stream of the body was closed before its end.', { cause: error });
  // axios has one code for all of these, and distinguishes them by message alone.
  const tooLarge = code === 'ERR_BAD_RESPONSE' && String(message).startsWith('maxContentLength');
  if (tooLarge || code === DECODED_TOO_LARGE) {
    return new ResponseParseError(`${where} answered more than ${limit} bytes.`, {
      code: 'FORGE_AUTH_RESPONSE_TOO_LARGE',
    });
  }
  const answer = answered === undefined ? answerOf(response) : headOf(answered);
  const closed = code === 'ERR_BAD_RESPONSE' && message === 'stream has been aborted';
  if (closed || code === CLOSED_AMID || (answered !== undefined && error === undefined)) {
    return new ConnectionError(`${where} failed: the connection was closed amid the answer.`, { cause: error, answer });
  }
  return networkError(request.method, request.url, error, { answer, hint: answer === undefined ? hint() : undefined });
}

/** Returns what axios reports of an answer whose body failed. */
function answerOf(response: AxiosResponse | undefined): AnswerHead | undefined {
  if (response === undefined) return undefined;
  const { status, statusText, headers } = response;
  return { status, statusText, headers: { ...headers } as HttpHeaders };
}
