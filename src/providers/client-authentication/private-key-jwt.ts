import type { Clock } from '../../clock.js';
import { signAssertion } from '../keys/assertion.js';
import { SigningKey } from '../keys/signing-key.js';
import { readTextSource, sourceIdentity, type TextSource } from '../keys/text-source.js';
import {
  assertionOptions,
  checkClientAssertion,
  foreignToken,
  partsOf,
  writeAssertion,
  writtenParts,
} from './client-assertion.js';
import type { ClientAuthDefinition } from './client-authentication.js';
import type { ClientAuthRequest } from './client-credentials.js';

/**
 * A JWT signed with the client's private key, or somebody else's JWT that speaks for the client (workload identity).
 * @see [RFC 7523 §2.2](https://www.rfc-editor.org/rfc/rfc7523#section-2.2)
 */
export const privateKeyJwt: ClientAuthDefinition<'private_key_jwt'> = {
  name: 'private_key_jwt',
  missing: ({ clientKey, clientAssertion }) =>
    clientKey === undefined && foreignToken(clientAssertion) === undefined ? 'clientKey' : undefined,
  check: checkClientAssertion,
  opaque: ({ clientAssertion }) =>
    typeof foreignToken(clientAssertion) === 'function' ? ['clientAssertion.token'] : [],
  bind: ({ options: { clientId, clientKey, clientAssertion }, owner, clock }) => {
    const token = foreignToken(clientAssertion);
    if (token !== undefined) return tokenOfAnother(token, clientId, owner, clock);
    const options = assertionOptions(clientAssertion);
    const key = new SigningKey(`${owner}: clientKey`, clientKey as NonNullable<typeof clientKey>, options.alg, clock);
    return {
      name: 'private_key_jwt',
      timed: true,
      apply: async (request, target) => {
        const loaded = await key.read();
        const assertion = await signAssertion({
          ...loaded,
          ...partsOf(options, clientId, target),
          kid: options.kid ?? loaded.kid,
        });
        writeAssertion(request, clientId, assertion);
      },
      keyParts: async () => [(await key.read()).thumbprint, ...writtenParts(options)],
      reread: () => key.reread(),
    };
  },
};

/** Read again for each request: whoever writes it replaces it before it runs out. */
function tokenOfAnother(token: TextSource, clientId: string, owner: string, clock: Clock) {
  return {
    name: 'private_key_jwt',
    // Such lists are about keys of clients: many an issuer takes the assertions of another one and does not say so.
    listed: 'maybe' as const,
    apply: async (request: ClientAuthRequest) =>
      writeAssertion(request, clientId, await readTextSource(token, `${owner}: clientAssertion.token`, clock)),
    keyParts: async () => [await sourceIdentity(token, `${owner}: clientAssertion.token`, clock)],
    // What was refused may have been read just before it was replaced.
    reread: async () => typeof token !== 'string',
  };
}
