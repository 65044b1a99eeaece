import { type ForgeServiceOptions, OAuth1Auth, OAuth1Flow } from 'nestjs-forge-auth';

/** Keys of the app, from X's developer portal. */
export interface XApp {
  readonly clientId: string;
  readonly clientSecret: string;
}

/** Signs users in at X (Twitter). */
export function xFlow(app: XApp, callbackUrl: string, api = 'https://api.x.com'): OAuth1Flow {
  return new OAuth1Flow({
    ...app,
    callbackUrl,
    requestTokenUrl: `${api}/oauth/request_token`,
    authorizationUrl: `${api}/oauth/authenticate`,
    accessTokenUrl: `${api}/oauth/access_token`,
    version: '1.0',
  });
}

/** The API of X, in the name of one user: version 1.1, its uploads, and the endpoints of version 2 that act for users. */
export function xService(
  app: XApp,
  user: { token: string; tokenSecret: string },
  api = 'https://api.x.com',
): ForgeServiceOptions {
  return {
    name: 'x',
    baseUrl: api,
    allowedOrigins: ['https://upload.x.com'],
    auth: new OAuth1Auth({ ...app, token: user.token, tokenSecret: user.tokenSecret, version: '1.0' }),
  };
}
