import { declared } from '../../option-check/own-options.js';
import type { ClientAuthDefinition, ClientAuthOptions } from './client-authentication.js';
import { clientSecretBasic, header } from './client-secret-basic.js';
import { clientSecretJwt } from './client-secret-jwt.js';
import { body, clientSecretPost } from './client-secret-post.js';
import { none } from './none.js';
import { privateKeyJwt } from './private-key-jwt.js';
import { selfSignedTlsClientAuth, tlsClientAuth } from './tls-client-auth.js';

/** Those that are taken where the options do not say, in order of preference. */
export const PREFERRED = [
  privateKeyJwt,
  tlsClientAuth,
  clientSecretBasic,
  clientSecretPost,
  clientSecretJwt,
] as const satisfies readonly ClientAuthDefinition[];

/** Every client authentication. */
export const CLIENT_AUTHENTICATIONS = [
  ...PREFERRED,
  selfSignedTlsClientAuth,
  none,
  body,
  header,
] as const satisfies readonly ClientAuthDefinition[];

/** The one that is taken where the options have the material for none. */
export const WITHOUT_MATERIAL: ClientAuthDefinition = none;

/** Names of those that a server supports when it lists none (RFC 8414 §2). */
export const UNLISTED: readonly string[] = [clientSecretBasic.name];

/** Those that name opaque options: found once, as an application may have thousands of clients. */
const OPAQUE: readonly ClientAuthDefinition[] = CLIENT_AUTHENTICATIONS.filter(
  (definition: ClientAuthDefinition) => declared(definition, 'opaque') !== undefined,
);

/** Names the options that show who the client is, can change what is asked for, and cannot be read. */
export function opaqueCredentials(options: ClientAuthOptions): readonly string[] {
  return OPAQUE.flatMap((definition) => definition.opaque?.(options) ?? []);
}

/** Checks whether options have the material for any way to show who the client is. */
export function hasCredential(options: ClientAuthOptions): boolean {
  return (
    options.clientSecret !== undefined || PREFERRED.some((definition) => definition.missing(options) === undefined)
  );
}
