import { ForgeResponse } from '../../http/forge-response.js';
import type { HttpRequest } from '../../http/http-request.js';
import { readCallback } from './callback.js';
import { tokenIn } from './token-answer.js';

const REQUEST: HttpRequest = { method: 'POST', url: 'https://api.example/token', headers: {}, responseType: 'text' };
const WHAT = 'The access token of https://api.example/token';

const read = (status: number, text: string, headers: Record<string, string> = {}): ReturnType<typeof tokenIn> =>
  tokenIn(new ForgeResponse(REQUEST, { status, headers, body: Buffer.from(text), url: REQUEST.url }), WHAT, 0);

const failure = (status: number, text: string, headers: Record<string, string> = {}): unknown => {
  try {
    return read(status, text, headers);
  } catch (error) {
    return error;
  }
};

describe('the answer to a request for a token', () => {
  it.each([
    ['a form', ' oauth_token=t&oauth_token_secret=s%26&oauth_callback_confirmed=true&id=5\n'],
    ['JSON', ' {"oauth_token":"t","oauth_token_secret":"s&","id":5,"deep":{"a":1},"none":null}'],
  ])('the answer to a request for a token is %s', (_what, text) => {
    const { token, tokenSecret, extra } = read(200, text);
    expect([token, tokenSecret, extra]).toEqual(['t', 's&', { id: '5' }]);
  });

  it.each([300, 399])(
    'the answer to a request for a token with %d says that it was redirected, and that this is not followed',
    (status) => {
      expect(failure(status, '')).toMatchObject({
        message: `${WHAT} was refused: no reason named (HTTP ${status}). It was redirected, which is not followed: give the final URL.`,
        code: 'FORGE_AUTH_TOKEN_REFUSED',
        status,
      });
    },
  );

  it.each([400, 500])('the answer to a request for a token with %d says nothing of a redirect', (status) => {
    expect(failure(status, '')).toMatchObject({
      message: `${WHAT} was refused: no reason named (HTTP ${status}).`,
      status,
    });
    expect(failure(status, '')).not.toHaveProperty('error');
  });

  it('says when to ask again, where the server does', () => {
    expect(failure(503, '', { 'retry-after': '7' })).toMatchObject({ retryAfterMs: 7_000, transient: true });
  });

  it.each([
    ['<html>', 'the answer is a page'],
    ['oauth_token=&oauth_token_secret=s', 'the answer holds no oauth_token'],
    ['oauth_token=t&oauth_token_secret=', 'the answer holds no oauth_token_secret'],
    ['oauth_token=t&oauth_token_secret=s&oauth_callback_confirmed=false', 'the server did not take the callback URL'],
  ])('the answer to a request for a token is no token that says %s', (text, why) => {
    expect(failure(200, text)).toMatchObject({
      message: `${WHAT} failed: ${why} (HTTP 200).`,
      code: 'FORGE_AUTH_TOKEN_RESPONSE_INVALID',
      status: 200,
      transient: false,
    });
  });
});

const failed = (callback: string): unknown => {
  try {
    return readCallback(callback, 'Flow');
  } catch (error) {
    return error;
  }
};

describe('a callback', () => {
  const FOUND = { token: 't', verifier: 'v' };

  it.each<[string, Parameters<typeof readCallback>[0]]>([
    ['a URL', new URL('https://app.example/back?x=1&oauth_token=t&oauth_verifier=v')],
    ['a query', new URLSearchParams('oauth_token=t&oauth_verifier=v')],
    ['the text of a URL', 'https://app.example/back?oauth_token=t&oauth_verifier=v#top'],
    ['the text of a query', 'oauth_token=t&oauth_verifier=v'],
    ['a query that was parsed', { oauth_token: 't', oauth_verifier: 'v', list: ['a'] }],
  ])('a callback is read from %s', (_what, callback) => {
    expect(readCallback(callback, 'Flow')).toEqual(FOUND);
  });

  it.each([
    ['denied=t', 'user_refused'],
    ['oauth_problem=permission_denied', 'permission_denied'],
  ])('a callback of %s is a refusal with its reason', (query, error) => {
    expect(failed(query)).toMatchObject({
      message: `Flow: the user was sent back without consent: ${error}.`,
      code: 'FORGE_AUTH_TOKEN_REFUSED',
      error,
    });
  });

  it.each(['oauth_problem=whatever', 'oauth_problem=', 'oauth_problem=x&oauth_token=t&oauth_verifier=v'])(
    'a callback of %s is a refusal without a reason that is known',
    (query) => {
      expect(failed(query)).toMatchObject({
        message: 'Flow: the user was sent back without consent: no reason known.',
        code: 'FORGE_AUTH_TOKEN_REFUSED',
      });
      expect(failed(query)).not.toHaveProperty('error');
    },
  );

  it.each([
    ['oauth_token=t', 'oauth_verifier'],
    ['oauth_token=t&oauth_verifier=', 'oauth_verifier'],
    ['oauth_verifier=v', 'oauth_token'],
    ['', 'oauth_token'],
  ])('a callback of %j lacks its %s', (query, name) => {
    expect(failed(query)).toMatchObject({
      message: `Flow: the callback brings no ${name}.`,
      code: 'FORGE_AUTH_TOKEN_RESPONSE_INVALID',
    });
  });
});
