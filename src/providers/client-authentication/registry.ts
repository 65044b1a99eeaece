import type { ClientAuthDefinition } from './client-authentication.js';
import { clientSecretBasic, header } from './client-secret-basic.js';
import { body, clientSecretPost } from './client-secret-post.js';
import { none } from './none.js';

/**
 * Every client authentication, in the order in which they are preferred where the options do not say. Those after `none`
 * are taken only by name.
 */
export const CLIENT_AUTHENTICATIONS: readonly ClientAuthDefinition[] = [
  clientSecretBasic,
  clientSecretPost,
  none,
  body,
  header,
];
