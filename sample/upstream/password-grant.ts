import type { default as Provider, TokenEndpointGrantContext } from 'oidc-provider';

interface Login {
  username?: string;
  password?: string;
}

/** Teaches `oidc-provider` the password grant (RFC 6749 §4.3), which it leaves out for good reasons: new APIs do, too. */
export function registerPasswordGrant(
  provider: Provider,
  users: Readonly<Record<string, string>>,
  refuse: () => Error,
): void {
  const grant = async (ctx: TokenEndpointGrantContext<Login>): Promise<void> => {
    const { client, params } = ctx.oidc;
    const { username = '', password } = params;
    if (users[username] === undefined || users[username] !== password) throw refuse();
    const consent = new provider.Grant({ accountId: username, clientId: client.clientId });
    const origin = { accountId: username, client, grantId: await consent.save(), gty: 'password', scope: '' };
    const accessToken = new provider.AccessToken(origin);
    const refreshToken = new provider.RefreshToken(origin);
    ctx.body = {
      access_token: await accessToken.save(),
      token_type: accessToken.tokenType,
      expires_in: accessToken.expiration,
      refresh_token: await refreshToken.save(),
    };
  };
  provider.registerGrantType('password', grant, ['username', 'password', 'scope']);
}
