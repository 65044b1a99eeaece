import { ConfigurationError } from '../../errors.js';
import { hasCredential } from '../client-authentication/registry.js';
import { GRANT_RULES, type GrantOptions } from '../grant-options.js';
import type { Grant } from './grant.js';
import { OAuthTokenProvider } from './oauth.provider.js';

/** Options of {@link ClientCredentialsTokenProvider}. */
export type ClientCredentialsTokenProviderOptions = GrantOptions;

/**
 * The client credentials grant: the app's own access, without a user.
 * @see [RFC 6749 §4.4](https://www.rfc-editor.org/rfc/rfc6749#section-4.4)
 */
export class ClientCredentialsTokenProvider extends OAuthTokenProvider<ClientCredentialsTokenProviderOptions> {
  protected readonly rules = GRANT_RULES;

  protected grantOf(options: ClientCredentialsTokenProviderOptions, owner: string): Grant {
    if (options.authMethod === undefined && !hasCredential(options)) {
      throw new ConfigurationError(
        `${owner}: clientSecret is missing. Give it, a clientKey, a clientAssertion, or a certificate in http.tls; a client without a secret says so with authMethod: 'none'.`,
      );
    }
    return { grantType: 'client_credentials', parameters: async () => ({}), keyParts: async () => [] };
  }
}
