import { setTimeout as delay } from 'node:timers/promises';
import {
  AuthenticationError,
  type ForgeHttpClient,
  type GetSet,
  InMemoryTokenStorage,
  NoRetryStrategy,
  Token,
  type TokenManager,
  type TokenProvider,
  type TokenStorage,
} from 'nestjs-forge-auth';
import { OneStore } from '../fleet/one-store.js';
import { FakeClock } from '../support/fake-clock.js';
import { Gate } from '../support/gate.js';
import type { TokenEndpointOptions } from '../support/token-endpoint.js';
import { rejection, times, until } from '../support/async.js';
import { World } from './world.js';

const world = new World();
afterEach(() => world.close());

async function start(options: TokenEndpointOptions): Promise<{ client: ForgeHttpClient; manager: TokenManager }> {
  await world.start(options);
  const client = world.client({ auth: { provider: world.passwordProvider() } });
  return { client, manager: client.tokens as TokenManager };
}

const presented = (): readonly string[] => world.endpoint.presentedRefreshTokens;

describe('a refresh token', () => {
  it('a refresh token is sent in place of the grant, and kept when the answer leaves it out', async () => {
    const { manager } = await start({ refreshTokens: true });
    const first = await manager.getToken();
    for (let rounds = 0; rounds < 3; rounds += 1) {
      expect((await manager.forceRefresh()).refreshToken).toBe(first.refreshToken);
    }
    expect(world.endpoint.grantTypes).toEqual(['password', 'refresh_token', 'refresh_token', 'refresh_token']);
    expect(presented()).toEqual(times(3, () => first.refreshToken));
  });

  it('a refresh token is sent once for 1,000 calls whose token was rejected', async () => {
    const { client } = await start({ refreshTokens: 'rotate' });
    await client.get('/');
    world.endpoint.revokeAll();
    await Promise.all(times(1_000, () => client.get('/')));
    expect(world.endpoint.grantTypes).toEqual(['password', 'refresh_token']);
    expect(world.endpoint.refreshTokenReuses).toBe(0);
  });

  it('a refresh token that rotates is sent once each, over many rounds', async () => {
    const { client } = await start({ refreshTokens: 'rotate' });
    await client.get('/');
    for (let rounds = 0; rounds < 10; rounds += 1) {
      world.endpoint.revokeAll();
      await Promise.all(times(20, () => client.get('/')));
    }
    expect(world.endpoint.grantTypes).toEqual(['password', ...times(10, () => 'refresh_token')]);
    expect(new Set(presented()).size).toBe(10);
    expect(world.endpoint.refreshTokenReuses).toBe(0);
  });

  it('a refresh token that was rotated is written down before the new access token is used', async () => {
    await world.start({ refreshTokens: 'rotate' });
    const written = new Map<string, string>();
    const slow: GetSet = {
      get: (key) => written.get(key),
      async set(key, value) {
        await new Promise((resolve) => setTimeout(resolve, 60));
        written.set(key, value);
      },
    };
    const inTime: boolean[] = [];
    world.api.server.handler = ({ headers }, res) => {
      const issued = world.endpoint.issued.find(({ accessToken }) => headers.authorization === `Bearer ${accessToken}`);
      inTime.push([...written.values()].some((text) => text.includes(issued?.refreshToken ?? 'none')));
      res.writeHead(issued === world.endpoint.issued.at(0) && inTime.length > 1 ? 401 : 200).end();
    };
    const { lock } = new OneStore();
    const client = world.client({ auth: { provider: world.passwordProvider() }, storage: slow, lock });
    await client.get('/');
    await client.get('/');
    expect(world.endpoint.grantTypes).toEqual(['password', 'refresh_token']);
    expect(inTime).toEqual([true, true, true]);
  });

  it('keeps a refresh token beyond the process: the next one uses what it finds in storage', async () => {
    const clock = new FakeClock();
    await world.start({ refreshTokens: 'rotate', expiresIn: 60, now: () => clock.now() });
    const storage = new Map<string, string>();
    const options = { provider: world.passwordProvider(), storage, clock };
    const before = world.manager(options);
    await before.getToken();
    await before.close();
    await clock.advance(3_600_000);
    await world.manager(options).getToken();
    expect(world.endpoint.grantTypes).toEqual(['password', 'refresh_token']);
  });

  it('survives the rejection of its access token in another process', async () => {
    await world.start({ refreshTokens: 'rotate' });
    const storage = new Map<string, string>();
    const options = { provider: world.passwordProvider(), storage };
    const before = world.manager(options);
    await before.getToken();
    await before.invalidate();
    await before.close();
    await world.manager(options).getToken();
    expect(world.endpoint.grantTypes).toEqual(['password', 'refresh_token']);
  });

  it('a refresh token that is refused falls back to the grant, in the same flight', async () => {
    const { client, manager } = await start({ refreshTokens: true });
    await client.get('/');
    const old = manager.peek()?.refreshToken;
    world.endpoint.revokeAll();
    world.endpoint.revokeRefreshTokens();
    await Promise.all(times(50, () => client.get('/')));
    expect(world.endpoint.grantTypes).toEqual(['password', 'refresh_token', 'password']);
    expect(manager.peek()?.refreshToken).not.toBe(old);
  });

  it('a refresh token is not given up for a failure that the issuer says will pass: no grant, and it is sent later', async () => {
    const clock = new FakeClock();
    await world.start({ refreshTokens: 'rotate', expiresIn: 600, now: () => clock.now() });
    const provider = world.passwordProvider({ retry: new NoRetryStrategy() });
    const manager = world.manager({ provider, clock });
    await manager.getToken();
    await clock.advance(600_000);
    for (const answer of [{ status: 503 }, { status: 429 }, { status: 400, json: { error: 'server_error' } }]) {
      world.endpoint.answerNext(answer);
      const error = await rejection<AuthenticationError>(manager.getToken());
      expect([error.name, error.transient]).toEqual(['AuthenticationError', true]);
      await clock.advance(60_000);
    }
    await manager.getToken();
    expect(world.endpoint.grantTypes).toEqual(['password', ...times(4, () => 'refresh_token')]);
    expect(new Set(presented()).size).toBe(1);
  });

  it.each(['reset', 'truncate'] as const)(
    'a refresh token that may have been spent by a request without an answer (%s) is not sent again: the grant is run',
    async (mishap) => {
      const { client } = await start({ refreshTokens: 'rotate' });
      await client.get('/');
      world.endpoint.revokeAll();
      world.endpoint.answerNext(mishap);
      await Promise.all(times(20, () => client.get('/')));
      expect(world.endpoint.grantTypes).toEqual(['password', 'refresh_token', 'password']);
      expect(world.endpoint.refreshTokenReuses).toBe(0);
    },
  );

  it('sends no refresh token that has run out by the answer of the issuer', async () => {
    const clock = new FakeClock();
    await world.start({ refreshTokens: true, expiresIn: 60, extra: { refresh_expires_in: 120 } });
    const manager = world.manager({ provider: world.passwordProvider(), clock });
    await manager.getToken();
    await clock.advance(100_000);
    await manager.getToken();
    await clock.advance(120_000);
    await manager.getToken();
    expect(world.endpoint.grantTypes).toEqual(['password', 'refresh_token', 'password']);
  });

  it('a refresh token is sent for client credentials, too, where an issuer gives one', async () => {
    await world.start({ refreshTokens: true });
    const manager = world.manager();
    await manager.getToken();
    await manager.forceRefresh();
    expect(world.endpoint.grantTypes).toEqual(['client_credentials', 'refresh_token']);
  });

  it('a refresh token of one set of parameters is not used for another', async () => {
    const { manager } = await start({ refreshTokens: 'rotate' });
    await manager.getToken({ scope: 'read' });
    await manager.getToken({ scope: 'write' });
    await manager.forceRefresh({ scope: 'write' });
    expect(world.endpoint.grantTypes).toEqual(['password', 'password', 'refresh_token']);
    expect(presented()).toEqual([world.endpoint.issued[1]?.refreshToken]);
    expect(world.endpoint.issued[2]?.params['scope']).toBe('write');
  });

  it('carries the granted scope over when the answer leaves it out', async () => {
    const { manager } = await start({ refreshTokens: true, extra: { scope: 'granted' } });
    expect((await manager.getToken()).scope).toBe('granted');
    world.endpoint.configure({ extra: undefined });
    expect((await manager.forceRefresh()).scope).toBe('granted');
  });
});

