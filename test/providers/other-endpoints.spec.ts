import { generateKeyPairSync } from 'node:crypto';
import {
  ClientCredentialsTokenProvider,
  type ClientCredentialsTokenProviderOptions,
  TokenManager,
  type TokenProvider,
} from 'nestjs-forge-auth';
import { give } from '../support/answer.js';
import { type AuthorizationServer, startAuthorizationServer } from '../support/authorization-server.js';
import { createCertificate } from '../support/certificate.js';
import type { RecordedRequest } from '../support/recorded-request.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { rejection } from '../support/async.js';
import { recordingLogger } from '../support/recording-logger.js';
import { World } from '../tokens/world.js';

const world = new World();
let server: RecordingServer;
/** Fields of the issuer's document beside its endpoints. */
let lists: Record<string, unknown> = {};
const KEY = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const SECRET = { clientId: 'machine', clientSecret: 'a secret' };

beforeEach(async () => {
  lists = {};
  server = world.closeLater(
    await startServer((request, res) => {
      const endpoints = {
        token_endpoint: `${server.origin}/token`,
        revocation_endpoint: `${server.origin}/revoke`,
        introspection_endpoint: `${server.origin}/introspect`,
      };
      if (request.path.startsWith('/.well-known/'))
        return give(res, { json: { issuer: server.origin, ...endpoints, ...lists } });
      if (request.path === '/token') return give(res, { json: { access_token: 'access', expires_in: 3_600 } });
      return give(res, { json: request.path === '/introspect' ? { active: true } : {} });
    }),
  );
});
afterEach(() => world.close());

function managerOf(provider: TokenProvider): TokenManager {
  return world.closeLater(new TokenManager({ name: 'orders', provider }));
}

/** How each endpoint was shown who the client is. */
async function shown(options: ClientCredentialsTokenProviderOptions): Promise<Record<string, string>> {
  const manager = managerOf(new ClientCredentialsTokenProvider(options));
  await manager.introspect();
  await manager.revoke();
  const asked = server.requests.filter(({ method }) => method === 'POST');
  return Object.fromEntries(asked.map((request) => [request.path, credentialOf(request)]));
}

function credentialOf(request: RecordedRequest): string {
  const names = ['client_assertion', 'client_secret', 'client_id'].filter((name) => request.form().has(name));
  return [...(request.headers.authorization === undefined ? [] : ['basic']), ...names][0] ?? 'nothing';
}

const given = (): { tokenUrl: string; revocationUrl: string; introspectionUrl: string } => ({
  tokenUrl: `${server.origin}/token`,
  revocationUrl: `${server.origin}/revoke`,
  introspectionUrl: `${server.origin}/introspect`,
});

