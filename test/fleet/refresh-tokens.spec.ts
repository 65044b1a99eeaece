import { Redis } from 'ioredis';
import {
  type AuthenticationError,
  NoRetryStrategy,
  RedisTokenStorage,
  Token,
  type TokenManager,
  type TokenManagerOptions,
  type TokenProvider,
} from 'nestjs-forge-auth';
import { FakeClock } from '../support/fake-clock.js';
import { useRedis } from '../support/redis-of-spec.js';
import { rejection, times, until } from '../support/async.js';
import { World } from '../tokens/world.js';
import { OneStore } from './one-store.js';

const world = new World();
const redis = useRedis();
beforeEach(async () => {
  await redis.flushAll();
  await world.start({ refreshTokens: 'rotate' });
});
afterEach(() => world.close());

/** As one process of a fleet on Redis, with a client of its own. */
function onRedis(options: Partial<TokenManagerOptions> = {}): TokenManager {
  const client = new Redis(redis.url);
  world.closeLater({ close: () => void client.disconnect() });
  return member({ storage: new RedisTokenStorage(client), ...options });
}

function member(options: Partial<TokenManagerOptions>): TokenManager {
  return world.manager({ provider: world.passwordProvider({ retry: new NoRetryStrategy() }), ...options });
}

const grants = (): readonly string[] => world.endpoint.grantTypes;

const presented = (): readonly string[] => world.endpoint.presentedRefreshTokens;

describe('a refresh token of a fleet on Redis', () => {
  it('a refresh token of a fleet on Redis is sent by whoever renews, and each only once', async () => {
    const managers = times(3, () => onRedis());
    await managers[0]?.getToken();
    for (let round = 0; round < 6; round += 1) await managers[round % 3]?.forceRefresh();
    expect(grants()).toEqual(['password', ...times(6, () => 'refresh_token')]);
    expect(new Set(presented()).size).toBe(6);
    expect(world.endpoint.refreshTokenReuses).toBe(0);
  });

  it('a refresh token of a fleet on Redis that is not one-time is sent again and again', async () => {
    world.endpoint.configure({ refreshTokens: true });
    const managers = times(2, () => onRedis());
    await managers[0]?.getToken();
    for (let round = 0; round < 4; round += 1) await managers[round % 2]?.forceRefresh();
    expect(grants()).toEqual(['password', ...times(4, () => 'refresh_token')]);
  });

  it.each([503, 429, 500])(
    'a refresh token of a fleet on Redis is sent later, by another process, too, after a %d of the issuer',
    async (status) => {
      const [one, other] = [onRedis(), onRedis()];
      await one.getToken();
      world.endpoint.answerNext({ status });
      expect(await rejection(one.forceRefresh())).toMatchObject({ name: 'AuthenticationError', status });
      await other.forceRefresh();
      expect(grants()).toEqual(['password', 'refresh_token', 'refresh_token']);
      expect(new Set(presented()).size).toBe(1);
    },
  );

  it('a refresh token of a fleet on Redis is sent later when the issuer could not be reached', async () => {
    let tokenUrl = world.endpoint.url;
    const compliance = { refreshRequest: (request: { url: string }) => void (request.url = tokenUrl) };
    const provider = world.passwordProvider({ retry: new NoRetryStrategy(), compliance });
    const manager = onRedis({ provider });
    await manager.getToken();
    tokenUrl = 'http://127.0.0.1:1/token';
    expect(await rejection<AuthenticationError>(manager.forceRefresh())).toMatchObject({ transient: true });
    tokenUrl = world.endpoint.url;
    await manager.forceRefresh();
    expect(grants()).toEqual(['password', 'refresh_token']);
  });

  it.each([502, 504])(
    'a refresh token of a fleet on Redis is not sent again after the %d of a gateway: the grant is run, in the same flight',
    async (status) => {
      const [one, other] = [onRedis(), onRedis()];
      await one.getToken();
      world.endpoint.answerNext({ status });
      await one.forceRefresh();
      await other.forceRefresh();
      expect(grants()).toEqual(['password', 'refresh_token', 'password', 'refresh_token']);
      expect(new Set(presented()).size).toBe(2);
    },
  );

  it('a refresh token of a fleet on Redis is not sent again by anybody when the deadline came before the answer: the grant is run', async () => {
    const clock = new FakeClock();
    const [one, other] = [onRedis({ clock }), onRedis({ clock })];
    await one.getToken();
    await other.getToken();
    world.endpoint.hold();
    const late = rejection(one.forceRefresh());
    await world.endpoint.server.received(2);
    await clock.advance(10_000);
    expect(await late).toMatchObject({ code: 'FORGE_AUTH_TOKEN_DEADLINE' });
    world.endpoint.release();
    await Promise.all([one.forceRefresh(), other.forceRefresh()]);
    expect(grants().slice(0, 3)).toEqual(['password', 'refresh_token', 'password']);
    expect(presented()[0]).toBe(world.endpoint.issued[0]?.refreshToken);
    expect(world.endpoint.refreshTokenReuses).toBe(0);
  });

  it('a refresh token of a fleet on Redis is not sent again by a process that starts after the one that sent it has ended: the grant is run', async () => {
    const one = onRedis();
    await one.getToken();
    world.endpoint.hold();
    const ended = rejection(one.forceRefresh());
    await world.endpoint.server.received(2);
    await one.close();
    expect(await ended).toMatchObject({ name: 'ClientClosedError' });
    world.endpoint.release();
    await until(() => grants().length === 2, 'the refresh token is spent');
    const next = onRedis();
    await next.getToken();
    await next.forceRefresh();
    expect(grants()).toEqual(['password', 'refresh_token', 'password']);
    expect(world.endpoint.refreshTokenReuses).toBe(0);
  });
});

