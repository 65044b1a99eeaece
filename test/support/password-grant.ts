import type { default as Provider, TokenEndpointGrantContext } from 'oidc-provider';

interface PasswordParameters {
  username?: string;
  password?: string;
}

/** Serves the resource owner password grant (RFC 6749 §4.3), which `oidc-provider` leaves out, with a refresh token. */
export function registerPasswordGrant(
  provider: Provider,
  users: Readonly<Record<string, string>>,
  invalidGrant: new (detail: string) => Error,
): void {
  const handler = async (ctx: TokenEndpointGrantContext<PasswordParameters>): Promise<void> => {
    const { client, params } = ctx.oidc;
    const { username, password, scope = '' } = params;
    if (username === undefined || users[username] === undefined || users[username] !== password) {
      throw new invalidGrant('wrong username or password');
    }
    const grant = new provider.Grant({ accountId: username, clientId: client.clientId });
    if (scope) grant.addOIDCScope(scope);
    const shared = { accountId: username, client, grantId: await grant.save(), gty: 'password', scope };
    const accessToken = new provider.AccessToken(shared);
    const refreshToken = new provider.RefreshToken(shared);
    ctx.body = {
      access_token: await accessToken.save(),
      token_type: accessToken.tokenType,
      expires_in: accessToken.expiration,
      refresh_token: await refreshToken.save(),
      ...(scope && { scope }),
    };
  };
  provider.registerGrantType('password', handler, ['username', 'password', 'scope']);
}