describe('revocation and introspection', () => {
  it('authenticates revocation and introspection as the token request, unless configured otherwise', async () => {
    expect(await shown({ ...given(), ...SECRET, clientKey: KEY })).toEqual({
      '/token': 'client_assertion',
      '/introspect': 'client_assertion',
      '/revoke': 'client_assertion',
    });
  });

  it('revocation and introspection authenticate in ways of their own where the options name them', async () => {
    const own = {
      revocationAuthMethod: 'client_secret_post',
      introspectionAuthMethod: ['client_secret_basic'],
    } as const;
    expect(await shown({ ...given(), ...SECRET, clientKey: KEY, ...own })).toEqual({
      '/token': 'client_assertion',
      '/introspect': 'basic',
      '/revoke': 'client_secret',
    });
  });

  it('revocation and introspection take a function of their own', async () => {
    await shown({
      ...given(),
      ...SECRET,
      revocationAuthMethod: ({ headers }, client) => headers.set('x-client', client.clientId),
    });
    expect(server.requests.map(({ headers }) => headers['x-client'])).toEqual([undefined, undefined, 'machine']);
    expect(server.requests.at(-1)?.form().get('token_type_hint')).toBe('access_token');
  });

  it('revocation and introspection authenticate as the issuer’s document says of them', async () => {
    lists = {
      token_endpoint_auth_methods_supported: ['private_key_jwt', 'client_secret_basic'],
      revocation_endpoint_auth_methods_supported: ['client_secret_post'],
      introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'bearer'],
    };
    expect(await shown({ issuer: server.origin, ...SECRET, clientKey: KEY })).toEqual({
      '/token': 'client_assertion',
      '/introspect': 'basic',
      '/revoke': 'client_secret',
    });
  });

  it.each([[undefined], [['nothing_that_we_know']]])(
    'fall back to the token endpoint’s where it says %j',
    async (stated) => {
      lists = {
        token_endpoint_auth_methods_supported: ['client_secret_post'],
        ...(stated && { revocation_endpoint_auth_methods_supported: stated }),
      };
      expect(await shown({ issuer: server.origin, ...SECRET })).toMatchObject({ '/revoke': 'client_secret' });
    },
  );

  it('revocation and introspection refuse a way that there is nothing for, naming the option', async () => {
    const provider = new ClientCredentialsTokenProvider({
      ...given(),
      ...SECRET,
      revocationAuthMethod: 'private_key_jwt',
    });
    const error = await rejection((async () => managerOf(provider).getToken())());
    expect(error.message).toMatch(/revocationAuthMethod private_key_jwt needs a clientKey/);
  });
});

describe('a method that the issuer does not list', () => {
  const listed = { token_endpoint_auth_methods_supported: ['client_secret_post', 'private_key_jwt', '<canary-4711>'] };

  it.each(['client_secret_basic', 'header'] as const)(
    'a method that the issuer does not list is used where it is the one that is named (%s), and one line says what is listed',
    async (authMethod) => {
      lists = listed;
      const logger = recordingLogger();
      const provider = new ClientCredentialsTokenProvider({ issuer: server.origin, ...SECRET, authMethod });
      const manager = world.closeLater(new TokenManager({ name: 'orders', provider, logger }));
      await manager.getToken();
      await manager.forceRefresh();
      expect(server.requests.filter(({ method }) => method === 'POST').map(credentialOf)).toEqual(['basic', 'basic']);
      expect(logger.warnings).toEqual([
        expect.stringMatching(
          /the issuer does not list authMethod client_secret_basic; it lists client_secret_post, private_key_jwt\.$/,
        ),
      ]);
    },
  );

  it.each<[string, Record<string, unknown>]>([
    ['it is listed', { token_endpoint_auth_methods_supported: ['client_secret_post'] }],
    ['the issuer lists nothing', {}],
  ])('a method that the issuer does not list is not spoken of where %s', async (_when, document) => {
    lists = document;
    const logger = recordingLogger();
    const provider = new ClientCredentialsTokenProvider({
      issuer: server.origin,
      ...SECRET,
      authMethod: 'client_secret_post',
    });
    await world.closeLater(new TokenManager({ name: 'orders', provider, logger })).getToken();
    expect(logger.warnings).toEqual([]);
  });

  it('a method that the issuer does not list is an error that says what is listed, where the issuer is to choose', async () => {
    lists = listed;
    const options = { issuer: server.origin, ...SECRET, authMethod: ['client_secret_basic'] } as const;
    const error = await rejection(managerOf(new ClientCredentialsTokenProvider(options)).getToken());
    expect(error.message).toContain(
      'the issuer supports none of client_secret_basic; it lists client_secret_post, private_key_jwt. Set authMethod',
    );
    expect(error.message).not.toContain('4711');
  });
});

