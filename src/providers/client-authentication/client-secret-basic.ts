import type { ClientAuthDefinition } from './client-authentication.js';

/**
 * Id and secret in a Basic header.
 *
 * Written by us for every endpoint: `openid-client` escapes `-`, `_` and `.`, which some issuers do not undo.
 * @see [RFC 6749 §2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1)
 */
export const clientSecretBasic: ClientAuthDefinition<'client_secret_basic'> = basic(
  { name: 'client_secret_basic' },
  false,
);

/** As `client_secret_basic` with raw encoding: the name that it has in the source systems. */
export const header: ClientAuthDefinition<'header'> = basic({ name: 'header', aliasOf: 'client_secret_basic' }, true);

function basic<Name extends string>(
  names: Pick<ClientAuthDefinition<Name>, 'name' | 'aliasOf'>,
  raw: boolean,
): ClientAuthDefinition<Name> {
  return {
    ...names,
    missing: ({ clientSecret }) => (clientSecret === undefined ? 'clientSecret' : undefined),
    bind: ({ options: { clientId, basicEncoding }, secret }) => {
      const encode = raw || basicEncoding === 'raw' ? (text: string) => text : formEncode;
      return {
        name: names.name,
        apply: async ({ headers }) => {
          const credentials = `${encode(clientId)}:${encode((await secret?.read()) ?? '')}`;
          headers.set('authorization', `Basic ${Buffer.from(credentials, 'utf8').toString('base64')}`);
        },
      };
    },
  };
}

/** As `application/x-www-form-urlencoded` writes a value; issuers that do not decode can still read `-`, `_` and `.`. */
function formEncode(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1);
}
