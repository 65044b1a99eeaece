import { ConfigurationError } from '../errors.js';
import { preset, type Preset, text } from './preset.js';

/** Options of {@link keycloak}. */
export interface KeycloakPresetOptions {
  /** Address of the server; up to version 16 with `/auth` at its end. */
  url: string;
  /** Name of the realm. */
  realm: string;
}

/**
 * Keycloak: the issuer of a realm, whose endpoints are discovered.
 *
 * Fits every grant. A service account's scopes come from the client's settings; `audience` is a matter of mappers there.
 * @throws {ConfigurationError} when `url` is no URL, or `realm` is missing
 * @see [Keycloak: OpenID Connect endpoints](https://www.keycloak.org/securing-apps/oidc-layers)
 */
export function keycloak<Given extends KeycloakPresetOptions>(
  options: Given,
): Preset<KeycloakPresetOptions, Given, { issuer: string }> {
  const url = text('keycloak', 'url', options.url);
  if (!URL.canParse(url)) throw new ConfigurationError('keycloak(): url must be an absolute URL.');
  const realm = encodeURIComponent(text('keycloak', 'realm', options.realm));
  return preset('keycloak', options, ['url', 'realm'], { issuer: `${url.replace(/\/+$/, '')}/realms/${realm}` });
}
