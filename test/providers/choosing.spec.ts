import { generateKeyPairSync } from 'node:crypto';
import { decodeJwt } from 'jose';
import {
  type ClientAuthMethod,
  ClientCredentialsTokenProvider,
  type ClientCredentialsTokenProviderOptions,
  TokenManager,
} from 'nestjs-forge-auth';
import { json } from '../support/answer.js';
import { createCertificate } from '../support/certificate.js';
import type { RecordedRequest } from '../support/recorded-request.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { rejection } from '../support/async.js';
import { World } from '../tokens/world.js';

const world = new World();
const KEY = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
let server: RecordingServer;
let listed: unknown;
/** Refusals before the next tokens. */
let refusals: { status: number; error: string; headers: Record<string, string> }[] = [];

beforeEach(async () => {
  listed = undefined;
  refusals = [];
  server = world.closeLater(
    await startServer((request, res) => {
      if (request.path.startsWith('/.well-known/'))
        return json(res, 200, {
          issuer: server.origin,
          token_endpoint: `${server.origin}/token`,
          token_endpoint_auth_methods_supported: listed,
        });
      const refusal = refusals.shift();
      if (refusal === undefined)
        return json(res, 200, { access_token: `a-${server.requests.length}`, expires_in: 600 });
      for (const [name, value] of Object.entries(refusal.headers)) res.setHeader(name, value);
      return json(res, refusal.status, { error: refusal.error });
    }),
  );
});
afterEach(() => world.close());

const SECRET = { clientSecret: 'a secret of a length that HMAC keys want' };
const tokenRequests = (): RecordedRequest[] => server.requests.filter(({ path }) => path === '/token');

function managerOf(
  options: Partial<ClientCredentialsTokenProviderOptions>,
  storage: Map<string, unknown> = new Map(),
): TokenManager {
  const provider = new ClientCredentialsTokenProvider({ issuer: server.origin, clientId: 'machine', ...options });
  return world.closeLater(new TokenManager({ name: 'orders', provider, storage }));
}

/** Which way the client took. */
async function taken(options: Partial<ClientCredentialsTokenProviderOptions>): Promise<string> {
  await managerOf(options).getToken();
  const request = tokenRequests().at(-1) as RecordedRequest;
  const form = request.form();
  if (request.headers['x-own'] !== undefined) return 'function';
  if (request.headers.authorization !== undefined) return 'client_secret_basic';
  if (form.has('client_secret')) return 'client_secret_post';
  const assertion = form.get('client_assertion');
  if (assertion === null) return 'none';
  const { alg } = JSON.parse(Buffer.from(assertion.split('.')[0] ?? '', 'base64url').toString()) as { alg: string };
  return alg.startsWith('HS') ? 'client_secret_jwt' : 'private_key_jwt';
}

const own: ClientAuthMethod = ({ headers }) => headers.set('x-own', 'yes');

describe('under discovery', () => {
  it.each<[string, readonly ClientAuthMethod[] | undefined, unknown, object, string]>([
    [
      'the first of the list that is offered',
      ['client_secret_jwt', 'client_secret_post'],
      ['client_secret_post'],
      SECRET,
      'client_secret_post',
    ],
    [
      'the first of several',
      ['client_secret_jwt', 'client_secret_post'],
      ['client_secret_post', 'client_secret_jwt'],
      SECRET,
      'client_secret_jwt',
    ],
    [
      'the first that there is material for',
      ['private_key_jwt', 'client_secret_post'],
      ['private_key_jwt', 'client_secret_post'],
      SECRET,
      'client_secret_post',
    ],
    [
      'a key before a secret',
      undefined,
      ['client_secret_basic', 'private_key_jwt'],
      { ...SECRET, clientKey: KEY },
      'private_key_jwt',
    ],
    [
      'a secret where keys are not offered',
      undefined,
      ['client_secret_post'],
      { ...SECRET, clientKey: KEY },
      'client_secret_post',
    ],
    [
      'basic where nothing is listed (RFC 8414 §2)',
      undefined,
      undefined,
      { ...SECRET, clientKey: KEY },
      'client_secret_basic',
    ],
    ['the source’s other names', ['body'], ['client_secret_post'], SECRET, 'client_secret_post'],
    ['none where it is the app’s word', ['none'], ['client_secret_basic'], {}, 'none'],
    ['a function, which nobody lists', ['private_key_jwt', own], ['client_secret_basic'], SECRET, 'function'],
    [
      'what is offered before a function',
      ['client_secret_basic', own],
      ['client_secret_basic'],
      SECRET,
      'client_secret_basic',
    ],
  ])('takes %s', async (_what, authMethod, offered, material, expected) => {
    listed = offered;
    expect(await taken({ ...material, ...(authMethod === undefined ? undefined : { authMethod }) })).toBe(expected);
  });

  it('takes one method by name whatever the issuer lists', async () => {
    listed = ['private_key_jwt'];
    expect(await taken({ ...SECRET, authMethod: 'client_secret_post' })).toBe('client_secret_post');
  });

  it('says what it has, and the option, where nothing fits', async () => {
    listed = ['private_key_jwt'];
    const error = await rejection(
      managerOf({ ...SECRET, authMethod: ['client_secret_basic', 'client_secret_jwt'] }).getToken(),
    );
    expect(error.message).toMatch(/supports none of client_secret_basic, client_secret_jwt.*Set authMethod/);
  });
});

describe('a nonce that the token endpoint wants', () => {
  it('a nonce that the token endpoint wants is answered with a fresh proof and a fresh assertion', async () => {
    listed = ['private_key_jwt'];
    refusals = [{ status: 400, error: 'use_dpop_nonce', headers: { 'dpop-nonce': 'n-1' } }];
    await managerOf({ clientKey: KEY, dpop: true }).getToken();
    const [first, second] = tokenRequests().map((request) => ({
      proof: decodeJwt(String(request.headers['dpop'])),
      assertion: decodeJwt(String(request.form().get('client_assertion'))),
    }));
    expect([first?.proof['nonce'], second?.proof['nonce']]).toEqual([undefined, 'n-1']);
    expect(first?.proof.jti).not.toBe(second?.proof.jti);
    expect(first?.assertion.jti).not.toBe(second?.assertion.jti);
    expect(tokenRequests()).toHaveLength(2);
  });
});

describe('the key of a token', () => {
  it('the key of a token has the certificate in it that the token may be bound to', async () => {
    const [first, second] = [await createCertificate(), await createCertificate()];
    const storage = new Map<string, unknown>();
    const token = async (tls: object): Promise<string> =>
      (await managerOf({ ...SECRET, http: { tls } }, storage).getToken()).accessToken;
    const tokens = [await token(first), await token(() => first), await token(second), await token({})];
    expect(tokens[0]).toBe(tokens[1]);
    expect(new Set(tokens).size).toBe(3);
    expect([...storage.keys()].join('\n')).not.toMatch(/BEGIN|MII/);
  });

  it('follows a certificate that a function renews', async () => {
    let current = await createCertificate();
    const manager = managerOf({ ...SECRET, http: { tls: () => current } });
    const before = await manager.getToken();
    current = await createCertificate();
    await manager.invalidate(before);
    expect((await manager.getToken()).accessToken).not.toBe(before.accessToken);
    expect(tokenRequests()).toHaveLength(2);
  });
});
