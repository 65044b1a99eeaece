import type { ForgeHttpClient } from '../client/forge-http-client.js';
import type { ClientCore } from '../client/client-core.js';
import { systemClock } from '../clock.js';
import { ConfigurationError } from '../errors.js';
import { Activity } from './activity.js';
import { describeService } from './describe-service.js';
import type { ForgeAuthState } from './state.js';
import type { Telemetry } from './telemetry.js';
import type { ApplicationScope } from './application-scope.js';
import { ServiceRuntime } from './service-runtime.js';
import { drain } from './drain.js';
import type { Host } from './host.js';
import type { ForgeAuthOptions, ForgeServiceOptions } from '../options/options.js';
import { checkRoot } from '../options/service-rules.js';
import type { TokenLock } from '../lock/token-lock.js';
import { Observers } from '../observer.js';
import type { SignInProvider } from './sign-in-provider.js';
import type { TokenFetchPipeline } from '../pipeline/token-fetch-pipeline.js';
import { TokenEncryption } from '../storage/encryption.js';
import type { GuardedStorage } from '../storage/guarded-storage.js';
import { guardStorage, loadStorageGuards } from '../storage/storage-guards.js';
import type { TokenStorage } from '../storage/token-storage.js';
import { EndpointBackoffs } from '../token/endpoint-backoffs.js';
import { DiscoveryCache } from '../token/discovery-cache.js';
import type { Runtime } from '../token/runtime.js';
import type { TokenManager } from '../token/token-manager.js';
import { ownServiceOptions } from '../options/own-service-options.js';
import { ownOptions } from '../option-check/own-options.js';
import { ownCause, revealing, revealsByDefault } from '../redaction/own-cause.js';

/**
 * The services of one application, and all state that belongs to them: clients, tokens, storage, discovery documents.
 * What users construct in options are definitions; two applications that share one share no state.
 */
export class ForgeAuthApplication {
  readonly #host: Host;
  /** Listeners to what happens in this application. */
  readonly observer = new Observers();
  readonly #activity = new Activity();
  readonly #detach: (() => void)[] = [];
  /** Properties alone: each service copies it. */
  readonly #runtime: Runtime & { revealCauses: boolean };
  readonly #entries = new Map<string, ServiceRuntime>();
  readonly #scope: ApplicationScope;
  readonly #storages: GuardedStorage[] = [];
  #given: ForgeAuthOptions | undefined;
  #root: ForgeAuthOptions = ownOptions({});
  #kept: TokenStorage | undefined;
  #storage: GuardedStorage | undefined;
  #encryption: TokenEncryption | undefined;

