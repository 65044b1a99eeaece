import { ClientCore } from './client/client-core.js';
import { ForgeHttpClient } from './client/forge-http-client.js';
import { type Clock, systemClock } from './clock.js';
import type { ForgeLogger } from './diagnostics.js';
import { ConfigurationError } from './errors.js';
import type { ForgeAuthOptions, ForgeServiceOptions, StorageOption, TokenAuthOptions } from './forge-auth.options.js';
import { nameService, resolveService } from './forge-auth.service-resolver.js';
import { checkRoot } from './forge-auth.service-rules.js';
import type { TokenLock } from './lock/token-lock.js';
import { TokenEncryption } from './storage/encryption.js';
import type { BoundPipeline } from './pipeline/bound-pipeline.js';
import { PipelineTokenProvider } from './pipeline/pipeline.provider.js';
import { PipelineTokenSource } from './pipeline/pipeline.token-source.js';
import { TokenFetchPipeline } from './pipeline/token-fetch-pipeline.js';
import { isSourceProvider } from './token/source-provider.js';
import { GuardedStorage } from './storage/guarded-storage.js';
import { InMemoryTokenStorage } from './storage/in-memory.token-storage.js';
import type { TokenStorage } from './storage/token-storage.js';
import { DocumentCache } from './token/document-cache.js';
import { ProviderTokenSource } from './token/provider.token-source.js';
import { DEFAULT_KEY_PREFIX } from './token/standalone.js';
import { TokenManager } from './token/token-manager.js';
import { bindProvider, type TokenProvider } from './token/token-provider.js';
import { resolveTokenSettings } from './token/token-settings.js';
import type { SlotEvents } from './token/token-slot.js';
import type { TokenSource } from './token/token-source.js';

/** What an application gives its services: in Nest the injector, outside of it nothing. */
export interface Host {
  readonly logger: ForgeLogger;
  readonly clock?: Clock;
  /** Whether the application is there for one client, and ends with it. */
  readonly endsWithClient?: boolean;
  /** An instance of a class, or what an injection token stands for. */
  instantiate<T>(type: unknown, what: string): Promise<T>;
  /** The storage that an option stands for. */
  storageOf(option: StorageOption, owner: string): Promise<TokenStorage>;
}

/** One service of an application. */
interface Entry {
  readonly name: string;
  options: ForgeServiceOptions | undefined;
  readonly client: ForgeHttpClient;
  /** The manager of the service's own; one without token options throws when it is used. */
  readonly tokens: TokenManager;
  opening: Promise<ClientCore> | undefined;
  core: ClientCore | undefined;
  storage: GuardedStorage | undefined;
  /** Token options that the injected manager stands for, known when the service is opened. */
  tokenOptions: TokenAuthOptions | undefined;
  /** The pipeline behind the service's tokens; one of a service without throws when it is used. */
  readonly pipeline: TokenFetchPipeline;
  /** A manager that the app made, and will close. */
  givenManager: TokenManager | undefined;
  /** Managers of further token options: members of a composite. */
  readonly furtherManagers: TokenManager[];
}

/**
 * The services of one application, and all state that belongs to them: clients, tokens, storage, discovery documents.
 * What users construct in options are definitions; two applications that share one share no state.
 */
export class ForgeAuthApplication {
  readonly #host: Host;
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  readonly #discovery: DocumentCache;
  readonly #jitter: number;
  #root: ForgeAuthOptions | undefined;
  #storage: GuardedStorage | undefined;
  #encryption: TokenEncryption | undefined;
  readonly #storages: GuardedStorage[] = [];

  constructor(host: Host) {
    this.#host = host;
    this.#clock = host.clock ?? systemClock;
    this.#discovery = new DocumentCache(this.#clock);
    this.#jitter = this.#clock.random();
  }

  /** @throws {ConfigurationError} when it was configured before */
  configure(options: ForgeAuthOptions): void {
    checkRoot(options);
    if (this.#root !== undefined && this.#root !== options) {
      throw new ConfigurationError(
        'ForgeAuthModule.forRoot() was called twice. Call it once, and forFeature() for further services.',
      );
    }
    this.#root = options;
    for (const service of options.services ?? []) this.declare(service);
  }

