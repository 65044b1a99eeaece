import { ConfigurationError } from '../errors.js';
import { hasMethods } from '../option-check/option-check.js';
import type { ApplicationScope, Service } from './application-scope.js';
import type { TokenAuthOptions } from '../options/options.js';
import { pipelineProvider } from './service-pipeline.js';
import { ProviderTokenSource } from '../token/provider.token-source.js';
import type { Runtime, ServiceScope } from '../token/runtime.js';
import { isSourceProvider } from '../token/source-provider.js';
import { DEFAULT_KEY_PREFIX } from '../token/standalone.js';
import { bindProvider, type TokenProvider } from '../token/token-provider.js';
import { resolveTokenSettings } from '../token/token-settings.js';
import type { SlotEvents } from '../token/slot/slot-events.js';
import type { TokenSource } from '../token/token-source.js';

/**
 * Binds the provider or pipeline of a service to its application: definitions have no state of their own.
 * @param sharedSource finds the tokens of another service
 * @throws {ConfigurationError} when an option is malformed
 */
export async function createTokenSource(
  auth: TokenAuthOptions,
  service: Service,
  application: ApplicationScope,
  sharedSource: NonNullable<ServiceScope['sharedSource']>,
  events: SlotEvents,
): Promise<TokenSource> {
  const { name: serviceName, baseUrl } = service;
  const owner = `Service "${serviceName}"`;
  const { keyPrefix = DEFAULT_KEY_PREFIX, nearCacheTtlMs } = application.rootOptions;
  const { runtime } = application;
  const provider =
    auth.pipeline === undefined ? await providerOf(auth, runtime, owner) : pipelineProvider(auth.pipeline);
  // Part by part: a spread with as much behind it takes six times the memory, for each of thousands of services.
  const scope: ServiceScope = {
    clock: runtime.clock,
    logger: runtime.logger,
    observer: runtime.observer,
    jitter: runtime.jitter,
    discovery: runtime.discovery,
    backoffs: runtime.backoffs,
    revealCauses: runtime.revealCauses,
    instantiate: runtime.instantiate,
    guard: runtime.guard,
    serviceName,
    baseUrl,
    owner: `"${serviceName}"`,
    keyPrefix,
    keyName: serviceName,
    storage: () => service.ownStorage() ?? application.storage,
    sharedSource,
    settings: resolveTokenSettings(nearCacheTtlMs === undefined ? auth : { nearCacheTtlMs, ...auth }),
    events,
  };
  return isSourceProvider(provider)
    ? provider.createSource(scope)
    : new ProviderTokenSource(scope, await bindProvider(provider, scope), auth.provider);
}

function providerOf(
  { provider }: TokenAuthOptions,
  runtime: Runtime,
  owner: string,
): TokenProvider | Promise<TokenProvider> {
  if (typeof provider !== 'function') return assertProvider(provider, owner);
  const made = runtime.instantiate<TokenProvider>(provider, `${owner}: auth.provider`);
  return made.then((instance) => assertProvider(instance, owner));
}

/** @throws {ConfigurationError} unless it is one */
function assertProvider(provider: TokenProvider | undefined, owner: string): TokenProvider {
  if (provider !== undefined && hasMethods(provider, 'fetchToken')) return provider;
  throw new ConfigurationError(`${owner}: auth.provider must have a method fetchToken().`);
}
