import { jest } from '@jest/globals';
import { implicitResponse } from './implicit-response.js';

const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
afterAll(() => warned.mockRestore());

it('the first use of an implicit flow in a process warns of it, as of something insecure', () => {
  implicitResponse('https://app.example/', undefined);
  implicitResponse('https://app.example/', undefined);
  expect(warned.mock.calls).toEqual([
    [
      expect.stringContaining('implicit flow, which is deprecated (RFC 9700'),
      { type: 'SecurityWarning', code: 'FORGE_AUTH_IMPLICIT_FLOW' },
    ],
  ]);
});

it('an implicit answer is what the fragment says, without its state', () => {
  const url = 'https://app.example/?code=no#access_token=a%20b&expires_in=60&state=s';
  expect(implicitResponse(url, 's')).toEqual({ access_token: 'a b', expires_in: '60' });
  expect(implicitResponse(new URL(url), undefined)).toEqual({ access_token: 'a b', expires_in: '60' });
  expect(implicitResponse('https://app.example/?access_token=a', undefined)).toEqual({});
});

it('an implicit answer of another state is refused, whatever it says', () => {
  for (const fragment of ['access_token=a', 'access_token=a&state=other', 'error=access_denied'])
    expect(() => implicitResponse(`https://app.example/#${fragment}`, 's')).toThrow(
      expect.objectContaining({
        message: 'The callback brings no token: its state is not that of the request.',
        code: 'FORGE_AUTH_TOKEN_REFUSED',
      }),
    );
});

it('an implicit answer that is an error is named by its registered code alone', () => {
  expect(() => implicitResponse('https://app.example/#error=access_denied&state=s', 's')).toThrow(
    expect.objectContaining({
      message: 'The callback brings no token: access_denied.',
      code: 'FORGE_AUTH_TOKEN_REFUSED',
      error: 'access_denied',
    }),
  );
  expect(() => implicitResponse('https://app.example/#error=canary', undefined)).toThrow(
    expect.objectContaining({ error: 'unregistered_error' }),
  );
});
