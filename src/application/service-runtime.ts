// More than 250 lines: the life of one service, from its options to its end.
import type { ClientCore } from '../client/client-core.js';
import { ForgeHttpClient, type ServiceHandle } from '../client/forge-http-client.js';
import { ClientClosedError, ConfigurationError } from '../errors.js';
import { Lazy } from '../lazy.js';
import type { ForgeServiceOptions, StorageOption, TokenAuthOptions } from '../options/options.js';
import type { ApplicationScope } from './host.js';
import { withServiceName } from './with-service-name.js';
import { hasTokenOptions } from './auth-resolver.js';
import { boundPipelineOf, definedPipelineOf } from './service-pipeline.js';
import type { TokenLock } from '../lock/token-lock.js';
import type { BoundPipeline } from '../pipeline/bound-pipeline.js';
import { TokenFetchPipeline } from '../pipeline/token-fetch-pipeline.js';
import type { GuardedStorage } from '../storage/guarded-storage.js';
import type { TokenStorage } from '../storage/token-storage.js';
import { ServiceTokenProvider } from './service-token-provider.js';
import type { BoundTokenProvider } from '../token/token-provider.js';
import { foreignSource } from '../token/foreign.token-source.js';
import { TokenManager } from '../token/token-manager.js';
import type { SlotEvents } from '../token/slot/slot-events.js';
import type { TokenSource } from '../token/token-source.js';
import { ownServiceOptions } from '../options/own-service-options.js';
import { ownOptions } from '../option-check/own-options.js';

/** Parts that an application gives each of its services. */
export interface ServiceHost extends ApplicationScope {
  /** The storage that an option stands for. */
  storageOf(option: StorageOption, owner: string): Promise<TokenStorage>;
  /** Returns what a test has put in the place of a service's manager, if anything. */
  overridingTokens(name: string, ours: TokenManager): unknown;
  /** Names of the services that are declared. */
  names(): string[];
  find(name: string): ServiceRuntime | undefined;
  /** The application's storage, under a lock of a service's own; undefined until the application has started. */
  guardDefault(lock: TokenLock): GuardedStorage | undefined;
  /** The service's client was closed. */
  release(): Promise<void>;
}

/** One service of an application: what is injected is there at once, and opened when it is used or the application starts. */
export class ServiceRuntime implements ServiceHandle {
  readonly name: string;
  readonly client: ForgeHttpClient;
  /** The pipeline behind the service's tokens; one of a service without throws when it is used. */
  readonly definedPipeline: TokenFetchPipeline;
  /** The provider of the service's tokens, as it is bound; one of a service without throws when it is used. */
  readonly tokenProvider: ServiceTokenProvider;
  /** The manager of the service's own; one without token options throws when it is used. */
  readonly #ownTokens: TokenManager;
  readonly #application: ServiceHost;
  /** As they were declared. */
  #given: ForgeServiceOptions | undefined;
  #options: ForgeServiceOptions | undefined;
  /** Wrong options stay wrong: a failure is kept. */
  readonly #core = new Lazy(() => this.#openCore(), { keepsFailure: true });
  #storage: GuardedStorage | undefined;
  #lock: TokenLock | undefined;
  /** Token options that the injected manager stands for, known when the service is opened. */
  #tokenOptions: TokenAuthOptions | undefined;
  /** A manager that the app made, and will close. */
  #externalManager: TokenManager | undefined;
  #closed = false;
  /** Replacement that a test has put in the place of the manager. */
  #override: unknown;
  /** Managers of further token options: members of a composite. */
  readonly #furtherManagers: TokenManager[] = [];

