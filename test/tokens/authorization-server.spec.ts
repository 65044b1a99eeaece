import {
  AuthenticationError,
  ClientCredentialsTokenProvider,
  createForgeClient,
  type ForgeHttpClient,
  ForgeAuthModule,
  ForgeAuthService,
  type GrantOptions,
  PasswordGrantTokenProvider,
  TokenManager,
} from 'nestjs-forge-auth';
import { Test } from '@nestjs/testing';
import { type Api, startApi } from '../support/api.js';
import {
  type AuthorizationServer,
  type AuthorizationServerOptions,
  CLIENTS,
  startAuthorizationServer,
} from '../support/authorization-server.js';
import { USER } from '../support/token-endpoint.js';
import { rejection, times } from '../support/async.js';

let server: AuthorizationServer;
let api: Api;
const closing: { close(): Promise<void> | void }[] = [];

async function start(options: AuthorizationServerOptions = {}): Promise<void> {
  server = await startAuthorizationServer(options);
  api = await startApi(server);
  closing.push(server, api);
}

afterEach(async () => {
  for (const thing of closing.splice(0).toReversed()) await thing.close();
});

const later = <T extends { close(): Promise<void> | void }>(thing: T): T => {
  closing.push(thing);
  return thing;
};

function clientCredentials(options: Partial<GrantOptions> = {}): ClientCredentialsTokenProvider {
  return new ClientCredentialsTokenProvider({ tokenUrl: server.tokenEndpoint, ...CLIENTS.basic, ...options });
}

/** The grant with refresh tokens. */
function password(options: Partial<GrantOptions> = {}): PasswordGrantTokenProvider {
  return new PasswordGrantTokenProvider({ tokenUrl: server.tokenEndpoint, ...CLIENTS.basic, ...USER, ...options });
}

function clientOf(provider: ClientCredentialsTokenProvider | PasswordGrantTokenProvider): ForgeHttpClient {
  return later(createForgeClient({ name: 'orders', baseUrl: api.origin, auth: { provider } }));
}

const authorizations = (): (string | undefined)[] =>
  server.server.requests.filter(({ path }) => path === '/token').map(({ headers }) => headers.authorization);

/** Requests for the issuer's document. */
const discoveries = (): number => server.server.count('/.well-known/');

const byIssuer = (options: Partial<GrantOptions> = {}): ClientCredentialsTokenProvider =>
  new ClientCredentialsTokenProvider({ issuer: server.issuer, ...CLIENTS.basic, ...options });

const manager = (): TokenManager => later(new TokenManager({ name: 'orders', provider: byIssuer() }));

describe('against a certified authorization server', () => {
  it.each<[string, () => Partial<GrantOptions>]>([
    ['client_secret_basic', () => ({})],
    ['client_secret_basic, encoded raw', () => ({ basicEncoding: 'raw' })],
    ['header', () => ({ authMethod: 'header' })],
    ['client_secret_post', () => ({ ...CLIENTS.post, authMethod: 'client_secret_post' })],
    ['body', () => ({ ...CLIENTS.post, authMethod: 'body' })],
  ])('client credentials work with %s, for 100 concurrent calls with one request', async (_name, options) => {
    await start();
    const client = clientOf(clientCredentials({ scope: ['read', 'write'], ...options() }));
    await Promise.all(times(100, () => client.get('/')));
    expect(server.grantTypes).toEqual(['client_credentials']);
    expect(api.unauthorized).toBe(0);
    expect(client.tokens?.peek()?.scope).toBe('read write');
  });

  it('the password grant works, and its token is refreshed', async () => {
    await start({ rotateRefreshTokens: true });
    const client = clientOf(password({ scope: 'openid offline_access' }));
    await client.get('/');
    await server.revokeAll();
    await Promise.all(times(100, () => client.get('/')));
    expect(server.grantTypes).toEqual(['password', 'refresh_token']);
    await client.tokens?.forceRefresh();
    await client.get('/');
    expect(server.grantTypes).toEqual(['password', 'refresh_token', 'refresh_token']);
  });

  it('a public client needs no secret', async () => {
    await start();
    const client = clientOf(
      new PasswordGrantTokenProvider({
        tokenUrl: server.tokenEndpoint,
        ...CLIENTS.public,
        ...USER,
        authMethod: 'none',
      }),
    );
    await client.get('/');
    await server.revokeAll();
    await client.get('/');
    expect(server.grantTypes).toEqual(['password', 'refresh_token']);
    expect(authorizations()).toEqual([undefined, undefined]);
  });

  it.each<[string, () => Partial<GrantOptions> & { password?: string }, string, number]>([
    ['a wrong secret', () => ({ clientSecret: 'wrong' }), 'invalid_client', 401],
    [
      'a wrong secret in the body',
      () => ({ ...CLIENTS.post, authMethod: 'body', clientSecret: 'wrong' }),
      'invalid_client',
      401,
    ],
    ['a wrong password', () => ({ password: 'wrong' }), 'invalid_grant', 400],
    ['a grant that is not for this client', () => ({ ...CLIENTS.public, authMethod: 'none' }), 'invalid_request', 400],
  ])('%s is reported by its own word, after one request', async (_name, options, error, status) => {
    await start();
    const wrong = options();
    const provider = wrong.authMethod === 'none' ? clientCredentials(wrong) : password(wrong);
    const failed = await rejection<AuthenticationError>(clientOf(provider).get('/'));
    expect(failed).toBeInstanceOf(AuthenticationError);
    expect([failed.error, failed.status, failed.serviceName]).toEqual([error, status, 'orders']);
    expect(server.tokenRequests).toBe(1);
  });

  it('a revoked token is replaced once for 100 calls', async () => {
    await start();
    const client = clientOf(clientCredentials());
    await client.get('/');
    await server.revokeAll();
    const responses = await Promise.all(times(100, () => client.get('/')));
    expect(responses.every(({ status }) => status === 200)).toBe(true);
    expect(server.tokenRequests).toBe(2);
  });

  it('resource and scope of one call are asked for, and kept apart', async () => {
    const resource = 'https://orders.example/';
    await start({ resources: { [resource]: { scope: 'orders:read orders:write', accessTokenFormat: 'opaque' } } });
    const tokens = later(new TokenManager({ name: 'orders', provider: clientCredentials() }));
    const request = { resource, scope: 'orders:read' };
    const [one, two] = [await tokens.getToken(request), await tokens.getToken()];
    expect(one.scope).toBe('orders:read');
    expect(one.accessToken).not.toBe(two.accessToken);
    expect(await tokens.getToken({ scope: ['orders:read'], resource: [resource] })).toBe(one);
    expect(server.tokenRequests).toBe(2);
  });
});

