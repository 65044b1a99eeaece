import type { Readable } from 'node:stream';
import type { AnswerHead } from '../errors.js';
import type { Cancellation } from './cancellation.js';

/** Header names are lower-case. */
export type HttpHeaders = Record<string, string | string[]>;

/** Spelling of header names on the wire, by their lower-case names: those that were not given in lower case. */
export type HeaderSpelling = Readonly<Record<string, string>>;

/** Form in which the body of an answer is handed over. `stream` is handed over as soon as the headers are in. */
export type ResponseType = 'json' | 'text' | 'arraybuffer' | 'stream';

/** Bytes to send: in memory, or a stream that can be read only once. */
export type HttpBody = string | Buffer | Readable;

/**
 * One request as it goes over the wire: what a {@link Transport} is given.
 *
 * An authenticator may change `url` and `headers` of the copy that it is handed.
 */
export interface HttpRequest {
  /** Upper-case. */
  method: string;
  /** Absolute, normalised, without a fragment. */
  url: string;
  headers: HttpHeaders;
  /** Spelling of header names that are not in lower case. A transport that passes it over writes those of `headers`. */
  spelling?: HeaderSpelling | undefined;
  body?: HttpBody | undefined;
  /** `stream` returns when the headers are in, everything else when the body is. */
  responseType: ResponseType;
  /** Aborts the exchange, up to the last byte of the body. */
  signal?: AbortSignal | undefined;
  /** The same at less cost, for a transport that says that it takes it. */
  cancellation?: Cancellation | undefined;
  /** True when it must not go out on a connection that was kept from an earlier request. @default false */
  freshConnection?: boolean | undefined;
  /** Bytes after which the body is given up. */
  maxContentLength?: number | undefined;
  /** Settings of this one request that only the axios transport reads: progress callbacks, decompression, rates. */
  axios?: Readonly<Record<string, unknown>> | undefined;
}

/** One answer as it came over the wire. */
export interface HttpResponse {
  /** HTTP status. */
  status: number;
  /** The reason phrase, where the transport knows it. */
  statusText?: string | undefined;
  headers: HttpHeaders;
  /** Value of `content-encoding` of a body that is decoded by now; the header itself is gone. */
  contentCoding?: string;
  /** A Buffer, or a stream where `responseType` asked for one. Already decompressed. */
  body: Buffer | Readable;
  /** The URL that answered, with whatever an authenticator put into it. */
  url: string;
  /** The URL that answered, as it was asked for; left out where no redirect led elsewhere. */
  requestedUrl?: string;
}

/** Returns what is known of an answer when its body fails. */
export function headOf({ status, statusText, headers }: HttpResponse): AnswerHead {
  return { status, statusText, headers };
}
