import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jwtVerify } from 'jose';
import {
  ClientCredentialsTokenProvider,
  createForgeClient,
  JwtBearerTokenProvider,
  StaticTokenProvider,
  type TokenProvider,
} from 'nestjs-forge-auth';
import { json } from '../support/answer.js';
import { createCertificate } from '../support/certificate.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { rejection } from '../support/async.js';
import { World } from '../tokens/world.js';

/** Authlib's page "OAuth for Requests", example by example, for machines: each test quotes the code that it ports. */
const world = new World();
const folder = mkdtempSync(join(tmpdir(), 'forge-auth-authlib-'));
const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 });
let server: RecordingServer;
/** `token_endpoint = 'https://example.com/oauth/token'` */
const tokenEndpoint = (): string => `${server.origin}/oauth/token`;

beforeEach(async () => {
  server = world.closeLater(
    await startServer((request, res) =>
      json(res, 200, request.path === '/oauth/token' ? { access_token: 'issued', expires_in: 3_600 } : {}),
    ),
  );
});
afterEach(() => world.close());
afterAll(() => rmSync(folder, { recursive: true }));

const assertionOf = (parameter: string): string => String(server.requests[0]?.form().get(parameter));

describe('Authlib: "OAuth for Requests", the flows of machines', () => {
  it('Using client_secret_jwt: token_endpoint_auth_method=ClientSecretJWT(token_endpoint)', async () => {
    const session = new ClientCredentialsTokenProvider({
      tokenUrl: tokenEndpoint(),
      clientId: 'your-client-id',
      clientSecret: 'your-client-secret',
      authMethod: 'client_secret_jwt',
    });
    await session.fetchToken();
    const { payload, protectedHeader } = await jwtVerify(
      assertionOf('client_assertion'),
      Buffer.from('your-client-secret'),
    );
    expect(protectedHeader.alg).toBe('HS256');
    expect(payload).toMatchObject({ iss: 'your-client-id', sub: 'your-client-id', aud: tokenEndpoint() });
    expect(payload.jti).toMatch(/./);
  });

  it('Using private_key_jwt: with open("your-private-key.pem", "rb") as f; PrivateKeyJWT(token_endpoint)', async () => {
    const file = join(folder, 'your-private-key.pem');
    writeFileSync(file, RSA.privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const session = new ClientCredentialsTokenProvider({
      tokenUrl: tokenEndpoint(),
      clientId: 'your-client-id',
      clientKey: readFileSync(file),
      authMethod: 'private_key_jwt',
    });
    await session.fetchToken();
    const { payload, protectedHeader } = await jwtVerify(assertionOf('client_assertion'), RSA.publicKey);
    expect(protectedHeader.alg).toBe('RS256');
    expect(payload).toMatchObject({ iss: 'your-client-id', sub: 'your-client-id', aud: tokenEndpoint() });
    expect(Number(payload.exp)).toBeGreaterThan(Number(payload.iat));
  });

  it('OAuth2Auth: auth = OAuth2Auth({"token_type": "bearer", "access_token": …}), which is not refreshed', async () => {
    const token = { token_type: 'bearer', access_token: 'already-obtained' };
    const client = world.closeLater(
      createForgeClient({ name: 'api', baseUrl: server.origin, auth: { provider: new StaticTokenProvider(token) } }),
    );
    await client.get('/user');
    expect(server.requests.map(({ path, headers }) => [path, headers.authorization])).toEqual([
      ['/user', 'Bearer already-obtained'],
    ]);
  });

  it('Service Account: AssertionSession with Google’s key file, conf = json.load(f)', async () => {
    const conf = {
      type: 'service_account',
      private_key_id: 'key-1',
      private_key: RSA.privateKey.export({ type: 'pkcs8', format: 'pem' }),
      client_email: 'robot@project.iam.example',
      token_uri: tokenEndpoint(),
    };
    const file = join(folder, 'account.json');
    writeFileSync(file, JSON.stringify(conf));
    const forms: TokenProvider[] = [
      new JwtBearerTokenProvider({ assertion: { key: conf as never, sub: 'alice' }, scope: ['read', 'write'] }),
      new JwtBearerTokenProvider({ assertion: { key: { file }, sub: 'alice' }, scope: 'read write' }),
    ];
    for (const provider of forms) {
      server.reset();
      await world
        .closeLater(createForgeClient({ name: 'api', baseUrl: server.origin, auth: { provider } }))
        .get('/files');
      const { payload, protectedHeader } = await jwtVerify(assertionOf('assertion'), RSA.publicKey);
      expect(protectedHeader).toMatchObject({ alg: 'RS256', kid: 'key-1' });
      expect(payload).toMatchObject({
        iss: 'robot@project.iam.example',
        sub: 'alice',
        aud: tokenEndpoint(),
        scope: 'read write',
      });
      expect(server.requests.at(-1)?.headers.authorization).toBe('Bearer issued');
    }
  });

  it('Close Session Hint: session.close(), or with OAuth2Session(…) as session', async () => {
    const provider = new ClientCredentialsTokenProvider({
      tokenUrl: tokenEndpoint(),
      clientId: 'your-client-id',
      clientSecret: 'your-client-secret',
    });
    const options = { name: 'api', baseUrl: server.origin, auth: { provider } };
    const session = createForgeClient(options);
    await session.get('/user');
    await session.close();
    {
      await using closing = createForgeClient(options);
      await closing.get('/user');
    }
    expect((await rejection(session.get('/user'))).name).toBe('ClientClosedError');
  });

  it('Self-Signed Certificate: verification is switched off where it is asked for, and nowhere else', async () => {
    const certificate = await createCertificate();
    const secure = world.closeLater(
      await startServer((_request, res) => json(res, 200, { access_token: 'issued' }), { tls: { ...certificate } }),
    );
    const ask = (tls: object): Promise<unknown> =>
      new ClientCredentialsTokenProvider({
        tokenUrl: `${secure.origin}/token`,
        clientId: 'your-client-id',
        clientSecret: 'your-client-secret',
        http: { tls },
      }).fetchToken();
    expect((await rejection(ask({}))).message).toMatch(/SELF_SIGNED/);
    await ask({ rejectUnauthorized: false });
    await ask({ ca: certificate.cert });
    expect(secure.requests).toHaveLength(2);
  });
});
