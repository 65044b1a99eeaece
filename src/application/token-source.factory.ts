import { ConfigurationError } from '../errors.js';
import type { ApplicationScope } from './host.js';
import type { TokenAuthOptions } from '../options/options.js';
import type { BoundPipeline } from '../pipeline/bound-pipeline.js';
import { PipelineTokenProvider } from '../pipeline/pipeline.provider.js';
import { PipelineTokenSource } from '../pipeline/pipeline.token-source.js';
import { TokenFetchPipeline } from '../pipeline/token-fetch-pipeline.js';
import type { GuardedStorage } from '../storage/guarded-storage.js';
import { ProviderTokenSource } from '../token/provider.token-source.js';
import type { Runtime, ServiceScope } from '../token/runtime.js';
import { isSourceProvider } from '../token/source-provider.js';
import { DEFAULT_KEY_PREFIX } from '../token/standalone.js';
import { bindProvider, type TokenProvider } from '../token/token-provider.js';
import { resolveTokenSettings } from '../token/token-settings.js';
import type { SlotEvents } from '../token/slot/slot-events.js';
import type { TokenSource } from '../token/token-source.js';
import { ownOptions } from '../option-check/own-options.js';

/**
 * Binds the provider or pipeline of a service to its application: definitions have no state of their own.
 * @throws {ConfigurationError} when an option is malformed
 */
export async function createTokenSource(
  serviceName: string,
  auth: TokenAuthOptions,
  application: ApplicationScope,
  storage: () => GuardedStorage | undefined,
  events: SlotEvents,
  baseUrl: string | undefined,
): Promise<TokenSource> {
  const owner = `Service "${serviceName}"`;
  const { keyPrefix = DEFAULT_KEY_PREFIX, nearCacheTtlMs } = application.rootOptions;
  const provider =
    auth.pipeline === undefined
      ? await providerOf(auth.provider, application.runtime, owner)
      : pipelineProvider(auth.pipeline);
  const scope: ServiceScope = {
    ...application.runtime,
    serviceName,
    baseUrl,
    owner: `"${serviceName}"`,
    keyPrefix,
    keyName: serviceName,
    storage: () => storage() ?? application.storage,
    settings: resolveTokenSettings({ ...(nearCacheTtlMs === undefined ? undefined : { nearCacheTtlMs }), ...auth }),
    events,
  };
  return isSourceProvider(provider)
    ? provider.createSource(scope)
    : new ProviderTokenSource(scope, bindProvider(provider, scope), provider);
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

async function providerOf(
  given: TokenAuthOptions['provider'],
  runtime: Runtime,
  owner: string,
): Promise<TokenProvider> {
  const provider =
    typeof given === 'function' ? await runtime.instantiate<TokenProvider>(given, `${owner}: auth.provider`) : given;
  if (typeof (provider as Partial<TokenProvider> | undefined)?.fetchToken === 'function')
    return provider as TokenProvider;
  throw new ConfigurationError(`${owner}: auth.provider must have a method fetchToken().`);
}
