import { createHmac, createPublicKey } from 'node:crypto';
import type { JWTPayload } from 'jose';
import { HttpRequester } from '../../src/http/http-requester.js';
import { type ExpectedIdToken, validateIdToken } from '../../src/providers/oidc/id-token.js';
import { JsonWebKeys } from '../../src/providers/oidc/json-web-keys.js';
import { validateLogoutToken } from '../../src/providers/oidc/logout-token.js';
import { ASYMMETRIC_ALGORITHMS } from '../../src/providers/oidc/asymmetric-algorithms.js';
import { FakeClock } from '../support/fake-clock.js';
import { rejection } from '../support/async.js';
import { type KeyServer, sign, type SigningKey, signingKey, startKeyServer } from './signed-tokens.js';

const ISSUER = 'https://issuer.example';
const CLIENT_ID = 'calendar-app';

/** The example of OpenID Connect Core §A.3. */
const ACCESS = 'jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y';

let clock: FakeClock;
let key: SigningKey;
let server: KeyServer;
let keys: JsonWebKeys;

beforeEach(async () => {
  clock = new FakeClock();
  key = await signingKey('first');
  server = await startKeyServer(key);
  const http = new HttpRequester({}, clock);
  keys = new JsonWebKeys(async (signal) => (await http.request({ url: server.url, signal })).json(), clock);
});

afterEach(() => server.server.close());

const seconds = (offset = 0): number => Math.floor(clock.now() / 1_000) + offset;

function claims(changes: JWTPayload = {}): JWTPayload {
  return { iss: ISSUER, sub: 'alice', aud: CLIENT_ID, iat: seconds(), exp: seconds(300), ...changes };
}

function expected(changes: Partial<ExpectedIdToken> = {}): ExpectedIdToken {
  return {
    issuer: ISSUER,
    clientId: CLIENT_ID,
    keys,
    algorithms: ASYMMETRIC_ALGORITHMS,
    clockToleranceMs: 120_000,
    now: clock.now(),
    signal: AbortSignal.timeout(10_000),
    ...changes,
  };
}

const base64url = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

