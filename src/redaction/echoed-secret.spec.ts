import { isSecret, percentDecoded } from './echoed-secret.js';
import { redactHeaders } from './redact.js';

const SECRET = 's3cret-token/with+odd=Bits';
const wrapped = JSON.stringify({ state: SECRET });

const encoded = (secret: string): boolean => isSecret(Buffer.from(secret).toString('hex'), [secret]);
const times = (count: number): string =>
  Array.from({ length: count }).reduce<string>((text) => encodeURIComponent(text), 'a secret &');

describe('a secret in a text', () => {
  it.each<[string, string]>([
    ['as it is', SECRET],
    ['in upper case', SECRET.toUpperCase()],
    ['in percent-encoding', encodeURIComponent(SECRET)],
    ['in percent-encoding, three times', encodeURIComponent(encodeURIComponent(encodeURIComponent(SECRET)))],
    ['in Base64', Buffer.from(SECRET).toString('base64')],
    ['in Base64 for URLs', Buffer.from(SECRET).toString('base64url')],
    ['in JSON in Base64', Buffer.from(wrapped).toString('base64')],
    ['in Base64 behind other letters', `a${Buffer.from(SECRET).toString('base64url')}`],
    ['in Base64 below a path', `/x/${Buffer.from(SECRET).toString('base64url')}/y`],
    ['in hexadecimal behind a name', `/p;key=${Buffer.from(SECRET).toString('hex')}`],
    ['in percent-encoded Base64', encodeURIComponent(Buffer.from(wrapped).toString('base64'))],
    ['in hexadecimal', Buffer.from(SECRET).toString('hex')],
    ['in hexadecimal, in upper case', Buffer.from(SECRET).toString('hex').toUpperCase()],
  ])('a secret in a text is found %s', (_how, text) => {
    expect(isSecret(`before ${text}; after`, ['', 'abc', SECRET])).toBe(true);
    expect(redactHeaders({ server: `x ${text}` }, [], [SECRET])).toEqual({ server: '[redacted]' });
  });

  it.each(['', 'x', 'xy', 'xyz', 'wxyz'])('a secret in a text is found in Base64 that begins behind %j', (before) => {
    const secret = '~~~???>>>of-mine';
    const written = Buffer.from(secret).toString('base64');
    expect(written).toContain('/');
    expect(isSecret(`${before}${written}`, [secret])).toBe(true);
  });

  it.each(['gzip, deflate', 'text/html; charset=utf-8', 'Thu, 26 Nov 2026 06:00:00 GMT', 'abc', ''])(
    'a secret in a text is not found in %p',
    (text) => {
      expect(isSecret(text, [SECRET, 'abc'])).toBe(false);
    },
  );

  it('a secret in a text is not shown as the name of a header', () => {
    expect(redactHeaders({ [SECRET]: 'x', 'x-with-s3cret-TOKEN': 'y' }, [], ['with-s3cret-token'])).toEqual({
      '[redacted]': '[redacted]',
    });
  });

  it('a secret in a text is one of 4 letters at least, and of 8 where it is encoded', () => {
    expect([isSecret('an abc here', ['abc']), isSecret('an abcd here', ['abcd'])]).toEqual([false, true]);
    expect([encoded('1234567'), encoded('12345678')]).toEqual([false, true]);
  });

  it('a secret in a text is found in percent-encoding of up to three times, no more', () => {
    expect([1, 3, 4].map((count) => isSecret(times(count), ['a secret &']))).toEqual([true, true, false]);
  });

  it('a secret in a text is looked for in its first 65,536 letters', () => {
    expect(isSecret(`${' '.repeat(65_530)}secret`, ['secret'])).toBe(true);
    expect(isSecret(`${' '.repeat(65_531)}secret`, ['secret'])).toBe(false);
  });

  it('what is malformed in percent-encoding stays as it is', () => {
    expect(percentDecoded('%41%zz%4')).toBe('A%zz%4');
  });
});
