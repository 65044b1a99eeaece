import { SentCredentials } from './sent-credentials.js';

const HOME = 'https://api.example/a';
const SECRET = 'opaque-credential-4711';

/** The credentials of a call to {@link HOME} that went out with `sent`. */
function noted(
  sent: Partial<Parameters<SentCredentials['note']>[1]>,
  asked: { url?: string; headers?: Record<string, string> } = {},
) {
  const credentials = new SentCredentials();
  credentials.note({ url: HOME, headers: {}, ...asked }, { url: HOME, headers: {}, ...sent });
  return credentials;
}

/** What is left of a target; undefined where it is not to be followed. */
function left(credentials: SentCredentials, target: string, elsewhere = true): string | undefined {
  const url = new URL(target, elsewhere ? 'https://stranger.example/' : HOME);
  return credentials.removeFrom(url, elsewhere) ? url.pathname + url.search : undefined;
}

const FORM = { 'content-type': 'application/x-www-form-urlencoded;charset=utf-8' };

describe('a credential that was sent', () => {
  it('a credential that was sent in the query is taken out of an echo, at home and elsewhere; what the call asked stays', () => {
    const credentials = noted({ url: `${HOME}?page=2&key=${SECRET}` }, { url: `${HOME}?page=2` });
    expect(left(credentials, `/b?page=2&key=${SECRET}&x=1`, false)).toBe('/b?page=2&x=1');
    expect(left(credentials, `/b?page=2&key=${SECRET}&x=1`)).toBe('/b?page=2&x=1');
  });

  it('a credential that was sent is taken out of another parameter, and another value of its parameter, elsewhere alone', () => {
    const credentials = noted({ url: `${HOME}?key=${SECRET}` });
    expect(left(credentials, `/b?other=${SECRET}&x=1`)).toBe('/b?x=1');
    expect(left(credentials, '/b?key=different&x=1')).toBe('/b?x=1');
    expect(left(credentials, `/b?wrapped=before-${SECRET}&x=1`)).toBe('/b?x=1');
    expect(left(credentials, `/b?other=${SECRET}&key=different&x=1`, false)).toBe(
      `/b?other=${SECRET}&key=different&x=1`,
    );
  });

  it('a credential that was sent and stands in the path is followed at home alone', () => {
    const credentials = noted({ headers: { authorization: `Bearer ${SECRET}` } });
    expect(left(credentials, `/${SECRET}/b`)).toBeUndefined();
    expect(left(credentials, `/${SECRET}/b`, false)).toBe(`/${SECRET}/b`);
    expect(left(credentials, '/b?x=1')).toBe('/b?x=1');
  });

  it.each([
    ['7 letters within a segment', 'abc-123', '/x-abc-123/', true],
    ['8 letters within a segment', 'abc-1234', '/x-abc-1234/', false],
    ['3 letters, a segment', 'a-1', '/x/a-1/', true],
    ['4 letters, a segment', 'ab-1', '/x/ab-1/', false],
    ['plain words, a segment', 'orders', '/x/orders', true],
  ])('a credential that was sent is looked for in a path: %s', (_what, key, path, followed) => {
    const credentials = noted({ headers: { 'x-api-key': key } });
    expect(left(credentials, path) !== undefined).toBe(followed);
    expect(left(credentials, `/b?q=${key}`)).toBe('/b');
  });

  it.each<[string, Record<string, string | string[]>, string]>([
    ['with its scheme cut', { authorization: `Bearer ${SECRET}` }, SECRET],
    ['without a scheme', { 'x-api-key': SECRET }, SECRET],
    ['one of several values', { 'x-api-key': ['first-value-1', SECRET] }, SECRET],
    ['the password of Basic', { authorization: `Basic ${Buffer.from(`u:${SECRET}`).toString('base64')}` }, SECRET],
    ['an OAuth token', { authorization: `OAuth oauth_token="${encodeURIComponent('t&short')}"` }, 't%26short'],
    ['an OAuth signature', { authorization: 'OAuth realm="x", oauth_signature="sig"' }, 'sig'],
  ])('a credential that was sent in a header is known: %s', (_how, headers, value) => {
    expect(left(noted({ headers }), `/b?q=${value}&x=1`)).toBe('/b?x=1');
  });

  it('a credential that was sent is none of what the call asked for itself, nor the type of its body', () => {
    const credentials = noted(
      { headers: { accept: 'text/of-the-call', 'content-type': 'text/of-the-body' } },
      { headers: { accept: 'text/of-the-call' } },
    );
    expect(left(credentials, '/b?a=text/of-the-call&b=text/of-the-body')).toBe(
      '/b?a=text/of-the-call&b=text/of-the-body',
    );
  });

  it('a credential that was sent is none of the other parameters of a signature', () => {
    const credentials = noted({
      headers: { authorization: 'OAuth oauth_nonce="nonce", oauth_timestamp="1767225600"' },
    });
    expect(left(credentials, '/b?a=nonce&oauth_nonce=x&t=1767225600')).toBe('/b?a=nonce&oauth_nonce=x&t=1767225600');
  });

  it.each(['access_token', 'oauth_token', 'oauth_signature'])(
    'a credential that was sent in a form is known: %s',
    (name) => {
      for (const body of [`a=1&${name}=s%26s`, Buffer.from(`${name}=s%26s&a=1`)]) {
        const credentials = noted({ headers: FORM, body });
        expect(left(credentials, '/b?q=s%26s&x=1')).toBe('/b?x=1');
        expect(left(credentials, `/b?${name}=else&x=1`)).toBe('/b?x=1');
        expect(left(credentials, '/b?a=1')).toBe('/b?a=1');
      }
    },
  );

  it('a credential that was sent is looked for in forms alone', () => {
    const credentials = noted({ headers: { 'content-type': 'text/plain' }, body: 'access_token=abc' });
    expect(left(credentials, '/b?q=abc')).toBe('/b?q=abc');
    expect(left(noted({ body: 'access_token=abc' }), '/b?q=abc')).toBe('/b?q=abc');
  });

  it('a credential that was sent is not shown in an address, whatever else is', () => {
    const credentials = noted({ headers: { authorization: `Bearer ${SECRET}` } });
    expect(credentials.shown(`${HOME}/${SECRET}?q`)).toBe('https://api.example/[redacted]');
    expect(credentials.shown(`${HOME}/b?q=${SECRET}`)).toBe(`${HOME}/b`);
  });
});

