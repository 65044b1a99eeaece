import type { ClientCore } from '../client/client-core.js';
import { ForgeHttpClient, type ServiceHandle } from '../client/forge-http-client.js';
import { ClientClosedError, ConfigurationError } from '../errors.js';
import { Lazy, loadedWhenCalled } from '../lazy.js';
import type { TokenLock } from '../lock/token-lock.js';
import { callDeclared, ownOptions } from '../option-check/own-options.js';
import type { ForgeServiceOptions, TokenAuthOptions } from '../options/options.js';
import { ownServiceOptions } from '../options/own-service-options.js';
import type { BoundPipeline } from '../pipeline/bound-pipeline.js';
import { type DeferredPipeline, TokenFetchPipeline } from '../pipeline/token-fetch-pipeline.js';
import type { GuardedStorage } from '../storage/guarded-storage.js';
import { TokenManager } from '../token/token-manager.js';
import type { TokenSource } from '../token/token-source.js';
import type { ApplicationScope, Service } from './application-scope.js';
import { boundPipelineOf, definedPipelineOf } from './service-pipeline.js';
import { ServiceTokenProvider } from './service-token-provider.js';
import { ServiceTokens } from './service-tokens.js';
import { hasTokenOptions } from './token-options.js';
import { withServiceName } from './with-service-name.js';

const openCore = loadedWhenCalled(async () => (await import('./service-core.js')).openCore);

/** One service of an application: what is injected is there at once, and opened when it is used or the application starts. */
export class ServiceRuntime implements ServiceHandle, Service, DeferredPipeline {
  readonly name: string;
  readonly client: ForgeHttpClient;
  /** The pipeline behind the service's tokens; one of a service without throws when it is used. */
  readonly definedPipeline: TokenFetchPipeline;
  /** The provider of the service's tokens, as it is bound; one of a service without throws when it is used. */
  readonly tokenProvider: ServiceTokenProvider;
  readonly #tokens: ServiceTokens;
  readonly #application: ApplicationScope;
  /** As they were declared. */
  #given: ForgeServiceOptions | undefined;
  #options: ForgeServiceOptions | undefined;
  /** Wrong options stay wrong: a failure is kept. */
  readonly #core = new Lazy(() => this.#openCore(), { keepsFailure: true });
  #storage: GuardedStorage | undefined;
  #lock: TokenLock | undefined;
  #closed = false;

  constructor(name: string, application: ApplicationScope) {
    this.name = name;
    this.#application = application;
    this.#tokens = new ServiceTokens(this, application);
    this.client = new ForgeHttpClient(this);
    this.tokenProvider = new ServiceTokenProvider(this.#tokens);
    this.definedPipeline = TokenFetchPipeline.deferred(this);
  }

  get options(): ForgeServiceOptions | undefined {
    return this.#options;
  }

  /** @throws {ConfigurationError} when the name is taken by other options */
  declare(options: ForgeServiceOptions): void {
    if (this.#given === options) return;
    const { name } = this;
    if (this.#given !== undefined) {
      throw new ConfigurationError(
        `Service "${name}" is registered twice with different options. Give each registration a name of its own.`,
        { serviceName: name },
      );
    }
    this.#given = options;
    this.#options = ownServiceOptions(options);
    const manager = (this.#options.auth as TokenAuthOptions | undefined)?.tokenManager;
    if (manager instanceof TokenManager) this.#tokens.use(manager);
  }

  get core(): ClientCore | undefined {
    return this.#core.value;
  }

  get baseUrl(): string | undefined {
    return this.#options?.baseUrl;
  }

  /** Manager that is injected; one of a service without tokens throws when it is used. */
  get manager(): TokenManager {
    return this.#tokens.injected;
  }

  get tokens(): TokenManager | undefined {
    return this.hasTokens ? this.manager : undefined;
  }

  /**
   * True when the service has tokens to manage, judged by its options until it is opened. One not declared yet may
   * have.
   */
  get hasTokens(): boolean {
    if (this.core !== undefined) return this.#tokens.known;
    return (
      this.#options === undefined || hasTokenOptions(this.#options.auth ?? this.#application.rootOptions.defaults?.auth)
    );
  }

  get pipeline(): TokenFetchPipeline | undefined {
    if (!this.hasTokens) return undefined;
    const { source } = this.#tokens.manager;
    return source === undefined || boundPipelineOf(source) !== undefined ? this.definedPipeline : undefined;
  }

  openPipeline(): Promise<BoundPipeline> {
    return this.#tokens.pipeline();
  }

  boundPipeline(): BoundPipeline | undefined {
    return boundPipelineOf(this.#tokens.manager.source);
  }

  pipelineDefinition(): TokenFetchPipeline | undefined {
    return definedPipelineOf(this.#options?.auth as TokenAuthOptions | undefined);
  }

  /** The source of the service's tokens, for another that shares them. */
  source(): Promise<TokenSource> {
    return this.#tokens.manager.ready();
  }

  /** Names of the services whose tokens its own are, or are made with, and the options that say so, as far as it was opened. */
  get uses(): ReadonlyMap<string, string> {
    return this.#tokens.uses;
  }

  /** Sources of its tokens, as far as it was opened; one that it shares with another service among them. */
  get sources(): readonly TokenSource[] {
    return this.#tokens.sources;
  }

  /** Checks the service. @throws {ConfigurationError} */
  open(): Promise<ClientCore> {
    return this.#core.open();
  }

  /** Checks the service and its tokens. @throws {ConfigurationError} */
  async openWithTokens(): Promise<void> {
    await this.open();
    await this.#tokens.ready();
  }

  /** True when its token is to be obtained at the start. */
  get warmsUp(): boolean {
    return this.#tokens.warmsUp;
  }

  /** Obtains the token of a service that asks for it. */
  async warmUp(): Promise<void> {
    await this.#tokens.warmUp();
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
    await this.#tokens.close();
  }

  /** Storage and lock of its tokens, if not those of the application. */
  ownStorage(): GuardedStorage | undefined {
    if (this.#lock !== undefined) this.#storage ??= this.#application.guardDefault(this.#lock);
    return this.#storage;
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
    const { runtime, host, rootOptions } = this.#application;
    const options = this.#declaredOptions();
    if (this.#application.storage === undefined) await this.#application.guardStorage();
    this.#tokens.override(callDeclared(host, 'overridingTokens', name, this.manager));
    const storage = options.storage ?? rootOptions.defaults?.storage;
    this.#lock = options.lock;
    if (storage !== undefined) {
      const kept = await host.storageOf(storage, `Service "${name}"`);
      this.#storage = runtime.guard(kept, options.lock ?? rootOptions.defaults?.lock ?? rootOptions.lock);
    }
    const defaults = ownOptions(rootOptions.defaults);
    return openCore(options, defaults, runtime, (auth) => this.#tokens.managerFor(auth));
  }

  #declaredOptions(): ForgeServiceOptions {
    if (this.#options !== undefined) return this.#options;
    const known = this.#application.names().map((other) => `"${other}"`);
    throw new ConfigurationError(
      `No service is named "${this.name}". ${known.length === 0 ? 'None is registered.' : `Registered: ${known.join(', ')}.`}`,
      { serviceName: this.name },
    );
  }
}
