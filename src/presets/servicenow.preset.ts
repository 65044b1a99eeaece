import { label, preset, type Preset } from './preset.js';

/** Options of {@link servicenow}. */
export interface ServicenowPresetOptions {
  /** `acme` of `acme.service-now.com`. */
  instance: string;
}

/**
 * ServiceNow: client id and secret are parameters of the form; tokens live for 30 minutes, refresh tokens for 100 days.
 * @throws {ConfigurationError} when `instance` is no name
 * @see [ServiceNow: OAuth inbound](https://www.servicenow.com/docs/bundle/yokohama-platform-security/page/administer/security/concept/c_OAuthApplications.html)
 */
export function servicenow<Given extends ServicenowPresetOptions>(
  options: Given,
): Preset<
  ServicenowPresetOptions,
  Given,
  { tokenUrl: string; authorizationUrl: string; revocationUrl: string; authMethod: 'client_secret_post' }
> {
  const origin = `https://${label('servicenow', 'instance', options.instance)}.service-now.com`;
  return preset('servicenow', options, ['instance'], {
    tokenUrl: `${origin}/oauth_token.do`,
    authorizationUrl: `${origin}/oauth_auth.do`,
    revocationUrl: `${origin}/oauth_revoke_token.do`,
    authMethod: 'client_secret_post' as const,
  });
}
