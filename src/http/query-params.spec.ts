import axios from 'axios';
import * as fc from 'fast-check';
import { InvalidRequestError } from '../errors.js';
import { serializeParams, type QueryParams } from './query-params.js';

const serializedByAxios = (params: QueryParams): string => axios.getUri({ url: '', params }).replace(/^\?/, '');

const keys = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.constantFrom('a', 'a[]', ' a ', 'a{}', 'a[b]', '[]', '{}', 'a b', 'é', '%41', "it's", 'a:b,c$'),
);
const leaves = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.constantFrom('a b', '&=?#+', ':$,', "!'()*~", '%2F'),
  fc.integer(),
  fc.double(),
  fc.bigInt(),
  fc.boolean(),
  fc.constantFrom(null, undefined),
  fc.date({ noInvalidDate: true }),
);
const values = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaves,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(keys, tie('value'), { maxKeys: 3, noNullPrototype: true }),
  ),
})).value;

/** Axios drops these names while it merges configs, against prototype pollution. */
const mergedAway = (text: string): boolean => /__proto__|constructor|prototype/.test(text);

describe('serializeParams', () => {
  it.each<[string, QueryParams, string]>([
    ['repeats arrays with brackets', { a: [1, 2] }, 'a[]=1&a[]=2'],
    ['keeps brackets that are there', { 'a[]': [1, 2] }, 'a[]=1&a[]=2'],
    ['nests objects in brackets', { a: { b: { c: 1 } } }, 'a[b][c]=1'],
    ['numbers arrays of objects', { a: [{ b: 1 }, { b: 2 }] }, 'a[0][b]=1&a[1][b]=2'],
    ['writes dates as ISO 8601', { a: new Date(0) }, 'a=1970-01-01T00:00:00.000Z'],
    ['leaves null and undefined out', { a: null, b: undefined, c: [null, 1], d: '' }, 'c[]=1&d='],
    ['writes JSON under a key that ends in {}', { 'a{}': { b: [1] } }, 'a%7B%7D=%7B%22b%22:[1]%7D'],
    ['writes URLSearchParams as they are', new URLSearchParams('a=1&a=2'), 'a=1&a=2'],
    ['writes spaces as +', { 'a b': 'c d' }, 'a+b=c+d'],
    ['answers nothing for nothing', {}, ''],
  ])('%s', (_name, params, expected) => {
    expect(decodeBrackets(serializeParams(params))).toBe(expected);
  });

  it('writes what axios writes', () => {
    fc.assert(
      fc.property(fc.dictionary(keys, values, { maxKeys: 4, noNullPrototype: true }), (params) => {
        fc.pre(!mergedAway(Object.keys(params).join(' ') + safeJson(params)));
        expect(outcomeOf(() => serializeParams(params))).toBe(outcomeOf(() => serializedByAxios(params)));
      }),
      { numRuns: 1_000 },
    );
  });

  it.each<[string, unknown]>([
    ['an invalid date', { a: new Date(Number.NaN) }],
    ['a symbol', { a: Symbol('secret') }],
    ['half a surrogate pair', { a: 'secret\uD800' }],
    ['a string', 'a=secret'],
    ['a circle', circle()],
  ])('refuses %s, and does not quote it', (_name, params) => {
    const attempt = (): string => serializeParams(params as QueryParams);
    expect(attempt).toThrow(InvalidRequestError);
    expect(attempt).not.toThrow(/secret/);
  });

  it('nests 100 levels and no more', () => {
    expect(serializeParams(nested(100))).toBe(serializedByAxios(nested(100)));
    expect(() => serializeParams(nested(101))).toThrow('100 levels');
  });
});

function decodeBrackets(query: string): string {
  return query.replaceAll('%5B', '[').replaceAll('%5D', ']');
}

function outcomeOf(serialize: () => string): string {
  try {
    return serialize();
  } catch {
    return 'refused';
  }
}

function safeJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? '' : inner));
}

function circle(): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  object['secret'] = object;
  return object;
}

function nested(levels: number): Record<string, unknown> {
  let object: Record<string, unknown> = { leaf: 1 };
  for (let level = 0; level < levels; level += 1) object = { a: object };
  return object;
}
