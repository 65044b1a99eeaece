import { STATUS_CODES } from 'node:http';
import type { Readable } from 'node:stream';
import {
  AxiosHeaders,
  type AxiosAdapter,
  type AxiosResponse,
  type InternalAxiosRequestConfig,
  isAxiosError,
} from 'axios';
import {
  ConnectionError,
  ForgeAuthError,
  HttpStatusError,
  InvalidRequestError,
  ResponseParseError,
} from '../../errors.js';
import { headOf, type HttpResponse } from '../../http/http-request.js';
import { networkError } from '../../http/network-error.js';
import { streamOf, typedStream } from '../../http/body/typed-stream.js';
import { askAtOnce } from '../../option-check/at-once.js';
import { ownCause } from '../../redaction/own-cause.js';
import { redactUrl } from '../../redaction/redact.js';
import { isOriginalValidateStatus } from './axios-defaults.js';
import { axiosErrorOf, sentRequestOf } from './axios-error.js';
import { abortLinkOf, requestOf } from './axios-request.js';
import { type CallRequest, rejectionOf } from '../request/call-request.js';
import type { FaceRequest } from './face-request.js';
import type { ClientCore } from '../client-core.js';
import type { ResolvedService } from '../resolved-service.js';
import { SentRequest } from './sent-request.js';

/** Opens the chain of a face's client. */
export type OpenCore = () => ClientCore | Promise<ClientCore>;

/** Makes one request of axios's as a call of ours; `below` sends it, in place of axios's own `http`. */
export async function exchange(
  open: OpenCore,
  config: InternalAxiosRequestConfig,
  below: AxiosAdapter | undefined,
): Promise<AxiosResponse> {
  let rejected: AxiosResponse | undefined;
  try {
    const opened = open();
    const core = opened instanceof Promise ? await opened : opened;
    return await core.run(
      asked(config, core.service, below),
      (request, answered) => {
        const response = responseOf(config, request, answered);
        if (isValid(config, core.service, answered.status)) return response;
        rejected = response;
        throw statusError(request, answered, core.service, response.data);
      },
      abortLinkOf(config),
    );
  } catch (error) {
    throw axiosErrorOf(error, config, rejected ?? brokenAnswer(error, config));
  }
}

/** The answer whose body failed: axios shows it, without data. */
function brokenAnswer(error: unknown, config: InternalAxiosRequestConfig): AxiosResponse | undefined {
  if (!(error instanceof ConnectionError || error instanceof ResponseParseError)) return undefined;
  const { answer } = error;
  if (answer === undefined) return undefined;
  const { status, statusText = STATUS_CODES[status] ?? '', headers } = answer;
  const request = sentRequestOf(config);
  return { data: undefined, status, statusText, headers: Object.assign(new AxiosHeaders(), headers), config, request };
}

/** Reads a config. What a function of it throws (a serializer of parameters), axios rejects with as its own error. */
function asked(
  config: InternalAxiosRequestConfig,
  service: ResolvedService,
  below: AxiosAdapter | undefined,
): FaceRequest {
  try {
    return requestOf(config, service, below);
  } catch (error) {
    if (error instanceof ForgeAuthError || isAxiosError(error)) throw error;
    const cause = ownCause(error, { reveal: service.revealCauses });
    throw new InvalidRequestError(`${cause.option ?? "A function of the request's config"} threw ${cause.summary}.`, {
      cause,
    });
  }
}

function responseOf(config: InternalAxiosRequestConfig, request: CallRequest, answered: HttpResponse): AxiosResponse {
  const { status, statusText, headers } = answered;
  return {
    data: dataOf(config, request, answered),
    status,
    statusText: statusText ?? STATUS_CODES[status] ?? '',
    headers: Object.assign(new AxiosHeaders(), headers),
    config,
    request: new SentRequest(request.method, answered.requestedUrl ?? request.url),
  };
}

/** Bytes, a stream, or the text that `transformResponse` makes something of. */
function dataOf(config: InternalAxiosRequestConfig, request: CallRequest, answered: HttpResponse): unknown {
  const { responseType, responseEncoding } = config;
  const { body } = answered;
  if (!Buffer.isBuffer(body)) return streamedData(config, request, answered, body);
  if (responseType === 'stream') return streamedData(config, request, answered, streamOf(body));
  if (responseType === 'arraybuffer') return body;
  const encoding = (responseEncoding ?? 'utf8') as BufferEncoding;
  if (!Buffer.isEncoding(encoding)) throw undecodable(request, answered);
  const text = body.toString(encoding);
  return encoding === 'utf8' && text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}

function undecodable({ method, url }: CallRequest, answered: HttpResponse): ResponseParseError {
  return new ResponseParseError(`${method} ${redactUrl(url)}: responseEncoding is none that Node knows.`, {
    cause: { code: 'ERR_UNKNOWN_ENCODING' },
    answer: headOf(answered),
  });
}

/** Fails as axios does, and answers what code asks of Node's own answer, which holds the request. */
function streamedData(
  config: InternalAxiosRequestConfig,
  { method, url, call }: CallRequest,
  { status, statusText, headers }: HttpResponse,
  body: Readable,
): Readable {
  const failureOf = (error: unknown): unknown => {
    if (call.scope.aborted) return axiosErrorOf(call.scope.reason, config, undefined);
    const known = error instanceof ForgeAuthError ? error : networkError(method, url, error ?? CLOSED);
    return axiosErrorOf(known, config, undefined);
  };
  return Object.assign(typedStream(body, failureOf), { statusCode: status, statusMessage: statusText, headers });
}

/** A connection that ended before the body did. */
const CLOSED = Object.freeze({ code: 'ECONNRESET' });

/** A request that says nothing is judged by the service's rule, as `client.get` is. */
function isValid({ validateStatus }: InternalAxiosRequestConfig, service: ResolvedService, status: number): boolean {
  if (isOriginalValidateStatus(validateStatus))
    return askAtOnce('validateStatus()', () => service.validateStatus(status));
  return typeof validateStatus === 'function' ? askAtOnce('validateStatus()', () => validateStatus(status)) : true;
}

function statusError(
  { method, url, call }: CallRequest,
  { status, headers, body }: HttpResponse,
  { name }: ResolvedService,
  streamed: unknown,
): HttpStatusError {
  const data = Buffer.isBuffer(body) ? body.toString() : streamed;
  const error = new HttpStatusError(
    `${method} ${redactUrl(url)} answered ${status} (service "${name}")${rejectionOf(call)}.`,
    {
      status,
      headers,
      data,
    },
  );
  error.attempts = call.attempts;
  return error;
}
