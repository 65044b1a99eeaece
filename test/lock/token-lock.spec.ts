import { createClient } from '@redis/client';
import { createKeyv } from '@keyv/redis';
import { createCache } from 'cache-manager';
import { Redis } from 'ioredis';
import { CacheManagerTokenStorage, RedisTokenLock, type TokenLock } from 'nestjs-forge-auth';
import { InProcessTokenLock } from '../../src/lock/in-process.token-lock.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';

let redis: RedisServer;
const cleanups: (() => unknown)[] = [];

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
beforeEach(() => redis.flushAll());
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
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
  let lock: TokenLock;

  beforeEach(async () => {
    lock = await make();
  });

  it('is held by one at a time, of any number that ask at once', async () => {
    const leases = await Promise.all(Array.from({ length: 20 }, () => lock.acquire('key', { ttlMs: 5_000, signal })));
    expect(leases.filter((lease) => lease !== null).length).toBe(1);
  });

  it('is free again when it is given back, and other keys are free all along', async () => {
    const lease = await lock.acquire('key', { ttlMs: 5_000, signal });
    expect(await lock.acquire('other', { ttlMs: 5_000, signal })).not.toBeNull();
    await lease?.release();
    expect(await lock.acquire('key', { ttlMs: 5_000, signal })).not.toBeNull();
  });

  it('runs out, and its former holder can neither extend nor release the next one', async () => {
    const former = await lock.acquire('key', { ttlMs: 60, signal });
    await pause(90);
    const next = await lock.acquire('key', { ttlMs: 5_000, signal });
    expect(next).not.toBeNull();
    expect(await former?.extend()).toBe(false);
    await former?.release();
    expect(await lock.acquire('key', { ttlMs: 5_000, signal })).toBeNull();
  });

  it('lasts as long as it is extended', async () => {
    const lease = await lock.acquire('key', { ttlMs: 150, signal });
    for (let round = 0; round < 4; round += 1) {
      await pause(60);
      expect(await lease?.extend()).toBe(true);
    }
    expect(await lock.acquire('key', { ttlMs: 150, signal })).toBeNull();
  });

  it('mints generations that grow', async () => {
    const generations: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      const lease = await lock.acquire('key', { ttlMs: 5_000, signal });
      generations.push(lease?.generation ?? 0);
      await lease?.release();
    }
    expect(generations).toEqual([...new Set(generations)].toSorted((a, b) => a - b));
    expect(generations[0]).toBeGreaterThan(1_600_000_000_000);
  });

  it('is not granted to a caller that has left', async () => {
    const aborted = AbortSignal.abort(new Error('left'));
    await expect(lock.acquire('key', { ttlMs: 5_000, signal: aborted })).rejects.toThrow('left');
    expect(await lock.acquire('key', { ttlMs: 5_000, signal })).not.toBeNull();
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