  constructor(name: string, application: ServiceHost) {
    this.name = name;
    this.#application = application;
    this.#ownTokens = TokenManager.deferred((events) => this.#openTokens(events));
    this.client = new ForgeHttpClient(this);
    this.tokenProvider = new ServiceTokenProvider(name, () => this.#openProvider());
    this.definedPipeline = TokenFetchPipeline.deferred({
      open: () => this.#openPipeline(),
      bound: () => boundPipelineOf(this.#manager.source),
      definition: () => definedPipelineOf(this.#options?.auth as TokenAuthOptions | undefined),
    });
  }

  get options(): ForgeServiceOptions | undefined {
    return this.#options;
  }

  /** @throws {ConfigurationError} when the name is taken by other options */
  declare(options: ForgeServiceOptions): void {
    if (this.#given === options) return;
    if (this.#given !== undefined) {
      throw this.#refuse('is registered twice with different options. Give each registration a name of its own.');
    }
    this.#given = options;
    this.#options = ownServiceOptions(options);
    const manager = (this.#options.auth as TokenAuthOptions | undefined)?.tokenManager;
    if (manager instanceof TokenManager) this.#externalManager = manager;
  }

  get core(): ClientCore | undefined {
    return this.#core.value;
  }

  get baseUrl(): string | undefined {
    return this.#options?.baseUrl;
  }

  /** Manager that is injected; one of a service without tokens throws when it is used. */
  get manager(): TokenManager {
    return (this.#override as TokenManager | undefined) ?? this.#manager;
  }

  /** Manager of the client's own tokens, whatever is injected. */
  get #manager(): TokenManager {
    return this.#override === undefined ? (this.#externalManager ?? this.#ownTokens) : this.#ownTokens;
  }

  get tokens(): TokenManager | undefined {
    return this.hasTokens ? this.manager : undefined;
  }

  /**
   * True when the service has tokens to manage, judged by its options until it is opened. One not declared yet may
   * have.
   */
  get hasTokens(): boolean {
    if (this.core !== undefined) return this.#hasTokens;
    return (
      this.#options === undefined || hasTokenOptions(this.#options.auth ?? this.#application.rootOptions.defaults?.auth)
    );
  }

  get pipeline(): TokenFetchPipeline | undefined {
    if (!this.hasTokens) return undefined;
    const { source } = this.#manager;
    return source === undefined || boundPipelineOf(source) !== undefined ? this.definedPipeline : undefined;
  }

  /** Checks the service. @throws {ConfigurationError} */
  open(): Promise<ClientCore> {
    return this.#core.open();
  }

  /** Checks the service and its tokens. @throws {ConfigurationError} */
  async openWithTokens(): Promise<void> {
    await this.open();
    if (this.#tokenOptions !== undefined) await this.#ownTokens.ready();
    if (this.#externalManager instanceof TokenManager) await this.#externalManager.ready();
    await Promise.all(this.#furtherManagers.map((manager) => manager.ready()));
  }

  /** Sources of its tokens, as far as it was opened; one that it shares with another service among them. */
  get sources(): readonly TokenSource[] {
    return [this.#manager, ...this.#furtherManagers].flatMap(({ source }) => source ?? []);
  }

  /** Gets the tokens of a service that asks for it. */
  async warmUp(): Promise<void> {
    if (this.#tokenOptions?.warmUp === true) await this.#ownTokens.getToken();
  }

  release(): Promise<void> {
    return this.#application.release();
  }

  /** True when every call is refused. */
  get closed(): boolean {
    return this.#closed || this.core?.closed === true;
  }

  async close(): Promise<void> {
    const { name } = this;
    this.#closed = true;
    const core = await this.#core.close(
      () => new ClientClosedError(`The client of service "${name}" is closed.`, { serviceName: name }),
    );
    await core?.close();
    await Promise.all([this.#ownTokens, ...this.#furtherManagers].map((manager) => manager.close()));
  }

  get #hasTokens(): boolean {
    return this.#tokenOptions !== undefined || this.#externalManager !== undefined;
  }

  async #openCore(): Promise<ClientCore> {
    try {
      return await this.#createCore();
    } catch (error) {
      throw withServiceName(error, this.name);
    }
  }

  async #createCore(): Promise<ClientCore> {
    const { name } = this;
    const { runtime, rootOptions } = this.#application;
    const options = this.#declaredOptions();
    this.#override = this.#application.overridingTokens(name, this.manager);
    const storage = options.storage ?? rootOptions.defaults?.storage;
    this.#lock = options.lock;
    if (storage !== undefined) {
      const kept = await this.#application.storageOf(storage, `Service "${name}"`);
      this.#storage = runtime.guard(kept, options.lock ?? rootOptions.defaults?.lock ?? rootOptions.lock);
    }
    const { openCore } = await import('./service-core.js');
    return openCore(options, ownOptions(rootOptions.defaults), {
      ...runtime,
      instantiate: (type, what) => runtime.instantiate(type, `Service "${name}": ${what}`),
      managerFor: (auth) => this.#managerFor(auth),
    });
  }

  #declaredOptions(): ForgeServiceOptions {
    if (this.#options !== undefined) return this.#options;
    const known = this.#application.names().map((other) => `"${other}"`);
    throw new ConfigurationError(
      `No service is named "${this.name}". ${known.length === 0 ? 'None is registered.' : `Registered: ${known.join(', ')}.`}`,
      { serviceName: this.name },
    );
  }

  #managerFor(auth: TokenAuthOptions): TokenManager {
    const given = auth.tokenManager !== undefined && typeof auth.tokenManager !== 'string';
    if (given && this.#override === undefined) {
      const manager = auth.tokenManager as TokenManager;
      if (this.#tokenOptions === undefined) this.#externalManager ??= manager;
      return manager;
    }
    if (this.#tokenOptions === undefined) {
      this.#tokenOptions = auth;
      return this.#ownTokens;
    }
    const manager = TokenManager.deferred((events) => this.#sourceOf(auth, events));
    this.#furtherManagers.push(manager);
    return manager;
  }

  /** Where its tokens are kept, and locked, if not as the application's others are. */
  #ownStorage(): GuardedStorage | undefined {
    if (this.#lock !== undefined) this.#storage ??= this.#application.guardDefault(this.#lock);
    return this.#storage;
  }

  async #openTokens(events: SlotEvents): Promise<TokenSource> {
    await this.open();
    if (this.#override !== undefined) return this.#overridingSource();
    if (this.#tokenOptions !== undefined) return this.#sourceOf(this.#tokenOptions, events);
    throw this.#refuse('has no tokens: its auth is no token auth.');
  }

  async #overridingSource(): Promise<TokenSource> {
    if (this.#override instanceof TokenManager) return this.#override.ready();
    return foreignSource(this.#override, `Service "${this.name}"`);
  }

  /** The source of the service's tokens, for another that shares them. */
  source(): Promise<TokenSource> {
    return this.#manager.ready();
  }

  async #sourceOf(auth: TokenAuthOptions, events: SlotEvents): Promise<TokenSource> {
    try {
      if (typeof auth.tokenManager === 'string') return await this.#sharedSource(auth.tokenManager);
      const { createTokenSource } = await import('./token-source.factory.js');
      return await createTokenSource(
        this.name,
        auth,
        this.#application,
        () => this.#ownStorage(),
        events,
        this.baseUrl,
      );
    } catch (error) {
      throw withServiceName(error, this.name);
    }
  }

  async #openProvider(): Promise<BoundTokenProvider> {
    await this.open();
    const source = this.#hasTokens ? await this.#manager.ready() : undefined;
    if (source?.provider !== undefined) return source.provider;
    throw this.#refuse('has no token provider. Give it auth: { provider: … }.');
  }

  async #openPipeline(): Promise<BoundPipeline> {
    await this.open();
    const pipeline = boundPipelineOf(this.#hasTokens ? await this.#manager.ready() : undefined);
    if (pipeline !== undefined) return pipeline;
    throw this.#refuse('has no pipeline. Give it auth: { pipeline: { steps: [ … ] } }.');
  }

  async #sharedSource(other: string): Promise<TokenSource> {
    const seen = [this.name];
    for (let next: string | undefined = other; next !== undefined; next = this.#application.find(next)?.sharesWith) {
      if (seen.includes(next)) throw this.#refuseSharing(`names a circle: ${[...seen, next].join(' → ')}`);
      seen.push(next);
    }
    const sharing = this.#application.find(other);
    if (sharing?.options !== undefined) return sharing.source();
    const known = this.#application.names().filter((candidate) => candidate !== this.name);
    throw this.#refuseSharing(`names service "${other}", which is not there. Registered: ${known.join(', ')}`);
  }

  /** The service whose manager this one shares, by name. */
  get sharesWith(): string | undefined {
    const manager = (this.#options?.auth as TokenAuthOptions | undefined)?.tokenManager;
    return typeof manager === 'string' ? manager : undefined;
  }

  #refuse(problem: string): ConfigurationError {
    return new ConfigurationError(`Service "${this.name}" ${problem}`, { serviceName: this.name });
  }

  #refuseSharing(problem: string): ConfigurationError {
    const { name } = this;
    return new ConfigurationError(`Service "${name}": auth.tokenManager ${problem}.`, { serviceName: name });
  }
}
