import { Keyv } from 'keyv';
import { decodedBy } from './keyv-layers.js';

it.each<[string, number | null | undefined, string | undefined]>([
  ['without an end', undefined, 'kept'],
  ['with an end that is none', null, 'kept'],
  ['that has an end to come', Date.now() + 60_000, 'kept'],
  ['that has run out', Date.now() - 1, undefined],
])('reads what Keyv wrote %s', async (_what, expires, value) => {
  const written = JSON.stringify({ value: 'kept', expires });
  expect(await decodedBy([new Keyv() as never], written)).toBe(value);
});

it('what Keyv did not write has no value', async () => {
  expect(await decodedBy([new Keyv() as never], 'garbage')).toBeUndefined();
});
