import { inspect } from 'node:util';
import { ClientClosedError, ConfigurationError, StaticTokenProvider, Token, TokenManager } from 'nestjs-forge-auth';
import { FakeClock } from '../support/fake-clock.js';
import { rejection, rejections, times, until } from '../support/async.js';
import { recordingLogger } from '../support/recording-logger.js';
import { World } from './world.js';

const world = new World();
afterEach(() => world.close());

const fail = (): never => {
  throw new Error('canary-4711-secret');
};

describe('forceRefresh', () => {
  it('gets a new token although the current one is fresh, once for all who ask at the same time', async () => {
    await world.start();
    const manager = world.manager();
    const first = await manager.getToken();
    const renewed = await Promise.all(times(500, () => manager.forceRefresh()));
    expect(new Set(renewed).size).toBe(1);
    expect(renewed[0]).not.toBe(first);
    expect(await manager.getToken()).toBe(renewed[0]);
    expect(world.endpoint.tokenRequests).toBe(2);
  });

  it('forceRefresh does not take the token of a flight that started before', async () => {
    await world.start();
    const manager = world.manager();
    world.endpoint.hold();
    const earlier = manager.getToken();
    await world.endpoint.server.received(1);
    const forced = manager.forceRefresh();
    world.endpoint.release();
    expect((await forced).accessToken).not.toBe((await earlier).accessToken);
    expect(world.endpoint.tokenRequests).toBe(2);
  });

  it('forceRefresh goes on when the flight before it fails', async () => {
    await world.start();
    const manager = world.manager({ provider: world.singleShot() });
    world.endpoint.answerNext({ status: 500 });
    const earlier = rejection(manager.getToken());
    await expect(manager.forceRefresh()).resolves.toBeInstanceOf(Token);
    await earlier;
  });

  it('leaves the current token in use when it fails', async () => {
    await world.start();
    const manager = world.manager({ provider: world.singleShot() });
    const token = await manager.getToken();
    world.endpoint.configure({ respond: () => ({ status: 500 }) });
    await expect(manager.forceRefresh()).rejects.toMatchObject({ status: 500 });
    expect(await manager.getToken()).toBe(token);
  });
});

describe('setToken', () => {
  it('puts a token to use that came from elsewhere, and shares it', async () => {
    await world.start();
    const storage = new Map<string, string>();
    const manager = world.manager({ storage });
    const token = new Token({ accessToken: 'from-elsewhere', expiresAt: Date.now() + 60_000 });
    await manager.setToken(token);
    expect([await manager.getToken(), manager.peek()]).toEqual([token, token]);
    const other = world.manager({ storage });
    expect((await other.getToken()).accessToken).toBe('from-elsewhere');
    expect(world.endpoint.tokenRequests).toBe(0);
  });

  it('takes a token again that was rejected before: the app knows better', async () => {
    await world.start();
    const manager = world.manager();
    const token = await manager.getToken();
    await manager.invalidate(token);
    await manager.setToken(token);
    expect(await manager.getToken()).toBe(token);
    expect(world.endpoint.tokenRequests).toBe(1);
  });

  it('setToken is for the parameters it was given for', async () => {
    await world.start();
    const manager = world.manager();
    const token = new Token({ accessToken: 'for-admins' });
    await manager.setToken(token, { scope: ['admin', 'read'] });
    expect(await manager.getToken({ scope: 'read admin' })).toBe(token);
    expect(manager.peek()).toBeUndefined();
  });
});

describe('peek', () => {
  it('answers the current token while it is valid, and fetches nothing', async () => {
    const clock = new FakeClock();
    await world.start({ expiresIn: 60 });
    const manager = world.manager({ clock });
    expect(manager.peek()).toBeUndefined();
    const token = await manager.getToken();
    await clock.advance(59_999);
    expect(manager.peek()).toBe(token);
    await clock.advance(1);
    expect(manager.peek()).toBeUndefined();
    expect(world.endpoint.tokenRequests).toBe(1);
  });
});