describe('an id_token', () => {
  it.each(['RS256', 'PS384', 'ES256', 'ES512', 'EdDSA'])('an id_token signed with %s is accepted', async (alg) => {
    key = await signingKey('first', alg);
    server.keys = [key];
    expect(await validateIdToken(await sign(key, claims()), expected())).toMatchObject({ sub: 'alice' });
  });

  it.each<[string, () => JWTPayload, Partial<ExpectedIdToken>, RegExp]>([
    ['another issuer', () => claims({ iss: `${ISSUER}/` }), {}, /another issuer/],
    ['no issuer', () => claims({ iss: undefined as never }), {}, /another issuer/],
    ['another audience', () => claims({ aud: 'someone-else' }), {}, /another audience/],
    ['an audience that only contains ours', () => claims({ aud: `${CLIENT_ID}-2` }), {}, /another audience/],
    ['several audiences and no azp', () => claims({ aud: [CLIENT_ID, 'other'] }), {}, /no azp/],
    ['the azp of another client', () => claims({ azp: 'other' }), {}, /azp/],
    ['an exp in the past', () => claims({ exp: seconds(-121) }), {}, /expired/],
    ['an exp that is a text', () => claims({ exp: '9999999999' as never }), {}, /exp is no point in time/],
    ['no exp', () => claims({ exp: undefined as never }), {}, /no exp/],
    ['no iat', () => claims({ iat: undefined as never }), {}, /no iat/],
    ['an iat in the future', () => claims({ iat: seconds(121) }), {}, /not yet valid/],
    ['an nbf in the future', () => claims({ nbf: seconds(121) }), {}, /not yet valid/],
    ['no subject', () => claims({ sub: undefined as never }), {}, /no subject/],
    ['a subject that is a number', () => claims({ sub: 7 as never }), {}, /no subject/],
    ['another subject', () => claims(), { subject: 'bob' }, /another subject/],
    ['another nonce', () => claims({ nonce: 'n1' }), { nonce: 'n2' }, /nonce/],
    ['no nonce', () => claims(), { nonce: 'n2' }, /nonce/],
    ['no auth_time though max_age', () => claims(), { maxAge: 60 }, /auth_time/],
    ['an old sign-in', () => claims({ auth_time: seconds(-181) }), { maxAge: 60 }, /longer ago/],
    ['the hash of another access token', () => claims({ at_hash: 'AAAA' }), { accessToken: 'at' }, /at_hash/],
    ['a hash that is a number', () => claims({ at_hash: 7 }), { accessToken: 'at' }, /at_hash/],
  ])('an id_token with %s is refused', async (_what, make, changes, message) => {
    const error = await rejection(validateIdToken(await sign(key, make()), expected(changes)));
    expect(error).toMatchObject({ name: 'AuthenticationError', code: 'FORGE_AUTH_ID_TOKEN_INVALID' });
    expect((error as Error).message).toMatch(message);
  });

  it.each<[string, () => JWTPayload, Partial<ExpectedIdToken>]>([
    ['clocks that are two minutes apart', () => claims({ exp: seconds(-119), iat: seconds(119) }), {}],
    ['several audiences and our azp', () => claims({ aud: ['other', CLIENT_ID], azp: CLIENT_ID }), {}],
    ['a recent sign-in', () => claims({ auth_time: seconds(-30) }), { maxAge: 60 }],
    ['the hash of its access token', () => claims({ at_hash: '77QmUPtjPfzWtF2AnpK9RQ' }), { accessToken: ACCESS }],
  ])('an id_token with %s is accepted', async (_what, make, changes) => {
    expect(await validateIdToken(await sign(key, make()), expected(changes))).toMatchObject({ iss: ISSUER });
  });

  it.each<[string, () => string | Promise<string>]>([
    ['without a signature (alg none)', () => `${base64url({ alg: 'none' })}.${base64url(claims())}.`],
    ['without a signature (alg NONE)', () => `${base64url({ alg: 'NONE' })}.${base64url(claims())}.AAAA`],
    ['signed with the public key as a secret', () => signedWithPublicKey()],
    ['of another key under the same id', async () => sign(await signingKey('first'), claims())],
    ['whose header brings its own key', async () => signedWithOwnKey()],
    ['whose payload was changed', async () => tampered(await sign(key, claims()))],
    ['with a critical extension that nobody knows', () => withCritical()],
    ['that is encrypted', () => 'header.canary-of-a-key.vector.text.tag'],
    ['that is no JWT', () => 'hello'],
    ['whose payload is no object', () => rawPayload('[]')],
    ['whose payload is no JSON', () => rawPayload('{')],
    ['with 1 MB of claims', () => sign(key, claims({ padding: 'x'.repeat(1_000_000) }))],
  ])('%s is refused', async (_what, make) => {
    const jwt = await make();
    const error = await rejection(validateIdToken(jwt, expected()));
    expect(error).toMatchObject({ name: 'AuthenticationError', code: 'FORGE_AUTH_ID_TOKEN_INVALID' });
    expect(JSON.stringify(error) + (error as Error).stack).not.toContain(jwt.split('.')[1] ?? jwt);
  });

  it('fetches the keys once for any number of tokens at once', async () => {
    const jwt = await sign(key, claims());
    await Promise.all(Array.from({ length: 50 }, () => validateIdToken(jwt, expected())));
    expect(server.server.requests).toHaveLength(1);
  });

  it('fetches the keys again for a key that is new, at most once in 30 seconds', async () => {
    await validateIdToken(await sign(key, claims()), expected());
    const next = await signingKey('second');
    server.keys = [key, next];
    await clock.advance(30_000);
    expect(await validateIdToken(await sign(next, claims()), expected())).toMatchObject({ sub: 'alice' });
    expect(server.server.requests).toHaveLength(2);
    const unknown = await sign(await signingKey('third'), claims());
    for (let tries = 0; tries < 20; tries += 1) await rejection(validateIdToken(unknown, expected()));
    expect(server.server.requests).toHaveLength(2);
    await clock.advance(30_000);
    for (let tries = 0; tries < 20; tries += 1) await rejection(validateIdToken(unknown, expected()));
    expect(server.server.requests).toHaveLength(3);
  });

  it('takes a key that is replaced under the same id', async () => {
    await validateIdToken(await sign(key, claims()), expected());
    const next = await signingKey('first');
    server.keys = [next];
    await clock.advance(30_000);
    expect(await validateIdToken(await sign(next, claims()), expected())).toMatchObject({ sub: 'alice' });
  });

  it('tries each of several keys that bear one id, or none', async () => {
    const twin = await signingKey('first');
    server.keys = [twin, key];
    expect(await validateIdToken(await sign(key, claims()), expected())).toMatchObject({ sub: 'alice' });
    const [nameless, other] = [await signingKey(undefined), await signingKey('other')];
    server.keys = [other, nameless];
    await clock.advance(30_000);
    expect(await validateIdToken(await sign(nameless, claims()), expected())).toMatchObject({ sub: 'alice' });
  });
});