describe('somebody else’s assertion under discovery', () => {
  const clientAssertion = { token: () => 'jwt.of.the-platform' };

  it.each([[undefined], [['client_secret_basic']], [['client_secret_post', 'private_key_jwt']]])(
    'somebody else’s assertion under discovery is sent without authMethod where the issuer lists %j',
    async (listed) => {
      lists = listed === undefined ? {} : { token_endpoint_auth_methods_supported: listed };
      expect(await shown({ issuer: server.origin, clientId: 'machine', clientAssertion })).toEqual({
        '/token': 'client_assertion',
        '/introspect': 'client_assertion',
        '/revoke': 'client_assertion',
      });
    },
  );

  it('gives way to what the issuer does list', async () => {
    lists = { token_endpoint_auth_methods_supported: ['client_secret_basic'] };
    expect(await shown({ issuer: server.origin, ...SECRET, clientAssertion })).toMatchObject({ '/token': 'basic' });
  });
});

describe('mtls_endpoint_aliases', () => {
  it('mtls_endpoint_aliases take the place of endpoints for a client with a certificate, and for no other', async () => {
    const authority = await createCertificate({ commonName: 'authority' });
    const host = await createCertificate({ issuer: authority });
    const machine = await createCertificate({ commonName: 'machine', issuer: authority });
    const secure = world.closeLater(
      await startServer((_request, res) => give(res, { json: { access_token: 'bound', active: true } }), {
        tls: { ...host, ca: authority.cert, requestCert: true, rejectUnauthorized: true },
      }),
    );
    lists = {
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'tls_client_auth'],
      mtls_endpoint_aliases: {
        token_endpoint: `${secure.origin}/mtls/token`,
        introspection_endpoint: `${secure.origin}/mtls/introspect`,
        revocation_endpoint: `${secure.origin}/mtls/revoke`,
        jwks_uri: 4711,
      },
    };
    const tls = { ca: authority.cert };
    for (const http of [{ tls: { ...tls, ...machine } }, { tls: () => ({ ...tls, ...machine }) }]) {
      server.reset();
      secure.reset();
      expect(await shown({ issuer: server.origin, clientId: 'machine', http })).toEqual({});
      expect(secure.requests.map((request) => `${request.path} ${credentialOf(request)}`)).toEqual([
        '/mtls/token client_id',
        '/mtls/introspect client_id',
        '/mtls/revoke client_id',
      ]);
    }

    secure.reset();
    expect(await shown({ issuer: server.origin, ...SECRET, http: { tls } })).toMatchObject({ '/token': 'basic' });
    expect(secure.requests).toEqual([]);
  });

  it('mtls_endpoint_aliases are no place for secrets in the clear', async () => {
    const certificate = await createCertificate();
    lists = {
      token_endpoint_auth_methods_supported: ['tls_client_auth'],
      mtls_endpoint_aliases: { token_endpoint: 'http://elsewhere.example/token' },
    };
    const http = { tls: { ...certificate } };
    const provider = new ClientCredentialsTokenProvider({ issuer: server.origin, clientId: 'machine', http });
    expect((await rejection(managerOf(provider).getToken())).message).toMatch(/plain http/);
  });
});

describe('at a certified server', () => {
  let certified: AuthorizationServer;
  afterEach(() => certified.close());

  it('revokes and introspects with tokenUrl, with an authentication of each endpoint’s own', async () => {
    certified = await startAuthorizationServer();
    const manager = managerOf(
      new ClientCredentialsTokenProvider({
        tokenUrl: certified.tokenEndpoint,
        revocationUrl: certified.revocationEndpoint,
        introspectionUrl: certified.introspectionEndpoint,
        clientId: 'basic-client',
        clientSecret: 'basic-client-secret',
        revocationAuthMethod: 'client_secret_post',
        introspectionAuthMethod: 'client_secret_post',
      }),
    );
    const { accessToken } = await manager.getToken();
    expect(await manager.introspect()).toMatchObject({ active: true });
    await manager.revoke({ token: 'access_token' });
    expect(await certified.isValid(accessToken)).toBe(false);
    expect(certified.server.requests.map(credentialOf)).toEqual(['basic', 'client_secret', 'client_secret']);
  });
});