describe('discovery by issuer', () => {
  it('finds the token endpoint', async () => {
    await start();
    await clientOf(byIssuer()).get('/');
    expect([discoveries(), server.tokenRequests]).toEqual([1, 1]);
  });

  it('fetches one document for all services of an application', async () => {
    await start();
    const module = await Test.createTestingModule({
      imports: [
        ForgeAuthModule.forRoot({
          services: [
            { name: 'a', baseUrl: api.origin, auth: { provider: byIssuer() } },
            { name: 'b', baseUrl: api.origin, auth: { provider: byIssuer({ ...CLIENTS.post, authMethod: 'body' }) } },
            { name: 'c', baseUrl: api.origin, auth: { provider: byIssuer({ scope: 'read' }) } },
          ],
        }),
      ],
    })
      .setLogger(false as never)
      .compile();
    const app = later(await module.init());
    const forge = app.get(ForgeAuthService);
    await Promise.all(times(30, (index) => forge.client('abc'.charAt(index % 3)).get('/')));
    expect([discoveries(), server.tokenRequests]).toEqual([1, 3]);
    await forge.tokens('a').forceRefresh();
    expect([discoveries(), server.tokenRequests]).toEqual([1, 4]);
  });

  it('discovery by issuer is tried again by the next flight when it failed', async () => {
    await start();
    const answer = server.server.handler;
    server.server.handler = (_request, res) => void res.writeHead(500).end();
    const client = clientOf(byIssuer());
    const error = await rejection<AuthenticationError>(client.get('/'));
    expect(error).toBeInstanceOf(AuthenticationError);
    expect(error).toMatchObject({ serviceName: 'orders', transient: true });
    expect(error.message).toContain(`discovery of ${server.issuer}/`);
    server.server.handler = answer;
    await expect(client.get('/')).resolves.toMatchObject({ status: 200 });
  });

  it('falls back to RFC 8414 where there is no OpenID document', async () => {
    await start();
    const answer = server.server.handler;
    server.server.handler = (request, res) => {
      if (request.path === '/.well-known/openid-configuration') return void res.writeHead(404).end();
      if (request.path !== '/.well-known/oauth-authorization-server') return answer(request, res);
      const document = { issuer: server.issuer, token_endpoint: server.tokenEndpoint };
      res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document));
    };
    await clientOf(byIssuer()).get('/');
    expect([discoveries(), server.tokenRequests]).toEqual([2, 1]);
  });

  it.each<[string, (issuer: string) => unknown, string]>([
    [
      'speaks for another issuer',
      () => ({ issuer: 'https://evil.example/?a=secret', token_endpoint: 'https://evil.example/t' }),
      'failed: the document is none of this issuer but of https://evil.example/: is that the name to give?',
    ],
    ['names no token endpoint', (issuer) => ({ issuer }), 'token_endpoint'],
    ['names no issuer', () => ({ issuer: 'a secret' }), 'failed: the document is none of this issuer.'],
    ['is no object', () => ['x'], 'failed: the document is none of this issuer.'],
    ['is HTML', () => undefined, 'failed: the answer is no JSON document.'],
  ])('refuses a document that %s', async (_name, documentOf, message) => {
    await start();
    server.server.handler = (_request, res) => {
      const document = documentOf(server.issuer);
      res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document) ?? '<html>');
    };
    const error = await rejection<AuthenticationError>(clientOf(byIssuer()).get('/'));
    expect(error).toBeInstanceOf(AuthenticationError);
    expect(error.message).toContain(message);
    expect(error.message).not.toContain('secret');
    expect(server.tokenRequests).toBe(0);
  });

  it('refuses a token endpoint that would carry secrets in the clear', async () => {
    await start();
    server.server.handler = (_request, res) => {
      const document = { issuer: server.issuer, token_endpoint: 'http://elsewhere.example/token' };
      res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document));
    };
    await expect(clientOf(byIssuer()).get('/')).rejects.toMatchObject({ name: 'ConfigurationError' });
  });

  it('obeys Retry-After of the document, too', async () => {
    await start();
    server.server.handler = (_request, res) => void res.writeHead(429, { 'retry-after': '60' }).end();
    const client = clientOf(byIssuer());
    expect(await rejection(client.get('/'))).toMatchObject({ status: 429, retryAfterMs: 60_000 });
    expect(await rejection(client.get('/'))).toMatchObject({ code: 'FORGE_AUTH_BACKOFF' });
    expect(discoveries()).toBe(1);
  });
});

