import { generateKeyPairSync } from 'node:crypto';
import * as https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { jwtVerify } from 'jose';
import type { ClientMetadata } from 'oidc-provider';
import {
  ClientCredentialsTokenProvider,
  type ClientOptions,
  type GrantOptions,
  PasswordGrantTokenProvider,
  RefreshTokenProvider,
  TokenManager,
  type TokenProvider,
} from 'nestjs-forge-auth';
import { type AuthorizationServer, startAuthorizationServer } from '../support/authorization-server.js';
import { type Certificate, createCertificate } from '../support/certificate.js';
import type { RecordedRequest } from '../support/recorded-request.js';
import { rejection, World } from '../tokens/world.js';

const world = new World();
let server: AuthorizationServer;
/** The same server behind TLS that asks for certificates. */
let tls: { readonly url: string; close(): void };
let authority: Certificate;
let certificate: Certificate;
const known = new Set<string>();

const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 });
const P256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ED = generateKeyPairSync('ed25519');
/** Reserved characters, in a length that HMAC keys want; the server knows none beyond ASCII. */
const SECRET = 'secret & :%+= "quoted" 0123456789 0123456789';

const grants = ['client_credentials', 'password', 'refresh_token'];
const registered = (id: string, method: string, more: object = {}): ClientMetadata =>
  ({ client_id: id, token_endpoint_auth_method: method, grant_types: grants, ...more }) as ClientMetadata;
const jwks: object = JSON.parse(
  JSON.stringify({
    keys: [RSA, P256, ED].map(({ publicKey }, index) => ({ ...publicKey.export({ format: 'jwk' }), kid: `k${index}` })),
  }),
) as object;
const jwt = (id: string, alg: string) =>
  registered(id, 'private_key_jwt', { jwks, token_endpoint_auth_signing_alg: alg });

type Way = readonly [name: string, options: () => ClientOptions & Pick<GrantOptions, 'http'>];
const WAYS: readonly Way[] = [
  ['client_secret_basic', () => ({ clientId: 'basic client:/%+', clientSecret: SECRET })],
  ['client_secret_post', () => ({ clientId: 'post', clientSecret: SECRET, authMethod: 'client_secret_post' })],
  ['client_secret_jwt', () => ({ clientId: 'hmac', clientSecret: SECRET, authMethod: 'client_secret_jwt' })],
  ['private_key_jwt RS256', () => ({ clientId: 'rsa', clientKey: RSA.privateKey })],
  ['private_key_jwt PS256', () => ({ clientId: 'pss', clientKey: RSA.privateKey, clientAssertion: { alg: 'PS256' } })],
  ['private_key_jwt ES256', () => ({ clientId: 'ec', clientKey: P256.privateKey })],
  ['private_key_jwt EdDSA', () => ({ clientId: 'ed', clientKey: ED.privateKey })],
  ['tls_client_auth', () => ({ clientId: 'mtls', authMethod: 'tls_client_auth', http: withCertificate() })],
];
const withCertificate = () => ({ tls: { ...certificate, ca: authority.cert } });

const GRANTS: readonly (readonly [string, (options: GrantOptions) => TokenProvider | Promise<TokenProvider>])[] = [
  ['ClientCredentialsTokenProvider', (options) => new ClientCredentialsTokenProvider(options)],
  [
    'PasswordGrantTokenProvider',
    (options) => new PasswordGrantTokenProvider({ ...options, username: 'jörg', password: 'pässwörd & more' }),
  ],
  [
    'RefreshTokenProvider',
    async (options) => {
      const first = new PasswordGrantTokenProvider({
        ...options,
        username: 'jörg',
        password: 'pässwörd & more',
        scope: 'openid offline_access',
      });
      const { refreshToken = '' } = await first.fetchToken();
      return new RefreshTokenProvider({ ...options, refreshToken });
    },
  ],
];

