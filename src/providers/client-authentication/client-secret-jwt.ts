import { signAssertion } from '../keys/assertion.js';
import { secretKey } from '../keys/signing-key.js';
import { assertionOptions, partsOf, writeAssertion, writtenParts } from './client-assertion.js';
import type { ClientAuthDefinition } from './client-authentication.js';

/** A JWT signed with the client secret. @see [OpenID Connect Core §9](https://openid.net/specs/openid-connect-core-1_0.html#ClientAuthentication) */
export const clientSecretJwt: ClientAuthDefinition<'client_secret_jwt'> = {
  name: 'client_secret_jwt',
  missing: ({ clientSecret }) => (clientSecret === undefined ? 'clientSecret' : undefined),
  bind: ({ options: { clientId, clientAssertion }, secret }) => {
    const options = assertionOptions(clientAssertion);
    const alg = options.alg?.startsWith('HS') === true ? options.alg : 'HS256';
    return {
      name: 'client_secret_jwt',
      timed: true,
      apply: async (request, target) => {
        const key = secretKey((await secret?.read()) ?? '');
        const parts = partsOf(options, clientId, target);
        writeAssertion(request, clientId, await signAssertion({ ...parts, key, alg, kid: options.kid }));
      },
      keyParts: () => writtenParts(options),
    };
  },
};
