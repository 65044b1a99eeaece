import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt, jwtVerify } from 'jose';
import {
  ClientCredentialsTokenProvider,
  createForgeClient,
  type GrantOptions,
  GrantTokenProvider,
  isForgeAuthError,
  JwtBearerTokenProvider,
  PasswordGrantTokenProvider,
  RefreshTokenProvider,
  TokenExchangeProvider,
  TokenManager,
  type TokenProvider,
} from 'nestjs-forge-auth';
import { FakeClock } from 'nestjs-forge-auth/testing';
import { json } from '../support/answer.js';
import { captureEverything } from '../support/capture.js';
import type { RecordedRequest } from '../support/recorded-request.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { renderError } from '../support/render.js';
import { expectNoSecrets } from '../support/secrets.js';
import { World } from '../tokens/world.js';

const world = new World();
const folder = mkdtempSync(join(tmpdir(), 'forge-auth-every-grant-'));
const EC = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const PEM = EC.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
let server: RecordingServer;
let refuse: (request: RecordedRequest) => string | undefined | Promise<string | undefined> = () => undefined;

beforeEach(async () => {
  refuse = () => undefined;
  server = world.closeLater(
    await startServer(async (request, res) => {
      if (request.path !== '/token') return json(res, 200, {});
      const error = await refuse(request);
      if (error !== undefined) return json(res, 400, { error });
      return json(res, 200, { access_token: 'cnry.issued-access.77', token_type: 'Bearer', expires_in: 3_600 });
    }),
  );
});
afterEach(() => world.close());
afterAll(() => rmSync(folder, { recursive: true }));

/** Text that is in no Latin alphabet, and what forms, Basic and URLs reserve. */
const ODD = 'пароль 密 ü€ :/?#[]@!$&\'()*+,;=% "<>\\^`{|}~';

/** Every grant without a person; `text` stands in each place that takes one. */
const GRANTS: readonly (readonly [string, (common: GrantOptions, text: string) => TokenProvider, readonly string[]])[] =
  [
    ['ClientCredentialsTokenProvider', (common) => new ClientCredentialsTokenProvider(common), []],
    [
      'PasswordGrantTokenProvider',
      (common, text) => new PasswordGrantTokenProvider({ ...common, username: text, password: text }),
      ['username', 'password'],
    ],
    [
      'RefreshTokenProvider',
      (common, text) => new RefreshTokenProvider({ ...common, refreshToken: text }),
      ['refresh_token'],
    ],
    [
      'JwtBearerTokenProvider',
      (common, text) =>
        new JwtBearerTokenProvider({
          ...common,
          assertion: { iss: text, sub: text, key: EC.privateKey, claims: { text } },
        }),
      [],
    ],
    [
      'TokenExchangeProvider',
      (common, text) =>
        new TokenExchangeProvider({ ...common, subjectToken: text, actorToken: () => text, identity: 'a' }),
      ['subject_token', 'actor_token'],
    ],
    [
      'GrantTokenProvider',
      (common, text) =>
        new GrantTokenProvider({ ...common, grantType: 'urn:example:odd', params: { ticket: text, also: [text] } }),
      ['ticket', 'also'],
    ],
  ];
const common = (more: Partial<GrantOptions> = {}): GrantOptions => ({
  tokenUrl: `${server.origin}/token`,
  clientId: 'machine',
  ...more,
});

