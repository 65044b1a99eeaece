import {
  ClientCredentialsTokenProvider,
  type ClientCredentialsTokenProviderOptions,
  createForgeClient,
  type ForgeClientOptions,
  type ForgeHttpClient,
  type ForgeLogger,
  type ForgeServiceOptions,
  NoRetryStrategy,
  PasswordGrantTokenProvider,
  type PasswordGrantTokenProviderOptions,
  TokenManager,
  type TokenManagerOptions,
} from 'nestjs-forge-auth';
import { type Api, startApi, type ApiOptions } from '../support/api.js';
import {
  CLIENT,
  startTokenEndpoint,
  type TokenEndpoint,
  type TokenEndpointOptions,
  USER,
} from '../support/token-endpoint.js';

/** The name of the service in every world. */
export const SERVICE = 'orders';

interface Closable {
  close(): void | Promise<void>;
}

/** A token endpoint, an API that believes it, and what a test makes to call them. */
export class World {
  endpoint!: TokenEndpoint;
  api!: Api;
  readonly #made: Closable[] = [];

  /** Starts both servers. */
  async start(options: TokenEndpointOptions = {}, apiOptions: ApiOptions = {}): Promise<void> {
    this.endpoint = this.closeLater(await startTokenEndpoint(options));
    this.api = this.closeLater(await startApi(this.endpoint, apiOptions));
  }

  /** The client credentials grant at the endpoint. */
  provider(options: Partial<ClientCredentialsTokenProviderOptions> = {}): ClientCredentialsTokenProvider {
    return new ClientCredentialsTokenProvider({ tokenUrl: this.endpoint.url, ...CLIENT, ...options });
  }

  /** A provider whose flights are one request each: what a test counts is then the flights. */
  singleShot(options: Partial<ClientCredentialsTokenProviderOptions> = {}): ClientCredentialsTokenProvider {
    return this.provider({ retry: new NoRetryStrategy(), ...options });
  }

  /** The password grant at the endpoint: it is the one with refresh tokens. */
  passwordProvider(options: Partial<PasswordGrantTokenProviderOptions> = {}): PasswordGrantTokenProvider {
    return new PasswordGrantTokenProvider({ tokenUrl: this.endpoint.url, ...CLIENT, ...USER, ...options });
  }

  manager(options: Partial<TokenManagerOptions> = {}): TokenManager {
    return this.closeLater(new TokenManager({ name: SERVICE, provider: this.provider(), ...options }));
  }

  /** A client of the API, authenticated by the endpoint's tokens unless `service` says otherwise. */
  client(service: Partial<ForgeServiceOptions> = {}, options: ForgeClientOptions = {}): ForgeHttpClient {
    const auth = { provider: this.provider() };
    return this.closeLater(createForgeClient({ name: SERVICE, baseUrl: this.api.origin, auth, ...service }, options));
  }

  closeLater<T extends Closable>(thing: T): T {
    this.#made.push(thing);
    return thing;
  }

  async close(): Promise<void> {
    for (const thing of this.#made.splice(0).toReversed()) await thing.close();
  }
}

/** Returns a logger that records what it is given, by level. */
export function recordingLogger(): ForgeLogger & { readonly warnings: string[]; readonly lines: string[] } {
  const warnings: string[] = [];
  const lines: string[] = [];
  const record = (message: string): void => void lines.push(message);
  const warn = (message: string): void => void warnings.push(message);
  return { warnings, lines, debug: record, log: record, warn, error: warn };
}

/** Returns the error that a promise is rejected with. */
export async function rejection<E = Error>(work: Promise<unknown>): Promise<E> {
  try {
    await work;
  } catch (error) {
    return error as E;
  }
  throw new Error('It was not rejected.');
}

/** Returns the errors that many promises are rejected with; fails if one is not. */
export async function rejections<E = Error>(work: readonly Promise<unknown>[]): Promise<E[]> {
  return Promise.all(work.map((one) => rejection<E>(one)));
}

/** Calls `make` so many times, without waiting in between. */
export function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

/** Waits until `condition` holds, as the event loop turns. */
export async function until(condition: () => boolean, what: string, timeoutMs = 5_000): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`Waited ${timeoutMs} ms in vain: ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
