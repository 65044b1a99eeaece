import { Token } from '../token/token.js';
import { basicParts, maskSecrets, noteSecret, secretsOf } from './known-secrets.js';

/** Texts that nothing but their being known gives away. */
const secret = (index: number): string => `plain words of secret number ${index} end`;

const ofBody = (body: unknown): string[] => secretsOf({ url: '/', headers: {}, body });
const basic = (text: string): string => Buffer.from(text).toString('base64');

describe('the known secrets', () => {
  it('the known secrets are those used last: one that is used again is not the oldest any more', () => {
    noteSecret(secret(0));
    for (let index = 1; index < 1_000; index += 1) noteSecret(secret(index));
    noteSecret(secret(0));
    noteSecret(secret(1_000));
    expect(maskSecrets(`: ${secret(0)}`)).not.toContain('plain');
    expect(maskSecrets(`: ${secret(1)}`)).toContain(secret(1));
    expect(maskSecrets(`: ${secret(2)}`)).not.toContain('plain');
  });

  it('a secret with half of a character in it is masked like any other', () => {
    noteSecret('plain half \uD800 of a secret');
    expect(maskSecrets('says plain half \uD800 of a secret.')).not.toContain('plain half');
  });

  it.each(['accessToken', 'refreshToken', 'idToken'])('the known secrets include the %s of a token', (name) => {
    void new Token({ accessToken: 'plain access words', [name]: `plain ${name} words` });
    expect(maskSecrets(`speaks of plain ${name} words today`)).not.toContain(`${name} words`);
  });
});

describe('the secrets of a request', () => {
  it.each([
    'Accept',
    'accept-encoding',
    'accept-language',
    'connection',
    'content-length',
    'content-type',
    'host',
    'user-agent',
  ])('the secrets of a request do not include its %s, which says nothing', (name) => {
    expect(secretsOf({ url: 'https://api.example/', headers: { [name]: 'harmless' } })).toEqual([]);
  });

  it('the secrets of a request are the values of every other header, with and without a scheme, of its query and of its body', () => {
    const secrets = secretsOf({
      url: 'https://api.example/?page=in+the+query',
      headers: { authorization: 'Basic dXNlcjpwYXNzOndvcmQ=', 'x-any': 'any value' },
      body: '{"deep":[{"in":"the body"}]}',
    });
    expect(secrets).toEqual([
      'Basic dXNlcjpwYXNzOndvcmQ=',
      'dXNlcjpwYXNzOndvcmQ=',
      'pass:word',
      'any value',
      'value',
      'in the query',
      'the body',
    ]);
  });

  it('the secrets of a request are the values of a form, too, as text or bytes, and several values of a header', () => {
    for (const body of ['a=in+the+form&b=xyz', Buffer.from('a=in+the+form&b=xyz')])
      expect(secretsOf({ url: 'no URL', headers: {}, body })).toEqual(['in the form']);
    expect(secretsOf({ url: '/', headers: { 'x-any': ['first', 'other'] } })).toEqual([
      'first',
      'first',
      'other',
      'other',
    ]);
  });

  it('the secrets of a request have 4 letters at least', () => {
    expect(secretsOf({ url: 'https://api.example/?a=abc&b=abcd', headers: {} })).toEqual(['abcd']);
  });

  it('the secrets of a request are not looked for in a body that is none, is no JSON, or has more than 65,536 letters', () => {
    expect([undefined, { a: 'text' }, '{"a":"text"', '["text"]'].map(ofBody)).toEqual([[], [], [], ['text']]);
    expect(ofBody(JSON.stringify(['x'.repeat(65_532)]))).toHaveLength(1);
    expect(ofBody(JSON.stringify(['x'.repeat(65_533)]))).toEqual([]);
  });
});

it('the password of Basic credentials is what follows the first colon', () => {
  expect([`Basic ${basic('u:p:w')}`, `basic ${basic('none')}`, `Bearer ${basic('u:p')}`].map(basicParts)).toEqual([
    ['p:w'],
    [''],
    [],
  ]);
});

