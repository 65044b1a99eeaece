import type { ClientAuthDefinition } from './client-authentication.js';

/** The id alone: a public client. @see [RFC 6749 §2.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.1) */
export const none: ClientAuthDefinition<'none'> = {
  name: 'none',
  missing: () => undefined,
  bind: ({ options: { clientId } }) => ({
    name: 'none',
    listed: false,
    apply: ({ body }) => {
      if (clientId !== undefined) body.set('client_id', clientId);
    },
  }),
};
