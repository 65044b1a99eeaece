import { ConfigurationError, ForgeAuthError } from '../errors.js';
import type { LogoutUrlOptions } from '../providers/oidc/openid-connect.js';
import type { Claims } from '../providers/oidc/signed-claims.js';
import type { AuthorizationUrlOptions } from '../providers/sign-in/authorization-request.js';
import type { FinishedSignIn, SavedSignIn, StartedSignIn } from '../providers/sign-in/bound.authorization-code.js';
import type { CallbackSource } from '../providers/sign-in/callback.js';
import type { TokenRequestContext } from '../token/token-provider.js';
import type { Token } from '../token/token.js';
import type { ServiceTokens } from './service-tokens.js';
import type { SignInProvider } from './sign-in-provider.js';

/**
 * The provider of a service's tokens, as it is bound to the service: what a person signs in to is stored where the
 * service's tokens are. Injected before the service is opened, which its first use does.
 */
export class ServiceTokenProvider implements SignInProvider {
  readonly #tokens: ServiceTokens;

  constructor(tokens: ServiceTokens) {
    this.#tokens = tokens;
  }

  authorizationUrl(options?: AuthorizationUrlOptions): Promise<StartedSignIn> {
    return this.#with('authorizationUrl', (provider) => provider.authorizationUrl(options));
  }

  handleCallback(url: CallbackSource, saved?: SavedSignIn): Promise<FinishedSignIn> {
    return this.#with('handleCallback', (provider) => provider.handleCallback(url, saved));
  }

  userInfo(token: Token): Promise<Claims> {
    return this.#with('userInfo', (provider) => provider.userInfo(token));
  }

  logoutUrl(options?: LogoutUrlOptions): Promise<string> {
    return this.#with('logoutUrl', (provider) => provider.logoutUrl(options));
  }

  handleLogoutToken(jwt: string): Promise<{ subjects: readonly string[] }> {
    return this.#with('handleLogoutToken', (provider) => provider.handleLogoutToken(jwt));
  }

  handleFrontChannelLogout(url: CallbackSource): Promise<{ subjects: readonly string[] }> {
    return this.#with('handleFrontChannelLogout', (provider) => provider.handleFrontChannelLogout(url));
  }

  async fetchToken(context?: TokenRequestContext): Promise<Token> {
    return (await this.#tokens.provider()).fetchToken(context);
  }

  async refreshToken(current: Token, context?: TokenRequestContext): Promise<Token> {
    const provider = await this.#tokens.provider();
    if (provider.refreshToken === undefined) throw this.#unable('refreshToken');
    return provider.refreshToken(current, context);
  }

  async #with<T>(method: keyof SignInProvider & string, use: (provider: SignInProvider) => Promise<T>): Promise<T> {
    const provider = await this.#able(method);
    try {
      return await use(provider);
    } catch (error) {
      if (error instanceof ForgeAuthError) error.serviceName ??= this.#tokens.name;
      throw error;
    }
  }

  async #able(method: keyof SignInProvider & string): Promise<SignInProvider> {
    const provider = (await this.#tokens.provider()) as Partial<SignInProvider>;
    if (typeof provider[method] !== 'function') throw this.#unable(method);
    return provider as SignInProvider;
  }

  #unable(method: string): ConfigurationError {
    return new ConfigurationError(
      `Service "${this.#tokens.name}": its provider has no ${method}(). Give it one that can, such as AuthorizationCodeTokenProvider.`,
      { serviceName: this.#tokens.name },
    );
  }
}
