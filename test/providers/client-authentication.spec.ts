import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeProtectedHeader, jwtVerify } from 'jose';
import { ClientCredentialsTokenProvider, ConfigurationError, type GrantOptions } from 'nestjs-forge-auth';
import type { RecordedRequest } from '../support/recorded-request.js';
import { FakeClock } from '../support/fake-clock.js';
import { renderError } from '../support/render.js';
import { rejection } from '../support/async.js';
import { World } from '../tokens/world.js';

const world = new World();
const folder = mkdtempSync(join(tmpdir(), 'forge-auth-keys-'));
afterEach(() => world.close());
afterAll(() => rmSync(folder, { recursive: true }));

const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 });
const P256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const P384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const P521 = generateKeyPairSync('ec', { namedCurve: 'P-521' });
const ED = generateKeyPairSync('ed25519');

const pem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();
const encrypted = (key: KeyObject, passphrase: string): string =>
  key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase }).toString();

type Options = Omit<Partial<GrantOptions>, 'tokenUrl' | 'clientId'>;

async function ask(options: Options): Promise<RecordedRequest> {
  await world.start({ authenticate: () => true });
  const provider = new ClientCredentialsTokenProvider({
    tokenUrl: world.endpoint.url,
    clientId: 'machine',
    ...options,
  });
  await world.manager({ provider }).getToken();
  return world.endpoint.server.requests[0] as RecordedRequest;
}

const assertionOf = (request: RecordedRequest): string => String(request.form().get('client_assertion'));

