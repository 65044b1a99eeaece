import { createKeyv } from '@keyv/redis';
import { createCache } from 'cache-manager';
import { Redis } from 'ioredis';
import {
  CacheManagerTokenStorage,
  ClientCredentialsTokenProvider,
  RedisTokenStorage,
  TokenManager,
  type TokenStorage,
} from 'nestjs-forge-auth';
import { until } from '../support/async.js';
import { useRedis } from '../support/redis-of-spec.js';
import { untilSubscribed } from '../support/redis-subscribers.js';
import { CLIENT, startTokenEndpoint, type TokenEndpoint } from '../support/token-endpoint.js';

const redis = useRedis();
let endpoint: TokenEndpoint;
const cleanups: (() => unknown)[] = [];

beforeEach(async () => {
  await redis.flushAll();
  endpoint = await startTokenEndpoint();
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  await endpoint.close();
});

function cacheStorage(): TokenStorage {
  const keyv = createKeyv(redis.url, { namespace: 'app' });
  cleanups.push(() => keyv.disconnect());
  return new CacheManagerTokenStorage(createCache({ stores: [keyv] }));
}

function rawStorage(): TokenStorage {
  const client = new Redis(redis.url);
  cleanups.push(() => client.quit());
  return new RedisTokenStorage(client, { keyPrefix: 'app:' });
}

function manager(storage: TokenStorage): TokenManager {
  const made = new TokenManager({
    name: 'orders',
    storage,
    provider: new ClientCredentialsTokenProvider({
      tokenUrl: endpoint.url,
      ...CLIENT,
    }),
  });
  cleanups.push(() => made.close());
  return made;
}

/** Twice what a storage may take: nothing else runs meanwhile. */
function block(durationMs: number): void {
  const end = performance.now() + durationMs;
  while (performance.now() < end);
}

describe.each([
  ['a cache-manager over Redis', cacheStorage],
  ['a raw ioredis', rawStorage],
])('managers on %s', (_name, storage) => {
  it('managers on one storage ask for one token together', async () => {
    endpoint.configure({ delayMs: 100 });
    const managers = Array.from({ length: 8 }, () => manager(storage()));
    const tokens = await Promise.all(managers.flatMap((each) => Array.from({ length: 50 }, () => each.getToken())));
    expect(new Set(tokens.map((token) => token.accessToken)).size).toBe(1);
    expect(endpoint.tokenRequests).toBe(1);
  });

  it.each([0, 2, 5, 10, 20])(
    'ask for one token together when the process is busy %d ms after their start',
    async (atMs) => {
      endpoint.configure({ delayMs: 100 });
      setTimeout(() => block(500), atMs);
      const managers = Array.from({ length: 8 }, () => manager(storage()));
      const tokens = await Promise.all(managers.flatMap((each) => Array.from({ length: 50 }, () => each.getToken())));
      expect(new Set(tokens.map((token) => token.accessToken)).size).toBe(1);
      expect(endpoint.tokenRequests).toBe(1);
    },
  );

  it('managers on one storage replace a rejected token once', async () => {
    const managers = Array.from({ length: 4 }, () => manager(storage()));
    const [first] = await Promise.all(managers.map((each) => each.getToken()));
    const tokens = await Promise.all(
      managers.map(async (each) => {
        await each.invalidate(first);
        return each.getToken();
      }),
    );
    expect(new Set(tokens.map((token) => token.accessToken)).size).toBe(1);
    expect(tokens[0]?.accessToken).not.toBe(first?.accessToken);
    expect(endpoint.tokenRequests).toBe(2);
  });

  it('the others hear of a token that another one renewed', async () => {
    const [one, other] = [manager(storage()), manager(storage())];
    await one.getToken();
    await other.getToken();
    await untilSubscribed(redis, 2);
    const renewed = await one.forceRefresh();
    // Only a message brings it: nothing asks this manager for a token.
    await until(() => other.peek()?.accessToken === renewed.accessToken, 'the other one has the new token');
    expect(other.peek()?.accessToken).toBe(renewed.accessToken);
    expect(endpoint.tokenRequests).toBe(2);
  });
});