describe('invalidate', () => {
  it('makes the next call fetch, in every process on the storage', async () => {
    const clock = new FakeClock();
    await world.start();
    const storage = new Map<string, string>();
    const [one, two] = [world.manager({ storage, clock }), world.manager({ storage, clock })];
    const first = await one.getToken();
    expect((await two.getToken()).accessToken).toBe(first.accessToken);
    await one.invalidate();
    expect(one.peek()).toBeUndefined();
    await clock.advance(5_001);
    await two.getToken();
    await until(() => two.peek() === undefined, 'the other process has seen the tombstone');
    expect((await two.getToken()).accessToken).not.toBe(first.accessToken);
    expect((await one.getToken()).accessToken).toBe((await two.getToken()).accessToken);
    expect(world.endpoint.tokenRequests).toBe(2);
  });

  it('invalidate does nothing for a token that is not the current one', async () => {
    await world.start();
    const manager = world.manager();
    const token = await manager.getToken();
    await manager.invalidate(new Token({ accessToken: 'some-other' }));
    expect(await manager.getToken()).toBe(token);
  });

  it('finds the rejected token among all parameters', async () => {
    await world.start();
    const manager = world.manager();
    const [plain, admin] = [await manager.getToken(), await manager.getToken({ scope: 'admin' })];
    await manager.invalidate(admin);
    expect(await manager.getToken()).toBe(plain);
    expect(await manager.getToken({ scope: 'admin' })).not.toBe(admin);
  });

  it('invalidate without a token forgets those of all parameters', async () => {
    await world.start();
    const manager = world.manager();
    await manager.getToken();
    await manager.getToken({ scope: 'admin' });
    await manager.invalidate();
    expect([manager.peek(), manager.peek({ scope: 'admin' })]).toEqual([undefined, undefined]);
    await manager.getToken();
    await manager.getToken({ scope: 'admin' });
    expect(world.endpoint.tokenRequests).toBe(4);
  });

  it('keeps a stored token from being used that this process never held', async () => {
    await world.start();
    const storage = new Map<string, string>();
    const first = await world.manager({ storage }).getToken();
    const other = world.manager({ storage });
    await other.invalidate();
    expect((await other.getToken()).accessToken).not.toBe(first.accessToken);
    expect(world.endpoint.tokenRequests).toBe(2);
  });
});

describe('events', () => {
  it('events report each new token, each dropped one and each failed flight once', async () => {
    await world.start();
    const manager = world.manager({ provider: world.singleShot() });
    const reported: unknown[] = [];
    manager.on('refreshed', ({ token, previous }) => reported.push(['refreshed', token, previous]));
    manager.on('invalidated', ({ token }) => reported.push(['invalidated', token]));
    manager.on('failed', ({ error }) => reported.push(['failed', error]));
    const [first] = await Promise.all(times(10, () => manager.getToken()));
    const second = await manager.forceRefresh();
    await manager.invalidate();
    world.endpoint.answerNext({ status: 500 });
    const errors = await rejections(times(10, () => manager.getToken()));
    expect(reported).toEqual([
      ['refreshed', first, undefined],
      ['refreshed', second, first],
      ['invalidated', second],
      ['failed', errors[0]],
    ]);
    expect(inspect(reported, { depth: 10, showHidden: true })).not.toContain(first?.accessToken);
  });

  it('events reach every listener, though one before it throws or rejects, and a rejection ends no process', async () => {
    await world.start();
    const logger = recordingLogger();
    const manager = world.manager({ provider: world.singleShot(), logger });
    const heard: string[] = [];
    manager.on('refreshed', fail).on('refreshed', async () => fail());
    manager.once('refreshed', async () => {
      await Promise.resolve();
      fail();
    });
    manager.on('refreshed', () => heard.push('last'));
    await manager.getToken();
    await until(() => logger.warnings.length === 3, 'three failures are logged');
    expect(heard).toEqual(['last']);
    expect(manager.listenerCount('refreshed')).toBe(3);
  });

  it('events whose listener throws disturb nobody', async () => {
    await world.start();
    const logger = recordingLogger();
    const manager = world.manager({ provider: world.singleShot(), logger });
    manager.on('refreshed', fail).on('invalidated', fail).on('failed', fail);
    await manager.getToken();
    await manager.invalidate();
    world.endpoint.answerNext({ status: 500 });
    await expect(manager.getToken()).rejects.toMatchObject({ status: 500 });
    expect(
      logger.warnings.filter((line) => line.startsWith('A listener of token events of "orders" failed')),
    ).toHaveLength(3);
    expect(logger.warnings.join()).not.toContain('canary');
  });
});

