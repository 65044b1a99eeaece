import { randomUUID } from 'node:crypto';
import { createClient } from '@redis/client';
import { createKeyv } from '@keyv/redis';
import { createCache } from 'cache-manager';
import { Redis } from 'ioredis';
import {
  CacheManagerTokenStorage,
  type Lease,
  RedisTokenLock,
  RedisTokenStorage,
  type TokenLock,
  type TokenStorage,
} from 'nestjs-forge-auth';
import { useRedis } from '../support/redis-of-spec.js';
import { rejection, times } from '../support/async.js';

const KEY = '{app:key}';
const TERM = { ttlMs: 60_000, signal: new AbortController().signal };
/** Short, for where nothing will come; it is counted at Redis what did. */
const DEADLINE_MS = 100;

const cleanups: (() => unknown)[] = [];

const redis = useRedis();
beforeEach(() => redis.flushAll());
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

/** A lock and a storage on the same Redis, whose keys are the same. */
interface Pair {
  readonly lock: TokenLock;
  readonly storage: TokenStorage;
}

async function onIoredis(deadlineMs = 5_000): Promise<Pair> {
  const client = new Redis(redis.url, { retryStrategy: () => 20 });
  client.on('error', () => undefined);
  cleanups.push(() => client.disconnect());
  const options = { keyPrefix: 'app', deadlineMs };
  return { lock: new RedisTokenLock(client, options), storage: new RedisTokenStorage(client, options) };
}

async function onNodeRedis(deadlineMs = 5_000): Promise<Pair> {
  const client = createClient({ url: redis.url, socket: { reconnectStrategy: 20 } });
  client.on('error', () => undefined);
  await client.connect();
  cleanups.push(() => client.destroy());
  const options = { keyPrefix: 'app', deadlineMs };
  return { lock: new RedisTokenLock(client, options), storage: new RedisTokenStorage(client, options) };
}

async function onKeyv(deadlineMs = 5_000): Promise<Pair> {
  const keyv = createKeyv(redis.url);
  const storage = new CacheManagerTokenStorage(createCache({ stores: [keyv] }), { keyPrefix: 'app', deadlineMs });
  cleanups.push(
    () => storage.release(),
    () => keyv.disconnect(),
  );
  return { lock: storage.createLock() as TokenLock, storage };
}

async function exists(name: string): Promise<boolean> {
  return (await redis.command('EXISTS', `${KEY}:${name}`)) === 1;
}

