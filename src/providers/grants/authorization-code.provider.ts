import { AuthenticationError, ConfigurationError } from '../../errors.js';
import { mountedDataFault } from '../../option-check/mounted-text.js';
import { fingerprintOf } from '../../token/token-key.js';
import type { TokenRequest } from '../../token/token-provider.js';
import type { Token } from '../../token/token.js';
import { assertSecureUrl } from '../grant-options.js';
import { type AuthorizationCodeTokenProviderOptions, CODE_RULES } from '../sign-in/authorization-code-options.js';
import type { LogoutUrlOptions } from '../oidc/openid-connect.js';
import type { Claims } from '../oidc/signed-claims.js';
import type { AuthorizationUrlOptions } from '../sign-in/authorization-request.js';
import type {
  BoundAuthorizationCode,
  FinishedSignIn,
  SavedSignIn,
  StartedSignIn,
} from '../sign-in/bound.authorization-code.js';
import { checkExtraParams } from '../sign-in/extra-params.js';
import type { CallbackSource } from '../sign-in/callback.js';
import type { BoundOAuthProviderParts } from './bound.oauth-provider.js';
import type { Grant } from './grant.js';
import { OAuthTokenProvider } from './oauth.provider.js';

/**
 * The authorization code grant with PKCE: tokens of people, by their consent in a browser.
 *
 * `authorizationUrl` starts a sign-in, `handleCallback` ends it and stores the token under the user's name; calls with
 * `auth: { subject }` then carry it, renewed by its refresh token. A user without one is a typed error.
 * @see [RFC 6749 §4.1](https://www.rfc-editor.org/rfc/rfc6749#section-4.1), [RFC 7636](https://www.rfc-editor.org/rfc/rfc7636)
 */
export class AuthorizationCodeTokenProvider extends OAuthTokenProvider<AuthorizationCodeTokenProviderOptions> {
  protected readonly rules = CODE_RULES;

  /**
   * Starts a sign-in. What belongs to it is kept in storage for ten minutes, so that any process may take the callback.
   * @throws {AuthenticationError} when the issuer cannot be discovered, or refuses a pushed request
   */
  async authorizationUrl(options?: AuthorizationUrlOptions): Promise<StartedSignIn> {
    return (await this.#bound()).authorizationUrl(options);
  }

  /**
   * Ends a sign-in: checks state, issuer and id_token, exchanges the code, and stores the token.
   * @param url the URL that the browser requested, absolute or not; of a `form_post` its parameters
   * @param saved what the app keeps itself. With `subject`, a sign-in that was started for somebody else is refused
   * @throws {AuthenticationError} FORGE_AUTH_SIGN_IN_FAILED when the callback is none of ours or an error;
   * FORGE_AUTH_ID_TOKEN_INVALID when the id_token is refused; nothing is stored then
   */
  async handleCallback(url: CallbackSource, saved?: SavedSignIn): Promise<FinishedSignIn> {
    return (await this.#bound()).handleCallback(url, saved);
  }

  /**
   * Returns what the issuer states of the token's owner; refused if that is another person than the id_token named.
   * @throws {AuthenticationError} when the endpoint refuses, or names somebody else than the id_token did
   */
  async userInfo(token: Token): Promise<Claims> {
    return (await this.#bound()).userInfo(token);
  }

  /**
   * URL that ends the person's session at the issuer.
   * @throws {ConfigurationError} when the issuer has no end session endpoint
   */
  async logoutUrl(options?: LogoutUrlOptions): Promise<string> {
    return (await this.#bound()).logoutUrl(options);
  }

  /**
   * Takes a logout token of the issuer (back-channel): drops the tokens of whoever logged out, in every process.
   * @throws {AuthenticationError} FORGE_AUTH_ID_TOKEN_INVALID when it is not valid
   */
  async handleLogoutToken(jwt: string): Promise<{ subjects: readonly string[] }> {
    return (await this.#bound()).handleLogoutToken(jwt);
  }

  /**
   * Takes the request that the issuer has the browser make to the app's `frontchannel_logout_uri`: drops the tokens of
   * the session that it names, in every process.
   * @param url the URL that the browser requested, with `iss` and `sid`
   * @throws {AuthenticationError} FORGE_AUTH_ID_TOKEN_INVALID when it is of another issuer, or names no session
   */
  async handleFrontChannelLogout(url: CallbackSource): Promise<{ subjects: readonly string[] }> {
    return (await this.#bound()).handleFrontChannelLogout(url);
  }

  protected grantOf(options: AuthorizationCodeTokenProviderOptions, owner: string): Grant {
    const refuse = (problem: string): ConfigurationError => new ConfigurationError(`${owner}: ${problem}`);
    if (options.redirectUri === undefined)
      throw refuse('redirectUri is missing: where the issuer sends the browser back to.');
    // The browser carries the code there: http is for this machine alone, as for every endpoint.
    assertSecureUrl(options.redirectUri, 'redirectUri', owner, options.allowInsecure ?? false);
    for (const params of [options.extraParams, options.authorizationParams]) checkExtraParams(params, owner);
    const fault = mountedDataFault(options.authorizationParams, 'authorizationParams');
    if (fault !== undefined) throw refuse(`${fault}.`);
    return {
      grantType: 'authorization_code',
      rerunnable: false,
      secretInKey: false,
      keyParts: () => [],
      parameters: ({ request }) => {
        throw authorizationRequired(owner, request);
      },
    };
  }

  protected override async boundOf(parts: BoundOAuthProviderParts): Promise<BoundAuthorizationCode> {
    const { BoundAuthorizationCode: Bound } = await import('../sign-in/bound.authorization-code.js');
    return new Bound(parts);
  }

  async #bound(): Promise<BoundAuthorizationCode> {
    return (await this.unbound()) as BoundAuthorizationCode;
  }
}

/** The error of a user who has not signed in. */
function authorizationRequired(owner: string, { subject }: TokenRequest): AuthenticationError {
  const whose = subject === undefined ? 'no user has signed in' : 'the user has not signed in';
  return new AuthenticationError(
    `${owner}: there is no token: ${whose}. Send them to authorizationUrl(), and give the callback to handleCallback().`,
    {
      code: 'FORGE_AUTH_AUTHORIZATION_REQUIRED',
      transient: false,
      ...(subject === undefined ? undefined : { subject: fingerprintOf([subject]) }),
    },
  );
}