  /** Where tokens are kept from now on. */
  useStorage(storage: TokenStorage): void {
    this.#storage = this.#guard(storage, this.rootOptions.lock);
  }

  get rootOptions(): ForgeAuthOptions {
    return this.#root ?? {};
  }

  /** @throws {ConfigurationError} when the name is missing, or taken by other options */
  declare(options: ForgeServiceOptions): void {
    const name: unknown = (options as Partial<ForgeServiceOptions> | undefined)?.name;
    if (typeof name !== 'string' || name === '') {
      throw new ConfigurationError('A service has no name. Give it one: { name: "orders", baseUrl: … }.');
    }
    const entry = this.#entry(name);
    if (entry.options !== undefined && entry.options !== options) {
      throw new ConfigurationError(
        `Service "${name}" is registered twice with different options. Give each registration a name of its own.`,
        {
          serviceName: name,
        },
      );
    }
    entry.options = options;
    const manager = (options.auth as TokenAuthOptions | undefined)?.tokenManager;
    if (manager instanceof TokenManager) entry.givenManager = manager;
  }

  /** The client of a service; it may be declared later. */
  client(name: string): ForgeHttpClient {
    return this.#entry(name).client;
  }

  /** The token manager of a service; it may be declared later. One without tokens throws when it is used. */
  tokens(name: string): TokenManager {
    const entry = this.#entry(name);
    return entry.givenManager ?? entry.tokens;
  }

  /** The pipeline of a service; it may be declared later. One of a service without a pipeline throws when it is used. */
  pipeline(name: string): TokenFetchPipeline {
    return this.#entry(name).pipeline;
  }

  names(): string[] {
    return [...this.#entries.values()].filter(({ options }) => options !== undefined).map(({ name }) => name);
  }

  /** Checks every service. @throws {ConfigurationError} */
  async openAll(): Promise<void> {
    for (const entry of this.#entries.values()) {
      await this.#open(entry);
      if (entry.tokenOptions !== undefined) await entry.tokens.ready();
      await Promise.all(entry.furtherManagers.map((manager) => manager.ready()));
    }
  }

  /** Gets the tokens of services that ask for it; one that fails is told in the log, and tried again by the first call. */
  async warmUp(): Promise<void> {
    const wanted = [...this.#entries.values()].filter(({ tokenOptions }) => tokenOptions?.warmUp === true);
    await Promise.all(wanted.map(({ tokens }) => tokens.getToken().catch(() => undefined)));
  }

  /** Closes clients and tokens: nothing of the application keeps the process alive. */
  async close(): Promise<void> {
    await Promise.all(
      [...this.#entries.values()].map(async (entry) => {
        const core = await entry.opening?.catch(() => undefined);
        await core?.close();
        await Promise.all([entry.tokens, ...entry.furtherManagers].map((manager) => manager.close()));
      }),
    );
    await Promise.all(this.#storages.map((storage) => storage.close()));
  }

  #entry(name: string): Entry {
    const known = this.#entries.get(name);
    if (known !== undefined) return known;
    const tokens = TokenManager.deferred((events) => this.#openTokens(entry, events));
    const client = new ForgeHttpClient(
      name,
      () => (entry.core === undefined || hasTokens(entry) ? this.tokens(name) : undefined),
      () => this.#open(entry),
      () => ({
        core: entry.core,
        baseUrl: entry.options?.baseUrl,
        pipeline: this.#hasPipeline(entry) ? entry.pipeline : undefined,
      }),
      async () => (this.#host.endsWithClient === true ? this.close() : undefined),
    );
    const entry: Entry = {
      name,
      options: undefined,
      client,
      tokens,
      opening: undefined,
      storage: undefined,
      core: undefined,
      tokenOptions: undefined,
      givenManager: undefined,
      pipeline: TokenFetchPipeline.deferred({
        open: () => this.#openPipeline(entry),
        bound: () => boundPipeline(this.tokens(name).source),
        definition: () => definedPipeline(entry.options?.auth as TokenAuthOptions | undefined),
      }),
      furtherManagers: [],
    };
    this.#entries.set(name, entry);
    return entry;
  }

  #open(entry: Entry): Promise<ClientCore> {
    entry.opening ??= this.#openOnce(entry).catch((error: unknown) => {
      throw nameService(error, entry.name);
    });
    return entry.opening;
  }

