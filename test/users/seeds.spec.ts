import {
  AuthorizationCodeTokenProvider,
  createForgeClient,
  type ForgeHttpClient,
  ForgeRequestContext,
  StaticTokenProvider,
  Token,
  TokenExchangeProvider,
  type TokenManager,
} from 'nestjs-forge-auth';
import { type Api, startApi } from '../support/api.js';
import { json } from '../support/answer.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { rejection } from '../support/async.js';
import { APP, type PeopleServer, startPeopleServer } from './people-server.js';

const closing: { close(): Promise<unknown> }[] = [];

afterEach(async () => {
  for (const open of closing.splice(0).toReversed()) await open.close();
});

function opened<T extends { close(): Promise<unknown> }>(open: T): T {
  closing.push(open);
  return open;
}

/** Flows of people with Authlib's OAuth2Session: each line of its documentation, and ours below it. */
describe('Authlib: "Requests OAuth 2.0", the flows of people', () => {
  let issuer: PeopleServer;
  let api: Api;
  let provider: AuthorizationCodeTokenProvider;
  let manager: TokenManager;
  let client: ForgeHttpClient;
  let updates: [previous: string | undefined, next: string, subject: string | undefined][];

  beforeEach(async () => {
    issuer = opened(await startPeopleServer());
    api = opened(await startApi(issuer));
    updates = [];
    // session = OAuth2Session(client_id, client_secret, scope=scope, redirect_uri=redirect_uri, update_token=update_token)
    provider = new AuthorizationCodeTokenProvider({
      issuer: issuer.issuer,
      ...APP,
      scope: 'openid offline_access read',
      prompt: 'consent',
      onToken: (token, previous, { subject }) =>
        void updates.push([previous?.refreshToken, token.refreshToken ?? '', subject]),
    });
    client = opened(createForgeClient({ name: 'calendar', baseUrl: api.origin, auth: { provider } }));
    manager = client.tokens as TokenManager;
  });

  const signedIn = async (): Promise<Token> => {
    const { url } = await provider.authorizationUrl({ subject: 'user-1', loginHint: 'alice' });
    const { token } = await provider.handleCallback(await issuer.visit(url));
    await manager.setToken(token, { subject: 'user-1' });
    return token;
  };

  it('Authorization Code Flow', async () => {
    // uri, state = client.create_authorization_url(authorization_endpoint)
    const { url, state } = await provider.authorizationUrl({ loginHint: 'alice' });
    expect(new URL(url).searchParams.get('state')).toBe(state);
    // token = client.fetch_token(token_endpoint, authorization_response=authorization_response)
    const { token } = await provider.handleCallback(await issuer.visit(url));
    // client.token = token
    await manager.setToken(token, { subject: 'user-1' });
    // resp = client.get(account_url)
    await client.get('/account', { auth: { subject: 'user-1' } });
    expect(api.tokens).toEqual([token.accessToken]);
  });

  it('a session that is made anew for the callback: OAuth2Session(client_id, client_secret, state=state)', async () => {
    // session['state'] = state; session['code_verifier'] = code_verifier
    const { url, state, nonce, codeVerifier } = await provider.authorizationUrl({ loginHint: 'alice' });
    const authorizationResponse = await issuer.visit(url);
    const anew = new AuthorizationCodeTokenProvider({ issuer: issuer.issuer, ...APP, scope: 'openid offline_access' });
    // raises MismatchingStateException
    const other = await rejection(anew.handleCallback(authorizationResponse, { state: 'other', nonce, codeVerifier }));
    expect(other).toMatchObject({ code: 'FORGE_AUTH_SIGN_IN_FAILED' });
    // token = client.fetch_token(token_endpoint, authorization_response=authorization_response, code_verifier=…)
    const { token } = await anew.handleCallback(authorizationResponse, { state, nonce, codeVerifier });
    expect(await issuer.isValid(token.accessToken)).toBe(true);
  });

  it('Code Challenge: code_challenge_method="S256" is always there', async () => {
    // uri, state = client.create_authorization_url(authorization_endpoint, code_verifier=code_verifier)
    const { url, codeVerifier } = await provider.authorizationUrl();
    const { searchParams } = new URL(url);
    const { createHash } = await import('node:crypto');
    expect(searchParams.get('code_challenge_method')).toBe('S256');
    expect(searchParams.get('code_challenge')).toBe(createHash('sha256').update(codeVerifier).digest('base64url'));
  });

  it('Implicit Flow: refused, and its fragment read for whoever must', async () => {
    // uri, state = client.create_authorization_url(authorize_url, response_type='token')
    const error = await rejection(provider.authorizationUrl({ extraParams: { response_type: 'token' } }));
    expect(error).toMatchObject({ code: 'FORGE_AUTH_CONFIGURATION', message: expect.stringContaining('RFC 9700') });
    // token = client.fetch_token(authorization_response='https://…/#access_token=2YotnFZ&state=xyz&token_type=bearer&…')
    const url = 'https://app.example/callback#access_token=2YotnFZ&state=xyz&token_type=bearer&expires_in=3600';
    const token = Token.fromCallback(url, { state: 'xyz' });
    expect(token).toMatchObject({ accessToken: '2YotnFZ', authorizationHeader: 'Bearer 2YotnFZ' });
  });

  it('Refresh & Auto Update Token: update_token(token, refresh_token=…)', async () => {
    const first = await signedIn();
    updates.length = 0;
    await issuer.revokeAll();
    // client.get(url) # the token is renewed, update_token is called
    await client.get('/account', { auth: { subject: 'user-1' } });
    const renewed = await manager.forSubject('user-1').getToken();
    expect(updates).toEqual([[first.refreshToken, renewed.refreshToken, 'user-1']]);
    // new_token = client.refresh_token(token_endpoint, refresh_token=refresh_token)
    const again = await manager.forceRefresh({ subject: 'user-1' });
    expect(again.accessToken).not.toBe(renewed.accessToken);
    expect(issuer.grantTypes).toEqual(['authorization_code', 'refresh_token', 'refresh_token']);
  });

  it('Revoke and Introspect Token', async () => {
    const token = await signedIn();
    // client.introspect_token(url, token=token)
    expect(await manager.introspect({ subject: 'user-1' })).toMatchObject({ active: true, sub: 'alice' });
    // client.revoke_token(url, token=token)
    await manager.forSubject('user-1').revoke();
    expect(await issuer.provider.RefreshToken.find(token.refreshToken as string)).toBeUndefined();
    const error = await rejection(client.get('/account', { auth: { subject: 'user-1' } }));
    expect(error).toMatchObject({ code: 'FORGE_AUTH_AUTHORIZATION_REQUIRED' });
  });

  it('OAuth2Auth: an already obtained access token, which is not refreshed', async () => {
    const { accessToken } = await signedIn();
    // token = {'token_type': 'bearer', 'access_token': '....', ...}
    // auth = OAuth2Auth(token)
    const auth = { provider: new StaticTokenProvider({ token_type: 'bearer', access_token: accessToken }) };
    const account = opened(createForgeClient({ name: 'account', baseUrl: api.origin, auth }));
    // requests.get(url, auth=auth)
    await account.get('/account');
    expect(api.tokens).toEqual([accessToken]);
    await issuer.revokeAll();
    expect(await rejection(account.get('/account'))).toMatchObject({ status: 401 });
    expect(issuer.grantTypes).toEqual(['authorization_code']);
  });

  it('Requests OpenID Connect: id_token, userinfo, logout', async () => {
    // uri, state = client.create_authorization_url(authorization_endpoint, nonce=nonce)
    const { url, nonce } = await provider.authorizationUrl({ loginHint: 'alice' });
    const { token, claims } = await provider.handleCallback(await issuer.visit(url));
    // claims = jwt.decode(token['id_token'], keys, claims_cls=CodeIDToken); claims.validate()
    expect(claims).toMatchObject({ iss: issuer.issuer, aud: APP.clientId, sub: 'alice', nonce });
    // user = client.get(userinfo_endpoint).json()
    expect(await provider.userInfo(token)).toMatchObject({ sub: 'alice' });
    // url = client.create_logout_url(end_session_endpoint, id_token_hint=…, post_logout_redirect_uri=…)
    const logout = await provider.logoutUrl({ idTokenHint: token, postLogoutRedirectUri: 'https://app.example/' });
    expect(Object.fromEntries(new URL(logout).searchParams)).toMatchObject({
      id_token_hint: token.idToken,
      post_logout_redirect_uri: 'https://app.example/',
    });
  });

  it('Close Session Hint: with OAuth2Session(client_id, client_secret) as session', async () => {
    const token = await signedIn();
    {
      await using session = createForgeClient({ name: 'one', baseUrl: api.origin, auth: { provider } });
      await session.tokens?.setToken(token, { subject: 'user-1' });
      // session.get(url)
      await session.get('/account', { auth: { subject: 'user-1' } });
    }
    expect(api.tokens).toEqual([token.accessToken]);
  });
});

