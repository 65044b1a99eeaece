import type { ClientAuthDefinition } from './client-authentication.js';

/** Id and secret in the form. @see [RFC 6749 §2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1) */
export const clientSecretPost: ClientAuthDefinition<'client_secret_post'> = post({ name: 'client_secret_post' });

/** The name that `client_secret_post` has in the source systems. */
export const body: ClientAuthDefinition<'body'> = post({ name: 'body', aliasOf: 'client_secret_post' });

function post<Name extends string>(
  names: Pick<ClientAuthDefinition<Name>, 'name' | 'aliasOf'>,
): ClientAuthDefinition<Name> {
  return {
    ...names,
    missing: ({ clientSecret }) => (clientSecret === undefined ? 'clientSecret' : undefined),
    bind: ({ options: { clientId }, secret }) => ({
      name: names.name,
      apply: async (request) => {
        request.body.set('client_id', clientId);
        request.body.set('client_secret', (await secret?.read()) ?? '');
      },
    }),
  };
}