  async #openOnce(entry: Entry): Promise<ClientCore> {
    const { name } = entry;
    const options = this.#optionsOf(entry);
    const storage = options.storage ?? this.rootOptions.defaults?.storage;
    if (storage !== undefined) {
      entry.storage = this.#guard(
        await this.#host.storageOf(storage, `Service "${name}"`),
        options.lock ?? this.rootOptions.lock,
      );
    }
    const resolved = await resolveService(options, this.rootOptions.defaults ?? {}, {
      clock: this.#clock,
      logger: this.#host.logger,
      instantiate: (type, what) => this.#host.instantiate(type, `Service "${name}": ${what}`),
      managerFor: (auth) => this.#managerFor(entry, auth),
    });
    entry.core = new ClientCore(resolved);
    return entry.core;
  }

  #guard(storage: TokenStorage, lock: TokenLock | undefined): GuardedStorage {
    const { encryption } = this.rootOptions;
    this.#encryption ??= encryption && new TokenEncryption(encryption);
    const guarded = new GuardedStorage(storage, {
      clock: this.#clock,
      logger: this.#host.logger,
      lock,
      encryption: this.#encryption,
    });
    this.#storages.push(guarded);
    return guarded;
  }

  #optionsOf({ name, options }: Entry): ForgeServiceOptions {
    if (options !== undefined) return options;
    const known = this.names().map((other) => `"${other}"`);
    throw new ConfigurationError(
      `No service is named "${name}". ${known.length === 0 ? 'None is registered.' : `Registered: ${known.join(', ')}.`}`,
      { serviceName: name },
    );
  }

  #managerFor(entry: Entry, auth: TokenAuthOptions): TokenManager {
    if (auth.tokenManager !== undefined && typeof auth.tokenManager !== 'string') {
      if (entry.tokenOptions === undefined) entry.givenManager ??= auth.tokenManager;
      return auth.tokenManager;
    }
    if (entry.tokenOptions === undefined) {
      entry.tokenOptions = auth;
      return entry.tokens;
    }
    const manager = TokenManager.deferred((events) => this.#sourceOf(entry, auth, events));
    entry.furtherManagers.push(manager);
    return manager;
  }

  async #openTokens(entry: Entry, events: SlotEvents): Promise<TokenSource> {
    await this.#open(entry);
    if (entry.tokenOptions !== undefined) return this.#sourceOf(entry, entry.tokenOptions, events);
    throw new ConfigurationError(`Service "${entry.name}" has no tokens: its auth is no token auth.`, {
      serviceName: entry.name,
    });
  }

  async #sourceOf(entry: Entry, auth: TokenAuthOptions, events: SlotEvents): Promise<TokenSource> {
    try {
      return await this.#createSource(entry, auth, events);
    } catch (error) {
      throw nameService(error, entry.name);
    }
  }

  async #createSource(entry: Entry, auth: TokenAuthOptions, events: SlotEvents): Promise<TokenSource> {
    const { name } = entry;
    if (typeof auth.tokenManager === 'string') return this.#sharedSource(name, auth.tokenManager);
    const owner = `Service "${name}"`;
    const provider =
      auth.pipeline === undefined ? await this.#providerOf(auth.provider, owner) : pipelineProvider(auth.pipeline);
    const clock = this.#clock;
    const { logger } = this.#host;
    const environment = {
      serviceName: name,
      keyPrefix: this.rootOptions.keyPrefix ?? DEFAULT_KEY_PREFIX,
      keyName: name,
      clock,
      logger,
      discovery: this.#discovery,
      storage: () => entry.storage ?? this.#storage,
      settings: resolveTokenSettings({ ...nearCacheTtl(this.rootOptions), ...auth }, `${owner}: auth`),
      jitter: this.#jitter,
      events,
    };
    if (!isSourceProvider(provider))
      return new ProviderTokenSource({ ...environment, provider: bindProvider(provider, environment) });
    return provider.createSource({
      ...environment,
      instantiate: (type, what) => this.#host.instantiate(type, what),
      guard: (storage, lock) => this.#guard(storage, lock),
    });
  }

  /** Whether there is a pipeline, as far as that is known before the service's first call. */
  #hasPipeline(entry: Entry): boolean {
    if (entry.core !== undefined && !hasTokens(entry)) return false;
    const { source } = this.tokens(entry.name);
    return source === undefined || boundPipeline(source) !== undefined;
  }

  async #openPipeline(entry: Entry): Promise<BoundPipeline> {
    await this.#open(entry);
    const pipeline = boundPipeline(hasTokens(entry) ? await this.tokens(entry.name).ready() : undefined);
    if (pipeline !== undefined) return pipeline;
    throw new ConfigurationError(
      `Service "${entry.name}" has no pipeline. Give it auth: { pipeline: { steps: [ … ] } }.`,
      { serviceName: entry.name },
    );
  }

  async #sharedSource(name: string, other: string): Promise<TokenSource> {
    const seen = [name];
    for (let next: string | undefined = other; next !== undefined; next = this.#sharesWith(next)) {
      if (seen.includes(next)) throw this.#refuseSharing(name, `names a circle: ${[...seen, next].join(' → ')}`);
      seen.push(next);
    }
    const sharing = this.#entries.get(other);
    if (sharing?.options !== undefined) return this.tokens(other).ready();
    const known = this.names().filter((candidate) => candidate !== name);
    throw this.#refuseSharing(name, `names service "${other}", which is not there. Registered: ${known.join(', ')}`);
  }

  /** The service whose manager a service shares, by name. */
  #sharesWith(name: string): string | undefined {
    const manager = (this.#entries.get(name)?.options?.auth as TokenAuthOptions | undefined)?.tokenManager;
    return typeof manager === 'string' ? manager : undefined;
  }

  #refuseSharing(name: string, problem: string): ConfigurationError {
    return new ConfigurationError(`Service "${name}": auth.tokenManager ${problem}.`, { serviceName: name });
  }

  async #providerOf(given: TokenAuthOptions['provider'], owner: string): Promise<TokenProvider> {
    const provider =
      typeof given === 'function'
        ? await this.#host.instantiate<TokenProvider>(given, `${owner}: auth.provider`)
        : given;
    if (typeof (provider as Partial<TokenProvider> | undefined)?.fetchToken === 'function')
      return provider as TokenProvider;
    throw new ConfigurationError(`${owner}: auth.provider must have a method fetchToken().`);
  }
}

