import type { Authenticator } from '../../auth/authenticator.js';
import type { ResponseType } from '../../http/http-request.js';
import type { QueryParams } from '../../http/query-params.js';
import type { TokenRequest } from '../../token/token-provider.js';

/** Header values of a call; null and undefined leave out what the service would send. */
export type RequestHeaders = Readonly<Record<string, string | number | boolean | readonly string[] | null | undefined>>;

/** Options of one call. Durations are in milliseconds. */
export interface RequestConfig {
  /** Added to the service's own: arrays as `a[]=1&a[]=2`, nested objects as `a[b]=1`. */
  params?: QueryParams;
  /** Added to the service's own, and before them; null and undefined leave out what the service would send. */
  headers?: RequestHeaders;
  /**
   * Body. Plain object or array → JSON; URLSearchParams → form; FormData → multipart; string, Buffer, typed array, Blob
   * and Readable as they are; a function → what it returns, asked for each attempt. Left out: none.
   */
  data?: unknown;
  /** Milliseconds for an attempt, to the end of the body (to the headers of a stream). @default the service's */
  timeoutMs?: number;
  /** Milliseconds for the whole call, waiting for a token included. @default the service's */
  totalTimeoutMs?: number;
  /** Aborts the call, which then rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Form in which the body is returned. @default 'json' */
  responseType?: ResponseType;
  /** Decides which statuses are an answer; any other throws an {@link HttpStatusError}. @default the service's */
  validateStatus?: ((status: number) => boolean) | null;
  /** Number of redirects followed; 0 answers them as they are. @default the service's */
  maxRedirects?: number;
  /** Bytes of the answer, unpacked, after which it is given up; `Infinity`: no limit. @default the service's */
  maxContentLength?: number | undefined;
  /** Allows the call to be sent twice after a transient failure. @default true for GET, HEAD, OPTIONS, PUT, DELETE */
  idempotent?: boolean;
  /**
   * `false`: transient failures are not retried. A rejected token is replaced all the same. Left out: the service's
   * strategy.
   */
  retry?: false;
  /**
   * `false`: no credential. An authenticator: this one. Token parameters: a token good for these. Left out: the
   * service's own.
   */
  auth?: false | Authenticator | TokenRequest;
}

/** A call by its parts. */
export interface ForgeRequest extends RequestConfig {
  /** Below the service's base URL, or absolute. @default '' */
  url?: string;
  /** @default 'GET' */
  method?: string;
}
