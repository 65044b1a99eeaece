import { ClientCore } from '../client/client-core.js';
import type { ForgeServiceDefaults, ForgeServiceOptions } from '../options/options.js';
import type { ResolverScope } from './host.js';
import { resolveService } from './service-resolver.js';

/**
 * Opens a service: checks its options, and builds the chain of its calls. Loaded with the first service that is opened.
 * @throws {ConfigurationError} naming the service, the option, its problem and the cure
 */
export async function openCore(
  options: ForgeServiceOptions,
  defaults: ForgeServiceDefaults,
  scope: ResolverScope,
): Promise<ClientCore> {
  return new ClientCore(await resolveService(options, defaults, scope));
}
