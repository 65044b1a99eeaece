import { Token } from '../token/token.js';
import { maskSecrets, noteSecret, secretsOf } from './known-secrets.js';

/** Texts that nothing but their being known gives away. */
const secret = (index: number): string => `plain words of secret number ${index} end`;

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

  it('one with half of a character in it is masked like any other', () => {
    noteSecret('plain half \uD800 of a secret');
    expect(maskSecrets('says plain half \uD800 of a secret.')).not.toContain('plain half');
  });

  it.each(['accessToken', 'refreshToken', 'idToken'])('include the %s of a token', (name) => {
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
});