describe('revoke', () => {
  it('takes the token back at the issuer, and the next call gets a new one', async () => {
    await start();
    const tokens = manager();
    const first = await tokens.getToken();
    await tokens.revoke();
    expect(await server.isValid(first.accessToken)).toBe(false);
    expect(tokens.peek()).toBeUndefined();
    const second = await tokens.getToken();
    expect(await server.isValid(second.accessToken)).toBe(true);
    expect(server.grantTypes).toEqual(['client_credentials', 'client_credentials']);
  });

  it('takes a refresh token back, and does not try it again', async () => {
    await start();
    const provider = new PasswordGrantTokenProvider({
      issuer: server.issuer,
      ...CLIENTS.basic,
      ...USER,
      scope: 'openid offline_access',
    });
    const storage = new Map<string, string>();
    const tokens = later(new TokenManager({ name: 'orders', provider, storage }));
    const first = await tokens.getToken();
    await tokens.revoke();
    expect(await server.isValid(first.accessToken)).toBe(false);
    expect(await server.provider.RefreshToken.find(first.refreshToken ?? '')).toBeUndefined();
    await tokens.getToken();
    expect(server.grantTypes).toEqual(['password', 'password']);
  });

  it('takes a refresh token back where storage keeps nothing, too', async () => {
    await start();
    const provider = new PasswordGrantTokenProvider({ issuer: server.issuer, ...CLIENTS.basic, ...USER });
    const storage = { get: () => undefined, set: () => undefined };
    const tokens = later(new TokenManager({ name: 'orders', provider, storage }));
    await tokens.getToken();
    await tokens.revoke();
    await tokens.getToken();
    expect(server.grantTypes).toEqual(['password', 'password']);
  });

  it('takes back what another process stored', async () => {
    await start();
    const storage = new Map<string, string>();
    const provider = new ClientCredentialsTokenProvider({ issuer: server.issuer, ...CLIENTS.basic });
    const make = (): TokenManager => later(new TokenManager({ name: 'orders', provider, storage }));
    const first = await make().getToken();
    await make().revoke();
    expect(await server.isValid(first.accessToken)).toBe(false);
  });

  it('asks for nothing where there is no token', async () => {
    await start();
    await manager().revoke();
    expect(server.server.requests).toHaveLength(0);
  });

  it('says what is missing where the issuer has no such endpoint', async () => {
    await start();
    const provider = new ClientCredentialsTokenProvider({ tokenUrl: server.tokenEndpoint, ...CLIENTS.basic });
    const tokens = later(new TokenManager({ name: 'orders', provider }));
    await tokens.getToken();
    await expect(tokens.revoke()).rejects.toThrow(/no revocation_endpoint.*Give revocationUrl, or issuer/);
    await expect(tokens.introspect()).rejects.toThrow(/no introspection_endpoint.*Give introspectionUrl, or issuer/);
    expect(tokens.peek()).toBeDefined();
  });

  it('leaves the token in use when the issuer fails', async () => {
    await start();
    const tokens = manager();
    const token = await tokens.getToken();
    const answer = server.server.handler;
    server.server.handler = (_request, res) => void res.writeHead(503).end();
    await expect(tokens.revoke()).rejects.toMatchObject({ name: 'AuthenticationError', status: 503 });
    expect(tokens.peek()).toBe(token);
    server.server.handler = answer;
    expect(await server.isValid(token.accessToken)).toBe(true);
  });
});

describe('introspect', () => {
  it('asks the issuer about the current token', async () => {
    await start();
    const provider = new ClientCredentialsTokenProvider({ issuer: server.issuer, ...CLIENTS.basic, scope: 'read' });
    const tokens = later(new TokenManager({ name: 'orders', provider }));
    const answer = await tokens.introspect();
    expect(answer).toMatchObject({ active: true, client_id: CLIENTS.basic.clientId, scope: 'read' });
    await server.revokeAll();
    expect(await tokens.introspect()).toMatchObject({ active: false });
    expect(server.server.count('/token/introspection')).toBe(2);
    expect(server.tokenRequests).toBe(1);
  });
});