  constructor(host: Host) {
    this.#host = host;
    this.#runtime = this.#createRuntime();
    this.#scope = this.#createScope();
    this.observer.watch(this.#activity);
  }

  /** @throws {ConfigurationError} when it was configured before */
  configure(options: ForgeAuthOptions): void {
    checkRoot(options, (problem) => this.#host.logger.warn(problem));
    if (this.#given !== undefined && this.#given !== options) {
      throw new ConfigurationError(
        'ForgeAuthModule.forRoot() was called twice. Call it once, and forFeature() for further services.',
      );
    }
    this.#given = options;
    this.#root = ownOptions(options);
    const { defaults, revealCauses } = this.#root;
    if (revealCauses !== undefined) this.#runtime.revealCauses = revealCauses;
    if (defaults !== undefined) this.#root.defaults = ownServiceOptions(defaults);
    for (const service of this.#root.services ?? []) this.declare(service);
  }

  /** Sets the storage of tokens from now on. */
  useStorage(storage: TokenStorage): void {
    this.#kept = storage;
    this.#storage = undefined;
  }

  get rootOptions(): ForgeAuthOptions {
    return this.#root;
  }

  /** @throws {ConfigurationError} when the name is missing, or taken by other options */
  declare(options: ForgeServiceOptions): void {
    const name: unknown = (options as Partial<ForgeServiceOptions> | undefined)?.name;
    if (typeof name !== 'string' || name === '') {
      throw new ConfigurationError('A service has no name. Give it one: { name: "orders", baseUrl: … }.');
    }
    this.#entry(name).declare(options);
  }

  /** The client of a service; it may be declared later. */
  client(name: string): ForgeHttpClient {
    return this.#entry(name).client;
  }

  /** The token manager of a service; it may be declared later. One without tokens throws when it is used. */
  tokens(name: string): TokenManager {
    return this.#entry(name).manager;
  }

  /** Checks whether a service has tokens; one that is declared later may have. */
  hasTokens(name: string): boolean {
    return this.#entry(name).hasTokens;
  }

  /** The provider of a service's tokens; it may be declared later. One of a service without throws when it is used. */
  tokenProvider(name: string): SignInProvider {
    return this.#entry(name).tokenProvider;
  }

  /** The pipeline of a service; it may be declared later. One of a service without a pipeline throws when it is used. */
  pipeline(name: string): TokenFetchPipeline {
    return this.#entry(name).definedPipeline;
  }

  /** Measures or traces what happens, until the application closes. */
  attach(telemetry: Telemetry): void {
    this.#detach.push(telemetry.attach(this));
  }

  /** Returns the state of every service. Holds no secret. */
  describe(): ForgeAuthState {
    const at = this.#runtime.clock.now();
    const services = [...this.#entries.values()].filter(({ options }) => options !== undefined);
    return {
      at,
      services: services.map((entry) => describeService(entry, this.#activity.of(entry.name), at)),
      storages: this.#storages.map((storage) => storage.describe()),
    };
  }

  names(): string[] {
    return [...this.#entries.values()].filter(({ options }) => options !== undefined).map(({ name }) => name);
  }

  /** Checks every service. @throws {ConfigurationError} */
  async openAll(): Promise<void> {
    await this.#guardStorage();
    const entries = [...this.#entries.values()];
    for (const entry of entries) await entry.openWithTokens();
    const { warnOfRivals } = await import('./rival-services.js');
    await warnOfRivals(entries, this.#host.logger);
    // A first burst of callers leaves little time to connect: late answers would cost each process a token request.
    if (entries.some(({ tokens }) => tokens !== undefined))
      await Promise.all(this.#storages.map((storage) => storage.prepare()));
  }

  /** Obtains the tokens of services that ask for it; a failure is logged, and the first call tries again. */
  async warmUp(): Promise<void> {
    const asking = [...this.#entries.values()].filter(({ warmsUp }) => warmsUp);
    await Promise.allSettled(asking.map((entry) => entry.warmUp()));
  }

  /** Waits until no call is under way, for `shutdownGraceMs` at most. */
  async drain(): Promise<void> {
    const cores = (): ClientCore[] => [...this.#entries.values()].flatMap(({ core }) => core ?? []);
    await drain(cores, this.rootOptions.shutdownGraceMs ?? 0, this.#runtime.clock);
  }

  /** Closes clients and tokens: nothing of the application keeps the process alive. */
  async close(): Promise<void> {
    try {
      await Promise.all([...this.#entries.values()].map((entry) => entry.close()));
    } finally {
      await Promise.all(this.#storages.map((storage) => storage.close()));
      if (this.#storage === undefined) await this.#kept?.release?.().catch(() => undefined);
      for (const detach of this.#detach.splice(0)) this.#end(detach);
    }
  }

  /** Ends what measured or traced. One that throws keeps nothing else open. */
  #end(detach: () => void): void {
    if (typeof detach !== 'function') {
      this.#host.logger.warn('A telemetry could not be ended: its attach() returned no function that ends it.');
      return;
    }
    try {
      detach();
    } catch (error) {
      const { summary, frames } = ownCause(error, { reveal: this.#runtime.revealCauses });
      this.#host.logger.warn(`A telemetry could not be ended: ${summary}.${frames}`);
    }
  }

  #entry(name: string): ServiceRuntime {
    const known = this.#entries.get(name);
    if (known !== undefined) return known;
    const entry = new ServiceRuntime(name, this.#scope);
    this.#entries.set(name, entry);
    return entry;
  }

  #createRuntime(): Runtime & { revealCauses: boolean } {
    const { clock = systemClock, logger } = ownOptions(this.#host);
    return {
      clock,
      logger,
      observer: this.observer,
      jitter: clock.random(),
      discovery: new DiscoveryCache(clock),
      backoffs: new EndpointBackoffs(),
      revealCauses: revealsByDefault(),
      instantiate: (type, what) => revealing(this.#host.instantiate(type, what), this.#runtime.revealCauses),
      guard: (storage, lock) => this.#guard(storage, lock),
    };
  }

  #createScope(): ApplicationScope {
    const rootOptions = (): ForgeAuthOptions => this.rootOptions;
    const storage = (): GuardedStorage | undefined => this.#storage;
    return {
      runtime: this.#runtime,
      host: this.#host,
      get rootOptions() {
        return rootOptions();
      },
      get storage() {
        return storage();
      },
      guardStorage: () => this.#guardStorage(),
      names: () => this.names(),
      find: (name) => this.#entries.get(name),
      guardDefault: (lock) => this.#kept && this.#guard(this.#kept, lock),
      release: async () => {
        if (this.#host.endsWithClient === true) await this.close();
      },
    };
  }

  /** Watches over the storage of tokens, before the first service is opened. */
  async #guardStorage(): Promise<void> {
    await loadStorageGuards();
    const { lock, defaults } = this.rootOptions;
    this.#storage ??= this.#kept && this.#guard(this.#kept, defaults?.lock ?? lock);
  }

  #guard(storage: TokenStorage, lock: TokenLock | undefined): GuardedStorage {
    const { clock, logger, observer, revealCauses } = this.#runtime;
    const given = this.rootOptions.encryption;
    const encryption = (this.#encryption ??= given && new TokenEncryption(given));
    const guarded = guardStorage(storage, { clock, logger, observer, lock, encryption, revealCauses });
    this.#storages.push(guarded);
    return guarded;
  }
}