/** Until Redis has carried out what was sent: a command of its own waits in line behind it. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 10_000;
  while (!(await condition())) if (performance.now() > end) throw new Error('It never came to be.');
}

async function acquired(lock: TokenLock): Promise<Lease> {
  const lease = await lock.acquire('key', TERM);
  if (lease === null) throw new Error('Somebody else has it.');
  return lease;
}

describe.each<[string, (deadlineMs?: number) => Promise<Pair>]>([
  ['ioredis', onIoredis],
  ['node-redis', onNodeRedis],
  ["a cache's Redis", onKeyv],
])('on %s', (_name, make) => {
  beforeEach(() => redis.command('SET', '{app:key}:x', 'what keeps its tag from being new'));

  it('a lease that is granted after its time is undone behind it', async () => {
    const { lock } = await make(DEADLINE_MS);
    await lock.acquire('warm-up', TERM);
    redis.freeze();
    const error = await rejection(lock.acquire('key', TERM));
    expect(error.message).toBe('The lock store did not answer within 100 ms.');
    redis.thaw();
    // It was granted, since it minted a generation; and it was given back.
    await until(() => exists('generation'));
    await until(async () => !(await exists('lock')));
    expect(await (await make()).lock.acquire('key', TERM)).not.toBeNull();
  });

  it('a lease that nobody wants any more when it is granted is given back', async () => {
    const { lock } = await make();
    await lock.acquire('warm-up', TERM);
    const caller = new AbortController();
    const asking = lock.acquire('key', { ...TERM, signal: caller.signal });
    caller.abort(new Error('left'));
    expect((await rejection(asking)).message).toBe('left');
    await until(() => exists('generation'));
    await until(async () => !(await exists('lock')));
  });

  it('a holder whose lease was flushed cannot extend it, and takes none from the next one', async () => {
    const { lock } = await make();
    const lost = await acquired(lock);
    await redis.flushAll();
    const next = await acquired(lock);
    expect(await lost.extend()).toBe(false);
    await lost.release();
    expect([await exists('lock'), await next.extend()]).toEqual([true, true]);
  });

  it.each<[string, (key: string) => Promise<unknown>, boolean]>([
    ['a list', (key) => redis.command('RPUSH', key, 'one'), true],
    [
      'a list with an end',
      async (key) => {
        await redis.command('RPUSH', key, 'one');
        await redis.command('PEXPIRE', key, 60_000);
      },
      true,
    ],
    ['a text without an end', (key) => redis.command('SET', key, 'somebody'), true],
    ['a text that names no owner', (key) => redis.command('SET', key, 'somebody', 'PX', 60_000), true],
    ["another owner's lease", (key) => redis.command('SET', key, randomUUID(), 'PX', 60_000), false],
  ])('%s in its place: is free: %p', async (_what, put, free) => {
    await put(`${KEY}:lock`);
    const { lock } = await make();
    expect((await lock.acquire('key', TERM)) !== null).toBe(free);
  });

  it.each([
    ['as long as the longest', 5_000, undefined, false],
    ['longer than the longest', 5_500, undefined, true],
    ['longer than the longest, though a minute is not over', 59_000, undefined, true],
    ['longer than the longest, and no longer than what is asked for', 7_000, 8_000, false],
  ])('a lease of another that stands %s: is free: %p', async (_what, standsMs, ttlMs, free) => {
    await redis.command('SET', `${KEY}:lock`, randomUUID(), 'PX', standsMs);
    const { lock } = await make();
    const lease = await lock.acquire('key', { ...TERM, ttlMs: ttlMs ?? 1_000, longestMs: 5_000 });
    expect(lease !== null).toBe(free);
  });

  it('of 20 that find a lock without an end, one gets the lease', async () => {
    await redis.command('SET', `${KEY}:lock`, 'somebody');
    const { lock } = await make();
    const leases = await Promise.all(times(20, () => lock.acquire('key', TERM)));
    expect(leases.filter((lease) => lease !== null)).toHaveLength(1);
  });

  it('a holder in whose place a list stands can neither extend nor release, and does not fail', async () => {
    const { lock } = await make();
    const lease = await acquired(lock);
    await redis.command('DEL', `${KEY}:lock`);
    await redis.command('RPUSH', `${KEY}:lock`, 'one');
    expect(await lease.extend()).toBe(false);
    await lease.release();
    expect(await redis.command('TYPE', `${KEY}:lock`)).toBe('list');
  });

  it.each<[string, string[]]>([
    ['a list', ['RPUSH', `${KEY}:generation`, '1']],
    ['a word', ['SET', `${KEY}:generation`, 'later']],
    ['infinity', ['SET', `${KEY}:generation`, 'inf']],
    ['no number', ['SET', `${KEY}:generation`, 'nan']],
    ['beyond what counts by one', ['SET', `${KEY}:generation`, '9007199254740993']],
  ])('a generation that is %s is begun anew, for leases and for writes', async (_what, [name = '', ...args]) => {
    const { lock, storage } = await make();
    await redis.command(name, ...args);
    expect(await storage.setIfNewer?.('key', 'early', 60_000, 5)).toBe(true);
    await redis.command('DEL', `${KEY}:generation`);
    await redis.command(name, ...args);
    const { generation } = await acquired(lock);
    expect(generation).toBeGreaterThan(1_600_000_000_000);
    expect(Number.isSafeInteger(generation)).toBe(true);
    expect(await storage.setIfNewer?.('key', 'late', 60_000, 5)).toBe(false);
    expect(await storage.setIfNewer?.('key', 'in time', 60_000, generation)).toBe(true);
    expect(await storage.get('key')).toBe('in time');
  });

  it('what was written by a holder whose lease ran out is refused as soon as the next one has a lease', async () => {
    const { lock, storage } = await make();
    const slow = await acquired(lock);
    await redis.command('DEL', `${KEY}:lock`);
    const next = await acquired(lock);
    expect(await storage.setIfNewer?.('key', 'of the slow one', 60_000, slow.generation)).toBe(false);
    expect(await storage.get('key')).toBeFalsy();
    expect(await storage.setIfNewer?.('key', 'of the next one', 60_000, next.generation)).toBe(true);
    expect(await storage.setIfNewer?.('key', 'its second', 60_000, next.generation)).toBe(true);
    expect(await storage.get('key')).toBe('its second');
  });

  it('a value of another type is written over', async () => {
    const { storage } = await make();
    await redis.command('RPUSH', 'app:key', 'one');
    expect(await storage.setIfNewer?.('key', 'value', 60_000, 5)).toBe(true);
    expect(await storage.get('key')).toBe('value');
  });

  describe('closed', () => {
    it('waits until the leases that are being given back are', async () => {
      const { lock } = await make();
      const lease = await acquired(lock);
      const releasing = lease.release();
      await lock.close?.();
      expect(await exists('lock')).toBe(false);
      await releasing;
    });

    it('waits for a Redis that is frozen no longer than its deadline', async () => {
      const { lock } = await make(DEADLINE_MS);
      const lease = await acquired(lock);
      redis.freeze();
      const [releasing, acquiring] = [rejection(lease.release()), rejection(lock.acquire('other', TERM))];
      await lock.close?.();
      redis.thaw();
      await Promise.all([releasing, acquiring]);
      // What was sent in time lands: nobody waits for a lease that nobody holds.
      await until(async () => !(await exists('lock')));
    });
  });
});
