import { host, preset, type Preset, text } from './preset.js';

/** Options of {@link auth0}. */
export interface Auth0PresetOptions {
  /** The tenant's domain, or one's own: `acme.eu.auth0.com`. */
  domain: string;
  /** Identifier of the API. Without it a machine is refused, and a person gets an opaque token. */
  audience?: string;
  /** Organization that the token is for. Left out: none. */
  organization?: string;
}

/**
 * Auth0: issuer with the slash that its tokens name, and `audience` and `organization` as parameters of its own.
 * @throws {ConfigurationError} when `domain` is no host
 * @see [Auth0: Client Credentials Flow](https://auth0.com/docs/get-started/authentication-and-authorization-flow/client-credentials-flow)
 */
export function auth0<Given extends Auth0PresetOptions>(
  options: Given,
): Preset<Auth0PresetOptions, Given, { issuer: string; audience?: string; extraParams?: Record<string, string> }> {
  const { audience, organization } = options;
  return preset('auth0', options, ['domain', 'audience', 'organization'], {
    issuer: `https://${host('auth0', 'domain', options.domain)}/`,
    ...(audience === undefined ? undefined : { audience: text('auth0', 'audience', audience) }),
    ...(organization === undefined
      ? undefined
      : { extraParams: { organization: text('auth0', 'organization', organization) } }),
  });
}
