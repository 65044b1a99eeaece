import type { Lease } from '../lock/token-lock.js';
import { FakeClock } from '../testing/fake-clock.js';
import { LeaseRedisLock } from './lease.redis-lock.js';
import type { RedisConnection } from './redis-connection.js';
import type { RedisTarget } from './redis-target.js';

/** A Redis that grants what it is asked, and whose connection comes when the test says so. */
class Fake implements RedisTarget {
  readonly commands: string[][] = [];
  connecting: Promise<void> = Promise.resolve();
  answer: () => Promise<unknown> = async () => '7';

  async connection(): Promise<RedisConnection> {
    await this.connecting;
    return {
      command: (...args) => {
        this.commands.push(args);
        return this.answer();
      },
      duplicate: () => {
        throw new Error('Nobody listens here.');
      },
    };
  }

  fullKey(key: string): string {
    return `app:${key}`;
  }

  /** Keys and arguments of what was sent: of the script, its length alone. */
  get sent(): string[][] {
    return this.commands.map(([, , , ...args]) => args);
  }
}

const NEVER = new AbortController().signal;
const MONTH_MS = String(30 * 24 * 3_600_000);
let redis: Fake;
let clock: FakeClock;
let lock: LeaseRedisLock;
beforeEach(() => {
  redis = new Fake();
  clock = new FakeClock();
  lock = new LeaseRedisLock(redis, undefined, clock);
});

describe('a lease in Redis', () => {
  it('a lease in Redis is asked for in whole milliseconds, extended by as many, and given back by its owner', async () => {
    const lease = (await lock.acquire('key', { ttlMs: 1_500.2, signal: NEVER })) as Lease;
    expect(lease.generation).toBe(7);
    redis.answer = async () => 1;
    expect(await lease.extend()).toBe(true);
    redis.answer = async () => 0;
    expect(await lease.extend()).toBe(false);
    await lease.release();
    const owner = redis.sent[0]?.[3] as string;
    expect(redis.sent).toEqual([
      ['2', '{app:key}:lock', '{app:key}:generation', owner, '1501', MONTH_MS, '60000'],
      ['1', '{app:key}:lock', owner, '1501'],
      ['1', '{app:key}:lock', owner, '1501'],
      ['1', '{app:key}:lock', owner],
    ]);
  });

  it('a lease in Redis that somebody else has is none', async () => {
    redis.answer = async () => null;
    expect(await lock.acquire('key', { ttlMs: 1_000, signal: NEVER })).toBeNull();
  });

  it('a lease in Redis whose connection comes after its time is not asked for any more', async () => {
    let connected!: () => void;
    redis.connecting = new Promise((resolve) => (connected = resolve));
    const asking = lock.acquire('key', { ttlMs: 1_000, signal: NEVER });
    asking.catch(() => undefined);
    await clock.advance(250);
    await expect(asking).rejects.toThrow('The lock store did not answer within 250 ms.');
    connected();
    await clock.advance(0);
    // What may have been granted is undone.
    expect(redis.sent.map(([keys]) => keys)).toEqual(['1']);
  });

  it('a lease in Redis is waited for when its lock is closed, for 250 ms at most', async () => {
    await lock.acquire('key', { ttlMs: 1_000, signal: NEVER });
    let closed = false;
    const closing = lock.close().then(() => (closed = true));
    await clock.advance(249);
    expect(closed).toBe(false);
    await clock.advance(1);
    await closing;
  });

  it('a lease in Redis that was given back, or failed to be, keeps nobody from closing the lock', async () => {
    const lease = (await lock.acquire('key', { ttlMs: 1_000, signal: NEVER })) as Lease;
    redis.answer = () => Promise.reject(new Error('gone'));
    await expect(lease.release()).rejects.toThrow('gone');
    await lock.close();
    expect(clock.pending).toBe(0);
  });

  it('a lease in Redis whose caller has left is given back, and the caller hears its own reason', async () => {
    const caller = new AbortController();
    redis.answer = async () => {
      caller.abort(new Error('left'));
      return '7';
    };
    await expect(lock.acquire('key', { ttlMs: 1_000, signal: caller.signal })).rejects.toThrow('left');
    await clock.advance(0);
    expect(redis.sent.slice(0, 2).map(([keys]) => keys)).toEqual(['2', '1']);
    await lock.close();
  });

  it.each([false, true])(
    'a lease in Redis whose caller has left is given back before that is reported, even where that fails: %p',
    async (fails) => {
      const left: unknown[] = [];
      const note = (reason: unknown): void => void left.push(reason);
      process.on('unhandledRejection', note);
      const caller = new AbortController();
      let release!: () => void;
      redis.answer = async () => {
        redis.answer = () =>
          new Promise((resolve, reject) => (release = () => (fails ? reject(new Error('gone')) : resolve(1))));
        caller.abort(new Error('left'));
        return '7';
      };
      let over = false;
      const asking = lock.acquire('key', { ttlMs: 1_000, signal: caller.signal }).finally(() => (over = true));
      asking.catch(() => undefined);
      await clock.advance(0);
      expect(over).toBe(false);
      release();
      await expect(asking).rejects.toThrow('left');
      await clock.advance(0);
      release();
      await new Promise(setImmediate);
      process.off('unhandledRejection', note);
      expect(left).toEqual([]);
    },
  );
});
