import {
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleInit,
  Optional,
  Scope,
  type Type,
} from '@nestjs/common';
import { ModuleRef, ModulesContainer } from '@nestjs/core';
import type { Cache } from 'cache-manager';
import type { Clock } from '../clock.js';
import { type ForgeLogger, guardedLogger } from '../logger.js';
import { ConfigurationError } from '../errors.js';
import { ForgeAuthApplication } from '../application/application.js';
import type { Host } from '../application/host.js';
import type { ForgeHttpClient } from '../client/forge-http-client.js';
import type { TokenManager } from '../token/token-manager.js';
import type { TokenFetchPipeline } from '../pipeline/token-fetch-pipeline.js';
import {
  CLIENT_TOKENS,
  getForgeClientToken,
  getTokenManagerToken,
  getTokenPipelineToken,
  MANAGER_TOKENS,
} from './forge-auth.decorators.js';
import { concealedCause } from '../redaction/own-cause.js';
import { describe } from './forge-auth.async-options.js';
import { NestLogger } from './nest.logger.js';
import { RegisteredProviders } from './registered-providers.js';
import { InMemoryTokenStorage } from '../storage/in-memory.token-storage.js';
import type { StorageOption } from '../options/options.js';
import { CacheManagerTokenStorage } from '../storage/cache-manager.token-storage.js';
import { storageOf } from '../storage/get-set.token-storage.js';
import { sharedStoreOf, standsOnMap } from '../storage/shared-store.js';
import type { GetSet, TokenStorage } from '../storage/token-storage.js';

/** Token under which `@nestjs/cache-manager` provides its cache: an app without it need not load it. */
const CACHE_MANAGER = 'CACHE_MANAGER';

/** Injection token of the application's clock, where a test has one of its own. A text: several copies of this file agree on it. */
export const FORGE_AUTH_CLOCK = 'FORGE_AUTH_CLOCK';

/** Injection token of what declares a module's services: whatever injects one of them waits for it. */
export const DECLARED = 'FORGE_AUTH_DECLARED';

/** Key under which Nest keeps what `@Injectable({ scope })` was given. */
const SCOPE_METADATA = 'scope:options';

/**
 * The services of one Nest application, tied to its life: checked when it starts, closed when it ends, after the
 * requests that it was still answering.
 */
