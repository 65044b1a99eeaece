import { undecodedIn } from './body/undecoded.js';
import { streamOf } from './body/typed-stream.js';
import type { Readable } from 'node:stream';
import { inspect, type InspectOptions } from 'node:util';
import { ResponseParseError } from '../errors.js';
import { secretsOf } from '../redaction/known-secrets.js';
import { redactHeaders, redactUrl } from '../redaction/redact.js';
import type { HttpHeaders, HttpRequest, HttpResponse, ResponseType } from './http-request.js';
import { RedactedRequest } from './redacted-request.js';

/** One JSON text (RFC 6839 §3.1), not a sequence or lines of them. */
const JSON_LABEL = /^\s*[^/;]+\/(?:[^;]+\+)?json\s*(?:;|$)/;

/** Details of an exchange beside the answer itself. */
export interface ExchangeInfo {
  /** Milliseconds from the start of the call to the answer. */
  elapsedMs: number;
  /** Attempts made, the last included. */
  attempts: number;
  /** Secrets that were sent, and may be echoed: masked when the answer is printed. */
  secrets?: (() => readonly string[]) | undefined;
  /** The URL that answered, as it is printed. @default origin and path */
  shownUrl?: string | undefined;
}

/**
 * One answer, as the app sees it.
 * @typeParam T what the app expects `data` to be
 */
export class ForgeResponse<T = unknown> {
  /** HTTP status. */
  readonly status: number;
  /** Names are lower-case. */
  readonly headers: HttpHeaders;
  /** The URL that answered, as it was asked for (without a credential put into its query). */
  readonly url: string;
  /** Milliseconds from the start of the call to the answer. */
  readonly elapsedMs: number;
  /** Number of attempts made, the last included. */
  readonly attempts: number;
  readonly #request: HttpRequest;
  readonly #body: Buffer | Readable;
  readonly #secrets: (() => readonly string[]) | undefined;
  readonly #shownUrl: string | undefined;
  #data: { readonly value: unknown } | undefined;

  constructor(request: HttpRequest, response: HttpResponse, info: ExchangeInfo = { elapsedMs: 0, attempts: 1 }) {
    this.status = response.status;
    this.headers = response.headers;
    this.url = request.url;
    this.elapsedMs = info.elapsedMs;
    this.attempts = info.attempts;
    this.#request = request;
    this.#body = response.body;
    this.#secrets = info.secrets;
    this.#shownUrl = info.shownUrl;
  }

  /**
   * The body, as `responseType` asked for it. For `json`: the parsed value; text where the answer is labelled otherwise
   * and is no JSON; undefined where it is empty.
   * @throws {ResponseParseError} FORGE_AUTH_RESPONSE_PARSE when it is labelled JSON and is none
   */
  get data(): T {
    this.#data ??= { value: this.#decode(this.#request.responseType) };
    return this.#data.value as T;
  }

  /** 2xx. */
  get isSuccess(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  /** 4xx. */
  get isClientError(): boolean {
    return this.status >= 400 && this.status < 500;
  }

  /** 5xx. */
  get isServerError(): boolean {
    return this.status >= 500 && this.status < 600;
  }

  /** The request that was answered, every value masked that might be secret. */
  get request(): RedactedRequest {
    return new RedactedRequest({ ...this.#request, url: this.#shownUrl ?? this.url });
  }

  /**
   * The body as JSON, whatever its label.
   * @throws {ResponseParseError} FORGE_AUTH_RESPONSE_PARSE when it is none
   */
  json<J = T>(): J {
    try {
      return JSON.parse(this.text()) as J;
    } catch (error) {
      throw error instanceof ResponseParseError ? error : this.#parseError();
    }
  }

  /** The body as JSON, or null where it is none. */
  jsonOrNull<J = Record<string, unknown>>(): J | null {
    try {
      return this.json<J>();
    } catch {
      return null;
    }
  }

  /**
   * The body as text, decoded by the charset of its label (UTF-8 where there is none).
   * @throws {ResponseParseError} when the call asked for a stream: read `data` instead; and when Node cannot decode it
   */
  text(): string {
    if (!Buffer.isBuffer(this.#body)) {
      throw new ResponseParseError(`The body of ${this.#where()} is a stream; read response.data.`);
    }
    const undecoded = undecodedIn({ headers: this.headers, body: this.#body });
    if (undecoded !== undefined) throw new ResponseParseError(`${this.#where()} answered a body ${undecoded}.`);
    return decodeText(this.#body, this.headers['content-type']);
  }

  /** Origin and path, and no body; of the headers what is known to be harmless. */
  toJSON(): Record<string, unknown> {
    const { status, elapsedMs, attempts } = this;
    const secrets = [...secretsOf(this.#request), ...(this.#secrets?.() ?? [])];
    const headers = redactHeaders(this.headers, [], secrets);
    return { status, headers, url: this.#shownUrl ?? redactUrl(this.url), elapsedMs, attempts };
  }

  [inspect.custom](_depth: number, options: InspectOptions): string {
    return `ForgeResponse ${inspect(this.toJSON(), options)}`;
  }

  #decode(type: ResponseType): unknown {
    if (type === 'stream' || type === 'arraybuffer')
      // A transport of the app's own need not know streams.
      return type === 'stream' && Buffer.isBuffer(this.#body) ? streamOf(this.#body) : this.#body;
    const text = this.text();
    if (type === 'text') return text;
    if (text === '') return undefined;
    const label = contentTypeOf(this.headers);
    const labelledJson = JSON_LABEL.test(label);
    if (!labelledJson && label !== '' && !/^\s*[{[]/.test(text)) return text;
    try {
      return JSON.parse(text);
    } catch {
      if (labelledJson) throw this.#parseError();
      return text;
    }
  }

  #parseError(): ResponseParseError {
    return new ResponseParseError(`${this.#where()} answered ${this.status} with a body that is no JSON.`);
  }

  #where(): string {
    return `${this.#request.method} ${this.#shownUrl ?? redactUrl(this.url)}`;
  }
}

function contentTypeOf(headers: HttpHeaders): string {
  const value = headers['content-type'];
  return (Array.isArray(value) ? (value[0] ?? '') : (value ?? '')).toLowerCase();
}

function decodeText(body: Buffer, contentType: string | string[] | undefined): string {
  const charset = /charset="?([^";\s]+)/i.exec(String(contentType ?? ''))?.[1]?.toLowerCase();
  if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8') {
    try {
      return new TextDecoder(charset).decode(body);
    } catch {
      // An unknown charset: read as UTF-8, as browsers do.
    }
  }
  const text = body.toString('utf8');
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}
