import { ClientCore } from '../client/client-core.js';
import type { ForgeServiceDefaults, ForgeServiceOptions, TokenAuthOptions } from '../options/options.js';
import type { Runtime } from '../token/runtime.js';
import type { TokenManager } from '../token/token-manager.js';
import { resolveService } from './service-resolver.js';

/**
 * Opens a service: checks its options, and builds the chain of its calls. Loaded with the first service that is opened.
 * @param managerFor finds the manager that token options stand for
 * @throws {ConfigurationError} naming the service, the option, its problem and the cure
 */
export async function openCore(
  options: ForgeServiceOptions,
  defaults: ForgeServiceDefaults,
  runtime: Runtime,
  managerFor: (auth: TokenAuthOptions) => TokenManager,
): Promise<ClientCore> {
  return new ClientCore(await resolveService(options, defaults, runtime, managerFor));
}
