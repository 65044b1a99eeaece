import { createHash, generateKeyPairSync } from 'node:crypto';
import { calculateJwkThumbprint, decodeProtectedHeader, type JWK, jwtVerify } from 'jose';
import { createForgeClient, HttpStatusError } from 'nestjs-forge-auth';
import type { Answer } from '../support/answer.js';
import type { RecordedRequest } from '../support/recorded-request.js';
import { startServer } from '../support/recording-server.js';
import { rejection, times } from '../support/async.js';
import { World } from '../tokens/world.js';

const world = new World();
afterEach(() => world.close());

const P256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });

interface Proof {
  readonly jwk: JWK;
  readonly alg: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** Verifies a request's proof by the key that it names. */
async function proofOf(request: RecordedRequest): Promise<Proof> {
  const proof = String(request.headers['dpop']);
  const { jwk, alg, typ } = decodeProtectedHeader(proof);
  expect(typ).toBe('dpop+jwt');
  expect(Object.keys(jwk as object)).not.toContain('d');
  const { payload } = await jwtVerify(proof, jwk as JWK);
  return { jwk: jwk as JWK, alg: String(alg), payload: payload as Proof['payload'] };
}

/** Starts an endpoint that gives bound tokens. */
const start = () => world.start({ tokenType: 'DPoP' });

describe('DPoP', () => {
  it('proves the possession of its key at the token endpoint and at the resource', async () => {
    await start();
    const client = world.client({ auth: { provider: world.provider({ dpop: true }) } });
    await client.get('/orders/7?x=1#y').catch(() => undefined);
    const [asked] = world.endpoint.server.requests as [RecordedRequest];
    const [called] = world.api.server.requests as [RecordedRequest];
    const atIssuer = await proofOf(asked);
    const atService = await proofOf(called);
    const accessToken = world.endpoint.issued[0]?.accessToken ?? '';
    expect(atIssuer.alg).toBe('ES256');
    expect(atIssuer.payload).toEqual({
      jti: expect.any(String),
      htm: 'POST',
      htu: world.endpoint.url,
      iat: expect.any(Number),
    });
    expect(called.headers.authorization).toBe(`DPoP ${accessToken}`);
    expect(atService.payload).toEqual({
      jti: expect.any(String),
      htm: 'GET',
      htu: `${world.api.origin}/orders/7`,
      iat: expect.any(Number),
      ath: createHash('sha256').update(accessToken).digest('base64url'),
    });
    expect(atService.jwk).toEqual(atIssuer.jwk);
  });

  it.each([['ES384'], ['EdDSA'], ['PS256']])('makes a key for %s', async (alg) => {
    await start();
    await world.manager({ provider: world.provider({ dpop: { alg } }) }).getToken();
    expect((await proofOf(world.endpoint.server.requests[0] as RecordedRequest)).alg).toBe(alg);
  });

  it('shows a token that is not bound as the bearer token that it is', async () => {
    await world.start({ tokenType: 'Bearer' });
    await world.client({ auth: { provider: world.provider({ dpop: true }) } }).get('/');
    const [called] = world.api.server.requests as [RecordedRequest];
    expect(called.headers.authorization).toMatch(/^Bearer /);
    expect(called.headers['dpop']).toBeUndefined();
  });

  it('shares tokens with those who have the same key, and with nobody else', async () => {
    await start();
    const storage = new Map<string, string>();
    const key = P256.privateKey;
    const get = (dpop: true | { key: typeof key }) =>
      world.manager({ provider: world.provider({ dpop }), storage }).getToken();
    const tokens = [await get({ key }), await get({ key }), await get(true), await get(true)];
    expect(new Set(tokens.map(({ accessToken }) => accessToken)).size).toBe(3);
    const thumbprints = await Promise.all(
      world.endpoint.server.requests.map(async (request) => calculateJwkThumbprint((await proofOf(request)).jwk)),
    );
    expect(new Set(thumbprints).size).toBe(3);
  });

  it('asks again with the nonce that the token endpoint wants, with a new proof, and remembers it', async () => {
    await start();
    world.endpoint.answerNext({
      status: 400,
      json: { error: 'use_dpop_nonce' },
      headers: { 'dpop-nonce': 'n-1' },
    });
    const manager = world.manager({ provider: world.provider({ dpop: true }) });
    await manager.getToken();
    await manager.forceRefresh();
    const proofs = await Promise.all(world.endpoint.server.requests.map(proofOf));
    expect(proofs.map(({ payload }) => payload['nonce'])).toEqual([undefined, 'n-1', 'n-1']);
    expect(new Set(proofs.map(({ payload }) => payload['jti'])).size).toBe(3);
  });

  it('gives up on an endpoint that is never content with its nonce', async () => {
    await start();
    const answer = { status: 400, json: { error: 'use_dpop_nonce' }, headers: { 'dpop-nonce': 'n' } };
    world.endpoint.answerNext(...times(10, () => answer));
    const error = await rejection<{ error?: string }>(
      world.manager({ provider: world.provider({ dpop: true }) }).getToken(),
    );
    expect(error.error).toBe('use_dpop_nonce');
    expect(world.endpoint.tokenRequests).toBe(2);
  });

  it.each([['once for all who come'], ['anew with each answer, good for one use']])(
    'fails no call at a service that gives its nonce %s',
    async (how) => {
      await start();
      const eachOnce = how.startsWith('anew');
      const good = new Set<string>(['n-0']);
      let count = 0;
      const service = world.closeLater(
        await startServer(async (request, res) => {
          const nonce = String((await proofOf(request)).payload['nonce']);
          const accepted = good.has(nonce);
          if (eachOnce) {
            good.delete(nonce);
            good.add(`n-${(count += 1)}`);
          }
          res.setHeader('dpop-nonce', eachOnce ? `n-${count}` : 'n-0');
          if (!accepted) res.setHeader('www-authenticate', 'DPoP error="use_dpop_nonce", algs="ES256"');
          res.writeHead(accepted ? 200 : 401).end();
        }),
      );
      const client = world.closeLater(
        createForgeClient({
          name: 'orders',
          baseUrl: service.origin,
          auth: { provider: world.provider({ dpop: true }) },
        }),
      );
      for (let round = 0; round < 5; round += 1) await Promise.all(times(10, () => client.post('/', { round })));
      expect(world.endpoint.tokenRequests).toBe(1);
      expect(service.requests.length).toBeLessThanOrEqual(60);
    },
  );

  it('renews a token that is refused for another reason', async () => {
    await start();
    world.api.answerNext(
      { status: 401, headers: { 'www-authenticate': 'DPoP error="invalid_token"' } },
      { status: 200 },
    );
    await world.client({ auth: { provider: world.provider({ dpop: true }) } }).get('/');
    expect(world.endpoint.tokenRequests).toBe(2);
  });
});

const forbidden = (scope: string): Answer => ({
  status: 403,
  headers: { 'www-authenticate': `Bearer realm="a, b", error="insufficient_scope", scope="${scope}"` },
});

const scopesAsked = (): (string | null)[] =>
  world.endpoint.server.requests.map((request) => request.form().get('scope'));

describe('challenges of a service', () => {
  it('challenges of a service are parsed on the error', async () => {
    await world.start();
    world.api.answerNext(forbidden('admin'));
    const error = await rejection<HttpStatusError>(world.client().get('/'));
    expect(error).toBeInstanceOf(HttpStatusError);
    expect(error.challenges).toEqual([
      { scheme: 'Bearer', params: { realm: 'a, b', error: 'insufficient_scope', scope: 'admin' } },
    ]);
    expect(JSON.stringify(error)).not.toContain('admin');
  });

  it('challenges of a service step up once to the scopes that they name, where that is allowed', async () => {
    await world.start();
    const auth = { provider: world.provider({ scope: 'read' }), stepUpScopes: ['write', 'admin'] };
    const client = world.client({ auth });
    world.api.answerNext(forbidden('write'));
    await client.post('/', {});
    expect(scopesAsked()).toEqual(['read', 'write']);
    world.api.answerNext(forbidden('write'), forbidden('write'));
    expect((await rejection<HttpStatusError>(client.post('/', {}))).status).toBe(403);
    world.api.answerNext(forbidden('write root'));
    expect((await rejection<HttpStatusError>(client.post('/', {}))).status).toBe(403);
    expect(scopesAsked()).toEqual(['read', 'write']);
    expect(world.api.server.requests).toHaveLength(5);
  });

  it('challenges of a service may ask for claims, which the next call asks its token for', async () => {
    await world.start();
    const claims = JSON.stringify({ access_token: { acrs: { essential: true, value: 'c1' } } });
    const challenge = `Bearer error="insufficient_claims", claims="${Buffer.from(claims).toString('base64')}"`;
    const client = world.client();
    world.api.answerNext({ status: 403, headers: { 'www-authenticate': challenge } });
    const error = await rejection<HttpStatusError>(client.get('/'));
    const asked = Buffer.from(error.challenges[0]?.params['claims'] ?? '', 'base64').toString();
    await Promise.all([client.get('/', { auth: { claims: asked } }), client.get('/')]);
    expect(world.endpoint.server.requests.map((request) => request.form().get('claims'))).toEqual([null, claims]);
  });
});
