import type { ForgeResponse } from '../http/forge-response.js';
import type { TokenManager } from '../token/token-manager.js';
import type { ClientCore } from './client-core.js';
import type { ForgeRequest, RequestConfig } from './request-config.js';

/**
 * The HTTP client of one service: every call carries a valid credential, or fails with a typed error.
 *
 * Safe for any number of concurrent calls. A status outside `validateStatus` throws an {@link HttpStatusError}.
 */
export class ForgeHttpClient {
  /** Name of the service. */
  readonly serviceName: string;
  readonly #tokens: () => TokenManager | undefined;
  readonly #open: () => Promise<ClientCore>;
  #core: ClientCore | undefined;

  /** Made by the module, or by {@link createForgeClient}. */
  constructor(serviceName: string, tokens: () => TokenManager | undefined, open: () => Promise<ClientCore>) {
    this.serviceName = serviceName;
    this.#tokens = tokens;
    this.#open = open;
  }

  /** Keeps the service's tokens. One of a service without tokens throws when it is used. */
  get tokens(): TokenManager | undefined {
    return this.#tokens();
  }

  get<T = unknown>(url: string, config?: RequestConfig): Promise<ForgeResponse<T>> {
    return this.request({ ...config, method: 'GET', url });
  }

  delete<T = unknown>(url: string, config?: RequestConfig): Promise<ForgeResponse<T>> {
    return this.request({ ...config, method: 'DELETE', url });
  }

  head<T = unknown>(url: string, config?: RequestConfig): Promise<ForgeResponse<T>> {
    return this.request({ ...config, method: 'HEAD', url });
  }

  options<T = unknown>(url: string, config?: RequestConfig): Promise<ForgeResponse<T>> {
    return this.request({ ...config, method: 'OPTIONS', url });
  }

  post<T = unknown>(url: string, data?: unknown, config?: RequestConfig): Promise<ForgeResponse<T>> {
    return this.request({ ...config, method: 'POST', url, data });
  }

  put<T = unknown>(url: string, data?: unknown, config?: RequestConfig): Promise<ForgeResponse<T>> {
    return this.request({ ...config, method: 'PUT', url, data });
  }

  patch<T = unknown>(url: string, data?: unknown, config?: RequestConfig): Promise<ForgeResponse<T>> {
    return this.request({ ...config, method: 'PATCH', url, data });
  }

  /**
   * Makes one call.
   * @throws {HttpStatusError} FORGE_AUTH_HTTP_STATUS when the status is outside `validateStatus`
   * @throws {AuthenticationError} when no credential can be had: nothing is sent
   * @throws {TimeoutError | ConnectionError | TlsError | ResponseParseError | OriginNotAllowedError | CircuitOpenError}
   */
  async request<T = unknown>(request: ForgeRequest): Promise<ForgeResponse<T>> {
    const core = this.#core ?? (this.#core = await this.#open());
    return core.call<T>(request);
  }

  /** Refuses new calls, aborts those under way, and closes connections. */
  async close(): Promise<void> {
    const core = this.#core ?? (await this.#open());
    this.#core = core;
    await core.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