/** Clones into this realm: Jest's own comes from another one, whose objects the server does not take for plain. */
function cloneHere<T>(value: T): T {
  if (Array.isArray(value)) return value.map(cloneHere) as T;
  if (typeof value !== 'object' || value === null || value.constructor?.name !== 'Object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, cloneHere(item)])) as T;
}

beforeAll(async () => {
  globalThis.structuredClone = cloneHere;
  authority = await createCertificate({ commonName: 'authority' });
  const host = await createCertificate({ issuer: authority });
  certificate = await createCertificate({ commonName: 'machine', issuer: authority });
  server = await startAuthorizationServer({
    users: { jörg: 'pässwörd & more' },
    clients: [
      registered('basic client:/%+', 'client_secret_basic', { client_secret: SECRET }),
      registered('post', 'client_secret_post', { client_secret: SECRET }),
      registered('hmac', 'client_secret_jwt', { client_secret: SECRET }),
      jwt('rsa', 'RS256'),
      jwt('pss', 'PS256'),
      jwt('ec', 'ES256'),
      jwt('ed', 'EdDSA'),
      registered('mtls', 'tls_client_auth', { tls_client_auth_subject_dn: 'CN=machine' }),
    ],
    configure: (configuration) =>
      ({
        ...configuration,
        clientAuthMethods: [
          'client_secret_basic',
          'client_secret_post',
          'client_secret_jwt',
          'private_key_jwt',
          'tls_client_auth',
          'none',
        ],
        enabledJWA: {
          ...configuration.enabledJWA,
          clientAuthSigningAlgValues: ['HS256', 'RS256', 'PS256', 'ES256', 'EdDSA'],
        },
        features: {
          ...configuration.features,
          mTLS: {
            enabled: true,
            tlsClientAuth: true,
            getCertificate: (ctx: { req: { socket: TLSSocket } }) => ctx.req.socket.getPeerX509Certificate?.(),
            certificateAuthorized: (ctx: { req: { socket: TLSSocket } }) => ctx.req.socket.authorized,
            certificateSubjectMatches: (_ctx: unknown, _property: string, expected: string) =>
              expected === 'CN=machine',
          },
        },
      }) as never,
  });
  server.provider.proxy = true;
  const handler = server.provider.callback();
  const listener = https.createServer(
    { ...host, ca: authority.cert, requestCert: true, rejectUnauthorized: false },
    (request, res) => {
      request.headers['x-forwarded-host'] = new URL(server.issuer).host;
      void handler(request, res);
    },
  );
  await new Promise<void>((resolve) => listener.listen(0, resolve));
  tls = {
    url: `https://localhost:${(listener.address() as AddressInfo).port}/token`,
    close: () => {
      listener.closeAllConnections();
      listener.close();
    },
  };
});
afterEach(() => world.close());
afterAll(async () => {
  tls.close();
  await server.close();
});

describe('grants × client authentications, at a certified server', () => {
  it.each(GRANTS.flatMap(([grant, make]) => WAYS.map(([way, options]) => [grant, way, make, options] as const)))(
    '%s with %s',
    async (_grant, way, make, options) => {
      const given = options();
      const tokenUrl = given.http === undefined ? server.tokenEndpoint : tls.url;
      const provider = await make({ tokenUrl, ...given });
      const token = await world.closeLater(new TokenManager({ name: 'orders', provider })).getToken();
      expect(token.accessToken).toMatch(/./);
      const last = server.server.requests.at(-1) as RecordedRequest;
      if (!way.includes('_jwt')) return;
      const assertion = String(last.form().get('client_assertion'));
      const key = way.startsWith('client_secret')
        ? Buffer.from(SECRET)
        : ({ ec: P256, ed: ED }[given.clientId]?.publicKey ?? RSA.publicKey);
      const { payload } = await jwtVerify(assertion, key, {
        audience: tokenUrl,
        issuer: given.clientId,
        subject: given.clientId,
      });
      expect(Object.keys(payload).sort()).toEqual(['aud', 'exp', 'iat', 'iss', 'jti', 'sub']);
      expect(known.has(String(payload.jti))).toBe(false);
      known.add(String(payload.jti));
    },
  );

  it('is refused by the server when an assertion comes twice', async () => {
    let copy: string | undefined;
    const provider = new ClientCredentialsTokenProvider({
      tokenUrl: server.tokenEndpoint,
      clientId: 'ec',
      clientKey: P256.privateKey,
      compliance: {
        tokenRequest: ({ body }) => {
          copy ??= String(body.get('client_assertion'));
          body.set('client_assertion', copy);
        },
      },
    });
    const manager = world.closeLater(new TokenManager({ name: 'orders', provider }));
    await manager.getToken();
    expect(await rejection(manager.forceRefresh())).toMatchObject({ error: 'invalid_client' });
  });
});
