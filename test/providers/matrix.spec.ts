import { createPublicKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ClientMetadata } from 'oidc-provider';
import * as forge from 'nestjs-forge-auth';
import { ClientCredentialsTokenProvider, type GrantOptions, TokenManager, type TokenProvider } from 'nestjs-forge-auth';
import { type AuthorizationServer, startAuthorizationServer } from '../support/authorization-server.js';
import { type Certificate, createCertificate } from '../support/certificate.js';
import { JWT_BEARER, registerCustomGrants, TICKET, TOKEN_EXCHANGE } from '../support/custom-grants.js';
import { codeBlocks } from '../support/docs.js';
import { type MutualTls, startMutualTls } from '../support/mutual-tls.js';
import type { RecordedRequest } from '../support/recorded-request.js';
import { rejection } from '../support/async.js';
import { World } from '../tokens/world.js';

const world = new World();
let server: AuthorizationServer;
/** The same server behind TLS that asks for certificates. */
let tls: MutualTls;
let authority: Certificate;
let certificate: Certificate;
let selfSigned: Certificate;

const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 });
const P256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ED = generateKeyPairSync('ed25519');
const ACCOUNT = generateKeyPairSync('ec', { namedCurve: 'P-256' });
/** Reserved characters, in a length that HMAC keys want; the server knows none beyond ASCII. */
const SECRET = 'secret & :%+= "quoted" 0123456789 0123456789';
const USERS = { jörg: 'pässwörd & more' };

/** Assertions that the server saw: it checked their signature, audience, issuer and life by itself. */
const assertions: { claims: Record<string, unknown>; header: Record<string, unknown> }[] = [];

const pem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }) as string;
const jwkOf = (key: KeyObject, more: object): string => JSON.stringify({ ...key.export({ format: 'jwk' }), ...more });

/** Clients of the server, by the client authentication that they are registered with, and what stands for them in a snippet. */
interface Registered {
  readonly clientId: string;
  readonly method: string;
  readonly more?: object;
  readonly key?: () => string;
  readonly alg?: string;
}
const publicKeys = { keys: [] as object[] };
const jwt = (clientId: string, alg: string, key: () => string): Registered => ({
  clientId,
  method: 'private_key_jwt',
  more: { jwks: publicKeys, token_endpoint_auth_signing_alg: alg },
  key,
  alg,
});
const withSecret = { client_secret: SECRET };
const CLIENTS_BY_WAY: Readonly<Record<string, readonly Registered[]>> = {
  client_secret_basic: [{ clientId: 'basic client:/%+', method: 'client_secret_basic', more: withSecret }],
  client_secret_post: [{ clientId: 'post', method: 'client_secret_post', more: withSecret }],
  client_secret_jwt: [{ clientId: 'hmac', method: 'client_secret_jwt', more: withSecret, alg: 'HS256' }],
  private_key_jwt: [
    jwt('rsa', 'RS256', () => pem(RSA.privateKey).replaceAll('\n', '\r\n')),
    jwt('pss', 'PS256', () => jwkOf(RSA.privateKey, { alg: 'PS256' })),
    jwt('ec', 'ES256', () => pem(P256.privateKey)),
    jwt('ed', 'EdDSA', () => jwkOf(ED.privateKey, { kid: 'ed-1' })),
  ],
  tls_client_auth: [
    { clientId: 'mtls', method: 'tls_client_auth', more: { tls_client_auth_subject_dn: 'CN=machine' } },
  ],
  self_signed_tls_client_auth: [{ clientId: 'self', method: 'self_signed_tls_client_auth', more: {} }],
  none: [{ clientId: 'public', method: 'none' }],
  function: [{ clientId: 'own', method: 'client_secret_post', more: withSecret }],
};