@Injectable()
export class ForgeAuthRegistry
  extends ForgeAuthApplication
  implements OnModuleInit, OnApplicationBootstrap, OnApplicationShutdown
{
  readonly #moduleRef: ModuleRef;
  readonly #logger: ForgeLogger;

  constructor(@Inject(ModuleRef) moduleRef: ModuleRef, @Optional() @Inject(FORGE_AUTH_CLOCK) clock?: Clock) {
    const logger = guardedLogger(new NestLogger('ForgeAuth'));
    super(hostOf(moduleRef, logger, clock));
    this.#moduleRef = moduleRef;
    this.#logger = logger;
  }

  async onModuleInit(): Promise<void> {
    try {
      refuseScopedOptions(this.#moduleRef);
      this.useStorage(await this.#findStorage());
      await this.openAll();
    } catch (error) {
      // Nest ends no app that did not start: what is open by now would keep the process alive.
      await this.close();
      throw error;
    }
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.warmUp();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.drain();
    await this.close();
  }

  /** Returns the client that is injected for a service: ours, or what `overrideProvider` has put in its place. */
  injectedClient(name: string): ForgeHttpClient {
    return overriding(this.#moduleRef, getForgeClientToken(name), this.client(name)) ?? this.client(name);
  }

  /** Returns the manager that is injected for a service. */
  injectedTokens(name: string): TokenManager {
    return overriding(this.#moduleRef, getTokenManagerToken(name), this.tokens(name)) ?? this.tokens(name);
  }

  /** Returns the pipeline that is injected for a service. */
  injectedPipeline(name: string): TokenFetchPipeline {
    return overriding(this.#moduleRef, getTokenPipelineToken(name), this.pipeline(name)) ?? this.pipeline(name);
  }

  /** The one that is configured, else the app's cache, else memory; one line says which. */
  async #findStorage(): Promise<TokenStorage> {
    const { storage } = this.rootOptions;
    if (storage !== undefined) {
      const clear = this.rootOptions.encryption === undefined ? ', in the clear' : ', encrypted';
      this.#logger.log(`Tokens are kept in the configured storage${clear}.`);
      return resolveStorage(this.#moduleRef, storage, 'ForgeAuthModule');
    }
    const caches = new Set(findAll<Cache>(this.#moduleRef, CACHE_MANAGER));
    if (caches.size > 1) {
      throw new ConfigurationError(
        'The app has several CACHE_MANAGERs. Tell ForgeAuthModule.forRoot({ storage }) which one keeps the tokens: new CacheManagerTokenStorage(cache).',
      );
    }
    const [cache] = caches;
    if (cache === undefined || standsOnMap(sharedStoreOf(cache))) {
      this.#logger.log(
        `Tokens are kept in memory: ${cache === undefined ? 'there is no CACHE_MANAGER' : 'the CACHE_MANAGER has no shared store'}.`,
      );
      return new InMemoryTokenStorage();
    }
    const shared = new CacheManagerTokenStorage(cache);
    const guarantee = shared.setIfNewer === undefined ? 'each process asks for its own token' : 'one request per fleet';
    const clear = this.rootOptions.encryption === undefined ? ', in the clear' : ', encrypted';
    this.#logger.log(`Tokens are kept in the app's CACHE_MANAGER${clear}: ${guarantee}.`);
    return shared;
  }
}

/**
 * Options are made once, and serve every request: made anew for each they would be a second registration for the second
 * one, with the first one's credential in use.
 * @throws {ConfigurationError} when a factory of options injects what is request-scoped
 */
function refuseScopedOptions(moduleRef: ModuleRef): void {
  for (const { providers } of modulesOf(moduleRef).values()) {
    if (providers.get(DECLARED)?.isDependencyTreeStatic() !== false) continue;
    const names = [...providers.keys()].filter((token) => typeof token === 'string' && token.startsWith(CLIENT_TOKENS));
    throw new ConfigurationError(
      `${describe(names.map((token) => String(token).slice(CLIENT_TOKENS.length)))}: the factory of its options injects what is request-scoped, but options serve every request. Inject what has the default scope; what differs by request goes into the call: auth: { subject }, headers, params.`,
    );
  }
}

function modulesOf(moduleRef: ModuleRef): ModulesContainer {
  return moduleRef.get(ModulesContainer, { strict: false });
}

function hostOf(moduleRef: ModuleRef, logger: ForgeLogger, clock: Clock | undefined): Host {
  let found: RegisteredProviders | undefined;
  const managers = (): RegisteredProviders => (found ??= new RegisteredProviders(modulesOf(moduleRef), MANAGER_TOKENS));
  return {
    logger,
    ...(clock === undefined ? undefined : { clock }),
    instantiate: (type, what) => instantiate(moduleRef, type, what),
    storageOf: (option, owner) => resolveStorage(moduleRef, option, owner),
    overridingTokens: (name, ours) => managers().otherThan(getTokenManagerToken(name), ours),
  };
}

/** The app's own instance where the class is registered, else a new one. */
async function instantiate<T>(moduleRef: ModuleRef, type: unknown, what: string): Promise<T> {
  const name = (type as Type).name;
  const scope = (Reflect.getMetadata(SCOPE_METADATA, type as Type) as { scope?: Scope } | undefined)?.scope;
  const scoped = (): ConfigurationError =>
    new ConfigurationError(
      `${what}: ${name} is request-scoped or transient, but serves every call. Give it the default scope.`,
    );
  if (scope === Scope.REQUEST || scope === Scope.TRANSIENT) throw scoped();
  const [registered] = findAll<T>(moduleRef, type as Type, scoped);
  if (registered !== undefined) return registered;
  try {
    return await moduleRef.create(type as Type<T & object>);
  } catch (error) {
    const cause = concealedCause(error);
    throw new ConfigurationError(
      `${what}: ${name} cannot be created. Register it as a provider, with what it injects. Its creation threw ${cause.summary}`,
      { cause },
    );
  }
}

async function resolveStorage(moduleRef: ModuleRef, option: StorageOption, owner: string): Promise<TokenStorage> {
  if (typeof option === 'object' && option !== null) return storageOf(option as TokenStorage | GetSet, owner);
  const [found, another] = new Set(findAll<TokenStorage | GetSet>(moduleRef, option));
  if (found === undefined)
    throw new ConfigurationError(
      `${owner}: storage names an injection token that no module provides. Provide it, or give the storage itself, such as new RedisTokenStorage(client).`,
    );
  if (another !== undefined)
    throw new ConfigurationError(
      `${owner}: storage names an injection token that several modules provide. Give it what keeps the tokens: new CacheManagerTokenStorage(cache).`,
    );
  return isCache(found) ? new CacheManagerTokenStorage(found) : storageOf(found, owner);
}

/** Returns what a test has put in the place of ours by `overrideProvider(token)`; undefined where nothing is. */
function overriding<T>(moduleRef: ModuleRef, token: string, ours: T): T | undefined {
  return findAll<T>(moduleRef, token).find((found) => found !== undefined && found !== null && found !== ours);
}

/** Everything that is registered under a token, anywhere in the app. */
function findAll<T>(
  moduleRef: ModuleRef,
  token: Parameters<ModuleRef['get']>[0],
  scoped: () => ConfigurationError | undefined = () => undefined,
): T[] {
  try {
    return moduleRef.get<T, T>(token as string, { strict: false, each: true });
  } catch (error) {
    // Nest exports no class that distinguishes it from one for what nobody provides.
    const refusal = (error as Error).constructor.name === 'InvalidClassScopeException' ? scoped() : undefined;
    if (refusal !== undefined) throw refusal;
    return [];
  }
}

function isCache(value: unknown): value is Cache {
  return Array.isArray((value as Partial<Cache>).stores);
}