describe('a provider of one method', () => {
  it('asks a provider for a new token where it cannot use a refresh token', async () => {
    await world.start();
    let fetched = 0;
    const provider: TokenProvider = {
      async fetchToken() {
        fetched += 1;
        return new Token({ accessToken: `token-${fetched}`, refreshToken: 'unused' });
      },
    };
    const manager = world.manager({ provider });
    await manager.getToken();
    expect((await manager.forceRefresh()).accessToken).toBe('token-2');
  });

  it('a provider of one method that answers no Token is a typed error', async () => {
    await world.start();
    const manager = world.manager({ provider: { fetchToken: async () => ({ accessToken: 'a' }) as unknown as Token } });
    expect(await rejection(manager.getToken())).toMatchObject({ code: 'FORGE_AUTH_TOKEN_RESPONSE_INVALID' });
  });

  it.each<[string, () => Promise<Token>]>([
    ['rejects', async () => Promise.reject(new Error('canary-4711-secret'))],
    [
      'throws at once',
      () => {
        throw new TypeError('canary-4711-secret');
      },
    ],
    ['rejects with a text', async () => Promise.reject('canary-4711-secret')],
    ['rejects with nothing', async () => Promise.reject(undefined)],
  ])(
    'a provider of one method that %s is an AuthenticationError that shows nothing of it',
    async (_name, fetchToken) => {
      await world.start();
      const client = world.client({ auth: { provider: { fetchToken } } });
      const error = await rejection<AuthenticationError>(client.get('/'));
      expect(error).toBeInstanceOf(AuthenticationError);
      expect(error.serviceName).toBe('orders');
      expect(error.message).not.toContain('canary');
      expect(world.api.server.count()).toBe(0);
    },
  );
});

