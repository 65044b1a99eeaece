import type { AxiosAdapter, AxiosInstance } from 'axios';
import type { ForgeResponse } from '../http/forge-response.js';
import { loadedWhenCalled } from '../lazy.js';
import type { TokenFetchPipeline } from '../pipeline/token-fetch-pipeline.js';
import type { CircuitState } from '../retry/request-retry.strategy.js';
import type { TokenManager } from '../token/token-manager.js';
import { adapterOf, createAxiosFace, type FaceOwner } from './faces/axios.face.js';
import type { ClientCore } from './client-core.js';
import type { ForgeFetch } from './faces/fetch.face.js';
import { createHttpServiceFace } from './faces/http-service.face.js';
import type { ForgeRequest, RequestConfig } from './request/request-config.js';
import type { RequestManyOptions, RequestSource } from './request-many.js';

type HttpService = ReturnType<typeof createHttpServiceFace>;

/** Access of a client to its service, which is opened on first use. */
export interface ServiceHandle {
  readonly name: string;
  /** Undefined before the service is opened. */
  readonly core: ClientCore | undefined;
  readonly baseUrl: string | undefined;
  readonly tokens: TokenManager | undefined;
  readonly pipeline: TokenFetchPipeline | undefined;
  open(): Promise<ClientCore>;
  /** The client was closed. */
  release(): Promise<void>;
}

/**
 * The HTTP client of one service: every call carries a valid credential, or fails with a typed error.
 *
 * Safe for any number of concurrent calls. A status outside `validateStatus` throws an {@link HttpStatusError}.
 */
export class ForgeHttpClient {
  /** Name of the service. */
  readonly serviceName: string;
  readonly #service: ServiceHandle;
  #axiosRef: AxiosInstance | undefined;
  #httpService: HttpService | undefined;
  #fetch: ForgeFetch | undefined;

  /** Made by the module, or by {@link createForgeClient}. */
  constructor(service: ServiceHandle) {
    this.serviceName = service.name;
    this.#service = service;
  }

  /** Keeps the service's tokens. One of a service without tokens throws when it is used. */
  get tokens(): TokenManager | undefined {
    return this.#service.tokens;
  }

  /** Runs the steps of the service's token; undefined where it has no pipeline. */
  get pipeline(): TokenFetchPipeline | undefined {
    return this.#service.pipeline;
  }

  /** The service's circuit, where its retry strategy has one: `client.circuit?.state`. Undefined before the first call outside Nest. */
  get circuit(): { readonly state: CircuitState } | undefined {
    return this.#service.core?.circuit;
  }

