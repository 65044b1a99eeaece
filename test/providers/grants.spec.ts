import { AsyncLocalStorage } from 'node:async_hooks';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeProtectedHeader, jwtVerify } from 'jose';
import {
  type AuthenticationError,
  GrantTokenProvider,
  InMemoryTokenStorage,
  JwtBearerTokenProvider,
  type JwtBearerTokenProviderOptions,
  RefreshTokenProvider,
  Token,
  TokenExchangeProvider,
  type TokenExchangeProviderOptions,
  TokenFetchPipeline,
  type TokenProvider,
} from 'nestjs-forge-auth';
import { CLIENT } from '../support/token-endpoint.js';
import { rejection, times } from '../support/async.js';
import { recordingLogger } from '../support/recording-logger.js';
import { World } from '../tokens/world.js';

const world = new World();
const folder = mkdtempSync(join(tmpdir(), 'forge-auth-grants-'));
afterEach(() => world.close());
afterAll(() => rmSync(folder, { recursive: true }));

const form = (index = 0): Record<string, string> =>
  Object.fromEntries(world.endpoint.server.requests[index]?.form() ?? []);

/** A storage that outlives managers. */
const memory = () => new Map<string, string>();

const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 });
const PEM = RSA.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

const serve = async (answers: readonly (string | undefined)[]): Promise<void> => {
  await world.start({ authenticate: () => true });
  world.endpoint.answerNext(
    ...answers.map((refreshToken, index) => ({
      json: {
        access_token: `access-${index}`,
        token_type: 'Bearer',
        expires_in: 3600,
        ...(refreshToken === undefined ? undefined : { refresh_token: refreshToken }),
      },
    })),
  );
};
const refreshProvider = (refreshToken = 'configured') =>
  new RefreshTokenProvider({
    tokenUrl: world.endpoint.url,
    ...CLIENT,
    refreshToken,
    scope: 'read',
    extraParams: { tenant: 'acme' },
  });
const sent = (): (string | null)[] =>
  world.endpoint.server.requests.map((request) => request.form().get('refresh_token'));

describe('RefreshTokenProvider', () => {
  it('asks with scope and extra parameters', async () => {
    await serve([undefined]);
    await world.manager({ provider: refreshProvider() }).getToken();
    expect(form()).toEqual({ grant_type: 'refresh_token', refresh_token: 'configured', scope: 'read', tenant: 'acme' });
  });

  it('keeps the rotated refresh token across restarts, and the configured one is only the first', async () => {
    await serve(['r1', 'r2', 'r3']);
    const storage = memory();
    const first = world.manager({ provider: refreshProvider(), storage });
    await first.getToken();
    await first.forceRefresh();
    await first.close();
    const second = world.manager({ provider: refreshProvider(), storage });
    expect((await second.getToken()).accessToken).toBe('access-1');
    await second.forceRefresh();
    expect(sent()).toEqual(['configured', 'r1', 'r2']);
  });

  it('starts afresh with another configured one', async () => {
    await serve(['r1', 'r2']);
    const storage = memory();
    await world.manager({ provider: refreshProvider(), storage }).getToken();
    await world.manager({ provider: refreshProvider('another'), storage }).getToken();
    expect(sent()).toEqual(['configured', 'another']);
  });

  it('keeps a refresh token that the answer leaves out', async () => {
    await serve(['r1', undefined, undefined]);
    const manager = world.manager({ provider: refreshProvider() });
    await manager.getToken();
    await manager.forceRefresh();
    await manager.forceRefresh();
    expect(sent()).toEqual(['configured', 'r1', 'r1']);
  });

  it('RefreshTokenProvider never sends the configured one again when it was used up, or refused', async () => {
    await serve(['r1']);
    const manager = world.manager({ provider: refreshProvider() });
    await manager.getToken();
    world.endpoint.answerNext({ status: 400, json: { error: 'invalid_grant' } });
    const error = await rejection<AuthenticationError>(manager.forceRefresh());
    expect(error).toMatchObject({ name: 'TokenRefreshError', code: 'FORGE_AUTH_REFRESH_FAILED' });
    expect(sent()).toEqual(['configured', 'r1']);
  });
});

const start = () => world.start({ authenticate: () => true });
const jwtProvider = (options: Partial<JwtBearerTokenProviderOptions>) =>
  new JwtBearerTokenProvider({ tokenUrl: world.endpoint.url, ...options } as JwtBearerTokenProviderOptions);

