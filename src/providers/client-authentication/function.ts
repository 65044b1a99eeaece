import { AuthenticationError, ForgeAuthError } from '../../errors.js';
import { concealedCause } from '../../redaction/own-cause.js';
import type { ClientAuthentication, ClientMaterial } from './client-authentication.js';
import type { ClientAuthFunction } from './client-options.js';

/** A client authentication of the app's own. */
export function functionAuthentication(
  write: ClientAuthFunction,
  { owner, options: { clientId }, secret }: ClientMaterial,
): ClientAuthentication {
  return {
    name: 'function',
    listed: false,
    apply: async (request) => {
      const client = { clientId, clientSecret: await secret?.read() };
      try {
        await write(request, client);
      } catch (error) {
        if (error instanceof ForgeAuthError) throw error;
        const cause = concealedCause(error);
        throw new AuthenticationError(`${owner}: authMethod threw ${cause.summary}.`, {
          code: 'FORGE_AUTH_CREDENTIAL_FAILED',
          cause,
        });
      }
    },
  };
}
