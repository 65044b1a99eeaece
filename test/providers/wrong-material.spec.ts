import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import {
  BodyTokenFetcher,
  ClientCredentialsTokenProvider,
  ConfigurationError,
  createForgeClient,
  type ForgeAuthError,
  isForgeAuthError,
  JwtBearerTokenProvider,
  TokenFetchPipeline,
  TokenManager,
  type TokenProvider,
} from 'nestjs-forge-auth';
import { json } from '../support/answer.js';
import { type Certificate, createCertificate } from '../support/certificate.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { renderError } from '../support/render.js';
import { rejection } from '../support/async.js';
import { World } from '../tokens/world.js';

const world = new World();
const DAY_MS = 86_400_000;
const EXPIRED = { notBefore: new Date(Date.now() - 2 * DAY_MS), notAfter: new Date(Date.now() - DAY_MS) };
let authority: Certificate;
let machine: Certificate;
let expired: Certificate;
let endpoint: RecordingServer;
let outdated: RecordingServer;

const EC = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
const PASSPHRASE = 'canary-passphrase-4711';
const encrypted = (key: KeyObject): string =>
  key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: PASSPHRASE }) as string;
const LOCKED = encrypted(EC);

beforeAll(async () => {
  authority = await createCertificate({ commonName: 'authority' });
  const host = await createCertificate({ issuer: authority });
  machine = await createCertificate({ commonName: 'machine', issuer: authority });
  expired = await createCertificate({ commonName: 'machine', issuer: authority, ...EXPIRED });
  const asks = { ca: authority.cert, requestCert: true, rejectUnauthorized: true };
  const listen = (certificate: Certificate): Promise<RecordingServer> =>
    startServer((_request, res) => json(res, 200, { access_token: 'a' }), { tls: { ...certificate, ...asks } });
  endpoint = await listen(host);
  outdated = await listen(await createCertificate({ issuer: authority, ...EXPIRED }));
});
afterEach(() => world.close());
afterAll(() => Promise.all([endpoint.close(), outdated.close()]));

async function failureOf(make: () => TokenProvider): Promise<ForgeAuthError> {
  return rejection<ForgeAuthError>(
    (async () => world.closeLater(new TokenManager({ name: 'orders', provider: make() })).getToken())(),
  );
}

/** Checks that an error holds no secret, however it is printed. */
function expectNoSecret(error: unknown): void {
  const printed = renderError(error);
  expect(printed).not.toContain(PASSPHRASE);
  expect(printed).not.toMatch(/PRIVATE KEY|BEGIN CERT|MII[A-Za-z0-9+/]{20}/);
}

const grant = (tls: unknown, url = endpoint.origin): TokenProvider =>
  new ClientCredentialsTokenProvider({
    tokenUrl: `${url}/token`,
    clientId: 'machine',
    clientSecret: 'a secret',
    http: { tls: tls as object },
  });
const trusting = (tls: object): object => ({ ca: authority.cert, ...tls });

describe('a certificate that is no good', () => {
  it.each<[string, () => unknown, RegExp]>([
    ['has expired', () => trusting(expired), /tls\.cert has expired \(\d{4}-\d\d-\d\d\): give one that is valid/],
    ['has expired where a function reads it', () => () => trusting(expired), /tls\.cert has expired/],
    ['is missing', () => trusting({}), /asks for a client certificate: give tls\.cert and tls\.key/],
    [
      'comes with another key',
      () => trusting({ ...machine, key: expired.key }),
      /http\.tls\.key is not the key of http\.tls\.cert/,
    ],
    [
      'has an encrypted key',
      () => trusting({ ...machine, key: LOCKED }),
      /http\.tls\.key is encrypted: give http\.tls\.passphrase/,
    ],
    [
      'has a key with another passphrase',
      () => trusting({ ...machine, key: LOCKED, passphrase: 'another' }),
      /http\.tls\.key cannot be decrypted: http\.tls\.passphrase must be the right one/,
    ],
    [
      'has a key with another passphrase where a function reads it',
      () => async () => trusting({ ...machine, key: LOCKED, passphrase: 'another' }),
      /tls\.key cannot be decrypted: tls\.passphrase must be the right one/,
    ],
    [
      'leaves out the authority of the server',
      () => machine,
      /signed by nobody who is known here: give its authority as tls\.ca/,
    ],
  ])('%s: the error names option and cure', async (_what, tls, message) => {
    const error = await failureOf(() => grant(tls()));
    expect(isForgeAuthError(error)).toBe(true);
    expect(error.message).toMatch(message);
    expectNoSecret(error);
  });

  it('a certificate that is no good has expired at the server: the error says whose it is', async () => {
    const error = await failureOf(() => grant(trusting(machine), outdated.origin));
    expect(error.message).toMatch(/CERT_HAS_EXPIRED.*certificate of the server has expired/);
    expectNoSecret(error);
  });

  it('a certificate that is no good has expired at a service, and in a step of a pipeline', async () => {
    const client = world.closeLater(
      createForgeClient({ name: 'orders', baseUrl: endpoint.origin, tls: trusting(expired) as object }),
    );
    expect((await rejection(client.get('/'))).message).toMatch(/tls\.cert has expired/);
    const fetcher = new BodyTokenFetcher({
      name: 'app',
      baseUrl: endpoint.origin,
      tls: () => trusting(expired) as object,
    });
    const pipeline = world.closeLater(new TokenFetchPipeline({ steps: [fetcher] }));
    expect((await rejection(pipeline.execute())).message).toMatch(/tls\.cert has expired/);
  });
});

