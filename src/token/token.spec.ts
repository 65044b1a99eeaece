import { jest } from '@jest/globals';
import { type Clock, systemClock } from '../clock.js';
import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import * as fc from 'fast-check';
import { AuthenticationError } from '../errors.js';
import { Token } from './token.js';

const clockAt = (now: number): Clock => ({ ...systemClock, now: () => now });

const ACCESS = 'access-token-canary';
const REFRESH = 'refresh-token-canary';
const ID = 'id-token-canary';
const EXTRA = 'extra-canary';
const AT = 1_800_000_000_000;

const full = (): Token =>
  new Token({
    accessToken: ACCESS,
    refreshToken: REFRESH,
    idToken: ID,
    scope: 'read write',
    expiresAt: AT,
    extra: { tenant: EXTRA },
  });

const until = (expiresAt?: number): Token => new Token({ accessToken: 'a', expiresAt });

const read = (answer: unknown): Token => Token.fromResponse(answer, { requestedAt: AT });

function refusal(work: () => unknown): AuthenticationError {
  try {
    work();
  } catch (error) {
    return error as AuthenticationError;
  }
  throw new Error('It was taken.');
}

describe('Token', () => {
  it('answers what it was made of', () => {
    const token = full();
    expect([token.accessToken, token.refreshToken, token.idToken, token.scope]).toEqual([
      ACCESS,
      REFRESH,
      ID,
      'read write',
    ]);
    expect([token.tokenType, token.expiresAt, token.extra]).toEqual(['Bearer', AT, { tenant: EXTRA }]);
  });

  it('needs an access token alone', () => {
    const token = new Token({ accessToken: 'a' });
    expect([token.tokenType, token.expiresAt, token.refreshToken, token.scope, token.idToken, token.extra]).toEqual([
      'Bearer',
      undefined,
      undefined,
      undefined,
      undefined,
      {},
    ]);
  });

  it('reads its expiry as a number or a Date', () => {
    expect(new Token({ accessToken: 'a', expiresAt: new Date(AT) }).expiresAt).toBe(AT);
    expect(new Token({ accessToken: 'a', expiresAt: Infinity }).expiresAt).toBeUndefined();
    expect(new Token({ accessToken: 'a', expiresAt: 8.64e15 + 1 }).expiresAt).toBe(8.64e15);
    expect(new Token({ accessToken: 'a', expiresAt: -8.64e15 - 1 }).expiresAt).toBe(-8.64e15);
  });

  it.each([
    ['no access token', { accessToken: undefined as never }],
    ['an empty access token', { accessToken: '' }],
    ['a blank access token', { accessToken: ' ' }],
    ['an access token that is a number', { accessToken: 7 as never }],
    ['a line break in the access token', { accessToken: 'a\r\nx-evil: 1' }],
    ['a character beyond ASCII in the access token', { accessToken: 'tökén' }],
    ['a line break in the token type', { accessToken: 'a', tokenType: 'Bearer\r\nx-evil:' }],
    ['a line break in the token type', { accessToken: 'a', tokenType: 'Bearer\nevil' }],
    ['an expiry of NaN', { accessToken: 'a', expiresAt: Number.NaN }],
    ['an expiry before all time', { accessToken: 'a', expiresAt: -Infinity }],
    ['an invalid Date', { accessToken: 'a', expiresAt: new Date('nonsense') }],
  ])('refuses %s, without quoting it', (_name, init) => {
    const error = refusal(() => new Token(init));
    expect(error).toBeInstanceOf(AuthenticationError);
    expect([error.code, error.transient]).toEqual(['FORGE_AUTH_TOKEN_RESPONSE_INVALID', true]);
    expect(error.message).not.toMatch(/evil|tökén|nonsense/);
  });

  it.each([
    ['Bearer', 'Bearer a'],
    ['bearer', 'Bearer a'],
    ['BEARER', 'Bearer a'],
    [undefined, 'Bearer a'],
    ['N_A', 'Bearer a'],
    ['n_a', 'Bearer a'],
    ['DPoP', 'DPoP a'],
    ['dpop', 'DPoP a'],
    ['MAC', 'MAC a'],
    ['token', 'token a'],
    ['', 'a'],
  ])('Token of type %p is sent as %p', (tokenType, expected) => {
    expect(new Token({ accessToken: 'a', tokenType }).authorizationHeader).toBe(expected);
  });

  it('Token is expired at its very expiry, and at the start of its leeway, not before', () => {
    const token = until(AT);
    expect([AT - 1, AT, AT + 1].map((now) => token.isExpired(0, clockAt(now)))).toEqual([false, true, true]);
    expect([AT - 1, AT].map((now) => token.isExpired(undefined, clockAt(now)))).toEqual([false, true]);
    expect([AT - 501, AT - 500].map((now) => token.isExpired(500, clockAt(now)))).toEqual([false, true]);
  });

  it('Token has what its class has, where it is made of an instance of one', () => {
    class Init {
      get accessToken(): string {
        return 'a';
      }
    }
    expect(new Token(new Init()).accessToken).toBe('a');
    const plain = Object.create({ tokenType: 'DPoP' }, {}) as object;
    expect(new Token(Object.assign(plain, { accessToken: 'a' })).tokenType).toBe('DPoP');
  });

  it('Token is expired from its expiry on, or within a leeway of it', () => {
    expect([until(Date.now() - 1).isExpired(), until(Date.now() + 5_000).isExpired()]).toEqual([true, false]);
    expect(until(Date.now() + 5_000).isExpired(10_000)).toBe(true);
    const later: Clock = { ...systemClock, now: () => Date.now() + 10_000 };
    expect(until(Date.now() + 5_000).isExpired(0, later)).toBe(true);
    expect(until().isExpired(1e12)).toBe(false);
  });

  it('a Token has the SHA-256 of its access token as fingerprint', () => {
    expect(full().fingerprint).toBe(createHash('sha256').update(ACCESS).digest('base64url'));
    expect(new Token({ accessToken: ACCESS }).fingerprint).toBe(full().fingerprint);
    expect(new Token({ accessToken: 'other' }).fingerprint).not.toBe(full().fingerprint);
  });

  it('makes copies with some parts replaced', () => {
    const copy = full().with({ refreshToken: 'new', expiresAt: undefined });
    expect([copy.accessToken, copy.refreshToken, copy.expiresAt, copy.scope]).toEqual([
      ACCESS,
      'new',
      undefined,
      'read write',
    ]);
  });

  it('Token cannot be changed from outside', () => {
    const extra: Record<string, unknown> = { tenant: 'a' };
    const token = new Token({ accessToken: 'a', extra });
    extra['tenant'] = 'b';
    expect(() => ((token.extra as Record<string, unknown>)['tenant'] = 'c')).toThrow(TypeError);
    expect(() => ((token as unknown as Record<string, unknown>)['accessToken'] = 'x')).toThrow(TypeError);
    expect([token.extra, token.accessToken]).toEqual([{ tenant: 'a' }, 'a']);
  });
});