describe('a text whose secrets are masked', () => {
  it.each([
    ['a word of a scheme', 'sent Bearer abc-1', 'sent Bearer [redacted]'],
    ['a value behind a name', 'password: hunter, then', 'password: [redacted], then'],
    ['a JSON web token', 'got eyJhbGciOi.eyJzdWIi.c2ln there', 'got [redacted] there'],
    ['a long word of letters and digits', 'id abcdefghijk1 here', 'id [redacted] here'],
    ['no shorter one', 'id abcdefghij1 here', 'id abcdefghij1 here'],
    ['no long word without digits', 'authentication here', 'authentication here'],
    [
      'of an address, all but where it leads',
      'see https://u:p@host.example/a?b=c#d now',
      'see https://host.example/a now',
    ],
  ])('a text whose secrets are masked: %s', (_what, text, masked) => {
    expect(maskSecrets(text)).toBe(masked);
  });

  it('a text whose secrets are masked has none of those given, however they are written; of 4 letters at least', () => {
    const given = 'sécret "words" now';
    const ways = [given, encodeURIComponent(given), JSON.stringify(given).slice(1, -1)];
    for (const way of [...ways, Buffer.from(given).toString('base64url'), Buffer.from(given).toString('base64')])
      expect(maskSecrets(`<${way}>`, [given])).toMatch(/^<\[redacted\]=*>$/);
    expect(maskSecrets('a wide open door', ['wide', 'a', 'op'])).toBe('a [redacted] open door');
  });

  it.each(['Bearer', 'Basic', 'DPoP', 'Digest', 'Negotiate', 'bearer', 'BASIC'])(
    'a text whose secrets are masked: a word behind the scheme %s',
    (scheme) => {
      expect(maskSecrets(`sent ${scheme}  a.b~c+d/e=f-g here`)).toBe(`sent ${scheme}  [redacted] here`);
    },
  );

  it.each(
    (
      'authorization,token,secret,password,passwd,passphrase,api-key,api_key,api key,apikey,cookie,session,signature,' +
      'assertion,credential,credentials,pin,otp,access_token,Client-Secret,PIN'
    ).split(','),
  )('a text whose secrets are masked: a value behind the name %s', (name) => {
    expect(maskSecrets(`with ${name}=abc&page=2`)).toBe(`with ${name}=[redacted]&page=2`);
    expect(maskSecrets(`{"${name}": "abc", "page": 2}`)).toBe(`{"${name}": "[redacted]", "page": 2}`);
    expect(maskSecrets(`the ${name} : abc; page`)).toBe(`the ${name} : [redacted]; page`);
  });

  it.each(['YT9iPmM/Pw', 'YT9iPmM/Pw==', 'YT9iPmM_Pw', 'a%3Fb%3Ec%3F%3F'])(
    'a text whose secrets are masked: %s, which is one written in another way',
    (written) => {
      expect(maskSecrets(`the ${written} here`, ['a?b>c??'])).toMatch(/^the \[redacted\]=* here$/);
      expect(maskSecrets(`the ${written} here`)).toBe(`the ${written} here`);
    },
  );

  it('a text whose secrets are masked has the longest of two masked first', () => {
    expect(maskSecrets('one word more here', ['word', 'word more'])).toBe('one [redacted] here');
  });

  it('a text whose secrets are masked is cut after 500 letters', () => {
    expect(maskSecrets('a '.repeat(250))).toBe('a '.repeat(250));
    expect(maskSecrets('a '.repeat(251))).toBe(`${'a '.repeat(250)}…`);
    expect(maskSecrets(`${'plain '.repeat(200)}`, ['plain '])).toBe(`${'[redacted]'.repeat(50)}…`);
    expect(maskSecrets(`${' '.repeat(4_999)}x`.trimEnd(), [' '.repeat(4)])).toContain('[redacted]');
  });

  it('a text is noted from 4 letters on, and nothing but a text is', () => {
    for (const one of ['qzx', 'qzxw', 5, undefined]) noteSecret(one);
    expect(maskSecrets('a qzx and a qzxw')).toBe('a qzx and a [redacted]');
  });
});
