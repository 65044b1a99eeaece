import type { Clock } from '../clock.js';
import { ConfigurationError } from '../errors.js';
import { FakeClock } from '../testing/fake-clock.js';
import { InMemoryTokenStorage } from './in-memory.token-storage.js';
import { TOKEN_STORAGE } from './token-storage.js';

function start(max?: number) {
  const time = { now: 1_000_000 };
  const clock: Clock = { now: () => time.now, random: () => 0.5, after: () => () => undefined };
  return { time, storage: new InMemoryTokenStorage(max === undefined ? { clock } : { clock, max }) };
}

describe('InMemoryTokenStorage', () => {
  it('drops a value on the millisecond', async () => {
    const { time, storage } = start();
    await storage.set('key', 'value', 1_000);
    time.now += 999;
    expect(await storage.get('key')).toBe('value');
    time.now += 1;
    expect(await storage.get('key')).toBeUndefined();
    expect(storage.size).toBe(0);
  });

  it('keeps a value without a time for ever', async () => {
    const { time, storage } = start();
    await storage.set('key', 'value');
    time.now += 1e15;
    expect(await storage.get('key')).toBe('value');
  });

  it('drops the least recently used value first, and holds no more than max', async () => {
    const { storage } = start(3);
    for (const key of ['a', 'b', 'c']) await storage.set(key, key);
    await storage.get('a');
    await storage.set('b', 'again');
    await storage.set('d', 'd');
    expect(await Promise.all(['a', 'b', 'c', 'd'].map((key) => storage.get(key)))).toEqual([
      'a',
      'again',
      undefined,
      'd',
    ]);
    expect(storage.size).toBe(3);
  });

  it('writes at once: no reader meets a gap, and of two writers the later one wins', async () => {
    const { storage } = start();
    await storage.set('key', 'first');
    const [, read] = await Promise.all([
      storage.set('key', 'second', 1_000, { irreplaceable: true }),
      storage.get('key'),
    ]);
    expect(read).toBe('second');
    await Promise.all([storage.set('key', 'third', 1_000, { irreplaceable: true }), storage.set('key', 'last', 1_000)]);
    expect([await storage.get('key'), storage.size]).toEqual(['last', 1]);
  });

  it('drops no irreplaceable value until it has expired', async () => {
    const { time, storage } = start(3);
    for (let index = 0; index < 10; index += 1)
      await storage.set(`user-${index}`, 'refresh', 1_000, { irreplaceable: true });
    for (let index = 0; index < 10; index += 1) await storage.set(`other-${index}`, 'value', 1_000);
    expect(storage.size).toBe(13);
    for (let index = 0; index < 10; index += 1) expect(await storage.get(`user-${index}`)).toBe('refresh');
    await storage.set('user-0', 'replaceable', 1_000);
    for (const key of ['a', 'b', 'c']) await storage.set(key, 'value', 1_000);
    expect(await storage.get('user-0')).toBeUndefined();
    await storage.delete('user-1');
    expect(await storage.get('user-1')).toBeUndefined();
    time.now += 1_000;
    for (let index = 0; index < 20; index += 1)
      await storage.set(`later-${index}`, 'refresh', 1_000, { irreplaceable: true });
    expect(storage.size).toBe(23);
    expect(await storage.get('user-2')).toBeUndefined();
  });

  it('holds 10,000 values by default', async () => {
    const { storage } = start();
    for (let index = 0; index < 10_050; index += 1) await storage.set(`key-${index}`, 'value');
    expect(storage.size).toBe(10_000);
    expect(await storage.get('key-49')).toBeUndefined();
    expect(await storage.get('key-50')).toBe('value');
  });

  it.each([0, -1, 1.5, Number.NaN, '5' as never])('refuses a max of %p', (max) => {
    expect(() => new InMemoryTokenStorage({ max })).toThrow(ConfigurationError);
  });

  it('gives all who keep their tokens in it one lock, whose leases run out by its clock', async () => {
    const { time, storage } = start();
    const clock: Clock = { now: () => time.now, random: () => 0.5, after: () => () => undefined };
    const lock = storage.createLock(clock);
    expect(storage.createLock(clock)).toBe(lock);
    const options = { ttlMs: 1_000, signal: new AbortController().signal };
    const first = await lock.acquire('key', options);
    expect(first?.generation).toBe(time.now);
    time.now += 999;
    expect(await lock.acquire('key', options)).toBeNull();
    time.now += 1;
    expect((await lock.acquire('key', options))?.generation).toBe(time.now);
    expect(await first?.extend()).toBe(false);
  });

  it('counts those who use it, each once, until they have left as often as they entered', () => {
    const { storage } = start();
    const [one, other] = [{}, {}];
    for (const user of [one, one, other]) storage.enter(user);
    expect(storage.users).toBe(2);
    storage.leave(one);
    expect(storage.users).toBe(2);
    storage.leave(one);
    storage.leave(one);
    expect(storage.users).toBe(1);
    storage.leave(other);
    expect(storage.users).toBe(0);
    storage.enter(one);
    expect(storage.users).toBe(1);
  });

  it('looks at two of those that are kept beyond the bound whenever one more comes, and drops what has run out', async () => {
    const { time, storage } = start(1);
    for (const key of ['a', 'b', 'c']) await storage.set(key, key, 1_000, { irreplaceable: true });
    time.now += 1_000;
    await storage.set('d', 'd', 1_000, { irreplaceable: true });
    expect(storage.size).toBe(2);
    await storage.set('e', 'e', 1_000, { irreplaceable: true });
    expect(storage.size).toBe(2);
    expect([await storage.get('d'), await storage.get('e')]).toEqual(['d', 'e']);
  });

  it.each([-3_600_000, 3_600_000])(
    'keeps a value as long as it is to, though the clock is set by %d ms',
    async (setMs) => {
      const clock = new FakeClock();
      const storage = new InMemoryTokenStorage({ clock });
      await storage.set('key', 'value', 1_000);
      clock.jump(setMs);
      await clock.advance(999);
      expect(await storage.get('key')).toBe('value');
      await clock.advance(1);
      expect(await storage.get('key')).toBeUndefined();
    },
  );

  it('InMemoryTokenStorage is known as a storage of this process, and takes the time of the machine by default', async () => {
    const storage = new InMemoryTokenStorage();
    expect([storage[TOKEN_STORAGE], storage.shared]).toEqual([true, false]);
    await storage.set('key', 'value', 60_000);
    await storage.set('gone', 'value', 0);
    expect([await storage.get('key'), await storage.get('gone')]).toEqual(['value', undefined]);
  });
});
