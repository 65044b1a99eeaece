import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import * as https from 'node:https';
import type { AddressInfo } from 'node:net';
import { jwtVerify } from 'jose';
import {
  AuthorizationCodeTokenProvider,
  ClientCredentialsTokenProvider,
  createForgeClient,
  type ForgeHttpClient,
  type GrantOptions,
  JwtBearerTokenProvider,
  PasswordGrantTokenProvider,
  TokenManager,
  type TokenProvider,
} from 'nestjs-forge-auth';
import { json } from '../support/answer.js';
import { createCertificate } from '../support/certificate.js';
import type { RecordedRequest } from '../support/recorded-request.js';
import { startServer } from '../support/recording-server.js';
import { times } from '../support/async.js';
import { World } from '../tokens/world.js';

const world = new World();
const folder = mkdtempSync(join(tmpdir(), 'forge-auth-rotation-'));
const file = join(folder, 'credential');
afterEach(() => world.close());
afterAll(() => rmSync(folder, { recursive: true }));

const ROTATIONS = 4;
const CALLERS = 4;
const ROUNDS = 8;

const pem = (key: KeyObject | undefined): string => key?.export({ type: 'pkcs8', format: 'pem' }) as string;

/** Calls that need ever new tokens, from several callers at once, while the credential is rotated. Returns the failures. */
async function underLoad(client: ForgeHttpClient, rotate: () => void | Promise<void>): Promise<unknown[]> {
  const failures: unknown[] = [];
  const caller = async (): Promise<void> => {
    for (let round = 0; round < ROUNDS; round += 1) {
      try {
        await client.tokens?.forceRefresh();
        await client.get('/orders');
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await client.get('/orders');
  for (let rotation = 0; rotation < ROTATIONS; rotation += 1) {
    const callers = times(CALLERS, caller);
    await rotate();
    await Promise.all(callers);
  }
  return failures;
}

/** A token endpoint that takes the current credential alone, and a service that takes whatever it has issued. */
async function serve(takes: (request: RecordedRequest) => boolean | Promise<boolean>) {
  let issued = 0;
  const refused: string[] = [];
  const server = world.closeLater(
    await startServer(async (request, res) => {
      if (request.path !== '/token') return json(res, 200, {});
      if (await takes(request)) return json(res, 200, { access_token: `access-${(issued += 1)}`, expires_in: 3_600 });
      refused.push(request.path);
      return json(res, 401, { error: 'invalid_client' });
    }),
  );
  return { server, refused };
}

function clientOf(origin: string, make: (common: GrantOptions) => TokenProvider, baseUrl = origin): ForgeHttpClient {
  const provider = make({ tokenUrl: `${origin}/token`, clientId: 'machine' });
  return world.closeLater(createForgeClient({ name: 'orders', baseUrl, auth: { provider } }));
}

describe('rotated under load, without a restart and without a failed call', () => {
  it.each<[string, Partial<GrantOptions>]>([
    ['in a file', { clientSecret: { file } }],
    ['that a function reads', { clientSecret: async () => readFileSync(file, 'utf8') }],
  ])('a secret %s', async (_how, own) => {
    let current = 'secret-0';
    writeFileSync(file, current);
    const { server } = await serve((request) => {
      const [, secret] = Buffer.from(String(request.headers.authorization).slice(6), 'base64').toString().split(':');
      return secret === current;
    });
    const client = clientOf(server.origin, (common) => new ClientCredentialsTokenProvider({ ...common, ...own }));
    let count = 0;
    const failures = await underLoad(client, () => {
      const next = `secret-${(count += 1)}`;
      writeFileSync(file, next);
      current = next;
    });
    expect(failures).toEqual([]);
    expect(current).toBe(`secret-${ROTATIONS}`);
  });

  const pairs = times(ROTATIONS + 1, () => generateKeyPairSync('ec', { namedCurve: 'P-256' }));
  it.each<[string, string, (common: GrantOptions) => TokenProvider]>([
    [
      'a private key of the client in a file',
      'client_assertion',
      (common) => new ClientCredentialsTokenProvider({ ...common, clientKey: { file } }),
    ],
    [
      'a private key of the client that a function reads',
      'client_assertion',
      (common) => new ClientCredentialsTokenProvider({ ...common, clientKey: () => readFileSync(file, 'utf8') }),
    ],
    [
      'a private key of a service account in a file',
      'assertion',
      ({ tokenUrl = '' }) => new JwtBearerTokenProvider({ tokenUrl, assertion: { iss: 'robot', key: { file } } }),
    ],
  ])('%s', async (_what, parameter, make) => {
    let current = 0;
    writeFileSync(file, pem(pairs[0]?.privateKey));
    const { server } = await serve(async (request) => {
      const key = pairs[current]?.publicKey as KeyObject;
      return (await jwtVerify(String(request.form().get(parameter)), key).catch(() => undefined)) !== undefined;
    });
    const failures = await underLoad(clientOf(server.origin, make), () => {
      writeFileSync(file, pem(pairs[current + 1]?.privateKey));
      current += 1;
    });
    expect(failures).toEqual([]);
    expect(current).toBe(ROTATIONS);
  });

  it('somebody else’s assertion in a file', async () => {
    let current = 'jwt.number.0';
    writeFileSync(file, current);
    const { server } = await serve((request) => request.form().get('client_assertion') === current);
    const clientAssertion = { token: { file } };
    const client = clientOf(
      server.origin,
      (common) => new ClientCredentialsTokenProvider({ ...common, clientAssertion }),
    );
    let count = 0;
    const failures = await underLoad(client, () => {
      const next = `jwt.number.${(count += 1)}`;
      writeFileSync(file, next);
      current = next;
    });
    expect(failures).toEqual([]);
  });

  it('a certificate, at the token endpoint and at the service', async () => {
    const authority = await createCertificate({ commonName: 'authority' });
    const host = await createCertificate({ issuer: authority });
    const presented = new Set<string>();
    const bound = new Map<string, string>();
    let issued = 0;
    let count = 0;
    // A token is bound to the certificate that it was asked for with, as RFC 8705 §3 has it.
    const listener = https.createServer(
      { ...host, ca: authority.cert, requestCert: true, rejectUnauthorized: true },
      (request, res) => {
        const name = String((request.socket as TLSSocket).getPeerCertificate().subject.CN);
        presented.add(name);
        // What was opened with an old certificate is closed after its answer.
        if (name !== `machine-${count}`) res.setHeader('connection', 'close');
        if (request.url === '/token') {
          const token = `access-${(issued += 1)}`;
          bound.set(token, name);
          return json(res, 200, { access_token: token, expires_in: 3_600 });
        }
        const token = String(request.headers.authorization).replace('Bearer ', '');
        return json(res, bound.has(token) ? 200 : 401, {});
      },
    );
    await new Promise<void>((resolve) => listener.listen(0, resolve));
    world.closeLater({
      close: () => {
        listener.closeAllConnections();
        listener.close();
      },
    });
    const origin = `https://localhost:${(listener.address() as AddressInfo).port}`;
    let current = await createCertificate({ commonName: 'machine-0', issuer: authority });
    const tls = async () => ({ ...current, ca: authority.cert });
    const provider = new ClientCredentialsTokenProvider({
      tokenUrl: `${origin}/token`,
      clientId: 'machine',
      authMethod: 'tls_client_auth',
      http: { tls },
    });
    const client = world.closeLater(createForgeClient({ name: 'orders', baseUrl: origin, tls, auth: { provider } }));
    const failures = await underLoad(client, async () => {
      current = await createCertificate({ commonName: `machine-${(count += 1)}`, issuer: authority });
    });
    await client.tokens?.forceRefresh();
    await client.get('/orders');
    expect(failures).toEqual([]);
    expect(presented.has(`machine-${ROTATIONS}`)).toBe(true);
  });
});

describe('a secret that was rotated without notice', () => {
  const refusals: readonly [string, number, unknown][] = [
    ['invalid_client', 401, { error: 'invalid_client' }],
    ['invalid_client with status 400', 400, { error: 'invalid_client' }],
    ['a bare 401', 401, undefined],
    ['a bare 403', 403, undefined],
  ];
  it.each(refusals)('a secret that was rotated without notice is read again on %s', async (_what, status, body) => {
    let current = 'old';
    const server = world.closeLater(
      await startServer((request, res) => {
        if (request.form().get('client_secret') === 'new') return json(res, 200, { access_token: 'a' });
        current = 'new';
        if (body !== undefined) return json(res, status, body);
        res.writeHead(status).end('Forbidden');
      }),
    );
    const client = clientOf(
      server.origin,
      (common) => new ClientCredentialsTokenProvider({ ...common, clientSecret: () => current, authMethod: 'body' }),
    );
    await client.tokens?.getToken();
    expect(server.requests.map((request) => request.form().get('client_secret'))).toEqual(['old', 'new']);
  });

  it.each(refusals)(
    'a secret that was rotated without notice is read again on %s at every endpoint that asks for it',
    async (_what, status, body) => {
      let current = 'old';
      let taken = 'old';
      const server = world.closeLater(
        await startServer((request, res) => {
          const answer = { access_token: 'a', active: true, request_uri: 'urn:pushed', expires_in: 60 };
          if (request.form().get('client_secret') === taken) return json(res, 200, answer);
          if (body !== undefined) return json(res, status, body);
          res.writeHead(status).end('Forbidden');
        }),
      );
      const options = {
        tokenUrl: `${server.origin}/token`,
        introspectionUrl: `${server.origin}/introspect`,
        revocationUrl: `${server.origin}/revoke`,
        pushedAuthorizationRequestUrl: `${server.origin}/push`,
        authorizationUrl: `${server.origin}/authorize`,
        redirectUri: 'http://localhost/callback',
        clientId: 'c',
        clientSecret: () => current,
        authMethod: 'body',
      } as const;
      const { redirectUri: _redirectUri, ...machine } = options;
      const manager = world.closeLater(new TokenManager({ provider: new ClientCredentialsTokenProvider(machine) }));
      const person = new AuthorizationCodeTokenProvider(options);
      await manager.getToken();
      await person.authorizationUrl();
      const asks = { '/introspect': () => manager.introspect(), '/push': () => person.authorizationUrl() };
      for (const [path, ask] of Object.entries({ ...asks, '/revoke': () => manager.revoke() })) {
        current = taken = `${path} has another one`;
        server.reset();
        await ask();
        expect(server.requests.map((request) => request.path)).toEqual([path, path]);
      }
    },
  );

  it('a secret that was rotated without notice is read again where it is a password', async () => {
    let current = 'old';
    const server = world.closeLater(
      await startServer((request, res) => {
        if (request.form().get('password') === 'new') return json(res, 200, { access_token: 'a' });
        current = 'new';
        return json(res, 400, { error: 'invalid_grant' });
      }),
    );
    const client = clientOf(
      server.origin,
      (common) => new PasswordGrantTokenProvider({ ...common, username: 'alice', password: async () => current }),
    );
    await client.tokens?.getToken();
    expect(server.requests.map((request) => request.form().get('password'))).toEqual(['old', 'new']);
  });
});
