import { FakeClock } from '../testing/fake-clock.js';
import { InProcessTokenLock, lockOf } from './in-process.token-lock.js';
import type { Lease } from './token-lock.js';

const clock = new FakeClock();
const TERM = { ttlMs: 1_000, signal: new AbortController().signal };
const lease = async (lock: InProcessTokenLock, key = 'key'): Promise<Lease> => (await lock.acquire(key, TERM)) as Lease;

describe('a lock in this process', () => {
  it('a lock in this process is one per key', async () => {
    const lock = new InProcessTokenLock(clock);
    await lease(lock);
    expect(await lock.acquire('key', TERM)).toBeNull();
    expect(await lock.acquire('other', TERM)).not.toBeNull();
  });

  it('a lock in this process is free from the end of its term on, unless it is extended', async () => {
    const lock = new InProcessTokenLock(clock);
    const first = await lease(lock);
    await clock.advance(999);
    expect(await first.extend()).toBe(true);
    await clock.advance(999);
    expect(await lock.acquire('key', TERM)).toBeNull();
    await clock.advance(1);
    const second = await lease(lock);
    expect(await first.extend()).toBe(false);
    await first.release();
    expect(await lock.acquire('key', TERM)).toBeNull();
    await second.release();
    expect(await second.extend()).toBe(false);
    expect(await lock.acquire('key', TERM)).not.toBeNull();
  });

  it('a lock in this process mints generations that grow, with the time or ahead of it', async () => {
    const lock = new InProcessTokenLock(clock);
    const first = await lease(lock, 'a');
    expect(first.generation).toBe(clock.now());
    expect((await lease(lock, 'b')).generation).toBe(clock.now() + 1);
    clock.jump(-5_000);
    expect((await lease(lock, 'c')).generation).toBe(first.generation + 2);
    clock.jump(60_000);
    expect((await lease(lock, 'd')).generation).toBe(clock.now());
  });

  it('a lock in this process is not taken by who has left', async () => {
    const lock = new InProcessTokenLock(clock);
    const left = AbortSignal.abort(new Error('left'));
    await expect(lock.acquire('key', { ...TERM, signal: left })).rejects.toThrow('left');
    expect(await lock.acquire('key', TERM)).not.toBeNull();
  });

  it('a lock in this process is one for all who keep tokens in the same store', () => {
    const [store, other] = [{}, {}];
    expect(lockOf(store, clock)).toBe(lockOf(store, clock));
    expect(lockOf(other, clock)).not.toBe(lockOf(store, clock));
  });
});
