import { inspect } from 'node:util';
import { jest } from '@jest/globals';
import { Token } from 'nestjs-forge-auth';
import { rejection } from '../support/async.js';

const CALLBACK =
  'https://app.example/callback#access_token=the-token&token_type=bearer&expires_in=3600&state=s1&scope=read';

describe('Token.fromCallback', () => {
  it('reads the fragment, and warns once in a process', async () => {
    const warn = jest.spyOn(process, 'emitWarning').mockReturnValue(undefined);
    const token = Token.fromCallback(CALLBACK);
    Token.fromCallback(new URL(CALLBACK), { state: 's1' });
    expect(token).toMatchObject({ accessToken: 'the-token', scope: 'read' });
    expect(token.expiresAt).toBeGreaterThan(Date.now() + 3_500_000);
    expect(warn.mock.calls).toEqual([
      [expect.stringContaining('RFC 9700'), { type: 'SecurityWarning', code: 'FORGE_AUTH_IMPLICIT_FLOW' }],
    ]);
    warn.mockRestore();
  });

  it.each([
    ['another state', CALLBACK, { state: 's2' }, /state/],
    ['no state', CALLBACK.replace('&state=s1', ''), { state: 's1' }, /state/],
    ['an error', 'https://app.example/#error=access_denied&state=s1', { state: 's1' }, /access_denied/],
    ['an error that quotes', 'https://app.example/#error=the-token%20is', {}, /unregistered_error/],
    ['no token', 'https://app.example/callback', {}, /no access token/],
    ['a token in the query', 'https://app.example/callback?access_token=the-token', {}, /no access token/],
  ])('refuses %s', async (_what, url, expected, message) => {
    const error = await rejection((async () => Token.fromCallback(url, expected))());
    expect(error).toMatchObject({ name: 'AuthenticationError', message: expect.stringMatching(message) });
    expect(inspect(error, { depth: 9 })).not.toContain('the-token');
  });
});
