import type { LogoutUrlOptions } from '../providers/oidc/openid-connect.js';
import type { Claims } from '../providers/oidc/signed-claims.js';
import type { AuthorizationUrlOptions } from '../providers/sign-in/authorization-request.js';
import type { FinishedSignIn, SavedSignIn, StartedSignIn } from '../providers/sign-in/bound.authorization-code.js';
import type { CallbackSource } from '../providers/sign-in/callback.js';
import type { Token } from '../token/token.js';
import type { TokenProvider } from '../token/token-provider.js';

/** Methods of a provider that people sign in to. */
export interface SignInProvider extends TokenProvider {
  /** Returns the URL that the browser is sent to, and what its callback is checked against. */
  authorizationUrl(options?: AuthorizationUrlOptions): Promise<StartedSignIn>;
  /** Takes the callback, and stores the user's token. */
  handleCallback(url: CallbackSource, saved?: SavedSignIn): Promise<FinishedSignIn>;
  /** Returns the claims of the userinfo endpoint. */
  userInfo(token: Token): Promise<Claims>;
  /** Returns the URL that the browser is sent to for a logout at the issuer. */
  logoutUrl(options?: LogoutUrlOptions): Promise<string>;
  /** Drops the tokens that a back-channel logout token names. */
  handleLogoutToken(jwt: string): Promise<{ subjects: readonly string[] }>;
  /** Drops the tokens that a front-channel logout names. */
  handleFrontChannelLogout(url: CallbackSource): Promise<{ subjects: readonly string[] }>;
}
