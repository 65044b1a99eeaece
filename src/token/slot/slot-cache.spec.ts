import { SlotCache } from './slot-cache.js';
import type { TokenSlot } from './token-slot.js';

interface Stub {
  busy: boolean;
  released: number;
}

function cacheOf(max?: number, busy = false) {
  const made = new Map<string, Stub>();
  const cache = new SlotCache(max);
  const get = (name: string): Stub =>
    cache.get(name, () => {
      const stub = { busy, released: 0, release: () => void (stub.released += 1) };
      made.set(name, stub);
      return stub as unknown as TokenSlot;
    }) as unknown as Stub;
  const released = (): string[] => [...made].filter(([, stub]) => stub.released > 0).map(([name]) => name);
  return { cache, get, released };
}

it('a slot is made once for each name, and the least recently used is released first', () => {
  const { get, released } = cacheOf(2);
  const [a, b] = [get('a'), get('b')];
  expect([get('a'), get('b') === b, released()]).toEqual([a, true, []]);
  get('a');
  get('c');
  expect(released()).toEqual(['b']);
  get('d');
  expect(released()).toEqual(['a', 'b']);
});

it('a slot with a flight under way is kept as if it had just been used', () => {
  const { get, released } = cacheOf(2);
  get('a').busy = true;
  get('b');
  get('c');
  expect(released()).toEqual(['b']);
  get('d');
  expect(released()).toEqual(['b', 'c']);
});

it('the number of slots comes down again after a burst of flights, by one more at each call', () => {
  const { get, released } = cacheOf(1, true);
  const slots = ['a', 'b', 'c', 'd'].map(get);
  expect(released()).toEqual([]);
  for (const slot of slots) slot.busy = false;
  get('d');
  expect(released()).toHaveLength(2);
  get('d');
  expect(released()).toEqual(['a', 'b', 'c']);
});

it('a slot that was released and that somebody still has is the same for who asks again', () => {
  const { cache, get } = cacheOf(1);
  const a = get('a');
  const b = get('b');
  expect(get('a')).toBe(a);
  expect(cache.values()).toHaveLength(2);
  expect(new Set(cache.values() as unknown[])).toEqual(new Set([a, b]));
});

it('ten thousand slots are kept by default', () => {
  const { get, released } = cacheOf();
  for (let count = 0; count < 10_000; count += 1) get(String(count));
  expect(released()).toEqual([]);
  get('one more');
  expect(released()).toEqual(['0']);
});