it('a refresh token is not sent again after a deadline where no storage is shared, either', async () => {
  const clock = new FakeClock();
  const manager = member({ clock });
  await manager.getToken();
  world.endpoint.hold();
  const late = rejection(manager.forceRefresh());
  await world.endpoint.server.received(2);
  await clock.advance(10_000);
  expect(await late).toMatchObject({ code: 'FORGE_AUTH_TOKEN_DEADLINE' });
  world.endpoint.release();
  await manager.forceRefresh();
  expect(grants()).toEqual(['password', 'refresh_token', 'password']);
  expect(world.endpoint.refreshTokenReuses).toBe(0);
});

describe('a refresh token that another process may have sent', () => {
  const DOWN: readonly [string, (store: OneStore) => void][] = [
    ['while the lock is down', (store) => void (store.down = { lock: true })],
    ['while the storage is down', (store) => void (store.down = { reads: true, writes: true })],
    ['while the storage cannot be read', (store) => void (store.down = { reads: true })],
    ['when the storage was flushed', (store) => store.values.clear()],
  ];

  it.each(DOWN)(
    'a refresh token that another process may have sent is left alone %s: the grant is run',
    async (_name, fail) => {
      const store = new OneStore();
      const options = { storage: store.storage, lock: store.lock, nearCacheTtlMs: 3_600_000 };
      const [one, other] = [member(options), member(options)];
      await one.getToken();
      await other.getToken();
      await one.forceRefresh();
      fail(store);
      await other.forceRefresh();
      expect(grants()).toEqual(['password', 'refresh_token', 'password']);
      expect(world.endpoint.refreshTokenReuses).toBe(0);
    },
  );
});

it('a refresh token is not sent before the storage has taken a note of it', async () => {
  const store = new OneStore();
  const manager = member({ storage: store.storage, lock: store.lock });
  await manager.getToken();
  store.down = { writes: true };
  await manager.forceRefresh();
  expect(grants()).toEqual(['password', 'password']);
});

it('a refresh token is not sent by a holder whose lease somebody else has held since', async () => {
  const store = new OneStore();
  let late = false;
  const storage = {
    ...store.storage,
    setIfNewer: async (key: string, value: string) => !late && (await store.storage.set(key, value), true),
  };
  const manager = member({ storage, lock: store.lock });
  await manager.getToken();
  late = true;
  await manager.forceRefresh();
  expect(grants()).toEqual(['password', 'password']);
});

it('no call goes out with a new access token before its refresh token is stored', async () => {
  const store = new OneStore();
  const manager = member({ storage: store.storage, lock: store.lock });
  const client = world.client({ auth: { tokenManager: manager } });
  await client.get('/');
  const [first] = world.endpoint.issued;
  world.endpoint.revokeAll();
  world.endpoint.hold();
  const calls = times(20, () => client.get('/'));
  await world.endpoint.server.received(2);
  store.writes.hold();
  world.endpoint.release();
  await until(() => store.writes.waiting === 1 && world.endpoint.issued.length === 2, 'the new token is being written');
  // Whatever could go out would be there by now.
  for (let turns = 0; turns < 50; turns += 1) await new Promise((resolve) => setImmediate(resolve));
  expect(new Set(world.api.tokens)).toEqual(new Set([first?.accessToken]));
  expect(manager.peek()?.accessToken).not.toBe(world.endpoint.issued[1]?.accessToken);
  store.writes.release();
  expect((await Promise.all(calls)).every(({ status }) => status === 200)).toBe(true);
  expect([...store.values.values()].join()).toContain(world.endpoint.issued[1]?.refreshToken);
  expect(world.api.tokens.at(-1)).toBe(world.endpoint.issued[1]?.accessToken);
});

it('a holder that lost its lease takes the newer token of the next one, where no store would refuse the older', async () => {
  const clock = new FakeClock();
  const store = new OneStore();
  const answers: ((token: Token) => void)[] = [];
  const provider: TokenProvider = { fetchToken: () => new Promise((resolve) => void answers.push(resolve)) };
  const options = { storage: store.storage, lock: store.lock, clock, provider };
  const [holder, next] = [member(options), member(options)];
  const late = holder.getToken();
  await until(() => answers.length === 1, 'the holder asks');
  store.expireLeases();
  await clock.advance(2_000);
  const soon = next.getToken();
  await until(() => answers.length === 2, 'the next holder asks');
  answers[1]?.(new Token({ accessToken: 'newer' }));
  await soon;
  answers[0]?.(new Token({ accessToken: 'older' }));
  expect((await late).accessToken).toBe('newer');
  expect([...store.values.values()].join()).not.toContain('older');
});
