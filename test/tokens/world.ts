import {
  ClientCredentialsTokenProvider,
  type ClientCredentialsTokenProviderOptions,
  createForgeClient,
  type ForgeClientOptions,
  type ForgeHttpClient,
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
