import * as fc from 'fast-check';
import { Token } from '../token.js';
import { decodeEnvelope, encodeEnvelope, envelopeOf, type TokenEnvelope } from './token-envelope.js';

const CENTURY_MS = 100 * 365 * 24 * 3_600_000;

const text = fc.string({ unit: 'binary' });
const time = fc.integer({ min: 0, max: 8_640_000_000_000_000 });
const json = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as unknown);
const envelopes: fc.Arbitrary<TokenEnvelope> = fc.record(
  {
    token: fc.record(
      {
        accessToken: fc.string({ unit: 'binary', minLength: 1 }),
        tokenType: text,
        expiresAt: time,
        refreshToken: text,
        scope: text,
        idToken: text,
        extra: fc.dictionary(fc.string(), json),
      },
      { requiredKeys: ['accessToken', 'tokenType'] },
    ),
    obtainedAt: time,
    generation: fc.nat({ max: 2 ** 52 - 1 }),
    rejected: fc.boolean(),
    claimed: fc.boolean(),
  },
  { requiredKeys: ['token', 'obtainedAt', 'generation'] },
) as fc.Arbitrary<TokenEnvelope>;

const good: TokenEnvelope = { token: { accessToken: 'a', tokenType: 'Bearer' }, obtainedAt: 1, generation: 2 };
const changed = (change: object): string => JSON.stringify({ v: 1, ...good, ...change });
const withToken = (change: object): string => changed({ token: { ...good.token, ...change } });

describe('an envelope', () => {
  it('an envelope that is decoded is what was encoded, as text and as bytes', () => {
    fc.assert(
      fc.property(envelopes, (envelope) => {
        const written = encodeEnvelope(envelope);
        expect(decodeEnvelope(written)).toEqual({ ...envelope });
        expect(decodeEnvelope(Buffer.from(written))).toEqual({ ...envelope });
        expect(decodeEnvelope(new Uint8Array(Buffer.from(written)))).toEqual({ ...envelope });
      }),
    );
  });

  it('an envelope may hold any number of lists and objects beside one another', () => {
    const many = Array.from({ length: 500 }, () => [{}]);
    const envelope = { ...good, token: { ...good.token, extra: { many } } };
    expect(decodeEnvelope(encodeEnvelope(envelope))).toEqual(envelope);
  });

  it('an envelope is what it was when it was written first: another form would orphan the tokens that are stored', () => {
    const written =
      '{"v":1,"token":{"accessToken":"a","tokenType":"Bearer","expiresAt":9,"refreshToken":"r"},"obtainedAt":1,"generation":2,"rejected":true}';
    const envelope = {
      token: { accessToken: 'a', tokenType: 'Bearer', expiresAt: 9, refreshToken: 'r' },
      obtainedAt: 1,
      generation: 2,
      rejected: true,
    };
    expect(encodeEnvelope(envelope)).toBe(written);
    expect(decodeEnvelope(written)).toEqual(envelope);
  });
});