const NO_GOOD: readonly [string, unknown, string | undefined, RegExp][] = [
  ['an encrypted key without a passphrase', LOCKED, undefined, /is encrypted\. Give \{ key, passphrase \}/],
  ['a wrong passphrase', { key: LOCKED, passphrase: 'another' }, undefined, /cannot be decrypted\. Is the passphrase/],
  ['an RSA key with ES256', RSA, 'ES256', /kind rsa, which cannot sign with ES256\. Set alg to RS256/],
  ['half a key', LOCKED.slice(0, 120).replace('ENCRYPTED ', ''), undefined, /no PEM of a private key/],
];
const PLACES: readonly [string, (key: unknown, alg: string | undefined) => TokenProvider][] = [
  [
    'clientKey',
    (key, alg) =>
      new ClientCredentialsTokenProvider({
        tokenUrl: 'https://issuer.example/token',
        clientId: 'machine',
        clientKey: key as KeyObject,
        ...(alg && { clientAssertion: { alg } }),
      }),
  ],
  [
    'assertion.key',
    (key, alg) =>
      new JwtBearerTokenProvider({
        tokenUrl: 'https://issuer.example/token',
        assertion: { iss: 'machine', key: key as KeyObject, ...(alg && { alg }) },
      }),
  ],
  [
    'dpop.key',
    (key, alg) =>
      new ClientCredentialsTokenProvider({
        tokenUrl: 'https://issuer.example/token',
        clientId: 'machine',
        clientSecret: 'a secret',
        dpop: { key: key as KeyObject, ...(alg && { alg }) },
      }),
  ],
];

describe('a key that is no good', () => {
  const cases = PLACES.flatMap(([place, make]) =>
    NO_GOOD.flatMap(([what, key, alg, message]) =>
      [false, true].map((read) => ({
        place,
        what,
        message,
        make: () => make(read ? async () => key : key, alg),
        read,
      })),
    ),
  );
  it.each(cases)(
    '$what as $place (read by a function: $read) names option and cure',
    async ({ place, message, make }) => {
      const error = await failureOf(make);
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(error.message).toContain(place);
      expect(error.message).toMatch(message);
      expectNoSecret(error);
    },
  );
});

describe('tls as a function', () => {
  it('tls as a function is read for each token request of a pipeline’s step', async () => {
    let certificate = machine;
    const fetcher = new BodyTokenFetcher({
      name: 'app',
      baseUrl: endpoint.origin,
      tls: async () => trusting(certificate) as object,
    });
    const pipeline = world.closeLater(new TokenFetchPipeline({ steps: [fetcher] }));
    endpoint.reset();
    await pipeline.execute();
    await pipeline.execute();
    expect(endpoint.requests).toHaveLength(1);
    // A token may be bound to the certificate: another one has tokens of its own.
    certificate = await createCertificate({ commonName: 'renewed', issuer: authority });
    await pipeline.execute({ forceRefresh: true });
    expect(endpoint.requests).toHaveLength(2);
  });
});
