import type { ClientAuthentication, ClientMaterial } from './client-authentication.js';
import type { ClientAuthFunction } from './client-options.js';

/** A client authentication of the app's own. */
export function functionAuthentication(
  write: ClientAuthFunction,
  { options: { clientId }, secret }: ClientMaterial,
): ClientAuthentication {
  return {
    name: 'function',
    listed: false,
    apply: async (request) => write(request, { clientId, clientSecret: await secret?.read() }),
  };
}
