import { ownJson } from '../../option-check/own-json.js';
import { shownWord } from '../../option-check/option-suggestion.js';
import { mountedData, mountedDataFault } from '../../option-check/mounted-text.js';
import { askAtOnce } from '../../option-check/at-once.js';
import { systemClock } from '../../clock.js';
import { AuthenticationError, ConfigurationError } from '../../errors.js';
import { checkOptions, definitionPlace, type OptionRules } from '../../option-check/option-check.js';
import type { ForgeResponse } from '../../http/forge-response.js';
import { HttpRequester } from '../../http/http-requester.js';
import { certificatesOf, type TlsSource } from '../../http/tls-options.js';
import { assertSecureUrl, checkText } from '../../providers/grant-options.js';
import { readWithin } from '../../providers/keys/text-source.js';
import { opaqueSettings, waysOf } from '../../providers/opaque-parts.js';
import type { RequestRetryStrategy } from '../../retry/request-retry.strategy.js';
import type { Token } from '../../token/token.js';
import { type ContextValue, FETCHER_RULES, type HttpTokenFetcherOptions } from './http-fetcher-options.js';
import type { FetchContext, TokenFetcher } from './token-fetcher.js';
import { ownOptions } from '../../option-check/own-options.js';

/** Names of the options that a class of fetchers knows. */
export interface KnownFetcherOptions {
  readonly rules: OptionRules<HttpTokenFetcherOptions>;
  /** The class that has no others. Those that extend it may have: then what is misspelt is only warned of. */
  readonly of?: unknown;
}

const ANY_FETCHER: KnownFetcherOptions = Object.freeze({ rules: FETCHER_RULES });

/** One request of a fetcher's own. `json`, `form` and `query` exclude each other. */
export interface FetcherRequest {
  /** @default the fetcher's */
  method?: string;
  /** @default the fetcher's */
  endpoint?: string;
  headers?: Readonly<Record<string, string>>;
  json?: unknown;
  form?: Readonly<Record<string, unknown>>;
  query?: Readonly<Record<string, unknown>>;
  /** Aborts the request: give it the context's. */
  signal?: AbortSignal;
}

/**
 * A fetcher that calls an HTTP endpoint: extend it, build the request, and read the token from the answer.
 * A definition: it holds options, and no token.
 */
export abstract class HttpTokenFetcher implements TokenFetcher {
  readonly name: string;
  readonly dependsOn: readonly string[];
  readonly ttlMs: number | undefined;
  readonly identity: readonly string[] | undefined;
  readonly deadlineMs: number | undefined;
  readonly refreshWindowMs: number | undefined;
  /** Decides when a fetch is tried again. @default transient failures, 3 attempts */
  readonly retry: RequestRetryStrategy | undefined;
  protected readonly baseUrl: string;
  protected readonly endpoint: string;
  readonly #method: string;
  readonly #headers: ContextValue<Readonly<Record<string, string>>>;
  readonly #data: ContextValue<Readonly<Record<string, unknown>>>;
  readonly #bodyFormat: 'form' | 'json';
  readonly #tls: TlsSource | undefined;
  readonly #ways: readonly string[];
  readonly #opaque: readonly string[];
  readonly #http: HttpRequester;

