import * as fc from 'fast-check';
import { type Challenge, parseChallenges } from './challenges.js';

const TOKEN_CHARACTERS = [..."!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"];
const token = fc.string({ unit: fc.constantFrom(...TOKEN_CHARACTERS), minLength: 1, maxLength: 12 });
const text = fc.string({
  unit: fc.constantFrom(...TOKEN_CHARACTERS, ' ', ',', '"', '\\', '=', ';', 'é'),
  maxLength: 20,
});
const base64 = fc
  .tuple(fc.string({ unit: fc.constantFrom(...'abcXYZ019-._~+/'), minLength: 1 }), fc.constantFrom('', '=', '=='))
  .map((parts) => parts.join(''));
const challenge: fc.Arbitrary<Challenge> = fc.oneof(
  fc.record({ scheme: token, token68: base64, params: fc.constant({}) }),
  fc.record({
    scheme: token,
    params: fc
      .uniqueArray(fc.tuple(token, text), { selector: ([name]) => name.toLowerCase(), maxLength: 5 })
      .map((entries) => Object.fromEntries(entries.map(([name, value]) => [name.toLowerCase(), value]))),
  }),
);

function written({ scheme, params, token68 }: Challenge): string {
  if (token68 !== undefined) return `${scheme} ${token68}`;
  const pairs = Object.entries(params).map(([name, value]) => `${name}="${value.replace(/["\\]/g, '\\$&')}"`);
  return pairs.length === 0 ? scheme : `${scheme} ${pairs.join(', ')}`;
}

describe('parseChallenges', () => {
  it('reads what was written, in one header or in many', () => {
    fc.assert(
      fc.property(fc.array(challenge, { maxLength: 5 }), (challenges) => {
        const headers = challenges.map(written);
        expect(parseChallenges(headers)).toEqual(challenges);
        expect(parseChallenges(headers.join(', '))).toEqual(challenges);
      }),
      { numRuns: 1_000 },
    );
  });

  it('reads challenges out of any text without a failure', () => {
    fc.assert(
      fc.property(fc.string(), (header) => {
        expect(Array.isArray(parseChallenges(header))).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  it.each<[string, unknown]>([
    ['', []],
    ['Basic', [{ scheme: 'Basic', params: {} }]],
    [
      'Negotiate YII=, Basic realm=x',
      [
        { scheme: 'Negotiate', params: {}, token68: 'YII=' },
        { scheme: 'Basic', params: { realm: 'x' } },
      ],
    ],
    [
      'Bearer realm="a, b", error="invalid_token" , DPoP algs="ES256"',
      [
        { scheme: 'Bearer', params: { realm: 'a, b', error: 'invalid_token' } },
        { scheme: 'DPoP', params: { algs: 'ES256' } },
      ],
    ],
    ['Bearer Realm = "x" ,, scope=read', [{ scheme: 'Bearer', params: { realm: 'x', scope: 'read' } }]],
    [
      'Bearer realm="unterminated',
      [
        { scheme: 'Bearer', params: {} },
        { scheme: 'realm', params: {} },
      ],
    ],
  ])('reads %j', (header, expected) => {
    expect(parseChallenges(header)).toEqual(expected);
  });
});