describe('private_key_jwt', () => {
  const KEYS: readonly [string, KeyObject, KeyObject, string, string | undefined][] = [
    ['RSA', RSA.privateKey, RSA.publicKey, 'RS256', undefined],
    ['RSA', RSA.privateKey, RSA.publicKey, 'PS384', 'PS384'],
    ['P-256', P256.privateKey, P256.publicKey, 'ES256', undefined],
    ['P-384', P384.privateKey, P384.publicKey, 'ES384', undefined],
    ['P-521', P521.privateKey, P521.publicKey, 'ES512', undefined],
    ['Ed25519', ED.privateKey, ED.publicKey, 'EdDSA', undefined],
  ];

  it.each(KEYS)('signs with a key of kind %s (%#)', async (_kind, key, publicKey, alg, asked) => {
    const request = await ask({
      clientKey: pem(key),
      ...(asked === undefined ? undefined : { clientAssertion: { alg: asked } }),
    });
    const form = request.form();
    const { payload, protectedHeader } = await jwtVerify(assertionOf(request), publicKey);
    expect(protectedHeader).toEqual({ typ: 'JWT', alg });
    expect(payload).toEqual({
      iss: 'machine',
      sub: 'machine',
      aud: world.endpoint.url,
      iat: expect.any(Number),
      exp: Number(payload.iat) + 60,
      jti: expect.stringMatching(/^[\da-f-]{36}$/),
    });
    expect(form.get('client_id')).toBe('machine');
    expect(form.get('client_assertion_type')).toBe('urn:ietf:params:oauth:client-assertion-type:jwt-bearer');
    expect(request.headers.authorization).toBeUndefined();
  });

  const jwk = { ...P256.privateKey.export({ format: 'jwk' }), kid: 'of-the-jwk' };
  const file = join(folder, 'key.pem');
  writeFileSync(file, pem(P256.privateKey).replaceAll('\n', '\r\n'));
  const FORMS: readonly [string, Options['clientKey'], string | undefined][] = [
    ['a PEM', pem(P256.privateKey), undefined],
    ['a PEM of SEC 1', P256.privateKey.export({ type: 'sec1', format: 'pem' }).toString(), undefined],
    ['a PEM in one line', pem(P256.privateKey).replaceAll('\n', '\\n'), undefined],
    ['a PEM with Windows line ends', pem(P256.privateKey).replaceAll('\n', '\r\n'), undefined],
    ['a Buffer', Buffer.from(pem(P256.privateKey)), undefined],
    ['an encrypted PEM', { key: encrypted(P256.privateKey, 'pässword'), passphrase: 'pässword' }, undefined],
    ['a JWK', jwk as never, 'of-the-jwk'],
    ['a JWK as text', JSON.stringify(jwk), 'of-the-jwk'],
    ['a KeyObject', P256.privateKey, undefined],
    ['a file', { file }, undefined],
    ['a function', async () => pem(P256.privateKey), undefined],
  ];

  it.each(FORMS)('takes %s', async (_form, clientKey, kid) => {
    const request = await ask({ clientKey: clientKey as NonNullable<Options['clientKey']> });
    await jwtVerify(assertionOf(request), P256.publicKey);
    expect(decodeProtectedHeader(assertionOf(request)).kid).toBe(kid);
  });

  it('writes audience, lifetime, key id, further claims and headers, and changes nothing that it was given', async () => {
    const clientAssertion = {
      alg: 'PS256',
      kid: 'k1',
      audience: 'https://issuer.example',
      lifetimeMs: 300_000,
      claims: { tenant: 'acme' },
      headers: { x5t: 'abc' },
    };
    const given = structuredClone(clientAssertion);
    const request = await ask({ clientKey: RSA.privateKey, clientAssertion });
    const { payload, protectedHeader } = await jwtVerify(assertionOf(request), RSA.publicKey);
    expect(protectedHeader).toEqual({ typ: 'JWT', alg: 'PS256', kid: 'k1', x5t: 'abc' });
    expect(payload).toMatchObject({ aud: 'https://issuer.example', tenant: 'acme', exp: Number(payload.iat) + 300 });
    expect(clientAssertion).toEqual(given);
  });

  it('makes a new assertion for each attempt', async () => {
    await world.start({ authenticate: () => true });
    world.endpoint.answerNext({ status: 503 }, { status: 503 });
    const provider = new ClientCredentialsTokenProvider({
      tokenUrl: world.endpoint.url,
      clientId: 'machine',
      clientKey: ED.privateKey,
    });
    await world.manager({ provider }).getToken();
    const ids = await Promise.all(
      world.endpoint.server.requests.map(
        async (request) => (await jwtVerify(assertionOf(request), ED.publicKey)).payload.jti,
      ),
    );
    expect(new Set(ids).size).toBe(3);
  });

  it('reads a rotated key again when the issuer refuses the old one', async () => {
    let current = RSA;
    await world.start({ authenticate: () => true });
    const provider = new ClientCredentialsTokenProvider({
      tokenUrl: world.endpoint.url,
      clientId: 'machine',
      clientKey: () => current.privateKey,
    });
    const manager = world.manager({ provider });
    await manager.getToken();
    current = generateKeyPairSync('rsa', { modulusLength: 2048 });
    world.endpoint.answerNext({ status: 401, json: { error: 'invalid_client' } });
    await manager.forceRefresh();
    const [, refused, accepted] = world.endpoint.server.requests as RecordedRequest[];
    await jwtVerify(assertionOf(refused as RecordedRequest), RSA.publicKey);
    await jwtVerify(assertionOf(accepted as RecordedRequest), createPublicKey(current.privateKey));
  });

  it('sends somebody else’s assertion as it stands in its file, read again for each request', async () => {
    const token = join(folder, 'token');
    writeFileSync(token, 'first.jwt.of-the-platform\n');
    await world.start({ authenticate: () => true });
    const provider = new ClientCredentialsTokenProvider({
      tokenUrl: world.endpoint.url,
      clientId: 'machine',
      clientAssertion: { token: { file: token } },
    });
    const manager = world.manager({ provider });
    await manager.getToken();
    writeFileSync(token, 'second.jwt.of-the-platform\r\n');
    await manager.forceRefresh();
    expect(world.endpoint.server.requests.map(assertionOf)).toEqual([
      'first.jwt.of-the-platform',
      'second.jwt.of-the-platform',
    ]);
  });

  const WRONG: readonly [string, Options, RegExp][] = [
    [
      'an encrypted key without a passphrase',
      { clientKey: encrypted(RSA.privateKey, 'x') },
      /clientKey is encrypted\. Give \{ key, passphrase \}/,
    ],
    [
      'a wrong passphrase',
      { clientKey: { key: encrypted(RSA.privateKey, 'x'), passphrase: 'y' } },
      /clientKey cannot be decrypted.*passphrase/,
    ],
    [
      'an RSA key with ES256',
      { clientKey: RSA.privateKey, clientAssertion: { alg: 'ES256' } },
      /clientKey.*cannot sign with ES256.*RS256/,
    ],
    [
      'a P-256 key with ES384',
      { clientKey: P256.privateKey, clientAssertion: { alg: 'ES384' } },
      /cannot sign with ES384.*ES256/,
    ],
    [
      'a short RSA key',
      { clientKey: generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey },
      /1024 bits.*2048/,
    ],
    [
      'a public key',
      { clientKey: RSA.publicKey.export({ type: 'spki', format: 'pem' }).toString() },
      /Give the private key/,
    ],
    ['a public JWK', { clientKey: RSA.publicKey.export({ format: 'jwk' }) as never }, /public JWK/],
    ['half a PEM', { clientKey: pem(RSA.privateKey).slice(0, 300) }, /no PEM of a private key/],
    ['a key that nothing can be signed with', { clientKey: generateKeyPairSync('x25519').privateKey }, /x25519/],
    ['an unknown algorithm', { clientKey: RSA.privateKey, clientAssertion: { alg: 'none' } }, /clientAssertion\.alg/],
    ['no key', { authMethod: 'private_key_jwt' }, /needs a clientKey/],
    ['no certificate', { authMethod: 'tls_client_auth' }, /needs a certificate in http\.tls/],
    ['an empty list', { authMethod: [] }, /empty list/],
    [
      'a list of which nothing is there',
      { authMethod: ['private_key_jwt', 'client_secret_jwt'] },
      /clientKey.*clientSecret/,
    ],
    ['a secret that ends in a line break', { clientSecret: 'secret-4711\n' }, /clientSecret ends in a line break/],
  ];

  it.each(WRONG)('refuses %s, naming option and cure', async (_what, options, message) => {
    await world.start();
    const provider = new ClientCredentialsTokenProvider({
      tokenUrl: world.endpoint.url,
      clientId: 'machine',
      ...options,
    });
    const error = await rejection<ConfigurationError>((async () => world.manager({ provider }).getToken())());
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.message).toMatch(message);
    expect(renderError(error)).not.toMatch(/secret-4711|MII|PRIVATE KEY/);
  });
});

