import { ownJson } from '../option-check/own-json.js';
import { declared } from '../option-check/own-options.js';
import { fingerprintOf } from './token-key.js';
import type { BoundTokenProvider } from './token-provider.js';
import type { TokenOrigin } from './token-source.js';

/**
 * Returns the origin of a provider's tokens.
 * @param definition the provider as the app wrote it: an instance, or a class that has one made
 */
export function originOfProvider(provider: BoundTokenProvider, definition: object): TokenOrigin {
  const { name } = provider.constructor;
  const own = declared(provider, 'identity') ?? [];
  const endpoint = declared(provider, 'endpoint') ?? (own.length === 0 ? undefined : [name, ...own]);
  const partsOf = declared(provider, 'requestParts') ?? declared(provider, 'keyParts');
  return {
    definition,
    endpoint: endpoint && ownJson(endpoint),
    identity: async () =>
      endpoint === undefined ? undefined : fingerprintOf([...((await partsOf?.call(provider)) ?? [name]), ...own]),
  };
}