  /**
   * A real axios instance over this client, for code that takes one. Made on first use.
   * It rejects as axios does, with a redacted `AxiosError` whose cause is this package's own error.
   */
  get axiosRef(): AxiosInstance {
    return (this.#axiosRef ??= createAxiosFace(this.#owner));
  }

  /** A real HttpService over {@link axiosRef}, for code that takes one. Made on first use. */
  get httpService(): HttpService {
    return (this.#httpService ??= createHttpServiceFace(this.axiosRef));
  }

  /**
   * `fetch` over this client, for code that takes one: resolves with any status. Bound, and made on first use.
   * Relative URLs are below the service's base URL.
   */
  get fetch(): ForgeFetch {
    return (this.#fetch ??= loadedWhenCalled(async () => {
      const { createFetchFace } = await import('./faces/fetch.face.js');
      return createFetchFace(() => this.#core);
    }));
  }

  /** Makes one GET call, as {@link request}. @throws {ForgeAuthError} as {@link request} does */
  get<T = unknown>(url: string, config?: RequestConfig): Promise<ForgeResponse<T>> {
    return this.request({ ...config, method: 'GET', url });
  }

  /** Makes one DELETE call, as {@link request}. @throws {ForgeAuthError} as {@link request} does */
  delete<T = unknown>(url: string, config?: RequestConfig): Promise<ForgeResponse<T>> {
    return this.request({ ...config, method: 'DELETE', url });
  }

  /** Makes one HEAD call, as {@link request}. @throws {ForgeAuthError} as {@link request} does */
  head<T = unknown>(url: string, config?: RequestConfig): Promise<ForgeResponse<T>> {
    return this.request({ ...config, method: 'HEAD', url });
  }

  /** Makes one OPTIONS call, as {@link request}. @throws {ForgeAuthError} as {@link request} does */
  options<T = unknown>(url: string, config?: RequestConfig): Promise<ForgeResponse<T>> {
    return this.request({ ...config, method: 'OPTIONS', url });
  }

  /**
   * Makes one POST call, as {@link request}; `data` as {@link RequestConfig.data}.
   * @throws {ForgeAuthError} as {@link request} does
   */
  post<T = unknown>(url: string, data?: unknown, config?: RequestConfig): Promise<ForgeResponse<T>> {
    return this.request({ ...config, method: 'POST', url, data });
  }

  /**
   * Makes one PUT call, as {@link request}; `data` as {@link RequestConfig.data}.
   * @throws {ForgeAuthError} as {@link request} does
   */
  put<T = unknown>(url: string, data?: unknown, config?: RequestConfig): Promise<ForgeResponse<T>> {
    return this.request({ ...config, method: 'PUT', url, data });
  }

  /**
   * Makes one PATCH call, as {@link request}; `data` as {@link RequestConfig.data}.
   * @throws {ForgeAuthError} as {@link request} does
   */
  patch<T = unknown>(url: string, data?: unknown, config?: RequestConfig): Promise<ForgeResponse<T>> {
    return this.request({ ...config, method: 'PATCH', url, data });
  }

  /**
   * Makes one call.
   * @throws {HttpStatusError} FORGE_AUTH_HTTP_STATUS when the status is outside `validateStatus`
   * @throws {AuthenticationError} when no credential can be obtained: nothing is sent
   * @throws {TimeoutError | ConnectionError | TlsError | ResponseParseError | OriginNotAllowedError | CircuitOpenError}
   */
  request<T = unknown>(request: ForgeRequest): Promise<ForgeResponse<T>> {
    const { core } = this.#service;
    if (core === undefined) return this.#requestFirst<T>(request);
    try {
      return core.call<T>(request);
    } catch (error) {
      // Of a clock or an observer of the app's own.
      return Promise.reject(error as Error);
    }
  }

  async #requestFirst<T>(request: ForgeRequest): Promise<ForgeResponse<T>> {
    return (await this.#service.open()).call<T>(request);
  }

  /**
   * Makes many calls, a few at a time. Returns all results, in the order of the requests; with `failFast` the first
   * failure aborts the rest and is thrown. An iterable is read no faster than its requests are made.
   * @throws {InvalidRequestError} FORGE_AUTH_INVALID_REQUEST when there is no list of requests, or `concurrency` is not
   * above zero
   */
  async requestMany<T = unknown>(
    requests: RequestSource,
    options?: RequestManyOptions<T>,
  ): Promise<PromiseSettledResult<ForgeResponse<T>>[]> {
    const core = this.#service.core ?? (await this.#service.open());
    const { requestMany } = await import('./request-many.js');
    return requestMany<T>((request, follow) => core.call<T>(request, follow), requests, options);
  }

  /** Refuses new calls, aborts those under way, and closes connections; outside Nest also those of its tokens. */
  async close(): Promise<void> {
    const core = this.#service.core ?? (await this.#service.open().catch(() => undefined));
    await core?.close();
    await this.#service.release();
  }

  /**
   * An adapter for axios instances made elsewhere.
   * @internal
   */
  adapterOver(below: AxiosAdapter | undefined): AxiosAdapter {
    return adapterOf(this.#owner, below);
  }

  get #owner(): FaceOwner {
    return {
      open: () => this.#core,
      timeoutMs: () => this.#service.core?.service.timeoutMs,
      baseUrl: () => this.#service.core?.service.base?.href ?? this.#service.baseUrl,
    };
  }

  /** At hand once the service is open. */
  get #core(): ClientCore | Promise<ClientCore> {
    return this.#service.core ?? this.#service.open();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
