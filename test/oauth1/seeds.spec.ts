import { createForgeClient, type ForgeHttpClient, OAuth1Auth, OAuth1Flow } from 'nestjs-forge-auth';
import { CLIENT, type OAuth1Server, startOAuth1Server } from './oauth1-server.js';

/** The examples of Authlib's page on Requests that speak of OAuth 1.0, line by line. */
describe('Authlib: "Requests OAuth 1.0"', () => {
  let server: OAuth1Server;
  let client: ForgeHttpClient;
  let session: OAuth1Flow;

  beforeEach(async () => {
    server = await startOAuth1Server();
    client = createForgeClient({ name: 'photos', baseUrl: server.origin });
    session = new OAuth1Flow({ ...CLIENT, ...server.urls });
  });

  afterEach(async () => {
    await Promise.all([client.close(), session.close()]);
    await server.close();
  });

  it('OAuth1Session: there are three steps to obtain an access token', async () => {
    // 1. fetch a temporary credential
    const temporary = await session.requestToken();
    // 2. visit the authorization page
    const verifier = server.consent(session.authorizationUrl(temporary));
    // 3. exchange access token with the temporary credential
    const token = await session.accessToken(verifier);

    // OAuth1Auth: auth = OAuth1Auth(client_id=…, client_secret=…, token=…, token_secret=…); requests.get(url, auth=auth)
    const auth = new OAuth1Auth({
      clientId: CLIENT.clientId,
      clientSecret: CLIENT.clientSecret,
      token: token.token,
      tokenSecret: token.tokenSecret,
    });
    const response = await client.get('/photos', { auth });
    expect(response.data).toEqual({ token: token.token });
    expect(server.verified.map(({ path, found }) => [path, found.oauth['oauth_signature_method']])).toEqual(
      ['/initiate', '/token', '/photos'].map((path) => [path, 'HMAC-SHA1']),
    );
  });

  it('Close Session Hint: with OAuth1Session(client_id, client_secret) as session', async () => {
    await using closing = new OAuth1Flow({ ...CLIENT, ...server.urls });
    await closing.requestToken();
    expect(server.count('/initiate')).toBe(1);
  });
});