describe('decodeEnvelope', () => {
  it('reads anything as an envelope or as a miss, and never throws', () => {
    const garbage = fc.oneof(
      fc.anything(),
      text,
      fc.json(),
      fc.uint8Array(),
      envelopes.map((envelope) => encodeEnvelope(envelope).slice(1)),
      fc.tuple(envelopes, fc.nat()).map(([envelope, at]) => {
        const written = encodeEnvelope(envelope);
        return written.slice(0, at % written.length);
      }),
    );
    fc.assert(
      fc.property(garbage, (value) => {
        expect(decodeEnvelope(value)).toBeUndefined();
      }),
      { numRuns: 2_000 },
    );
  });

  it('reads a changed envelope as a sound one or as a miss', () => {
    const parts = fc.constantFrom('token', 'obtainedAt', 'generation', 'rejected', 'claimed', 'v');
    fc.assert(
      fc.property(envelopes, parts, json, (envelope, part, value) => {
        const { token, obtainedAt, generation } =
          decodeEnvelope(JSON.stringify({ v: 1, ...envelope, [part]: value })) ?? good;
        expect(typeof token.accessToken === 'string' && token.accessToken !== '').toBe(true);
        expect(Number.isFinite(obtainedAt) && Number.isSafeInteger(generation)).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['an object', { v: 1, ...good }],
    ['an empty text', ''],
    ['null in words', 'null'],
    ['a list', '[]'],
    ['another version', changed({ v: 2 })],
    ['no version', JSON.stringify(good)],
    ['no token', changed({ token: undefined })],
    ['a token that is a text', changed({ token: 'a' })],
    ['a token that is a list', changed({ token: [] })],
    ['no access token', withToken({ accessToken: undefined })],
    ['an empty access token', withToken({ accessToken: '' })],
    ['no token type', withToken({ tokenType: undefined })],
    ['an expiry in words', withToken({ expiresAt: '1' })],
    ['a refresh token of null', withToken({ refreshToken: null })],
    ['a scope that is a list', withToken({ scope: ['a'] })],
    ['extras that are a list', withToken({ extra: [] })],
    ['no time', changed({ obtainedAt: undefined })],
    ['a generation that is no whole number', changed({ generation: 1.5 })],
    ['a generation beyond what numbers can distinguish', changed({ generation: 2 ** 60 })],
    ['a generation with no room above it', changed({ generation: 2 ** 52 })],
    ['a rejection in words', changed({ rejected: 'yes' })],
    ['a claim in words', changed({ claimed: 1 })],
  ])('reads %s as a miss', (_name, value) => {
    expect(decodeEnvelope(value)).toBeUndefined();
  });
});

it('what is written of a token says that it was rejected or claimed only where that is known', () => {
  const stored = { token: new Token({ accessToken: 'a' }), obtainedAt: 1, generation: 2 };
  expect(envelopeOf(stored)).toEqual({ token: expect.anything(), obtainedAt: 1, generation: 2 });
  expect(envelopeOf({ ...stored, rejected: true, claimed: false })).toMatchObject({ rejected: true, claimed: false });
});

it('an envelope comes from no further ahead than a century, by its generation and by when it was obtained', () => {
  const now = 1_000_000;
  const readAt = (change: object): boolean => decodeEnvelope(changed(change), now) !== undefined;
  const [near, far] = [now + CENTURY_MS - 1, now + CENTURY_MS];
  expect([readAt({ generation: near }), readAt({ generation: far })]).toEqual([true, false]);
  expect([readAt({ obtainedAt: near }), readAt({ obtainedAt: far })]).toEqual([true, false]);
});

const nested = (open: string, close: string, depth: number): string => {
  const extra = `${open.repeat(depth)}${close.repeat(depth)}`;
  return `{"v":1,"token":{"accessToken":"a","tokenType":"t","extra":${extra}},"obtainedAt":1,"generation":1}`;
};

const objects = (depth: number): string => nested('{"a":', '}', depth).replace('{"a":}', '{}');
const lists = (depth: number): string =>
  nested('[', ']', depth).replace('"extra":', '"extra":{"a":').replace('},"ob', '}},"ob');

describe('a nested envelope', () => {
  it('a nested envelope is read to a depth of 100', () => {
    expect(decodeEnvelope(objects(98))).toBeDefined();
    expect(decodeEnvelope(objects(99))).toBeUndefined();
    expect(decodeEnvelope(lists(97))).toBeDefined();
    expect(decodeEnvelope(lists(98))).toBeUndefined();
  });

  it.each([
    ['{"a":{}},', 60],
    ['{"a":[]},', 60],
  ])('a nested envelope may have any number of %s beside one another', (one, count) => {
    const extra = `{"list":[${one.repeat(count).slice(0, -1)}]}`;
    const written = `{"v":1,"token":{"accessToken":"a","tokenType":"t","extra":${extra}},"obtainedAt":1,"generation":1}`;
    expect(decodeEnvelope(written)?.token.extra).toBeDefined();
  });
});
