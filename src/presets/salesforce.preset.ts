import { ConfigurationError } from '../errors.js';
import type { Compliance } from '../providers/compliance.js';
import { host, jsonOf, preset, type Preset } from './preset.js';

/** Options of {@link salesforce}. */
export interface SalesforcePresetOptions {
  /** My Domain of the org: `acme.my.salesforce.com`. Machines are refused at login.salesforce.com. */
  domain: string;
  /** Session timeout of the org, in milliseconds: answers do not name a lifetime. @default 7_200_000 */
  sessionTimeoutMs?: number;
}

/**
 * Salesforce: no `expires_in` in its answers, so a token is taken to live as long as the org's session timeout. The API's
 * address is in the answer: `token.extra.instance_url`.
 * @throws {ConfigurationError} when `domain` is no host
 * @see [Salesforce: OAuth 2.0 Client Credentials Flow](https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_client_credentials_flow.htm)
 */
export function salesforce<Given extends SalesforcePresetOptions>(
  options: Given,
): Preset<SalesforcePresetOptions, Given, SalesforceMade> {
  const { sessionTimeoutMs = 7_200_000 } = options;
  if (!(Number.isFinite(sessionTimeoutMs) && sessionTimeoutMs >= 1_000))
    throw new ConfigurationError('salesforce(): sessionTimeoutMs must be a number of milliseconds, 1000 or more.');
  const origin = `https://${host('salesforce', 'domain', options.domain)}/services/oauth2`;
  const withLifetime: NonNullable<Compliance['tokenResponse']> = (response) => {
    const body = jsonOf(response.body);
    if (body?.['access_token'] !== undefined && body['expires_in'] === undefined)
      return { ...response, body: { ...body, expires_in: sessionTimeoutMs / 1_000 } };
    return response;
  };
  return preset<SalesforcePresetOptions, Given, SalesforceMade>('salesforce', options, ['domain', 'sessionTimeoutMs'], {
    tokenUrl: `${origin}/token`,
    authorizationUrl: `${origin}/authorize`,
    revocationUrl: `${origin}/revoke`,
    introspectionUrl: `${origin}/introspect`,
    userInfoUrl: `${origin}/userinfo`,
    compliance: { tokenResponse: withLifetime, refreshResponse: withLifetime },
  });
}

interface SalesforceMade {
  tokenUrl: string;
  authorizationUrl: string;
  revocationUrl: string;
  introspectionUrl: string;
  userInfoUrl: string;
  compliance: Compliance;
}
