import { host, preset, type Preset, text } from './preset.js';

/** Options of {@link okta}. */
export interface OktaPresetOptions {
  /** `acme.okta.com`, or a domain of one's own. */
  domain: string;
  /**
   * Id of a custom authorization server; `false` for the org's own, which gives tokens for Okta's API to clients that
   * authenticate by `private_key_jwt`.
   * @default 'default'
   */
  authorizationServer?: string | false;
}

/**
 * Okta: issuer of a custom authorization server, or of the org. A machine must name a `scope`: there is no default one.
 * @throws {ConfigurationError} when `domain` is no host
 * @see [Okta: Client Credentials](https://developer.okta.com/docs/guides/implement-grant-type/clientcreds/main/)
 */
export function okta<Given extends OktaPresetOptions>(
  options: Given,
): Preset<OktaPresetOptions, Given, { issuer: string }> {
  const { authorizationServer = 'default' } = options;
  const origin = `https://${host('okta', 'domain', options.domain)}`;
  return preset('okta', options, ['domain', 'authorizationServer'], {
    issuer:
      authorizationServer === false
        ? origin
        : `${origin}/oauth2/${encodeURIComponent(text('okta', 'authorizationServer', authorizationServer))}`,
  });
}
