import { Lazy } from '../../lazy.js';
import { ownOptions } from '../../option-check/own-options.js';
import type { AxiosSender } from './axios-sender.js';
import { type AxiosTransportOptions, contentLimitOf } from './axios-transport-options.js';
import type { HttpRequest, HttpResponse } from '../http-request.js';
import type { Transport } from '../transport.js';

const Sender = new Lazy(async () => (await import('./axios-sender.js')).AxiosSender);

/**
 * The default transport: axios's own `http` adapter, called directly; and what asks nothing of that goes out over Node's
 * client, as axios would send it, at half the cost.
 *
 * Agents, proxies and mocks made for axios work; its per-request merging of configs, which costs as much as the
 * request itself, is done once. Agents are made on first use and closed with the transport; given ones are left alone.
 * Proxies of the environment are read before the first request.
 */
export class AxiosTransport implements Transport {
  readonly takesCancellation = true;
  readonly maxContentLength: number | undefined;
  readonly #options: AxiosTransportOptions;
  #sender: AxiosSender | undefined;

  constructor(options: AxiosTransportOptions = {}) {
    this.#options = ownOptions(options);
    this.maxContentLength = contentLimitOf(ownOptions(this.#options.axios));
  }

  send(request: HttpRequest): Promise<HttpResponse> {
    return this.#sender?.send(request) ?? this.#sendFirst(request);
  }

  close(): void {
    this.#sender?.close();
  }

  async #sendFirst(request: HttpRequest): Promise<HttpResponse> {
    const Loaded = Sender.value ?? (await Sender.open());
    return (this.#sender ??= new Loaded(this.#options)).send(request);
  }
}
