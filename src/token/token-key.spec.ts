import * as fc from 'fast-check';
import { canonicalRequest, fingerprintOf, scopes, tokenKey, type TokenKeyParts } from './token-key.js';
import type { TokenRequest } from './token-provider.js';

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 8 }),
  fc.string({ unit: fc.constantFrom(...'a:b1, []"') }),
);
const keyParts: fc.Arbitrary<TokenKeyParts> = fc.record({
  prefix: text,
  serviceName: text,
  identity: fc.array(text, { maxLength: 4 }),
  request: text,
});
const word = fc.string({ unit: fc.constantFrom(...'abc:/"'), minLength: 1, maxLength: 4 });
const oneOrMore = fc.oneof(word, fc.array(word, { maxLength: 3 }));
const requests: fc.Arbitrary<TokenRequest> = fc.record(
  {
    scope: oneOrMore,
    audience: oneOrMore,
    resource: oneOrMore,
    subject: word,
    subjectToken: word,
    claims: fc.oneof(
      word,
      fc.dictionary(word, fc.oneof(word, fc.dictionary(word, word, { maxKeys: 2 })), { maxKeys: 2 }),
    ),
    extraParams: fc.dictionary(word, word, { maxKeys: 3 }),
  },
  { requiredKeys: [] },
);

const all = (value: string | readonly string[] | undefined) => (typeof value === 'string' ? [value] : value);

/** Returns the meaning of a request on the wire: it must decide about the key, and is written in another way. */
function meaningOf({ scope, audience, resource, subject, subjectToken, claims, extraParams }: TokenRequest): unknown {
  const words = all(scope)?.flatMap((item) => item.split(' ').filter(Boolean));
  return {
    scope: words && new Set(words),
    audience: all(audience),
    resource: all(resource),
    subject,
    subjectToken,
    claims,
    extraParams: extraParams && new Map(Object.entries(extraParams)),
  };
}

const same = (a: unknown, b: unknown): boolean => {
  try {
    expect(a).toEqual(b);
    return true;
  } catch {
    return false;
  }
};

describe('tokenKey', () => {
  it('starts with prefix and service name, and hides everything else', () => {
    const key = tokenKey({ prefix: 'app', serviceName: 'orders', identity: ['client', 'p4ssw0rd'], request: 'scope' });
    expect(key).toMatch(/^app:orders:[A-Za-z0-9_-]{43}$/);
    expect(key).not.toMatch(/client|p4ssw0rd|scope/);
  });

  it('tokenKey stays what it is: another one would orphan the tokens that are stored', () => {
    expect(tokenKey({ prefix: 'p', serviceName: 's', identity: ['a', 'b'], request: '[]' })).toBe(
      'p:s:kOj-m_P3exfOJqdnT9A7SbBcLrhjYve_--MLrMyQhgs',
    );
  });

  it('tokenKey is never shared by distinct parts', () => {
    fc.assert(
      fc.property(keyParts, keyParts, (a, b) => {
        expect(tokenKey(a) === tokenKey(b)).toBe(same(a, b));
      }),
      { numRuns: 2_000 },
    );
  });

  it('distinguishes parts that read the same when joined', () => {
    const lists = [
      ['ab', 'c'],
      ['a', 'bc'],
      ['abc'],
      ['abc', ''],
      ['', 'abc'],
      ['1:a', '1:b'],
      ['1:a1:b'],
      ['a', 'b', 'c'],
      [],
      [''],
      ['', ''],
    ];
    const keys = lists.map((identity) => tokenKey({ prefix: 'p', serviceName: 's', identity, request: 'r' }));
    expect(new Set(keys).size).toBe(lists.length);
  });

  it('distinguishes service names that a key cannot show', () => {
    const names = ['a:b', 'a%3Ab', 'a b', 'a', 'A', 'x'.repeat(200), 'x'.repeat(201), 'ü', 'u\u0308'];
    const keys = names.map((serviceName) => tokenKey({ prefix: 'p', serviceName, identity: [], request: '[]' }));
    expect(new Set(keys).size).toBe(names.length);
    for (const key of keys) expect(key).toMatch(/^p:[^:\s]{1,64}:[A-Za-z0-9_-]{43}$/);
  });
});

describe('fingerprintOf', () => {
  it('fingerprintOf is injective over lists of texts', () => {
    const list = fc.array(text, { maxLength: 4 });
    fc.assert(
      fc.property(list, list, (a, b) => {
        expect(fingerprintOf(a) === fingerprintOf(b)).toBe(same(a, b));
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('canonicalRequest', () => {
  it('canonicalRequest is equal for requests that mean the same, and for no others', () => {
    fc.assert(
      fc.property(requests, requests, (a, b) => {
        expect(canonicalRequest(a) === canonicalRequest(b)).toBe(same(meaningOf(a), meaningOf(b)));
      }),
      { numRuns: 5_000 },
    );
  });

  it('canonicalRequest takes claims as an object in any order, and as a text as they are', () => {
    const nested = { b: { d: 1, c: [2, { f: 1, e: null }] }, a: 1 };
    const other = { a: 1, b: { c: [2, { e: null, f: 1 }], d: 1 } };
    expect(canonicalRequest({ claims: nested })).toBe(canonicalRequest({ claims: other }));
    expect(canonicalRequest({ claims: '{"b":1,"a":2}' })).not.toBe(canonicalRequest({ claims: '{"a":2,"b":1}' }));
    expect(canonicalRequest({ claims: 'a' })).toBe('[["claims","a"]]');
    expect(canonicalRequest({ claims: { b: 1, a: [2] } })).toBe('[["claims",{"a":[2],"b":1}]]');
  });

  it('canonicalRequest does not depend on the order of names, scopes or extra parameters', () => {
    fc.assert(
      fc.property(requests, (request) => {
        const { scope, extraParams } = request;
        const shuffled: TokenRequest = Object.fromEntries(Object.entries(request).toReversed());
        if (scope !== undefined) shuffled.scope = [...scopes(scope)].toReversed();
        if (extraParams !== undefined) {
          shuffled.extraParams = Object.fromEntries(Object.entries(extraParams).toReversed());
        }
        expect(canonicalRequest(shuffled)).toBe(canonicalRequest(request));
      }),
    );
  });

  it.each<[TokenRequest, TokenRequest]>([
    [{ scope: 'read write' }, { scope: ['write', 'read'] }],
    [{ scope: 'read  read ' }, { scope: 'read' }],
    [{ audience: 'api' }, { audience: ['api'] }],
    [{ extraParams: { a: '1', b: '2' } }, { extraParams: { b: '2', a: '1' } }],
    [
      { audience: 'api', scope: 'read' },
      { scope: 'read', audience: 'api' },
    ],
  ])('reads %j as %j', (a, b) => {
    expect(canonicalRequest(a)).toBe(canonicalRequest(b));
  });

  it.each<[TokenRequest, TokenRequest]>([
    [{}, { scope: '' }],
    [{ audience: 'a' }, { resource: 'a' }],
    [{ audience: ['a', 'b'] }, { audience: ['a b'] }],
    [{ subjectToken: 'a' }, { extraParams: { subjectToken: 'a' } }],
    [{ scope: 'a' }, { extraParams: { scope: 'a' } }],
    [{ tenant: 'a' } as TokenRequest, { tenant: 'b' } as TokenRequest],
  ])('distinguishes %j from %j', (a, b) => {
    expect(canonicalRequest(a)).not.toBe(canonicalRequest(b));
  });
});
