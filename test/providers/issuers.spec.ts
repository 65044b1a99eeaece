import * as https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import {
  BodyTokenFetcher,
  ClientCredentialsTokenProvider,
  createForgeClient,
  NoRetryStrategy,
  Token,
} from 'nestjs-forge-auth';
import { type Certificate, createCertificate } from '../support/certificate.js';
import { json } from '../support/answer.js';
import { startServer } from '../support/recording-server.js';
import { CLIENT } from '../support/token-endpoint.js';
import { rejection } from '../support/async.js';
import { World } from '../tokens/world.js';

const world = new World();
afterEach(() => world.close());

const tokenFrom = async (answer: object): Promise<Token> => {
  await world.start();
  world.endpoint.answerNext({ json: answer });
  return world.manager().getToken();
};

describe('what issuers answer', () => {
  const emptyErrors = ['', ' ', '\t', false, 0, null, [], {}, [''], [null], [[]], { code: 0, message: '' }];
  it.each(emptyErrors.map((error) => [error]))('takes an empty error (%j) for none', async (error) => {
    expect((await tokenFrom({ access_token: 'a', error })).accessToken).toBe('a');
  });

  it.each([
    ['epoch seconds', 4_102_444_800],
    ['epoch milliseconds', 4_102_444_800_000],
    ['seconds as text', '4102444800'],
    ['ISO text', '2100-01-01T00:00:00Z'],
    ['ISO text with parts of a second', '2100-01-01T00:00:00.000000Z'],
    ['ISO text of another zone', '2100-01-01T02:00:00+02:00'],
    ['ISO text without a zone', '2100-01-01T00:00:00'],
    ['ISO text with a blank', '2100-01-01 00:00:00'],
    ['a day', '2100-01-01'],
  ])('reads expires_at in %s', async (_how, expiresAt) => {
    expect((await tokenFrom({ access_token: 'a', expires_at: expiresAt })).expiresAt).toBe(4_102_444_800_000);
  });

  it.each([['1e400'], ['9'.repeat(400)], ['1e308']])('clamps a lifetime of %s s', async (lifetime) => {
    await world.start();
    world.endpoint.answerNext({ body: `{"access_token":"a","expires_in":${lifetime}}` });
    const { expiresAt = 0 } = await world.manager().getToken();
    expect(new Date(expiresAt).getUTCFullYear()).toBeGreaterThanOrEqual(2100);
  });

  it('clamps a point in time that no Date can be', async () => {
    const { expiresAt = 0 } = await tokenFrom({ access_token: 'a', expires_at: 1e308 });
    expect(new Date(expiresAt).toISOString()).toMatch(/^\+275760/);
  });

  it.each([[' bearer '], ['Bearer Token'], ['\tBEARER\t'], ['bearer  token']])(
    'takes token type %j for Bearer',
    async (type) => {
      expect((await tokenFrom({ access_token: 'a', token_type: type })).authorizationHeader).toBe('Bearer a');
    },
  );

  it('sends a token whose type is of several words by the scheme that is given, and refuses it without one', async () => {
    await world.start({ tokenType: 'JWT access' }, { respond: () => ({ status: 200 }) });
    await world.client({ auth: { provider: world.provider(), scheme: 'Bearer' } }).get('/');
    expect(world.api.tokens).toHaveLength(1);
    const client = world.client();
    await expect(client.get('/')).rejects.toThrow(/its token type is no word\. Give scheme/);
    expect(world.api.tokens).toHaveLength(1);
  });

  it('repeats no type that is not registered', () => {
    expect(String(new Token({ accessToken: 'a', tokenType: 'secret-4711' }))).toMatch(/^\[Token unregistered_type …/);
  });

  it.each([
    [{ ACCESS_TOKEN: 'a' }, /no access_token, but ACCESS_TOKEN/],
    [{ access_token: [], token: 'a' }, /no access_token, but token/],
    [
      { tokens: { access: 'a' }, credentials: {}, jwt_token: 'a' },
      /no access_token, but tokens, credentials, jwt_token:/,
    ],
    [{ access_token: { value: 'a' } }, /an access_token that is no text/],
    [{ access_token: 4711 }, /an access_token that is no text/],
    [{ access_token: 'a\n' }, /characters that no header can carry/],
    [{}, /no access_token/],
  ])('asks three times for a token in place of %j', async (answer, message) => {
    await world.start({ respond: () => ({ json: answer }) });
    const error = await rejection(world.manager().getToken());
    expect(error.message).toMatch(message);
    expect(world.endpoint.tokenRequests).toBe(3);
  });

  it.each([
    [302, '/v2/token/?secret=1', /HTTP 302, a redirect to \/v2\/token\/\..*tokenUrl/],
    [307, '//other.example/token', /HTTP 307, a redirect to http:\/\/other\.example\/token\./],
    [301, 'https://alice:secret=1@issuer.example/token', /a redirect to https:\/\/issuer\.example\/token\./],
    [303, `https://issuer.example/${CLIENT.clientSecret}`, /a redirect to https:\/\/issuer\.example\/\[redacted\]/],
    [302, 'javascript:secret=1', /failed: HTTP 302\.$/],
    [304, 'https://issuer.example/', /failed: HTTP 304\.$/],
  ])('names where a %d to %s leads', async (status, location, message) => {
    await world.start();
    world.endpoint.answerNext({ status, headers: { location } });
    const error = await rejection(world.manager({ provider: world.singleShot() }).getToken());
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain('secret=1');
  });

  it.each([[404], [405], [410]])('names the option that leads to no endpoint where a %d answers', async (status) => {
    await world.start();
    world.endpoint.answerNext({ status, body: 'nothing here' });
    await expect(world.manager({ provider: world.singleShot() }).getToken()).rejects.toThrow(
      `failed: HTTP ${status}. Look at the option that names the endpoint (tokenUrl).`,
    );
    world.endpoint.answerNext({ status, body: 'nothing here' });
    const step = new BodyTokenFetcher({
      name: 'app',
      baseUrl: world.endpoint.url,
      retry: new NoRetryStrategy(),
    });
    await expect(step.fetch()).rejects.toThrow(
      `Step "app" failed: HTTP ${status}. Look at the option that names the endpoint (baseUrl, endpoint).`,
    );
  });

  it('names where an issuer’s document has moved to', async () => {
    const issuer = world.closeLater(
      await startServer((_request, res) => void res.writeHead(301, { location: 'https://new.example/' }).end()),
    );
    const provider = new ClientCredentialsTokenProvider({ issuer: issuer.origin, ...CLIENT });
    await expect(world.manager({ provider }).getToken()).rejects.toThrow(
      /HTTP 301, a redirect to https:\/\/new\.example\//,
    );
  });

  it('names how long an issuer asks to wait whose document cannot be had', async () => {
    const issuer = world.closeLater(
      await startServer((_request, res) => void res.writeHead(503, { 'retry-after': '7' }).end()),
    );
    const provider = new ClientCredentialsTokenProvider({
      issuer: issuer.origin,
      ...CLIENT,
      retry: new NoRetryStrategy(),
    });
    await expect(provider.fetchToken()).rejects.toMatchObject({ status: 503, transient: true, retryAfterMs: 7_000 });
    expect(issuer.count()).toBe(1);
  });

  it('takes a revocation for failed that answers 200 with an error', async () => {
    await world.start();
    const manager = world.manager({ provider: world.provider({ revocationUrl: world.endpoint.url }) });
    await manager.getToken();
    world.endpoint.answerNext({ json: { error: 'unsupported_token_type' } });
    await expect(manager.revoke()).rejects.toThrow(/Revocation .* failed: unsupported_token_type/);
  });

  it.each([['need_info'], ['unsupported_pop_key'], ['unapproved_software_statement']])('repeats %s', async (error) => {
    await world.start();
    world.endpoint.answerNext({ status: 400, json: { error } });
    await expect(world.manager().getToken()).rejects.toMatchObject({ error });
  });

  it('repeats no other code of a callback', async () => {
    const fragment = 'https://app.example/#error=unknown_client_4711&state=1';
    expect(() => Token.fromCallback(fragment)).toThrow(/brings no token: unregistered_error\./);
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
