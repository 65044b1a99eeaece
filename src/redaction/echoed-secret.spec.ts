import { isSecret } from './echoed-secret.js';
import { redactHeaders } from './redact.js';

const SECRET = 's3cret-token/with+odd=Bits';
const wrapped = JSON.stringify({ state: SECRET });

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
});
