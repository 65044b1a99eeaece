import {
  InvalidRequestError,
  PasswordGrantTokenProvider,
  PipelineTokenProvider,
  Token,
  TokenFetchPipeline,
  TokenManager,
  type TokenProvider,
  type TokenRequest,
} from 'nestjs-forge-auth';
import { type AuthorizationServer, CLIENTS, startAuthorizationServer } from '../support/authorization-server.js';
import { USER } from '../support/token-endpoint.js';
import { rejection } from '../support/async.js';
import { World } from './world.js';

const world = new World();
let server: AuthorizationServer;

afterEach(() => world.close());

async function managerAt(options: Parameters<typeof startAuthorizationServer>[0] = {}): Promise<TokenManager> {
  server = world.closeLater(await startAuthorizationServer(options));
  const provider = new PasswordGrantTokenProvider({ issuer: server.issuer, ...CLIENTS.basic, ...USER });
  return world.closeLater(new TokenManager({ name: 'orders', provider }));
}

/** Asks the issuer whether an access token is active. */
async function isActive(manager: TokenManager, request?: TokenRequest): Promise<unknown> {
  return (await manager.introspect(request))['active'];
}

const READ: TokenRequest = { scope: 'openid offline_access read' };

describe('a token of a call\u2019s own parameters', () => {
  it('a token of a call’s own parameters is revoked at the issuer and forgotten, and the usual token stays', async () => {
    const manager = await managerAt();
    const [usual, own] = [await manager.getToken(), await manager.getToken(READ)];
    await manager.revoke(READ);
    expect(manager.peek(READ)).toBeUndefined();
    expect(manager.peek()).toBe(usual);
    expect(await isActive(manager)).toBe(true);
    expect((await manager.getToken(READ)).accessToken).not.toBe(own.accessToken);
    expect(server.grantTypes).toEqual(['password', 'password', 'password']);
  });

  it('a token of a call’s own parameters is the one that the issuer is asked about', async () => {
    const manager = await managerAt();
    await manager.getToken();
    expect(await manager.introspect(READ)).toMatchObject({ active: true, scope: expect.stringContaining('read') });
    expect((await manager.introspect())['scope']).not.toEqual(expect.stringContaining('read'));
  });

  it('invalidates the token of one request alone', async () => {
    const manager = await managerAt();
    const [usual] = [await manager.getToken(), await manager.getToken(READ)];
    await manager.invalidate(undefined, READ);
    expect([manager.peek(), manager.peek(READ)]).toEqual([usual, undefined]);
    await manager.invalidate();
    expect(manager.peek()).toBeUndefined();
  });

  it('keeps its refresh token when the access token alone is revoked', async () => {
    const manager = await managerAt();
    await manager.getToken(READ);
    await manager.revoke({ ...READ, token: 'access_token' });
    await manager.getToken(READ);
    // This issuer then revokes the refresh token, too: what counts is that it was tried.
    expect(server.grantTypes).toEqual(['password', 'refresh_token', 'password']);
    const revocation = server.server.requests.find(({ path }) => path === '/token/revocation');
    expect(revocation?.body.toString()).toContain('token_type_hint=access_token');
  });

  it('a token of a call’s own parameters that has no refresh token is not taken to have one revoked', async () => {
    const provider: TokenProvider & { revokeToken(): Promise<void> } = {
      fetchToken: async () => new Token({ accessToken: 'a' }),
      revokeToken: async () => undefined,
    };
    const manager = world.closeLater(new TokenManager({ name: 'orders', provider }));
    await manager.getToken();
    expect(await rejection(manager.revoke({ token: 'refresh_token' }))).toMatchObject({
      message: 'The token of "orders" has no refresh token to revoke.',
    });
    expect(manager.peek()?.accessToken).toBe('a');
  });

  it('a token of a call’s own parameters is not changed by a list that the caller changes later', async () => {
    await world.start();
    const manager = world.manager();
    const scope = ['read'];
    await manager.getToken({ scope });
    scope.push('write');
    await manager.forceRefresh({ scope: 'read' });
    const asked = world.endpoint.server.requests.map(({ body }) => new URLSearchParams(body.toString()).get('scope'));
    expect(asked).toEqual(['read', 'read']);
  });

  it.each<TokenRequest>([{ subject: 'alice@example.org' }, { claims: { id_token: { acr: { value: 'gold' } } } }])(
    'a token of a call’s own parameters is another one where %j is asked for, by a client’s call too',
    async (auth) => {
      await world.start();
      const client = world.client();
      await client.get('/');
      await client.get('/', { auth });
      await client.get('/', { auth: structuredClone(auth) });
      expect(world.endpoint.tokenRequests).toBe(2);
      expect(new Set(world.api.tokens).size).toBe(2);
    },
  );

  it('names no subject in a storage key', async () => {
    await world.start();
    const keys: string[] = [];
    const storage = { get: () => undefined, set: (key: string) => void keys.push(key) };
    const manager = world.manager({ storage });
    await manager.getToken({ subject: 'alice@example.org', subjectToken: 'subject-token' });
    expect(keys.length).toBeGreaterThan(0);
    for (const key of keys) expect(key).not.toMatch(/alice|subject-token/);
  });

  it('a token of a call’s own parameters is refused by a pipeline, whose steps build their own requests', async () => {
    const step = { name: 'only', provider: { fetchToken: async () => new Token({ accessToken: 'a' }) } };
    const provider = new PipelineTokenProvider({ pipeline: new TokenFetchPipeline({ steps: [step] }) });
    const manager = world.closeLater(new TokenManager({ name: 'orders', provider }));
    await expect(manager.getToken({})).resolves.toMatchObject({ accessToken: 'a' });
    for (const refused of [
      manager.getToken(READ),
      manager.setToken(new Token({ accessToken: 'b' }), READ),
      manager.introspect(READ),
      manager.revoke(READ),
    ])
      expect(await rejection(refused)).toBeInstanceOf(InvalidRequestError);
  });

  it('keeps its slot, and what is known of it, for as long as a call has it', async () => {
    await world.start();
    const manager = world.manager();
    const handle = (await manager.ready()).for({ scope: 'mine' });
    const first = await handle.get();
    const fetched = Array.from({ length: 10_010 }, (_, index) =>
      manager.setToken(new Token({ accessToken: `t${index}` }), { scope: `s${index}` }),
    );
    await Promise.all(fetched);
    expect((await manager.ready()).for({ scope: 'mine' })).toBe(handle);
    handle.reject(first);
    expect((await manager.getToken({ scope: 'mine' })).accessToken).not.toBe(first.accessToken);
    expect(world.endpoint.tokenRequests).toBe(2);
  });
});

it('a client\u2019s call revokes nothing of another call\u2019s token when it is rejected', async () => {
  await world.start();
  const client = world.client();
  const scoped = { auth: { scope: 'read' } };
  await client.get('/');
  await client.get('/', scoped);
  const tokens = client.tokens as TokenManager;
  const [usual, own] = [tokens.peek(), tokens.peek({ scope: 'read' })];
  world.endpoint.revoke(own?.accessToken ?? '');
  await client.get('/', scoped);
  expect(tokens.peek()).toBe(usual);
  expect(world.endpoint.tokenRequests).toBe(3);
});