/** httpx-oauth2's documentation, line by line. */
describe('httpx-oauth2: "Token Exchange"', () => {
  let authority: RecordingServer;
  let example: Api;
  let expired: Set<string>;

  beforeEach(async () => {
    expired = new Set();
    let issued = 0;
    authority = opened(
      await startServer((request, response) => {
        const { origin } = authority;
        const realm = `${origin}/realms/master`;
        if (request.path === '/realms/master/.well-known/openid-configuration')
          return json(response, 200, { issuer: realm, token_endpoint: `${realm}/protocol/openid-connect/token` });
        issued += 1;
        const user = request.form().get('subject_token') ?? 'nobody';
        json(response, 200, { access_token: `exchanged-${user}-${issued}`, token_type: 'Bearer', expires_in: 300 });
      }),
    );
    example = opened(await startApi((token) => !expired.has(token)));
  });

  // api_client = httpx.Client(base_url='http://example')
  // oauth_authority = OAuthAuthorityClient(httpx.Client(base_url='http://localhost:8080/realms/master'))
  // credentials = ClientCredentials('client-1', 'my-secret', ('scope-1',))
  // api_client._transport = transports.token_exchange_transport(
  //   api_client._transport, credentials, lambda: flask.request.headers['Authorization'].removeprefix('Bearer '))
  const start = (): { apiClient: ForgeHttpClient; provider: TokenExchangeProvider } => {
    const provider = new TokenExchangeProvider({
      issuer: `${authority.origin}/realms/master`,
      clientId: 'client-1',
      clientSecret: 'my-secret',
      scope: ['scope-1'],
      subjectToken: ForgeRequestContext.bearerToken,
    });
    const apiClient = opened(createForgeClient({ name: 'api', baseUrl: example.origin, auth: { provider } }));
    return { apiClient, provider };
  };

  const tokenForms = (): URLSearchParams[] =>
    authority.requests.filter(({ method }) => method === 'POST').map((request) => request.form());

  it('api_client.get("/users"): the exchanged token of whoever is calling', async () => {
    const { apiClient } = start();
    for (const bearerToken of ['alice', 'bob', 'alice'])
      await ForgeRequestContext.run({ bearerToken }, () => apiClient.get('/users'));
    expect(example.tokens).toEqual(['exchanged-alice-1', 'exchanged-bob-2', 'exchanged-alice-1']);
    expect(Object.fromEntries(tokenForms()[0] ?? [])).toMatchObject({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: 'alice',
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      scope: 'scope-1',
    });
  });

  it('token = oauth_authority.get_token(credentials)', async () => {
    const { provider } = start();
    const token = await ForgeRequestContext.run({ bearerToken: 'alice' }, () => provider.fetchToken());
    expect(token.accessToken).toBe('exchanged-alice-1');
  });

  it('Cache and Automatic retry: a 401 has it exchanged anew, and the request sent again', async () => {
    const { apiClient } = start();
    const call = (): Promise<unknown> =>
      ForgeRequestContext.run({ bearerToken: 'alice' }, () => apiClient.get('/users'));
    await call();
    expired.add('exchanged-alice-1');
    await call();
    expect(example.tokens).toEqual(['exchanged-alice-1', 'exchanged-alice-1', 'exchanged-alice-2']);
  });

  it('Multithreading: many who need one user’s token at once share one exchange', async () => {
    const { apiClient } = start();
    const calls = Array.from({ length: 50 }, () =>
      ForgeRequestContext.run({ bearerToken: 'alice' }, () => apiClient.get('/users')),
    );
    await Promise.all(calls);
    expect(tokenForms()).toHaveLength(1);
    expect(new Set(example.tokens)).toEqual(new Set(['exchanged-alice-1']));
  });
});
