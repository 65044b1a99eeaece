import { STATUS_CODES } from 'node:http';
import axios, {
  AxiosHeaders,
  type AxiosAdapter,
  type AxiosInstance,
  type AxiosResponse,
  type InternalAxiosRequestConfig,
} from 'axios';
import { ConnectionError, HttpStatusError, ResponseParseError } from '../../errors.js';
import type { HttpResponse } from '../../http/http-request.js';
import { redactUrl } from '../../redaction/redact.js';
import { isOriginalValidateStatus, pristineDefaults } from './axios-defaults.js';
import { axiosErrorOf, sentRequestOf } from './axios-error.js';
import { followerOf, requestOf } from './axios-request.js';
import { type CallRequest, rejectionOf } from '../request/call-request.js';
import type { ClientCore } from '../client-core.js';
import type { RequestConfig } from '../request/request-config.js';
import type { ResolvedService } from '../resolved-service.js';
import { SentRequest } from './sent-request.js';

/** What a call through an axios face may ask of this package, beside what axios knows. */
export type ForgeAxiosOptions = Pick<RequestConfig, 'auth' | 'idempotent' | 'retry' | 'totalTimeoutMs'>;

declare module 'axios' {
  interface AxiosRequestConfig {
    /** What the call asks of nestjs-forge-auth. */
    forge?: ForgeAxiosOptions;
  }
}

/** Where a face finds its client. */
export interface FaceOwner {
  /** The client's chain, opened on first use. */
  open(): ClientCore | Promise<ClientCore>;
  /** The service's base URL, as far as it is known yet. */
  baseUrl(): string | undefined;
}

/**
 * A real axios instance whose adapter is the service's client: interceptors, transforms, `validateStatus`, cancellation
 * and progress work as ever, and below them every request is authenticated, retried, redirected and redacted.
 */
export function createAxiosFace(owner: FaceOwner): AxiosInstance {
  // oxlint-disable-next-line import/no-named-as-default-member -- axios 1.18 has no export `create`
  const instance = axios.create();
  // Emptied in place: instances that are made of this one begin with the same object.
  for (const name of Object.keys(instance.defaults))
    delete (instance.defaults as unknown as Record<string, unknown>)[name];
  Object.assign(instance.defaults, pristineDefaults(), { adapter: adapterOf(owner) });
  const keep = (value: unknown): void => {
    const property = { value, enumerable: true, configurable: true, writable: true };
    Object.defineProperty(instance.defaults, 'baseURL', property);
  };
  // Generated clients look here; a service's options may be made after its face.
  Object.defineProperty(instance.defaults, 'baseURL', {
    get: () => {
      const baseUrl = owner.baseUrl();
      if (baseUrl !== undefined) keep(baseUrl);
      return baseUrl;
    },
    set: keep,
    enumerable: true,
    configurable: true,
  });
  return instance;
}

/** An adapter that makes its requests through a client; `below` then sends them, in place of axios's own `http`. */
export function adapterOf(owner: FaceOwner, below?: AxiosAdapter): AxiosAdapter {
  return (config) => exchange(owner, config, below);
}

/** One request of axios's, as a call of ours. */
async function exchange(
  owner: FaceOwner,
  config: InternalAxiosRequestConfig,
  below: AxiosAdapter | undefined,
): Promise<AxiosResponse> {
  let rejected: AxiosResponse | undefined;
  try {
    const opened = owner.open();
    const core = opened instanceof Promise ? await opened : opened;
    return await core.run(
      requestOf(config, core.service, below),
      (request, answered) => {
        const response = responseOf(config, request, answered);
        if (isValid(config, core.service, answered.status)) return response;
        rejected = response;
        throw statusError(request, answered, core.service);
      },
      followerOf(config),
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

function responseOf(config: InternalAxiosRequestConfig, request: CallRequest, answered: HttpResponse): AxiosResponse {
  const { status, statusText, headers } = answered;
  return {
    data: dataOf(config, answered),
    status,
    statusText: statusText ?? STATUS_CODES[status] ?? '',
    headers: Object.assign(new AxiosHeaders(), headers),
    config,
    request: new SentRequest(request.method, answered.askedUrl ?? request.url),
  };
}

/** Bytes, a stream, or the text that `transformResponse` makes something of. */
function dataOf({ responseType, responseEncoding }: InternalAxiosRequestConfig, { body }: HttpResponse): unknown {
  if (responseType === 'stream' || responseType === 'arraybuffer' || !Buffer.isBuffer(body)) return body;
  const encoding = (responseEncoding ?? 'utf8') as BufferEncoding;
  const text = body.toString(encoding);
  return encoding === 'utf8' && text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}

/** A request that says nothing is judged by the service's rule, as `client.get` is. */
function isValid({ validateStatus }: InternalAxiosRequestConfig, service: ResolvedService, status: number): boolean {
  if (isOriginalValidateStatus(validateStatus)) return service.validateStatus(status);
  return typeof validateStatus === 'function' ? validateStatus(status) : true;
}

function statusError(
  { method, url, call }: CallRequest,
  { status, headers, body }: HttpResponse,
  { name }: ResolvedService,
): HttpStatusError {
  const data = Buffer.isBuffer(body) ? body.toString() : body;
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
