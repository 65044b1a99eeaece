import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { ClientCredentialsTokenProvider, type GetSet, TokenManager } from 'nestjs-forge-auth';
import { useRedis } from '../support/redis-of-spec.js';
import { storageOf } from '../../src/storage/get-set.token-storage.js';
import { CLIENT, startTokenEndpoint, type TokenEndpoint } from '../support/token-endpoint.js';
import { times, until } from '../support/async.js';
import { recordingLogger } from '../support/recording-logger.js';

const redis = useRedis();
let endpoint: TokenEndpoint;
let logger: ReturnType<typeof recordingLogger>;
const closing: (() => unknown)[] = [];

beforeEach(async () => {
  await redis.flushAll();
  endpoint = await startTokenEndpoint();
  logger = recordingLogger();
});
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
  await endpoint.close();
});

async function ioredis(): Promise<GetSet> {
  const client = new Redis(redis.url);
  closing.push(() => client.quit());
  return client;
}

async function prefixedIoredis(): Promise<GetSet> {
  const client = new Redis(redis.url, { keyPrefix: 'app:' });
  closing.push(() => client.quit());
  return client;
}

async function nodeRedis(): Promise<GetSet> {
  const client = createClient({ url: redis.url });
  await client.connect();
  closing.push(() => client.close());
  return client;
}

describe.each<[string, () => Promise<GetSet>]>([
  ['ioredis', ioredis],
  ['ioredis with a keyPrefix', prefixedIoredis],
  ['node-redis', nodeRedis],
])('a raw client of %s as storage', (_library, connect) => {
  async function manager(): Promise<TokenManager> {
    const provider = new ClientCredentialsTokenProvider({ tokenUrl: endpoint.url, ...CLIENT });
    const made = new TokenManager({ name: 'orders', provider, storage: await connect(), logger });
    closing.push(() => made.close());
    return made;
  }

  it('keeps a token for the next process', async () => {
    const { accessToken } = await (await manager()).getToken();
    expect((await (await manager()).getToken()).accessToken).toBe(accessToken);
    expect(endpoint.tokenRequests).toBe(1);
  });

  it.each<[string, (key: string) => Promise<unknown>]>([
    ['200 MB', (key) => redis.command('SETRANGE', key, 200 * 1_048_576, 'x')],
    ['a list', (key) => redis.command('RPUSH', key, 'one')],
  ])('a storage that finds %s under its key asks once, and writes it anew for the others', async (_what, spoil) => {
    await (await manager()).getToken();
    const [key] = ((await redis.command('KEYS', '*')) as string[]).filter((name) => /:orders:[\w-]+$/.test(name));
    await redis.command('DEL', key as string);
    await spoil(key as string);
    const second = await manager();
    await Promise.all(times(20, () => second.getToken()));
    expect(endpoint.tokenRequests).toBe(2);
    await (await manager()).getToken();
    expect(endpoint.tokenRequests).toBe(2);
    expect(logger.warnings).toEqual([]);
  });

  it('lets nobody who is late write over what was invalidated', async () => {
    const storage = storageOf(await connect(), 'test');
    closing.push(() => storage.release?.());
    expect(await storage.setIfNewer?.('token', 'of two', 60_000, 2)).toBe(true);
    expect(await storage.setIfNewer?.('token', 'of one', 60_000, 1)).toBe(false);
    expect(await storage.get('token')).toBe('of two');
  });

  it('keeps no key in Redis for good', async () => {
    await (await manager()).getToken();
    const keys = (await redis.command('KEYS', '*')) as string[];
    expect(keys).not.toEqual([]);
    for (const key of keys) expect(Number(await redis.command('PTTL', key))).toBeGreaterThan(0);
  });

  it('hears at once what another process invalidates', async () => {
    const [here, there] = [await manager(), await manager()];
    const { accessToken } = await here.getToken();
    await there.getToken();
    await there.invalidate();
    await until(() => here.peek() === undefined, 'the invalidation');
    expect((await here.getToken()).accessToken).not.toBe(accessToken);
    expect(endpoint.tokenRequests).toBe(2);
  });
});
