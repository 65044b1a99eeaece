import * as https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { ClientCredentialsTokenProvider, createForgeClient, type Token } from 'nestjs-forge-auth';
import { type Certificate, createCertificate } from '../support/certificate.js';
import { json } from '../support/answer.js';
import { startServer } from '../support/recording-server.js';
import { CLIENT } from '../support/token-endpoint.js';
import { rejection, World } from '../tokens/world.js';

const world = new World();
afterEach(() => world.close());

const tokenFrom = async (answer: object): Promise<Token> => {
  await world.start();
  world.endpoint.answerNext({ json: answer });
  return world.manager().getToken();
};

describe('what issuers answer', () => {
  it.each([[''], [false], [0], [[]], [{}], [null]])('takes an empty error (%j) for none', async (error) => {
    expect((await tokenFrom({ access_token: 'a', error })).accessToken).toBe('a');
  });

  it.each([
    ['epoch seconds', 4_102_444_800],
    ['epoch milliseconds', 4_102_444_800_000],
    ['seconds as text', '4102444800'],
    ['ISO text', '2100-01-01T00:00:00Z'],
  ])('reads expires_at in %s', async (_how, expiresAt) => {
    expect((await tokenFrom({ access_token: 'a', expires_at: expiresAt })).expiresAt).toBe(4_102_444_800_000);
  });

  it.each([[' bearer '], ['Bearer Token']])('takes token type %j for Bearer', async (type) => {
    expect((await tokenFrom({ access_token: 'a', token_type: type })).authorizationHeader).toBe('Bearer a');
  });

  it('names what was there in place of an access token', async () => {
    await world.start();
    world.endpoint.answerNext({ json: { accessToken: 'a', data: {}, surprise: 1 } });
    const error = await rejection(world.manager({ provider: world.singleShot() }).getToken());
    expect(error.message).toMatch(/has no access_token, but accessToken, data/);
    expect(error.message).not.toContain('surprise');
  });

  it('names where a token endpoint redirects to, without its query', async () => {
    await world.start();
    world.endpoint.answerNext({ status: 308, headers: { location: 'https://issuer.example/v2/token?secret=1' } });
    const error = await rejection(world.manager({ provider: world.singleShot() }).getToken());
    expect(error.message).toMatch(/HTTP 308, a redirect to https:\/\/issuer\.example\/v2\/token\..*tokenUrl/);
    expect(error.message).not.toContain('secret=1');
  });

  it('repeats registered codes alone', async () => {
    await world.start();
    world.endpoint.answerNext({ status: 400, json: { error: 'unknown_client_4711' } });
    const error = await rejection<Error & { error?: string }>(world.manager().getToken());
    expect(error.error).toBe('unregistered_error');
    expect(error.message).not.toContain('4711');
  });

  it.each([[404], [405], [410]])('fetches the issuer’s document again when its endpoint answers %d', async (status) => {
    let path = '/old';
    const issuer = world.closeLater(
      await startServer((request, res) => {
        if (request.path.startsWith('/.well-known/'))
          json(res, 200, { issuer: issuer.origin, token_endpoint: `${issuer.origin}${path}` });
        else if (request.path === path) json(res, 200, { access_token: request.path, token_type: 'Bearer' });
        else json(res, status, {});
      }),
    );
    const provider = new ClientCredentialsTokenProvider({ issuer: issuer.origin, ...CLIENT });
    const manager = world.manager({ provider });
    expect((await manager.getToken()).accessToken).toBe('/old');
    path = '/new';
    expect((await manager.forceRefresh()).accessToken).toBe('/new');
  });
});

describe('compliance.protectedRequest', () => {
  it('changes a call before its token is written to it', async () => {
    await world.start();
    const seen: unknown[] = [];
    const provider = world.provider({
      compliance: {
        protectedRequest: (request) => {
          seen.push(request.method, request.headers['authorization']);
          request.url += '?format=json';
          request.headers['Client-Id'] = 'abc';
        },
      },
    });
    await world.client({ auth: { provider } }).get('/orders');
    const [called] = world.api.server.requests;
    expect(seen).toEqual(['GET', undefined]);
    expect(called?.headers['client-id']).toBe('abc');
    expect(called?.headers.authorization).toMatch(/^Bearer /);
    expect(called?.url).toBe('/orders?format=json');
  });

  it('sends no call to another origin', async () => {
    await world.start();
    const provider = world.provider({
      compliance: { protectedRequest: (request) => void (request.url = 'http://evil.example/') },
    });
    await expect(world.client({ auth: { provider } }).get('/')).rejects.toThrow(/must leave the origin/);
    expect(world.api.server.requests).toHaveLength(0);
  });
});

describe('tls as a function', () => {
  let authority: Certificate;
  let server: Certificate;

  beforeAll(async () => {
    authority = await createCertificate({ commonName: 'authority' });
    server = await createCertificate({ issuer: authority });
  });

  /** An https server that wants a certificate of the authority, and remembers who came. */
  const listen = async (path: string, answer: object) => {
    const names: string[] = [];
    const running = https.createServer(
      { ...server, ca: authority.cert, requestCert: true, rejectUnauthorized: true },
      (request, res) => {
        names.push(String((request.socket as TLSSocket).getPeerCertificate().subject.CN));
        res.setHeader('connection', 'close').setHeader('content-type', 'application/json').end(JSON.stringify(answer));
      },
    );
    await new Promise<void>((resolve) => running.listen(0, resolve));
    world.closeLater({ close: () => void running.close() });
    return { names, url: `https://localhost:${(running.address() as AddressInfo).port}${path}` };
  };

  it('reads the certificate again for each connection, at the token endpoint and at the service', async () => {
    const endpoint = await listen('/token', { access_token: 'a', token_type: 'Bearer', expires_in: 3600 });
    const service = await listen('', {});
    let current = await createCertificate({ commonName: 'first', issuer: authority });
    const tls = async () => ({ ...current, ca: authority.cert });
    const provider = new ClientCredentialsTokenProvider({
      tokenUrl: endpoint.url,
      clientId: 'machine',
      authMethod: 'tls_client_auth',
      http: { tls },
    });
    const client = world.closeLater(
      createForgeClient({ name: 'orders', baseUrl: service.url, tls, auth: { provider } }),
    );
    await client.get('/');
    current = await createCertificate({ commonName: 'second', issuer: authority });
    await client.get('/');
    await client.tokens?.forceRefresh();
    expect(service.names).toEqual(['first', 'second']);
    expect(endpoint.names).toEqual(['first', 'second']);
  });

  it('fails with a typed error when it throws, without its message in production', async () => {
    const { NODE_ENV } = process.env;
    process.env['NODE_ENV'] = 'production';
    const endpoint = await listen('/token', {});
    const provider = new ClientCredentialsTokenProvider({
      tokenUrl: endpoint.url,
      ...CLIENT,
      http: { tls: () => Promise.reject(new Error('secret-4711')) },
    });
    const error = await rejection(world.manager({ provider }).getToken()).finally(() => {
      process.env['NODE_ENV'] = NODE_ENV;
    });
    expect(error.message).toMatch(/tls|http\.tls/i);
    expect(String(error.stack)).not.toContain('secret-4711');
  });
});