describe.each(GRANTS)('%s', (name, make, places) => {
  it.each([[-300_000], [300_000]])('works with a clock that is off by %d ms', async (offsetMs) => {
    refuse = async (request) => {
      const form = request.form();
      for (const parameter of ['client_assertion', 'assertion']) {
        const jwt = form.get(parameter);
        if (jwt === null) continue;
        const good = await jwtVerify(jwt, EC.publicKey, { clockTolerance: 30 }).catch(() => undefined);
        if (good === undefined || Number(good.payload.iat) > Date.now() / 1000 + 30)
          return parameter === 'assertion' ? 'invalid_grant' : 'invalid_client';
      }
      const proof = request.headers['dpop'];
      if (proof === undefined) return undefined;
      return Math.abs(Number(decodeJwt(String(proof)).iat) - Date.now() / 1000) > 30 ? 'invalid_dpop_proof' : undefined;
    };
    const clock = new FakeClock({ now: Date.now() + offsetMs });
    for (const more of [{ clientKey: EC.privateKey }, { clientSecret: 'a secret', dpop: true as const }]) {
      const provider = make(common(more), 'text');
      const manager = world.closeLater(new TokenManager({ name: 'orders', provider, clock }));
      expect((await manager.getToken()).isExpired()).toBe(false);
      const before = server.requests.length;
      await manager.getToken();
      expect(server.requests).toHaveLength(before);
    }
  });

  it('sends what is in no Latin alphabet, and what is reserved, as it was given', async () => {
    for (const authMethod of ['client_secret_basic', 'client_secret_post', 'client_secret_jwt'] as const) {
      const provider = make(
        common({ clientId: ODD, clientSecret: ODD, authMethod, extraParams: { tenant: ODD } }),
        ODD,
      );
      await world.closeLater(new TokenManager({ name: 'orders', provider })).getToken();
    }
    const [basic, post, jwt] = server.requests.map((request) => request) as RecordedRequest[];
    const [id, secret] = Buffer.from(String(basic?.headers.authorization).slice(6), 'base64').toString().split(':');
    const decoded = [id, secret].map((text) => decodeURIComponent(String(text).replaceAll('+', ' ')));
    expect(decoded).toEqual([ODD, ODD]);
    expect(post?.form().get('client_id')).toBe(ODD);
    expect(post?.form().get('client_secret')).toBe(ODD);
    expect((await jwtVerify(String(jwt?.form().get('client_assertion')), Buffer.from(ODD))).payload).toMatchObject({
      iss: ODD,
      sub: ODD,
    });
    for (const place of ['tenant', ...places]) expect(post?.form().get(place)).toBe(ODD);
    const assertion = post?.form().get('assertion');
    expect(assertion === null ? ODD : decodeJwt(String(assertion)).iss).toBe(ODD);
  });

  it('reads secrets and keys from files with the line ends of Windows', async () => {
    const [key, secret] = ['key.pem', 'secret'].map((file) => join(folder, `${name}-${file}`)) as [string, string];
    writeFileSync(key, PEM.replaceAll('\n', '\r\n'));
    writeFileSync(secret, 'a secret\r\n');
    for (const more of [
      { clientKey: { file: key } },
      { clientSecret: { file: secret }, authMethod: 'body' as const },
    ]) {
      const provider = make(common(more), 'text');
      await world.closeLater(new TokenManager({ name: 'orders', provider })).getToken();
    }
    await jwtVerify(String(server.requests[0]?.form().get('client_assertion')), EC.publicKey);
    expect(server.requests[1]?.form().get('client_secret')).toBe('a secret');
  });

  it('changes nothing that it was given', async () => {
    const options = common({
      clientKey: { key: PEM } as never,
      clientAssertion: { kid: 'k1', claims: { tenant: { name: 'acme' } }, headers: { x5t: 'x' } },
      scope: ['read', 'write'],
      audience: ['a', 'b'],
      resource: ['https://api.example/'],
      extraParams: { tenant: 'acme' },
      http: { headers: { 'x-tenant': 'acme' } },
      dpop: { alg: 'ES256', key: EC.privateKey },
    });
    const request = { scope: ['read'], extraParams: { more: 'x' }, claims: { access_token: { acr: null } } };
    const before = JSON.stringify([options, request]);
    for (const given of [options, deepFreeze({ ...options })]) {
      const manager = world.closeLater(new TokenManager({ name: 'orders', provider: make(given, 'text') }));
      await manager.getToken(request);
      await manager.getToken(deepFreeze(request));
      await manager.forceRefresh(request);
    }
    expect(JSON.stringify([options, request])).toBe(before);
    const ids = server.requests.map((sent) => decodeJwt(String(sent.form().get('client_assertion'))).jti);
    expect(new Set(ids).size).toBe(server.requests.length);
  });

  it('shows no secret, whatever becomes of it', async () => {
    const canary = `cnry.${name}.text.4711`;
    const clientSecret = `cnry.${name}.secret.4711`;
    const secrets = [canary, clientSecret, 'cnry.issued-access.77', PEM.slice(40, 90)];
    const capture = captureEverything();
    const seen: unknown[] = [];
    const keys: string[] = [];
    const kept = new Map<string, unknown>();
    const storage = {
      get: (key: string) => kept.get(key),
      set: (key: string, value: unknown) => (keys.push(key), kept.set(key, value)),
    };
    try {
      for (const answer of [undefined, 'invalid_grant', 'invalid_client', canary]) {
        refuse = () => answer;
        for (const more of [
          { clientSecret },
          { clientKey: PEM, dpop: { key: PEM } },
          { clientAssertion: { token: () => clientSecret } },
        ]) {
          const provider = make(common(more), canary);
          kept.clear();
          const auth = { provider };
          const client = world.closeLater(
            createForgeClient({ name: 'orders', baseUrl: server.origin, auth, logging: true }, { storage }),
          );
          seen.push(provider, client, await client.get('/orders').catch((error: unknown) => error));
          await client.close();
        }
      }
    } finally {
      capture.stop();
    }
    const errors = seen.filter(isForgeAuthError);
    expect(errors.length).toBeGreaterThanOrEqual(9);
    expectNoSecrets([...errors.map(renderError), ...keys, capture.text()].join('\n'), secrets);
  });
});

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value) || 'asymmetricKeyType' in value)
    return value;
  for (const item of Object.values(value)) deepFreeze(item);
  return Object.freeze(value);
}