describe('close', () => {
  it('rejects those who wait, aborts the request, and refuses every later call', async () => {
    await world.start({ respond: () => 'hang' });
    const manager = world.manager();
    const waiting = times(10, () => rejection(manager.getToken()));
    await world.endpoint.server.received(1);
    await manager.close();
    for (const error of await Promise.all(waiting)) expect(error).toBeInstanceOf(ClientClosedError);
    await until(() => world.endpoint.server.openConnections === 0, 'the request is aborted');
    await expect(manager.getToken()).rejects.toBeInstanceOf(ClientClosedError);
    await expect(manager.forceRefresh()).rejects.toBeInstanceOf(ClientClosedError);
    await expect(manager.getToken({ scope: 'never asked for before' })).rejects.toBeInstanceOf(ClientClosedError);
    expect(world.endpoint.tokenRequests).toBe(1);
  });

  it('close may be called twice, and before anything was asked', async () => {
    await world.start();
    const manager = world.manager();
    await manager.close();
    await manager.close();
    expect(world.endpoint.tokenRequests).toBe(0);
  });
});

describe('a manager', () => {
  it('prints none of what it keeps', async () => {
    await world.start({ refreshTokens: true });
    const manager = world.manager();
    const token = await manager.getToken();
    const shown = inspect(manager, { depth: 10, showHidden: true }) + JSON.stringify(manager);
    for (const secret of [token.accessToken, token.refreshToken ?? '', 'test-client-secret']) {
      expect(shown).not.toContain(secret);
    }
  });

  it('a manager whose provider returns no identity, and that has no name, shares its tokens with nobody', async () => {
    const storage = new Map<string, string>();
    const make = (accessToken: string): TokenManager =>
      world.closeLater(new TokenManager({ provider: { fetchToken: async () => new Token({ accessToken }) }, storage }));
    const [one, two] = [make('one'), make('two')];
    expect([(await one.getToken()).accessToken, (await two.getToken()).accessToken]).toEqual(['one', 'two']);
  });

  it('shares its tokens with one of the same name and provider on the same storage, and with no other', async () => {
    await world.start();
    const storage = new Map<string, string>();
    await world.manager({ storage }).getToken();
    await world.manager({ storage }).getToken();
    expect(world.endpoint.tokenRequests).toBe(1);
    for (const provider of [
      world.provider({ scope: 'read' }),
      world.provider({ audience: 'api' }),
      world.provider({ resource: 'https://api' }),
      world.provider({ extraParams: { tenant: 'a' } }),
      world.provider({ authMethod: 'client_secret_post' }),
      world.provider({ http: { headers: { 'x-tenant': 'a' } } }),
      world.passwordProvider(),
    ]) {
      await world.manager({ storage, provider }).getToken();
    }
    await world.manager({ storage, name: 'others' }).getToken();
    await world.manager({ storage, keyPrefix: 'other' }).getToken();
    expect(world.endpoint.tokenRequests).toBe(10);
    expect(storage.size).toBe(10);
    expect([...storage.keys()].join()).not.toMatch(/test-client|alice|wonderland/);
  });

  it('a manager over a static token never renews it: a rejection stands', async () => {
    await world.start();
    const client = world.client({ auth: { provider: new StaticTokenProvider('not-known-here') } });
    await expect(client.get('/')).rejects.toMatchObject({ status: 401 });
    await expect(client.get('/')).rejects.toMatchObject({ status: 401 });
    expect(world.api.server.count()).toBe(2);
  });

  it.each<[Record<string, unknown>, string]>([
    [{ provider: undefined }, 'TokenManager "orders": provider must have a method fetchToken().'],
    [{ storage: {} }, 'TokenManager "orders": storage must have get(key) and set(key, value)'],
    [{ refreshWindowMs: -1 }, 'refreshWindowMs must be a number of milliseconds, zero or more, not -1.'],
    [{ expiryLeewayMs: '30s' }, 'expiryLeewayMs must be a number of milliseconds, zero or more.'],
    [{ deadlineMs: 0 }, 'deadlineMs must be a number of milliseconds above zero, not 0.'],
    [{ defaultTtlMs: Number.NaN }, 'defaultTtlMs must be a number of milliseconds above zero, not NaN.'],
    [{ nearCacheTtlMs: -5 }, 'nearCacheTtlMs must be a number of milliseconds, zero or more, not -5.'],
  ])('refuses %j', (options, message) => {
    const provider = { fetchToken: async (): Promise<Token> => new Token({ accessToken: 'a' }) };
    const make = (): TokenManager => new TokenManager({ name: 'orders', provider, ...options } as never);
    expect(make).toThrow(ConfigurationError);
    expect(make).toThrow(message);
  });
});