  /**
   * @param known the options that the class has, and whether its subclasses may have more
   * @throws {ConfigurationError} when an option is missing, malformed or unknown
   */
  constructor(given: HttpTokenFetcherOptions, known: KnownFetcherOptions = ANY_FETCHER) {
    const named = typeof given?.name === 'string' && given.name !== '' ? ` "${shownWord(given.name)}"` : '';
    const owner = `${new.target.name}${named}`;
    const place = definitionPlace(this, owner);
    checkOptions(given, known.rules, { ...place, extended: new.target !== known.of });
    const options = ownOptions(given);
    const { name, method = 'POST', bodyFormat = 'form', timeoutMs, tls, axios, transport } = options;
    if (name === undefined) throw place.refuse('name is missing. Give the step a name.');
    this.name = name;
    this.baseUrl = checkUrl(options.baseUrl, owner, options.allowInsecure ?? false);
    this.endpoint = options.endpoint ?? '';
    this.dependsOn = [...(options.dependsOn ?? [])];
    this.ttlMs = options.ttlMs;
    this.deadlineMs = options.deadlineMs;
    this.refreshWindowMs = options.refreshWindowMs;
    if (tls !== undefined && transport !== undefined)
      throw new ConfigurationError(`${owner}: tls means nothing beside a transport: give the transport its tls.`);
    this.identity = options.identity === undefined ? undefined : [options.identity].flat();
    this.retry = options.retry;
    this.#method = method.toUpperCase();
    this.#bodyFormat = bodyFormat;
    for (const option of ['requestHeaders', 'requestData'] as const) {
      const fault = mountedDataFault(options[option], option);
      if (fault !== undefined) throw place.refuse(`${fault}.`);
    }
    this.#headers = options.requestHeaders ?? {};
    this.#data = options.requestData ?? {};
    this.#tls = tls;
    this.#ways = waysOf(axios);
    this.#opaque = opaqueSettings(options);
    this.#http = new HttpRequester({
      pool: { keepAlive: false }, // Asked once in a long while: nothing is kept open, and nothing need be closed.
      ...(timeoutMs === undefined ? undefined : { timeoutMs }),
      ...(tls === undefined ? undefined : { tls }),
      ...(axios === undefined ? undefined : { axios }),
      ...(transport === undefined ? undefined : { transport }),
    });
  }

  abstract fetch(context?: FetchContext): Promise<Token>;

  onFetchError(_error: unknown, _context: FetchContext): void | Promise<void> {}

  /**
   * The headers of the token request: a fresh object each time. Synchronous, so that `{ ...super.x() }` is complete.
   * @throws {ConfigurationError} when `requestHeaders` returns a promise
   */
  protected buildRequestHeaders(context: FetchContext): Record<string, string> {
    const headers = this.#headers;
    if (typeof headers !== 'function') return { ...headers };
    return { ...mountedData(askAtOnce('requestHeaders()', () => headers(context), `Step "${shownWord(this.name)}"`)) };
  }

  /**
   * The data of the token request: a fresh object each time.
   * @throws {ConfigurationError} when `requestData` returns a promise
   */
  protected buildRequestData(context: FetchContext): Record<string, unknown> {
    const data = this.#data;
    if (typeof data !== 'function') return { ...data };
    return { ...mountedData(askAtOnce('requestData()', () => data(context), `Step "${shownWord(this.name)}"`)) };
  }

  /**
   * Sends the token request as the options and the override points build it.
   * @param read whether the answer must be a JSON object without an `error`, or any success will do
   * @throws {AuthenticationError} what the answer says, when it is no success
   */
  protected async send(context: FetchContext, read: 'json' | 'anything' = 'anything'): Promise<ForgeResponse> {
    const headers = this.buildRequestHeaders(context);
    const data = this.buildRequestData(context);
    const part = this.#method === 'GET' ? 'query' : this.#bodyFormat;
    const response = await this.makeRequest({
      headers,
      signal: context.signal,
      ...(Object.keys(data).length === 0 ? undefined : { [part]: data }),
    });
    if (read === 'json' || !response.isSuccess) {
      const { complianceResponse, readTokenAnswer } = await import('../../providers/issuer/token-response.js');
      readTokenAnswer(
        complianceResponse(response),
        `Step "${shownWord(this.name)}"`,
        (context.clock ?? systemClock).now(),
        'baseUrl, endpoint',
      );
    }
    return response;
  }

  /**
   * Sends one request below `baseUrl`. Returns the response, whatever its status.
   * @throws {ConnectionError | TlsError | TimeoutError | ResponseParseError} when there is no answer
   */
  protected makeRequest(request: FetcherRequest): Promise<ForgeResponse> {
    const { method = this.#method, endpoint = this.endpoint, headers, json, form, query, signal } = ownOptions(request);
    return this.#http.request({
      method,
      url: joinUrl(this.baseUrl, endpoint),
      ...(headers === undefined ? undefined : { headers }),
      ...(json === undefined ? undefined : { json }),
      ...(form === undefined ? undefined : { form: textEntries(form) }),
      ...(query === undefined ? undefined : { query: textEntries(query) }),
      ...(signal === undefined ? undefined : { signal }),
    });
  }

  /**
   * Makes the token of a successful answer: one that cannot be used is final, as one that is missing.
   * @throws {AuthenticationError} FORGE_AUTH_TOKEN_RESPONSE_INVALID naming the step
   */
  protected tokenOf(response: ForgeResponse, make: () => Token): Token {
    try {
      return make();
    } catch (error) {
      if (!(error instanceof AuthenticationError)) throw error;
      throw new AuthenticationError(`Step "${shownWord(this.name)}" failed. ${error.message}`, {
        code: error.code,
        step: this.name,
        status: response.status,
        transient: false,
      });
    }
  }

  /**
   * Parts of the request, built with stand-ins for the tokens of other steps: they distinguish two steps.
   * @internal
   */
  keyParts(context: FetchContext): readonly unknown[] {
    return [
      this.baseUrl,
      this.endpoint,
      this.#method,
      this.#bodyFormat,
      this.buildRequestHeaders(context),
      this.buildRequestData(context),
      ...this.#ways,
    ];
  }

  /**
   * Names what may change the request and shows in none of its parts.
   * @internal
   */
  get opaque(): readonly string[] {
    return this.#opaque;
  }

  /**
   * The certificates that the request is made with, read anew where a function gives them: tokens may be bound to them.
   * @internal
   */
  async certificates(): Promise<readonly string[]> {
    if (this.#tls === undefined) return [];
    const { readTls } = await import('../../http/node/fresh-tls.agent.js');
    return certificatesOf(
      await readWithin(() => readTls(this.#tls), `Step "${shownWord(this.name)}": tls`, systemClock),
    );
  }
}

/** `baseUrl` and `endpoint` with exactly one slash between them. */
function joinUrl(baseUrl: string, endpoint: string): string {
  return endpoint === '' ? baseUrl : `${baseUrl.replace(/\/+$/, '')}/${endpoint.replace(/^\/+/, '')}`;
}

function textEntries(data: Readonly<Record<string, unknown>>): Record<string, string> {
  const entries = Object.entries(data).filter(([, value]) => value !== undefined && value !== null);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, typeof value === 'object' ? ownJson(value) : String(value)]),
  );
}

function checkUrl(url: string, owner: string, allowInsecure: boolean): string {
  checkText(url, `${owner}: baseUrl`);
  assertSecureUrl(url, 'baseUrl', owner, allowInsecure);
  return url;
}