function signedWithPublicKey(): string {
  const pem = createPublicKey({ key: key.jwk as never, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
  const signed = `${base64url({ alg: 'HS256', kid: 'first' })}.${base64url(claims())}`;
  return `${signed}.${createHmac('sha256', pem).update(signed).digest('base64url')}`;
}

async function signedWithOwnKey(): Promise<string> {
  const own = await signingKey('own');
  return sign(own, claims(), { jwk: own.jwk, jku: server.url });
}

/** Signed by hand: no library signs what it does not understand. */
async function withCritical(): Promise<string> {
  const { subtle } = (await import('node:crypto')).webcrypto;
  const signed = `${base64url({ alg: 'ES256', kid: 'first', crit: ['x'], x: true })}.${base64url(claims())}`;
  const signature = await subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, key.privateKey, Buffer.from(signed));
  return `${signed}.${Buffer.from(signature).toString('base64url')}`;
}

function tampered(jwt: string): string {
  const [header, , signature] = jwt.split('.');
  return [header, base64url(claims({ sub: 'mallory' })), signature].join('.');
}

async function rawPayload(text: string): Promise<string> {
  const { CompactSign } = await import('jose');
  return new CompactSign(Buffer.from(text)).setProtectedHeader({ alg: key.alg, kid: 'first' }).sign(key.privateKey);
}

describe('a logout token', () => {
  const EVENTS = { 'http://schemas.openid.net/event/backchannel-logout': {} };
  const logout = (changes: JWTPayload = {}): JWTPayload => claims({ jti: 'one', events: EVENTS, ...changes });

  it.each([
    ['a subject', {}, { subject: 'alice' }],
    ['a session', { sub: undefined as never, sid: 's1' }, { sessionId: 's1' }],
  ])('a logout token of %s is accepted', async (_what, changes, found) => {
    const jwt = await sign(key, logout(changes), { typ: 'logout+jwt' });
    expect(await validateLogoutToken(jwt, expected())).toMatchObject({ id: 'one', ...found });
  });

  it.each<[string, () => JWTPayload, Record<string, unknown>]>([
    ['no event', () => logout({ events: undefined }), {}],
    ['another event', () => logout({ events: { other: {} } }), {}],
    ['a nonce', () => logout({ nonce: 'n' }), {}],
    ['no jti', () => logout({ jti: undefined as never }), {}],
    ['neither sub nor sid', () => logout({ sub: undefined as never }), {}],
    ['the type of an access token', () => logout(), { typ: 'at+jwt' }],
    ['another audience', () => logout({ aud: 'other' }), {}],
    ['an exp in the past', () => logout({ exp: seconds(-600) }), {}],
  ])('a logout token with %s is refused', async (_what, make, header) => {
    const error = await rejection(validateLogoutToken(await sign(key, make(), header), expected()));
    expect(error).toMatchObject({ code: 'FORGE_AUTH_ID_TOKEN_INVALID' });
  });
});