describe('what a service has for its own origins', () => {
  const own = new SentCredentials();
  own.noteOwn(
    { 'x-tenant': 'tenant-4711', 'x-region': 'north', accept: 'a-1', 'accept-language': 'l-1', 'user-agent': 'u-1' },
    { version: '2024-01', kind: 'plain words' },
  );

  it.each([
    ['a parameter of its own', '/b?version=2024-01&x=1', '/b?x=1'],
    ['its value under another name', '/b?v=2024-01&x=1', '/b?x=1'],
    ['the value of a header', '/b?t=tenant-4711&x=1', '/b?x=1'],
    ['a plain word as a whole value', '/b?r=north&x=1', '/b?x=1'],
    ['plain words of a parameter', '/b?k=plain+words&x=1', '/b?x=1'],
    ['another value of its parameter', '/b?version=2025-01&x=1', '/b?version=2025-01&x=1'],
    ['a plain word among others', '/b?r=far+north', '/b?r=far+north'],
    ['a plain word in the path', '/north', '/north'],
    ['a text of fewer than 8 characters in a longer value', '/b?v=of-2024-01', '/b?v=of-2024-01'],
    ['a text of fewer than 8 characters in the path', '/2024-01', '/2024-01'],
    ['a longer text in a value', '/b?t=of-tenant-4711&x=1', '/b?x=1'],
    ['what headers say to everybody', '/b?a=a-1&l=l-1&u=u-1', '/b?a=a-1&l=l-1&u=u-1'],
  ])('what a service has for its own origins: %s', (_what, target, expected) => {
    expect(left(own, target)).toBe(expected);
    expect(left(own, target, false)).toBe(target);
  });

  it('what a service has for its own origins is not followed elsewhere in a path', () => {
    expect(left(own, '/tenant-4711')).toBeUndefined();
  });

  it('what a service has for its own origins may be nothing', () => {
    const none = new SentCredentials();
    none.noteOwn({}, undefined);
    expect(left(none, '/b?x=1&y=')).toBe('/b?x=1&y=');
  });
});
