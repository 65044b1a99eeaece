import { createClient } from '@redis/client';
import { createKeyv } from '@keyv/redis';
import { createCache } from 'cache-manager';
import { Redis } from 'ioredis';
import { CacheManagerTokenStorage, RedisTokenLock, type TokenLock } from 'nestjs-forge-auth';
import { InProcessTokenLock } from '../../src/lock/in-process.token-lock.js';
import { tokenLockContract } from '../../src/testing/token-lock.contract.js';
import { useRedis } from '../support/redis-of-spec.js';

const cleanups: (() => unknown)[] = [];

const redis = useRedis();
beforeEach(() => redis.flushAll());
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

const signal = new AbortController().signal;

async function onIoredis(): Promise<TokenLock> {
  const client = new Redis(redis.url);
  cleanups.push(() => client.quit());
  return new RedisTokenLock(client, { keyPrefix: 'app' });
}

async function onNodeRedis(): Promise<TokenLock> {
  const client = createClient({ url: redis.url });
  await client.connect();
  cleanups.push(() => client.close());
  return new RedisTokenLock(client, { keyPrefix: 'app' });
}

async function onKeyv(): Promise<TokenLock> {
  const keyv = createKeyv(redis.url, { namespace: 'app' });
  cleanups.push(() => keyv.disconnect());
  return new CacheManagerTokenStorage(createCache({ stores: [keyv] })).createLock() as TokenLock;
}

describe.each<[string, () => Promise<TokenLock>]>([
  ['this process', async () => new InProcessTokenLock()],
  ['ioredis', onIoredis],
  ['node-redis', onNodeRedis],
  ["a cache's Redis", onKeyv],
])('a lock on %s', (_name, make) => {
  it.each(Object.entries(tokenLockContract))('%s', (_fact, check) => check(make));

  it('mints generations that a store which forgot them still exceeds: milliseconds of the time', async () => {
    const lease = await (await make()).acquire('key', { ttlMs: 5_000, signal });
    expect(lease?.generation).toBeGreaterThan(1_600_000_000_000);
  });
});

describe('on Redis', () => {
  it('generations grow when everything was flushed, and beyond one from a clock that is ahead', async () => {
    const lock = await onIoredis();
    const before = await lock.acquire('key', { ttlMs: 5_000, signal });
    await redis.flushAll();
    // Redis's clock is this machine's: in the same millisecond nothing could grow.
    while (Date.now() <= Number(before?.generation)) await new Promise(setImmediate);
    const after = await lock.acquire('key', { ttlMs: 5_000, signal });
    expect(after?.generation).toBeGreaterThan(before?.generation ?? Number.POSITIVE_INFINITY);
    await after?.release();
    const ahead = Date.now() + 3_600_000;
    await redis.command('SET', '{app:key}:generation', String(ahead));
    expect((await lock.acquire('key', { ttlMs: 5_000, signal }))?.generation).toBe(ahead + 1);
  });

  it('keys carry a hash tag, so that a cluster keeps a lock beside its token', async () => {
    await (await onKeyv()).acquire('key', { ttlMs: 5_000, signal });
    expect(((await redis.command('KEYS', '*')) as string[]).toSorted()).toEqual([
      '{app::key}:generation',
      '{app::key}:lock',
    ]);
  });

  it('two namespaces never share a lock', async () => {
    const [one, two] = ['one', 'two'].map((keyPrefix) => {
      const client = new Redis(redis.url);
      cleanups.push(() => client.quit());
      return new RedisTokenLock(client, { keyPrefix });
    });
    expect(await one?.acquire('key', { ttlMs: 5_000, signal })).not.toBeNull();
    expect(await two?.acquire('key', { ttlMs: 5_000, signal })).not.toBeNull();
  });

  it('refuses a client of no library that is known', () => {
    expect(() => new RedisTokenLock({})).toThrow('node-redis (a cluster too), ioredis or iovalkey');
  });
});