const account = () => ({
  type: 'service_account',
  private_key_id: 'id-of-the-key',
  private_key: PEM,
  client_email: 'robot@project.iam.example',
  token_uri: world.endpoint.url,
});
describe('JwtBearerTokenProvider', () => {
  it('signs an assertion, without a client', async () => {
    await start();
    const assertion = { iss: 'me', sub: 'alice', key: PEM, kid: 'k', claims: { tenant: 'acme' }, header: { x5t: 't' } };
    await world.manager({ provider: jwtProvider({ assertion, scope: 'read' }) }).getToken();
    const { assertion: jwt = '', ...others } = form();
    expect(others).toEqual({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', scope: 'read' });
    const { payload, protectedHeader } = await jwtVerify(jwt, RSA.publicKey);
    expect(protectedHeader).toEqual({ typ: 'JWT', alg: 'RS256', kid: 'k', x5t: 't' });
    expect(payload).toMatchObject({ iss: 'me', sub: 'alice', aud: world.endpoint.url, tenant: 'acme' });
    expect(Number(payload.exp) - Number(payload.iat)).toBe(300);
    expect(world.endpoint.server.requests[0]?.headers.authorization).toBeUndefined();
  });

  it('shows its client where it has one, and leaves out a sub that is empty', async () => {
    await start();
    await world
      .manager({ provider: jwtProvider({ ...CLIENT, assertion: { iss: 'me', sub: '', key: PEM } }) })
      .getToken();
    expect(world.endpoint.server.requests[0]?.headers.authorization).toMatch(/^Basic /);
    expect((await jwtVerify(form()['assertion'] ?? '', RSA.publicKey)).payload).not.toHaveProperty('sub');
  });

  const file = join(folder, 'account.json');
  it.each([
    ['parsed', () => account()],
    ['as text', () => JSON.stringify(account())],
    ['with Windows line ends', () => JSON.stringify(account(), null, 2).replaceAll('\n', '\r\n')],
    ['in its file', () => (writeFileSync(file, JSON.stringify(account(), null, 2)), { file })],
    ['under key', () => ({ key: account() })],
  ])('takes a service account’s key file as it comes: %s', async (_how, key) => {
    await start();
    const options = { assertion: { key: key() }, scope: ['a', 'b'] } as JwtBearerTokenProviderOptions;
    await world.manager({ provider: new JwtBearerTokenProvider(options) }).getToken();
    const { assertion = '' } = form();
    expect(decodeProtectedHeader(assertion).kid).toBe('id-of-the-key');
    expect((await jwtVerify(assertion, RSA.publicKey)).payload).toMatchObject({
      iss: 'robot@project.iam.example',
      aud: world.endpoint.url,
      scope: 'a b',
    });
  });

  it('sends somebody else’s assertion, read for each request', async () => {
    await start();
    let count = 0;
    const assertion = { token: () => `jwt-${(count += 1)}` };
    const manager = world.manager({ provider: jwtProvider({ assertion }) });
    await manager.getToken();
    await manager.forceRefresh();
    expect([form(0)['assertion'], form(1)['assertion']]).toEqual(['jwt-1', 'jwt-2']);
  });
});

const exchangeProvider = (options: Partial<TokenExchangeProviderOptions>) =>
  new TokenExchangeProvider({ tokenUrl: world.endpoint.url, ...CLIENT, ...options });

const nobody = (): undefined => undefined;

describe('TokenExchangeProvider', () => {
  it('exchanges a token for another', async () => {
    await start();
    const jwt = 'urn:ietf:params:oauth:token-type:jwt';
    await world
      .manager({
        provider: exchangeProvider({
          subjectToken: 'subject',
          subjectTokenType: jwt,
          actorToken: async () => 'actor',
          requestedTokenType: jwt,
          audience: ['a', 'b'],
          resource: 'https://api.example',
        }),
      })
      .getToken();
    expect([...(world.endpoint.server.requests[0]?.form() ?? [])]).toEqual([
      ['subject_token', 'subject'],
      ['subject_token_type', jwt],
      ['actor_token', 'actor'],
      ['actor_token_type', 'urn:ietf:params:oauth:token-type:access_token'],
      ['requested_token_type', jwt],
      ['audience', 'a'],
      ['audience', 'b'],
      ['resource', 'https://api.example'],
      ['grant_type', 'urn:ietf:params:oauth:grant-type:token-exchange'],
    ]);
  });

  it('finds the subject in each call’s own context, and gives nobody another’s token', async () => {
    await start();
    const caller = new AsyncLocalStorage<string>();
    const auth = { provider: exchangeProvider({ subjectToken: () => caller.getStore() }) };
    const client = world.client({ auth });
    const calls = times(40, (index) => caller.run(`token-of-${index % 4}`, () => client.get('/')));
    await Promise.all(calls);
    expect(world.endpoint.tokenRequests).toBe(4);
    const issuedFor = new Map(
      world.endpoint.server.requests.map((request, index) => [
        `Bearer ${world.endpoint.issued[index]?.accessToken}`,
        request.form().get('subject_token'),
      ]),
    );
    expect(new Set(issuedFor.values()).size).toBe(4);
    const used = world.api.server.requests.map(({ headers }) => issuedFor.get(String(headers.authorization)));
    for (const subject of issuedFor.values()) expect(used.filter((one) => one === subject)).toHaveLength(10);
  });

  it('takes a call’s own subject token first', async () => {
    await start();
    await world
      .manager({ provider: exchangeProvider({ subjectToken: () => 'usual' }) })
      .getToken({ subjectToken: 'own' });
    expect(form()['subject_token']).toBe('own');
  });

  it('TokenExchangeProvider without a subject fails closed, or gets the app’s own token where that is allowed', async () => {
    await start();

    const error = await rejection<AuthenticationError>(
      world.manager({ provider: exchangeProvider({ subjectToken: nobody }) }).getToken(),
    );
    expect(error).toMatchObject({ code: 'FORGE_AUTH_CREDENTIAL_FAILED' });
    expect(error.message).toMatch(/no subject token.*optional: true/);
    expect(world.endpoint.tokenRequests).toBe(0);
    await world.manager({ provider: exchangeProvider({ subjectToken: nobody, optional: true }) }).getToken();
    expect(form()).toEqual({ grant_type: 'client_credentials' });
  });

  it('reads a mounted subject token for each request', async () => {
    await start();
    const file = join(folder, 'subject');
    writeFileSync(file, 'first\n');
    const manager = world.manager({ provider: exchangeProvider({ subjectToken: { file } }) });
    await manager.getToken();
    writeFileSync(file, 'second\n');
    await manager.forceRefresh();
    expect([form(0)['subject_token'], form(1)['subject_token']]).toEqual(['first', 'second']);
  });
});

describe('GrantTokenProvider', () => {
  it('asks by any name, with parameters that are read for each request', async () => {
    await world.start();
    let count = 0;
    const params = () => ({ proof: String((count += 1)), list: ['a', 'b'] });
    const provider = new GrantTokenProvider({
      tokenUrl: world.endpoint.url,
      ...CLIENT,
      grantType: 'urn:example:sso',
      params,
      scope: 'read',
    });
    const manager = world.manager({ provider });
    await manager.getToken();
    await manager.forceRefresh();
    expect([...(world.endpoint.server.requests[1]?.form() ?? [])]).toEqual([
      ['proof', '2'],
      ['list', 'a'],
      ['list', 'b'],
      ['scope', 'read'],
      ['grant_type', 'urn:example:sso'],
    ]);
  });
});

const grants = (): readonly [string, TokenProvider][] => {
  const common = { tokenUrl: world.endpoint.url, ...CLIENT };
  return [
    ['refresh', new RefreshTokenProvider({ ...common, refreshToken: 'r' })],
    ['jwt', new JwtBearerTokenProvider({ ...common, assertion: { iss: 'me', key: PEM } })],
    ['exchange', new TokenExchangeProvider({ ...common, subjectToken: 's' })],
    ['any', new GrantTokenProvider({ ...common, grantType: 'urn:example:any' })],
  ];
};

describe('every grant', () => {
  it('works alone, as auth of a service and as a step of a pipeline', async () => {
    await world.start({ authenticate: () => true });
    for (const [name, provider] of grants()) {
      world.endpoint.answerNext(
        ...times(3, () => ({ json: { access_token: name, token_type: 'Bearer', expires_in: 60 } })),
      );
      expect(await provider.fetchToken()).toBeInstanceOf(Token);
      const pipeline = world.closeLater(new TokenFetchPipeline({ steps: [{ name: 'step', provider }] }));
      expect((await pipeline.execute()).accessToken).toBe(name);
      expect((await world.manager({ name, provider }).getToken()).accessToken).toBe(name);
    }
  });
});

const hooked = (tenant: string, identity?: string) =>
  world.provider({
    compliance: { tokenRequest: ({ headers }) => void (headers['x-tenant'] = tenant) },
    ...(identity === undefined ? undefined : { identity }),
  });

describe('what no key can hold', () => {
  it('keeps a token in its process, and says how to share it', async () => {
    await world.start();
    const storage = memory();
    const logger = recordingLogger();
    await world.manager({ provider: hooked('acme'), storage, logger }).getToken();
    await world.manager({ provider: hooked('globex'), storage }).getToken();
    expect(world.endpoint.server.requests.map(({ headers }) => headers['x-tenant'])).toEqual(['acme', 'globex']);
    expect(logger.lines.filter((line) => /compliance\.tokenRequest.*identity/.test(line))).toHaveLength(1);
  });

  it('says nothing where no other process could have it', async () => {
    await world.start();
    const logger = recordingLogger();
    await world.manager({ provider: hooked('acme'), logger }).getToken();
    await world.manager({ provider: hooked('acme'), logger, storage: new InMemoryTokenStorage() }).getToken();
    expect(logger.lines).toEqual([]);
  });

  it('shares it under an identity', async () => {
    await world.start();
    const storage = memory();
    const logger = recordingLogger();
    await world.manager({ provider: hooked('acme', 'acme'), storage, logger }).getToken();
    await world.manager({ provider: hooked('acme', 'acme'), storage }).getToken();
    await world.manager({ provider: hooked('globex', 'globex'), storage }).getToken();
    expect(world.endpoint.server.requests.map(({ headers }) => headers['x-tenant'])).toEqual(['acme', 'globex']);
    expect(logger.lines.join()).not.toMatch(/identity/);
  });
});
