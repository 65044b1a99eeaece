import { isAuthenticator } from '../auth/authenticator.js';
import { CompositeAuth } from '../auth/composite.authenticator.js';
import type { ForgeServiceOptions } from '../options/options.js';

/** Checks whether `auth` has token options in it, a manager of which can be injected. */
export function hasTokenOptions(auth: ForgeServiceOptions['auth']): boolean {
  if (auth instanceof CompositeAuth)
    return auth.members.some((member) => hasTokenOptions(member as ForgeServiceOptions['auth']));
  return typeof auth === 'object' && auth !== null && !isAuthenticator(auth);
}
