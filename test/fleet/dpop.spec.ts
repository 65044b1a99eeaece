import { createHash, generateKeyPairSync } from 'node:crypto';
import { calculateJwkThumbprint, decodeProtectedHeader, EmbeddedJWK, jwtVerify, type JWTPayload } from 'jose';
import { json } from '../support/answer.js';
import { type FleetProcess, startFleet } from '../support/fleet.js';
import type { RecordedRequest } from '../support/recorded-request.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { useRedis } from '../support/redis-of-spec.js';

const CALLS = 40;
const KEY = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' });

let server: RecordingServer;
let fleet: FleetProcess[] = [];
/** True when each answer names a new nonce, good for one use. */
let nonces = false;
/** Thumbprint of the key that each token is bound to. */
let bound: Map<string, string>;
let refusals: string[];

const redis = useRedis();

beforeEach(async () => {
  await redis.flushAll();
  bound = new Map();
  refusals = [];
  const unused = new Set<string>();
  const seen = new Set<string>();
  let count = 0;
  server = await startServer(async (request, res) => {
    if (nonces) {
      const fresh = `nonce-${(count += 1)}`;
      unused.add(fresh);
      res.setHeader('dpop-nonce', fresh);
    }
    const { payload, thumbprint } = await verified(request, server.origin);
    if (nonces && !unused.delete(String(payload['nonce']))) {
      res.setHeader('www-authenticate', 'DPoP error="use_dpop_nonce"');
      return json(res, request.path === '/token' ? 400 : 401, { error: 'use_dpop_nonce' });
    }
    if (seen.has(String(payload.jti))) refusals.push('a proof came twice');
    seen.add(String(payload.jti));
    if (request.path === '/token') {
      const token = `bound-${bound.size + 1}`;
      bound.set(token, thumbprint);
      return json(res, 200, { access_token: token, token_type: 'DPoP', expires_in: 3_600 });
    }
    const token = String(request.headers.authorization).replace(/^DPoP /, '');
    const hash = createHash('sha256').update(token).digest('base64url');
    if (bound.get(token) === thumbprint && payload['ath'] === hash) return json(res, 200, {});
    refusals.push('a token came with another key or hash');
    return json(res, 401, {});
  });
});
afterEach(async () => {
  await Promise.all(fleet.splice(0).map((process) => process.close()));
  await server.close();
});

/** The proof of a request, checked as RFC 9449 §4.3 says. */
async function verified(
  request: RecordedRequest,
  origin: string,
): Promise<{ payload: JWTPayload; thumbprint: string }> {
  const proof = String(request.headers['dpop']);
  const { payload } = await jwtVerify(proof, EmbeddedJWK, { typ: 'dpop+jwt' });
  if (payload['htm'] !== request.method || payload['htu'] !== `${origin}${request.path}`)
    refusals.push('a proof was for another request');
  const { jwk } = decodeProtectedHeader(proof);
  return { payload, thumbprint: await calculateJwkThumbprint(jwk as never) };
}

async function callAll(
  dpop: unknown,
  processes: number,
): Promise<{ succeeded: number; failed: number; errors: string[] }> {
  const options = { tokenUrl: `${server.origin}/token`, clientId: 'machine', clientSecret: 'a secret', dpop };
  const provider = { kind: 'ClientCredentialsTokenProvider', options };
  fleet = await startFleet(processes, { redisUrl: redis.url, apiUrl: server.origin, provider });
  const tallies = await Promise.all(fleet.map((process) => process.calls(CALLS)));
  return {
    succeeded: tallies.reduce((sum, { succeeded }) => sum + succeeded, 0),
    failed: tallies.reduce((sum, { failed }) => sum + failed, 0),
    errors: [...new Set(tallies.flatMap(({ errors }) => errors))],
  };
}

it('8 processes with one key get one token, and no call fails at a server that changes its nonce with every answer', async () => {
  nonces = true;
  expect(await callAll({ key: KEY }, 8)).toEqual({ succeeded: 8 * CALLS, failed: 0, errors: [] });
  expect(bound.size).toBe(1);
  // Once without a nonce, which the process could not know, and once with it.
  expect(server.count('/token')).toBe(2);
  expect(refusals).toEqual([]);
}, 120_000);

it('processes without a key of the app’s have a key and a token each', async () => {
  nonces = false;
  expect(await callAll(true, 3)).toEqual({ succeeded: 3 * CALLS, failed: 0, errors: [] });
  expect(bound.size).toBe(3);
  expect(new Set(bound.values()).size).toBe(3);
  expect(refusals).toEqual([]);
}, 120_000);