const page = readFileSync(
  join(fileURLToPath(new URL('../../', import.meta.url)), 'docs', 'reference', 'grants-and-clients.md'),
  'utf8',
);
/** The cells of the page's matrix: each is a heading with a block. */
const cells = page
  .split(/^### /m)
  .slice(1)
  .map((section) => {
    const [, grant = '', way = ''] = /^(\w+) with (\w+)$/m.exec(section) ?? [];
    return { grant, way, snippet: codeBlocks(section)[0]?.text ?? '' };
  });
const snippets = new Map(cells.map(({ grant, way, snippet }) => [`${grant} ${way}`, snippet]));

/** Values that a snippet takes from the text around it. */
interface Surroundings {
  readonly tokenUrl: string;
  readonly client: Registered;
  readonly refreshToken?: string;
  readonly subjectToken?: string;
}

/** Runs a snippet as it stands. Over TLS its provider has a certificate as well, whatever the client shows. */
function evaluate(snippet: string, { tokenUrl, client, refreshToken, subjectToken }: Surroundings): TokenProvider {
  const secure = tokenUrl.startsWith('https:');
  const own = client.method === 'self_signed_tls_client_auth' ? selfSigned : certificate;
  const readCertificate = (): object => ({ ...own, ca: authority.cert });
  const [, name = ''] = /^new (\w+)\(/.exec(snippet) ?? [];
  const Provider = new Map(Object.entries(forge)).get(name) as typeof ClientCredentialsTokenProvider;
  const names: Record<string, unknown> = {
    [name]: function Overlaid(options: GrantOptions) {
      return new Provider({ ...(secure ? { http: { tls: readCertificate } } : undefined), ...options });
    },
    tokenUrl,
    clientId: client.clientId,
    clientSecret: SECRET,
    username: 'jörg',
    password: USERS.jörg,
    refreshToken,
    callerToken: () => subjectToken,
    readKey: async () => client.key?.(),
    readAccountKey: async () => pem(ACCOUNT.privateKey),
    readCertificate,
  };
  return new Function(...Object.keys(names), `return ${snippet}`)(...Object.values(names)) as TokenProvider;
}

/** How the client's credential stands in a request; the server itself does not tell basic and post apart. */
const CREDENTIALS: Readonly<Record<string, readonly string[]>> = {
  client_secret_basic: ['authorization'],
  client_secret_post: ['client_id', 'client_secret'],
  client_secret_jwt: ['client_assertion', 'client_assertion_type', 'client_id'],
  private_key_jwt: ['client_assertion', 'client_assertion_type', 'client_id'],
  none: ['client_id'],
  function: ['client_id', 'client_secret'],
};
function credentialsOf(request: RecordedRequest | undefined): string[] {
  const names = [...(request?.form().keys() ?? [])].filter((name) => name.startsWith('client_'));
  return [...(request?.headers.authorization === undefined ? [] : ['authorization']), ...names].sort();
}

/** Of this realm, for the server. */
function plainJson(value: object): object {
  return JSON.parse(JSON.stringify(value)) as object;
}

/** Clones into this realm: Jest's own comes from another one, whose objects the server does not take for plain. */
function cloneHere<T>(value: T): T {
  if (Array.isArray(value)) return value.map(cloneHere) as T;
  if (typeof value !== 'object' || value === null || value.constructor?.name !== 'Object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, cloneHere(item)])) as T;
}

const GRANT_TYPES = ['client_credentials', 'password', 'refresh_token', JWT_BEARER, TOKEN_EXCHANGE, TICKET];

beforeAll(async () => {
  globalThis.structuredClone = cloneHere;
  authority = await createCertificate({ commonName: 'authority' });
  const host = await createCertificate({ issuer: authority });
  certificate = await createCertificate({ commonName: 'machine', issuer: authority });
  selfSigned = await createCertificate({ commonName: 'lonely' });
  publicKeys.keys = [RSA, P256, ED].map(({ publicKey }, index) =>
    plainJson({ ...publicKey.export({ format: 'jwk' }), kid: index === 2 ? 'ed-1' : `k${index}` }),
  );
  const x509 = new X509Certificate(selfSigned.cert);
  const selfSignedJwks = {
    keys: [
      plainJson({ ...createPublicKey(selfSigned.cert).export({ format: 'jwk' }), x5c: [x509.raw.toString('base64')] }),
    ],
  };
  server = await startAuthorizationServer({
    users: USERS,
    clients: Object.values(CLIENTS_BY_WAY)
      .flat()
      .map(
        ({ clientId, method, more }) =>
          plainJson({
            client_id: clientId,
            token_endpoint_auth_method: method,
            grant_types: GRANT_TYPES.filter((type) => method !== 'none' || type !== 'client_credentials'),
            ...more,
            ...(method === 'self_signed_tls_client_auth' ? { jwks: selfSignedJwks } : undefined),
          }) as ClientMetadata,
      ),
    configure: (configuration) =>
      ({
        ...configuration,
        clientAuthMethods: [
          ...new Set(Object.values(CLIENTS_BY_WAY).flatMap((all) => all.map(({ method }) => method))),
        ],
        enabledJWA: {
          ...configuration.enabledJWA,
          clientAuthSigningAlgValues: ['HS256', 'RS256', 'PS256', 'ES256', 'EdDSA'],
        },
        assertJwtClientAuthClaimsAndHeader: (_ctx: unknown, claims: object, header: object) =>
          void assertions.push({ claims: { ...claims }, header: { ...header } }),
        features: {
          ...configuration.features,
          mTLS: {
            enabled: true,
            tlsClientAuth: true,
            selfSignedTlsClientAuth: true,
            getCertificate: (ctx: { req: { socket: { getPeerX509Certificate?(): X509Certificate } } }) =>
              ctx.req.socket.getPeerX509Certificate?.(),
            certificateAuthorized: (ctx: { req: { socket: { authorized?: boolean } } }) => ctx.req.socket.authorized,
            certificateSubjectMatches: (
              ctx: { req: { socket: { getPeerX509Certificate(): X509Certificate } } },
              _property: string,
              expected: string,
            ) => ctx.req.socket.getPeerX509Certificate().subject === expected,
          },
        },
      }) as never,
  });
  const { errors } = await import('oidc-provider');
  registerCustomGrants(server.provider, {
    assertedBy: { iss: 'robot', key: ACCOUNT.publicKey },
    tickets: ['4711'],
    InvalidGrant: errors.InvalidGrant,
  });
  tls = await startMutualTls(server, { host, authority });
});
afterEach(() => world.close());
afterAll(async () => {
  tls.close();
  await server.close();
});

/** One run of a cell: a client of it, over a plain connection or over TLS. */
const runs = cells.flatMap(({ grant, way, snippet }) =>
  (CLIENTS_BY_WAY[way] ?? []).flatMap((client) =>
    (client.method.includes('tls') ? ['mutual TLS'] : ['a plain connection', 'mutual TLS']).map((over) => ({
      title: `${grant} with ${way}${client.alg === undefined ? '' : ` ${client.alg}`} over ${over}`,
      grant,
      way,
      snippet,
      client,
      over,
    })),
  ),
);

describe('grants × client authentications, at a certified server', () => {
  it('grants × client authentications, at a certified server has a cell for each pair that applies', () => {
    const grants = [...new Set(cells.map(({ grant }) => grant))];
    const pairs = grants.flatMap((grant) => Object.keys(CLIENTS_BY_WAY).map((way) => `${grant} ${way}`));
    expect(grants).toHaveLength(6);
    expect([...snippets.keys()]).toEqual(pairs.filter((pair) => pair !== 'ClientCredentialsTokenProvider none'));
    const table = page.split('\n').find((line) => line.startsWith('|')) ?? '';
    expect(
      table
        .split('|')
        .slice(2, -1)
        .map((cell) => cell.replaceAll('`', '').trim()),
    ).toEqual(Object.keys(CLIENTS_BY_WAY));
  });

  it.each(runs)('$title', async ({ grant, way, snippet, client, over }) => {
    const tokenUrl = over === 'mutual TLS' ? `${tls.origin}/token` : server.tokenEndpoint;
    const user = async (): Promise<forge.Token> =>
      await evaluate(snippets.get(`PasswordGrantTokenProvider ${way}`) ?? '', { tokenUrl, client }).fetchToken();
    const { refreshToken, accessToken: subjectToken } = /Refresh|Exchange/.test(grant)
      ? await user()
      : new forge.Token({ accessToken: 'none' });
    assertions.length = 0;
    const given = { tokenUrl, client, subjectToken, ...(refreshToken === undefined ? undefined : { refreshToken }) };
    const provider = evaluate(snippet, given);
    const manager = world.closeLater(new TokenManager({ name: 'orders', provider }));
    const { accessToken } = await manager.getToken();
    expect(await server.isValid(accessToken)).toBe(true);
    const plain = over !== 'mutual TLS';
    expect(plain ? credentialsOf(server.server.requests.at(-1)) : tls.presented.at(-1)).toEqual(
      plain ? CREDENTIALS[way] : client.clientId === 'self' ? 'lonely' : 'machine',
    );
    expect(assertions.length).toBeGreaterThanOrEqual(client.alg === undefined ? 0 : 1);
    if (client.alg === undefined) return;

    // Forced, so that two can be distinguished.
    await manager.forceRefresh();
    const now = Math.floor(Date.now() / 1000);
    const { claims, header } = assertions[0] as (typeof assertions)[number];
    expect(header).toEqual({ alg: client.alg, typ: 'JWT', ...(client.alg === 'EdDSA' ? { kid: 'ed-1' } : undefined) });
    expect(claims).toEqual({
      iss: client.clientId,
      sub: client.clientId,
      aud: tokenUrl,
      iat: expect.any(Number) as number,
      exp: (claims['iat'] as number) + 60,
      jti: expect.stringMatching(/^[\w-]{36}$/) as string,
    });
    expect(Math.abs((claims['iat'] as number) - now)).toBeLessThanOrEqual(60);
    expect(new Set(assertions.map((one) => one.claims['jti'])).size).toBe(assertions.length);
  });

  it('shows audience, life, key id, further claims and headers to the server as they were given', async () => {
    assertions.length = 0;
    const clientAssertion = Object.freeze({
      kid: 'k1',
      audience: server.issuer,
      lifetimeMs: 30_000,
      claims: Object.freeze({ tenant: 'acme' }),
      headers: Object.freeze({ typ: 'client-authentication+jwt', x5t: 'thumb' }),
    });
    const options = { tokenUrl: server.tokenEndpoint, clientId: 'ec', clientKey: P256.privateKey, clientAssertion };
    await new ClientCredentialsTokenProvider(options).fetchToken();
    const [{ claims, header } = { claims: {}, header: {} }] = assertions;
    expect(header).toEqual({ alg: 'ES256', kid: 'k1', typ: 'client-authentication+jwt', x5t: 'thumb' });
    expect(claims).toMatchObject({ aud: server.issuer, tenant: 'acme', iss: 'ec', sub: 'ec' });
    expect((claims['exp'] as number) - (claims['iat'] as number)).toBe(30);
  });

  it.each([
    ['client_assertion', 'invalid_client', ClientCredentialsTokenProvider, {}],
    [
      'assertion',
      'invalid_grant',
      forge.JwtBearerTokenProvider,
      { assertion: { iss: 'robot', key: ACCOUNT.privateKey } },
    ],
  ] as const)(
    'grants × client authentications, at a certified server is refused by the server when a %s comes twice',
    async (parameter, error, Provider, own) => {
      let copy: string | undefined;
      const provider = new Provider({
        tokenUrl: server.tokenEndpoint,
        clientId: 'ec',
        clientKey: P256.privateKey,
        ...own,
        compliance: {
          tokenRequest: ({ body }: forge.ComplianceRequest) => {
            copy ??= String(body.get(parameter));
            body.set(parameter, copy);
          },
        },
      } as never);
      const manager = world.closeLater(new TokenManager({ name: 'orders', provider }));
      await manager.getToken();
      expect(await rejection(manager.forceRefresh())).toMatchObject({ error });
    },
  );

  it('refuses what a client cannot show: another’s certificate, and none', async () => {
    const tokenUrl = `${tls.origin}/token`;
    const ask = (clientId: string, authMethod: forge.ClientAuthMethod, own: object): Promise<unknown> =>
      rejection(
        new ClientCredentialsTokenProvider({
          tokenUrl,
          clientId,
          authMethod,
          http: { tls: { ...own, ca: authority.cert } },
        }).fetchToken(),
      );
    expect(await ask('mtls', 'tls_client_auth', selfSigned)).toMatchObject({ error: 'invalid_client' });
    expect(await ask('self', 'self_signed_tls_client_auth', certificate)).toMatchObject({ error: 'invalid_client' });
    expect(await ask('mtls', 'none', {})).toMatchObject({ error: 'invalid_client' });
  });
});