describe('a printed token', () => {
  const shown = /^\[Token Bearer …[A-Za-z0-9_-]{8}\]$/;

  it('shows its kind and the start of its fingerprint', () => {
    const token = full();
    expect(String(token)).toMatch(shown);
    expect(`${token}`).toContain(token.fingerprint.slice(0, 8));
    expect(String(new Token({ accessToken: 'a', tokenType: 'dpop' }))).toMatch(/^\[Token DPoP …/);
  });

  it.each<[string, (token: Token) => string]>([
    ['as text', (token) => `${token}`],
    ['joined', (token) => [token, token].join()],
    ['as JSON', (token) => JSON.stringify(token)],
    ['as JSON, deep inside', (token) => JSON.stringify({ a: [{ token }] })],
    ['inspected', (token) => inspect(token)],
    ['inspected with everything that is hidden', (token) => inspect(token, { showHidden: true, depth: 10 })],
    ['inspected without custom functions', (token) => inspect(token, { customInspect: false, showHidden: true })],
    ['inspected deep inside', (token) => inspect({ a: [new Map([['token', token]])] }, { depth: 10 })],
    ['by its own properties', (token) => JSON.stringify(Reflect.ownKeys(token).map(String))],
    ['spread', (token) => JSON.stringify({ ...token })],
    ['in an error', (token) => inspect(Object.assign(new Error(String(token)), { token }), { depth: 10 })],
  ])('%s shows none of its secrets', (_name, print) => {
    const text = print(full());
    for (const secret of [ACCESS, REFRESH, ID, EXTRA]) expect(text).not.toContain(secret);
  });

  it('a printed token does not show a token that JSON would escape, or a type that came from outside', () => {
    expect(JSON.stringify(full())).toMatch(/^"\[Token Bearer …[\w-]{8}\]"$/);
  });
});

describe('Token.fromResponse', () => {
  it('reads the answer of RFC 6749 §5.1, and keeps what it does not know', () => {
    const token = read({
      access_token: 'a',
      token_type: 'bearer',
      expires_in: 60,
      refresh_token: 'r',
      scope: 'read',
      id_token: 'i',
      tenant: 'x',
      refresh_expires_in: 120,
    });
    expect([token.accessToken, token.tokenType, token.expiresAt]).toEqual(['a', 'bearer', AT + 60_000]);
    expect([token.refreshToken, token.scope, token.idToken]).toEqual(['r', 'read', 'i']);
    expect(token.extra).toEqual({ tenant: 'x', refresh_expires_in: 120 });
  });

  it.each<[string, Record<string, unknown>, Partial<Token>]>([
    ['no token type', {}, { tokenType: 'Bearer' }],
    ['a token type of null', { token_type: null }, { tokenType: 'Bearer' }],
    ['a lifetime in words', { expires_in: '60' }, { expiresAt: AT + 60_000 }],
    ['a fractional lifetime', { expires_in: '59.5' }, { expiresAt: AT + 59_500 }],
    ['no lifetime', {}, { expiresAt: undefined }],
    ['a lifetime of null', { expires_in: null }, { expiresAt: undefined }],
    ['an empty lifetime', { expires_in: '' }, { expiresAt: undefined }],
    ['a blank lifetime', { expires_in: ' ' }, { expiresAt: undefined }],
    ['a negative lifetime', { expires_in: -5 }, { expiresAt: AT - 5_000 }],
    ['a refresh token of null', { refresh_token: null }, { refreshToken: undefined }],
    ['an empty refresh token', { refresh_token: '' }, { refreshToken: undefined }],
    ['scopes as a list', { scope: ['a', 'b'] }, { scope: 'a b' }],
    ['a scope of null', { scope: null }, { scope: undefined }],
    ['no scopes as a list', { scope: [] }, { scope: undefined }],
  ])('takes %s', (_name, answer, expected) => {
    const token = read({ access_token: 'a', ...answer });
    for (const [name, value] of Object.entries(expected)) expect(token[name as keyof Token]).toEqual(value);
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a text', 'token'],
    ['a number', 1],
    ['a list', [{ access_token: 'a' }]],
    ['an empty object', {}],
    ['an access token of null', { access_token: null }],
    ['an access token that is a number', { access_token: 12345 }],
    ['an access token that is an object', { access_token: { value: 'a' } }],
    ['a token type that is a number', { access_token: 'a', token_type: 1 }],
    ['a lifetime that is no number', { access_token: 'a', expires_in: 'soon' }],
    ['a lifetime of NaN', { access_token: 'a', expires_in: 'NaN' }],
    ['an infinite lifetime', { access_token: 'a', expires_in: 'Infinity' }],
    ['a lifetime that is a list', { access_token: 'a', expires_in: [60] }],
    ['a lifetime that is true', { access_token: 'a', expires_in: true }],
    ['a refresh token that is an object', { access_token: 'a', refresh_token: {} }],
    ['a scope that is a number', { access_token: 'a', scope: 1 }],
    ['a list of scopes with one that is a number', { access_token: 'a', scope: ['read', 1] }],
    ['a list of scopes with one that cannot be written', { access_token: 'a', scope: [{ toString: 0 }] }],
    ['an id token that is a list', { access_token: 'a', id_token: ['i'] }],
  ])('refuses %s with a typed error', (_name, answer) => {
    const error = refusal(() => read(answer));
    expect(error).toBeInstanceOf(AuthenticationError);
    expect(error.code).toBe('FORGE_AUTH_TOKEN_RESPONSE_INVALID');
  });

  it('finds fields under the names that it is given', () => {
    const token = Token.fromResponse(
      { token: 'a', ttl: 60, kind: 'MAC', renewal: 'r', access_token: 'not this' },
      {
        accessTokenField: 'token',
        expiresInField: 'ttl',
        tokenTypeField: 'kind',
        refreshTokenField: 'renewal',
        requestedAt: AT,
      },
    );
    expect([token.accessToken, token.expiresAt, token.tokenType, token.refreshToken]).toEqual([
      'a',
      AT + 60_000,
      'MAC',
      'r',
    ]);
    expect(token.extra).toEqual({ access_token: 'not this' });
  });

  it('reads any JSON as a token or refuses it with a typed error, never anything else', () => {
    const field = fc.option(fc.jsonValue(), { nil: undefined });
    const answers = fc.oneof(
      fc.jsonValue(),
      fc.record({ access_token: fc.oneof(fc.string(), field), token_type: field, expires_in: field, scope: field }),
    );
    fc.assert(
      fc.property(answers, (answer) => {
        let token: Token | undefined;
        let error: unknown;
        try {
          token = read(answer);
        } catch (thrown) {
          error = thrown;
        }
        expect(token ?? error).toBeInstanceOf(token === undefined ? AuthenticationError : Token);
        expect(token?.accessToken ?? 'a').toMatch(/^[\x20-\x7e]+$/);
        expect(Number.isFinite(token?.expiresAt ?? 0)).toBe(true);
        expect(token?.tokenType ?? '').toMatch(/^[\x20-\x7e]*$/);
      }),
      { numRuns: 1_000 },
    );
  });

  it('takes no lifetime for longer than a hundred years, before or after now', () => {
    const hundredYears = 100 * 365 * 86_400_000;
    const endOf = (seconds: number): number =>
      (Token.fromResponse({ access_token: 'a', expires_in: seconds }, { requestedAt: 0 }).expiresAt ?? 0) /
      hundredYears;
    expect([endOf(4e9), endOf(1e300), endOf(-4e9)]).toEqual([1, 1, -1]);
  });

  it('reads a type that is no word, which no header can begin with', () => {
    const token = read({ access_token: 'a', token_type: 'my type' });
    expect(token.tokenType).toBe('my type');
    expect(() => token.authorizationHeader).toThrow('its token type is no word. Give scheme');
  });

  it('counts a lifetime from when it was asked for, be that the beginning of time', () => {
    expect(Token.fromResponse({ access_token: 'a', expires_in: 60 }, { requestedAt: 0 }).expiresAt).toBe(60_000);
  });
});

const SECOND = 1_767_225_600;
const expiryIn = (expires_at: unknown): number | undefined =>
  Token.fromResponse({ access_token: 'a', expires_at }).expiresAt;

describe('an expiry that an answer gives as a point in time', () => {
  it.each<[unknown, number | undefined]>([
    [SECOND, SECOND * 1_000],
    [SECOND * 1_000, SECOND * 1_000],
    [`${SECOND}`, SECOND * 1_000],
    [` ${SECOND}.5 `, SECOND * 1_000 + 500],
    [1e11 - 1, (1e11 - 1) * 1_000],
    [1e11, 1e11],
    [SECOND * 1e6, SECOND * 1_000],
    [`${SECOND}000000000`, SECOND * 1_000],
    // What says "never" in milliseconds: the end of the year 9999.
    [253_402_300_799_999, 253_402_300_799_999],
    [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER / 1_000],
    [1e18 - 1e3, 1e15 - 1],
    [1e18, 1e12],
    [1e21, 8.64e15],
    ['Thu, 01 Jan 2026 00:00:00 GMT', SECOND * 1_000],
    ['2026-01-01', SECOND * 1_000],
    ['2026-01-01T01:00:00', SECOND * 1_000 + 3_600_000],
    ['2026-01-01 01:00Z', SECOND * 1_000 + 3_600_000],
    ['2026-01-01t01:00:00.5z', SECOND * 1_000 + 3_600_500],
    ['2026-01-01T01:00:00+01:00', SECOND * 1_000],
    ['2026-01-01T00:00:00 -0100', SECOND * 1_000 + 3_600_000],
  ])('an expiry that an answer gives as a point in time is read: %j', (value, expected) => {
    expect(expiryIn(value)).toBe(expected);
  });

  it.each([
    0,
    -1,
    '',
    'soon',
    '2026-13-01',
    'Thu, 01 Nov 9 00:00:00 GMT',
    'Thu, 01 Xyz 2026 00:00:00 GMT',
    '01/01/2026',
    true,
    null,
    [SECOND],
    {},
  ])('an expiry that an answer gives as a point in time is passed over where it is none: %j', (value) => {
    expect(expiryIn(value)).toBeUndefined();
  });

  it('an expiry that an answer gives as a point in time counts only where it gives no lifetime', () => {
    const token = Token.fromResponse({ access_token: 'a', expires_in: 60, expires_at: SECOND }, { requestedAt: 7 });
    expect([token.expiresAt, token.extra['expires_at']]).toEqual([60_007, SECOND]);
  });
});

it('a token is read from the URL that the browser came back to, of the state that is expected', () => {
  const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  const url = 'https://app.example/cb#access_token=a&state=s&expires_in=60';
  expect(Token.fromCallback(url, { state: 's' })).toMatchObject({ accessToken: 'a' });
  expect(Token.fromCallback(new URL(url)).accessToken).toBe('a');
  expect(() => Token.fromCallback(url, { state: 'other' })).toThrow(AuthenticationError);
  warned.mockRestore();
});