describe('a refresh token that only a person can replace, and that is refused,', () => {
  let sent: string[];
  const refusing = new Gate();
  /** One process of a fleet on the store: a person signs in once, and every refresh token is refused. */
  const processOf = (store: OneStore, storage: TokenStorage = store.announcing): TokenManager => {
    let signedIn = store.values.size > 0;
    const provider: TokenProvider & { readonly rerunnable: false } = {
      rerunnable: false,
      identity: ['person'],
      fetchToken: async () => {
        if (signedIn) throw new AuthenticationError('Sign in.', { code: 'FORGE_AUTH_AUTHORIZATION_REQUIRED' });
        signedIn = true;
        return new Token({ accessToken: 'access-1', refreshToken: 'refresh-1' });
      },
      refreshToken: async ({ refreshToken = '' }) => {
        sent.push(refreshToken);
        await refusing.pass();
        throw new AuthenticationError('Refused.', { status: 400, error: 'invalid_grant' });
      },
    };
    return world.manager({ storage, provider });
  };
  beforeEach(() => {
    sent = [];
  });

  it('a refresh token that only a person can replace is not sent again once it is refused, by no process: not by one that starts later, either', async () => {
    const store = new OneStore();
    const one = processOf(store);
    await one.getToken();
    expect(await rejection(one.forceRefresh())).toMatchObject({ code: 'FORGE_AUTH_REFRESH_FAILED' });
    for (const manager of [one, processOf(store)])
      expect(await rejection(manager.forceRefresh())).toMatchObject({ code: 'FORGE_AUTH_AUTHORIZATION_REQUIRED' });
    expect(sent).toEqual(['refresh-1']);
  });

  it('a refresh token that only a person can replace is not sent again by a process that has it, and heard nothing of its refusal, when the access token has run out, too', async () => {
    const storage = new InMemoryTokenStorage();
    const store = new OneStore();
    const [one, other] = [processOf(store, storage), processOf(store, storage)];
    const expired = new Token({ accessToken: 'access-1', refreshToken: 'refresh-1', expiresAt: Date.now() - 1 });
    await other.setToken(expired);
    await one.setToken(expired);
    await rejection(one.getToken());
    await delay(5);
    // The person is asked: see processOf().
    await other.getToken();
    expect(sent).toEqual(['refresh-1']);
  });

  it('takes nothing from the one of a sign-in that came meanwhile', async () => {
    const store = new OneStore();
    const one = processOf(store);
    await one.getToken();
    refusing.hold();
    const failing = rejection(one.forceRefresh());
    await until(() => refusing.waiting === 1, 'it was sent');
    const other = processOf(store);
    await other.setToken(new Token({ accessToken: 'access-2', refreshToken: 'refresh-2' }));
    refusing.release();
    await failing;
    const later = processOf(store);
    expect(await later.getToken()).toMatchObject({ accessToken: 'access-2', refreshToken: 'refresh-2' });
  });
});
