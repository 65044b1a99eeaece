import {
  ClientCredentialsTokenProvider,
  createForgeClient,
  type ForgeHttpClient,
  PasswordGrantTokenProvider,
  TokenManager,
  type TokenProvider,
} from 'nestjs-forge-auth';
import { type Api, startApi } from '../support/api.js';
import { type AuthorizationServer, startAuthorizationServer } from '../support/authorization-server.js';
import { times } from '../support/async.js';
import { World } from '../tokens/world.js';

/** The page of httpx-oauth2, example by example, for machines: each test quotes the code that it ports. */
const world = new World();
/** `OAuthAuthorityClient(httpx.Client(base_url='http://localhost:8080/realms/master'))` */
let authority: AuthorizationServer;
let api: Api;

beforeEach(async () => {
  const machine = { token_endpoint_auth_method: 'client_secret_basic' } as const;
  authority = world.closeLater(
    await startAuthorizationServer({
      users: { user: 'pwd' },
      scopes: ['openid', 'offline_access', 'scope-1'],
      clients: [
        { ...machine, client_id: 'client-1', client_secret: 'my-secret', grant_types: ['client_credentials'] },
        { ...machine, client_id: 'client-3', client_secret: 'my-secret', grant_types: ['password', 'refresh_token'] },
      ],
    }),
  );
  api = world.closeLater(await startApi(authority));
});
afterEach(() => world.close());

/** `ClientCredentials('client-1', 'my-secret', ('scope-1',))` */
const credentials = (): TokenProvider =>
  new ClientCredentialsTokenProvider({
    issuer: authority.issuer,
    clientId: 'client-1',
    clientSecret: 'my-secret',
    scope: ['scope-1'],
  });
/** `ResourceOwnerCredentials('client-3', 'my-secret').with_username_password('user', 'pwd')` */
const resourceOwner = (): TokenProvider =>
  new PasswordGrantTokenProvider({
    issuer: authority.issuer,
    clientId: 'client-3',
    clientSecret: 'my-secret',
    username: 'user',
    password: 'pwd',
  });
/** `api_client._transport = transports.authenticating_transport(api_client._transport, credentials)` */
const apiClient = (provider: TokenProvider): ForgeHttpClient =>
  world.closeLater(createForgeClient({ name: 'example', baseUrl: api.origin, auth: { provider } }));
const discoveries = (): number =>
  authority.server.requests.filter(({ path }) => path.startsWith('/.well-known')).length;

describe('httpx-oauth2', () => {
  it('Client Credentials: api_client.get("/users")', async () => {
    await apiClient(credentials()).get('/users');
    expect(authority.grantTypes).toEqual(['client_credentials']);
    expect(authority.server.requests.at(-1)?.form().get('scope')).toBe('scope-1');
    expect(await authority.isValid(String(api.tokens[0]))).toBe(true);
  });

  it('Resource Owner (Client Credentials with a technical account): api_client.get("/users")', async () => {
    await apiClient(resourceOwner()).get('/users');
    expect(authority.grantTypes).toEqual(['password']);
    expect(Object.fromEntries(authority.server.requests.at(-1)?.form() ?? [])).toMatchObject({
      username: 'user',
      password: 'pwd',
    });
  });

  it('Getting an access token: token = oauth_authority.get_token(credentials)', async () => {
    const token = await world.closeLater(new TokenManager({ name: 'example', provider: credentials() })).getToken();
    expect(await authority.isValid(token.accessToken)).toBe(true);
    expect(token.tokenType).toBe('Bearer');
  });

  it('Cache: access tokens are cached, and the authority is discovered once', async () => {
    const client = apiClient(credentials());
    for (let call = 0; call < 5; call += 1) await client.get('/users');
    expect(authority.tokenRequests).toBe(1);
    expect(discoveries()).toBe(1);
  });

  it('Automatic retry: on 401 the token is refreshed with the refresh token, and the request sent again', async () => {
    const client = apiClient(resourceOwner());
    await client.get('/users');
    await authority.revokeAll();
    expect((await client.get('/users')).status).toBe(200);
    expect(authority.grantTypes).toEqual(['password', 'refresh_token']);
    expect(api.unauthorized).toBe(1);
  });

  it('Automatic retry: where the refresh token is no good, a new token is requested', async () => {
    const client = apiClient(resourceOwner());
    const refreshToken = (await client.tokens?.getToken())?.refreshToken;
    await client.get('/users');
    await authority.revoke(String(refreshToken));
    await authority.revokeAll();
    expect((await client.get('/users')).status).toBe(200);
    expect(authority.grantTypes).toEqual(['password', 'refresh_token', 'password']);
  });

  it('Automatic retry: without a refresh token a new one is requested', async () => {
    const client = apiClient(credentials());
    await client.get('/users');
    await authority.revokeAll();
    expect((await client.get('/users')).status).toBe(200);
    expect(authority.grantTypes).toEqual(['client_credentials', 'client_credentials']);
  });

  it('Multithreading: only one token is negotiated for all who need one at the same time', async () => {
    const client = apiClient(credentials());
    authority.hold();
    const calls = times(100, () => client.get('/users'));
    while (authority.held === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    authority.release();
    await Promise.all(calls);
    expect(authority.tokenRequests).toBe(1);
    expect(new Set(api.tokens).size).toBe(1);
  });
});
