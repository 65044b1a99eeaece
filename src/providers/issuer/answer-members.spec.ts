import { namesInstead, saysAnything } from './answer-members.js';

describe('the members of an answer that a token may have been meant to be in', () => {
  it.each([
    ['access', 'accessKey', 'ACCESS_TOKEN', 'access-tokens', 'apiKey', 'authentication_token', 'Authorization'],
    ['authorization-token', 'authToken', 'Bearer', 'bearer_token', 'body', 'content', 'credential', 'credentials'],
    ['data', 'id_token', 'JWT', 'jwtToken', 'key', 'oauth_token', 'payload', 'response', 'Result', 'results'],
    ['session', 'sessionId', 'session_token', 'ticket', 'token', 'Tokens', 'userToken', 'value'],
  ])(
    'the members of an answer that a token may have been meant to be in are named however they are written: %s, …',
    (...names) => {
      expect(namesInstead(Object.fromEntries(names.map((name) => [name, 'x'])))).toEqual(names);
    },
  );

  it('the members of an answer that a token may have been meant to be in are no others: a name may be a secret itself', () => {
    const names = ['access_token', 'token_type', 'expires_in', 's3cr3t', 'token1', 'the token', 'tok€n', ''];
    expect(namesInstead(Object.fromEntries(names.map((name) => [name, 'x'])))).toEqual([]);
  });
});

it.each([
  ['', false],
  [' \t\n', false],
  [0, false],
  [[], false],
  [{}, false],
  [[['']], false],
  [{ code: 0, of: [null] }, false],
  ['0', true],
  [1, true],
  [true, true],
  [[''], false],
  [{ code: [{ message: 'x' }] }, true],
])('%j says anything: %s', (value, expected) => {
  expect(saysAnything(value)).toBe(expected);
});
