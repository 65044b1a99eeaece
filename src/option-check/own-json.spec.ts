import { ownJson } from './own-json.js';

class Amount {
  constructor(readonly cents: number) {}
  toJSON(): object {
    return { cents: this.cents, list: [this.cents] };
  }
}

const VALUES: [string, unknown][] = [
  ['an object', { a: 1, b: 'text', c: null, d: undefined, e: true, f: () => 1 }],
  ['lists of lists', [[1, [2, undefined]], 'text', {}]],
  ['a date', { at: new Date(0) }],
  ['an object of a class', { amount: new Amount(5) }],
  ['an object without a prototype', Object.assign(Object.create(null) as object, { a: [1] })],
  ['a text', 'a "text"'],
  ['a number', 5],
  ['nothing', undefined],
];

afterEach(() => {
  delete (Object.prototype as { toJSON?: unknown }).toJSON;
});

it.each(VALUES)('writes %s as JSON.stringify does, whatever Object.prototype has as toJSON', (_what, value) => {
  const expected = JSON.stringify(value);
  expect(ownJson(value)).toBe(expected);
  // oxlint-disable-next-line no-extend-native -- as an attacker would
  Object.defineProperty(Object.prototype, 'toJSON', { value: () => 'planted', configurable: true });
  expect(ownJson(value)).toBe(expected);
});

it('fails at a circle as JSON.stringify does', () => {
  const circle: Record<string, unknown> = {};
  circle['itself'] = circle;
  expect(() => ownJson(circle)).toThrow(TypeError);
});
