import type { ClientAuthDefinition } from './client-authentication.js';

/** Id and secret in the form. @see [RFC 6749 §2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1) */
export const clientSecretPost: ClientAuthDefinition = post('client_secret_post');

/** The name that `client_secret_post` has in the source systems. */
export const body: ClientAuthDefinition = post('body');

function post(name: string): ClientAuthDefinition {
  return {
    name,
    missing: ({ clientSecret }) => (clientSecret === undefined ? 'clientSecret' : undefined),
    bind: ({ options: { clientId }, secret }) => ({
      name,
      apply: async (request) => {
        request.body.set('client_id', clientId);
        request.body.set('client_secret', (await secret?.read()) ?? '');
      },
    }),
  };
}