function boundPipeline(source: TokenSource | undefined): BoundPipeline | undefined {
  return source instanceof PipelineTokenSource ? source.pipeline : undefined;
}

function definedPipeline(auth: TokenAuthOptions | undefined): TokenFetchPipeline | undefined {
  const provider = auth?.pipeline === undefined ? auth?.provider : pipelineProvider(auth.pipeline);
  return provider instanceof PipelineTokenProvider ? provider.pipeline : undefined;
}

function pipelineProvider(given: NonNullable<TokenAuthOptions['pipeline']>): TokenProvider {
  if (given instanceof TokenFetchPipeline) return new PipelineTokenProvider({ pipeline: given });
  const { refreshFromStep, ...options } = given;
  const pipeline = new TokenFetchPipeline(options);
  return new PipelineTokenProvider({ pipeline, ...(refreshFromStep === undefined ? undefined : { refreshFromStep }) });
}

function hasTokens({ tokenOptions, givenManager }: Entry): boolean {
  return tokenOptions !== undefined || givenManager !== undefined;
}

/** Where tokens are kept when nothing else is there. */
export function memoryStorage(): TokenStorage {
  return new InMemoryTokenStorage();
}

function nearCacheTtl({ nearCacheTtlMs }: ForgeAuthOptions): { nearCacheTtlMs?: number } {
  return nearCacheTtlMs === undefined ? {} : { nearCacheTtlMs };
}
