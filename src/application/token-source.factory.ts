import type { Clock } from '../clock.js';
import { ConfigurationError } from '../errors.js';
import type { Host } from './host.js';
import type { ForgeAuthOptions, TokenAuthOptions } from '../options/options.js';
import type { TokenLock } from '../lock/token-lock.js';
import type { BoundPipeline } from '../pipeline/bound-pipeline.js';
import { PipelineTokenProvider } from '../pipeline/pipeline.provider.js';
import { PipelineTokenSource } from '../pipeline/pipeline.token-source.js';
import { TokenFetchPipeline } from '../pipeline/token-fetch-pipeline.js';
import type { GuardedStorage } from '../storage/guarded-storage.js';
import type { TokenStorage } from '../storage/token-storage.js';
import type { DocumentCache } from '../token/document-cache.js';
import { ProviderTokenSource } from '../token/provider.token-source.js';
import { isSourceProvider } from '../token/source-provider.js';
import { DEFAULT_KEY_PREFIX } from '../token/standalone.js';
import { bindProvider, type TokenProvider } from '../token/token-provider.js';
import { resolveTokenSettings } from '../token/token-settings.js';
import type { SlotEvents } from '../token/slot/slot-events.js';
import type { TokenSource } from '../token/token-source.js';
import { ownOptions } from '../own-options.js';

/** What the tokens of a service have of its application. */
export interface TokenSurroundings {
  readonly host: Host;
  readonly clock: Clock;
  readonly rootOptions: ForgeAuthOptions;
  readonly discovery: DocumentCache;
  /** This process's share of the jitter of refreshes, 0 to 1. */
  readonly jitter: number;
  /** Where tokens are kept of services that do not say otherwise. */
  readonly storage: GuardedStorage | undefined;
  guard(storage: TokenStorage, lock: TokenLock | undefined): GuardedStorage;
}

/**
 * Binds the provider or pipeline of a service to its application: definitions have no state of their own.
 * @throws {ConfigurationError} when an option is malformed
 */
export async function createTokenSource(
  serviceName: string,
  auth: TokenAuthOptions,
  around: TokenSurroundings,
  storage: () => GuardedStorage | undefined,
  events: SlotEvents,
): Promise<TokenSource> {
  const owner = `Service "${serviceName}"`;
  const { host, clock, rootOptions, discovery, jitter } = around;
  const { keyPrefix = DEFAULT_KEY_PREFIX, nearCacheTtlMs } = rootOptions;
  const provider =
    auth.pipeline === undefined ? await providerOf(auth.provider, host, owner) : pipelineProvider(auth.pipeline);
  const environment = {
    serviceName,
    keyPrefix,
    keyName: serviceName,
    clock,
    logger: host.logger,
    discovery,
    storage: () => storage() ?? around.storage,
    settings: resolveTokenSettings(
      { ...(nearCacheTtlMs === undefined ? undefined : { nearCacheTtlMs }), ...auth },
      `${owner}: auth`,
    ),
    jitter,
    events,
  };
  if (!isSourceProvider(provider))
    return new ProviderTokenSource({ ...environment, provider: bindProvider(provider, environment) });
  return provider.createSource({
    ...environment,
    instantiate: (type, what) => host.instantiate(type, what),
    guard: (kept, lock) => around.guard(kept, lock),
  });
}

/** The pipeline that a source runs, if it runs one. */
export function boundPipelineOf(source: TokenSource | undefined): BoundPipeline | undefined {
  return source instanceof PipelineTokenSource ? source.pipeline : undefined;
}

/** The pipeline that options define, if they define one. */
export function definedPipelineOf(auth: TokenAuthOptions | undefined): TokenFetchPipeline | undefined {
  const provider = auth?.pipeline === undefined ? auth?.provider : pipelineProvider(auth.pipeline);
  return provider instanceof PipelineTokenProvider ? provider.pipeline : undefined;
}

function pipelineProvider(given: NonNullable<TokenAuthOptions['pipeline']>): TokenProvider {
  if (given instanceof TokenFetchPipeline) return new PipelineTokenProvider({ pipeline: given });
  const { refreshFromStep, ...options } = ownOptions(given);
  const pipeline = new TokenFetchPipeline(options);
  return new PipelineTokenProvider({ pipeline, ...(refreshFromStep === undefined ? undefined : { refreshFromStep }) });
}

async function providerOf(given: TokenAuthOptions['provider'], host: Host, owner: string): Promise<TokenProvider> {
  const provider =
    typeof given === 'function' ? await host.instantiate<TokenProvider>(given, `${owner}: auth.provider`) : given;
  if (typeof (provider as Partial<TokenProvider> | undefined)?.fetchToken === 'function')
    return provider as TokenProvider;
  throw new ConfigurationError(`${owner}: auth.provider must have a method fetchToken().`);
}
