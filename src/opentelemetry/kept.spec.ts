import { Kept } from './kept.js';

it('makes each value once, as long as there is room, and keeps no more than that', () => {
  const kept = new Kept<object>(2);
  const get = (...path: unknown[]) => kept.get(path, () => ({}));
  expect(get('orders', 200)).toBe(get('orders', 200));
  expect(get('orders', undefined)).toBe(get('orders', undefined));
  expect(get('orders', 200)).not.toBe(get('orders', undefined));
  expect(get('prices', 200)).not.toBe(get('prices', 200));
  expect(get('orders', 200)).toBe(get('orders', 200));
});