describe('client_secret_jwt', () => {
  it.each([['HS256'], ['HS512']])('signs with the secret (%s)', async (alg) => {
    const request = await ask({
      clientSecret: 'a secret of some length, ünïcode',
      authMethod: 'client_secret_jwt',
      clientAssertion: { alg },
    });
    const { payload, protectedHeader } = await jwtVerify(
      assertionOf(request),
      Buffer.from('a secret of some length, ünïcode', 'utf8'),
    );
    expect(protectedHeader.alg).toBe(alg);
    expect(payload).toMatchObject({ iss: 'machine', sub: 'machine', aud: world.endpoint.url });
    expect(String(request.body)).not.toContain('client_secret=');
  });
});

describe('a clock that is off', () => {
  it.each([[-300_000], [300_000]])('signs by the issuer’s time once it is known (%d ms)', async (offsetMs) => {
    const clock = new FakeClock({ now: Date.now() + offsetMs });
    await world.start({ authenticate: () => true });
    world.endpoint.answerNext({ status: 401, json: { error: 'invalid_client' } });
    const provider = new ClientCredentialsTokenProvider({
      tokenUrl: world.endpoint.url,
      clientId: 'machine',
      clientKey: ED.privateKey,
    });
    await world.manager({ provider, clock }).getToken();
    const [first, second] = await Promise.all(
      world.endpoint.server.requests.map(
        async (request) => (await jwtVerify(assertionOf(request), ED.publicKey, { currentDate: new Date(0) })).payload,
      ),
    );
    expect(Math.abs(Number(first?.iat) * 1000 - clock.now())).toBeLessThan(2_000);
    expect(Math.abs(Number(second?.iat) * 1000 - Date.now())).toBeLessThan(5_000);
  });
});
