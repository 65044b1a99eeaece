import { Readable } from 'node:stream';
import { ApiKeyAuth } from '../../auth/api-key.authenticator.js';
import type { HttpResponse } from '../../http/http-request.js';
import type { Call, CallRequest } from '../request/call-request.js';
import { redirectLayer } from './redirect.layer.js';
import { SentCredentials } from './sent-credentials.js';

const HOME = 'https://api.example/a';
const ELSEWHERE = 'https://stranger.example/b';

type Parts = Partial<Omit<CallRequest, 'call'>> & { readonly call?: Partial<Call> };

const requestOf = ({ call = {}, ...more }: Parts = {}): CallRequest => ({
  method: 'GET',
  url: HOME,
  headers: {},
  spelling: undefined,
  body: undefined,
  responseType: 'json',
  maxContentLength: undefined,
  axios: undefined,
  ...more,
  call: { maxRedirects: 5, authenticator: false, ...call } as Call,
});

const redirect = (location: unknown, status = 302): HttpResponse =>
  ({ status, headers: { location }, body: Readable.from('page'), url: HOME }) as unknown as HttpResponse;
const found = (): HttpResponse => ({ status: 200, headers: {}, body: Buffer.alloc(0), url: HOME });

/** Answers with each of these in turn; returns the requests that were sent, and the last answer. */
async function follow(request: CallRequest, ...answers: HttpResponse[]) {
  const sent: CallRequest[] = [];
  const left = [...answers];
  const response = await redirectLayer(request, async (one) => {
    sent.push(one);
    return left.shift() ?? found();
  });
  return { sent, response, last: sent.at(-1) as CallRequest };
}

const HEADERS = {
  accept: 'a',
  'accept-encoding': 'a',
  'accept-language': 'a',
  'cache-control': 'a',
  range: 'a',
  'user-agent': 'a',
};
const OF_THE_BODY = { 'content-type': 'b', 'content-language': 'b' };
const OF_BODY_AT_HOME = { 'content-length': '1', 'content-encoding': 'b', 'content-location': 'b' };
const OTHERS = { authorization: 'c', cookie: 'c', 'x-anything': 'c', 'transfer-encoding': 'c' };
const BODY = { replayable: true } as CallRequest['body'];

describe('a redirect', () => {
  it.each([301, 302, 303, 307, 308])(
    'a redirect of %d is followed, and its answer names the URL that was asked',
    async (status) => {
      const { sent, response } = await follow(requestOf(), redirect('/b?c=d#top', status));
      expect(sent.map(({ url }) => url)).toEqual([HOME, 'https://api.example/b?c=d']);
      expect(response.requestedUrl).toBe('https://api.example/b?c=d');
      expect((await follow(requestOf())).response.requestedUrl).toBeUndefined();
    },
  );

  it.each([
    [301, 'POST', 'GET', false],
    [302, 'POST', 'GET', false],
    [303, 'POST', 'GET', false],
    [303, 'PUT', 'GET', false],
    [303, 'HEAD', 'HEAD', true],
    [303, 'GET', 'GET', true],
    [307, 'POST', 'POST', true],
    [308, 'POST', 'POST', true],
    [301, 'PUT', 'PUT', true],
    [302, 'DELETE', 'DELETE', true],
  ])('a redirect of %d makes of a %s a %s, and keeps the body: %p', async (status, method, next, keepsBody) => {
    const headers = { ...HEADERS, ...OF_THE_BODY, ...OF_BODY_AT_HOME, ...OTHERS, host: 'other.example' };
    const { last } = await follow(requestOf({ method, headers, body: BODY }), redirect('/b', status));
    expect([last.method, last.body]).toEqual([next, keepsBody ? BODY : undefined]);
    const { 'transfer-encoding': framing, ...kept } = OTHERS;
    expect(last.headers).toEqual({
      ...HEADERS,
      ...kept,
      ...(keepsBody ? { ...OF_THE_BODY, ...OF_BODY_AT_HOME, 'transfer-encoding': framing } : undefined),
    });
  });

  it('a redirect elsewhere takes along what says nothing of the caller', async () => {
    const headers = { ...HEADERS, ...OF_THE_BODY, ...OF_BODY_AT_HOME, ...OTHERS, host: 'other.example' };
    const { last } = await follow(requestOf({ method: 'POST', headers, body: BODY }), redirect(ELSEWHERE, 307));
    expect(last.headers).toEqual({ ...HEADERS, ...OF_THE_BODY });
  });

  it('a redirect elsewhere withholds what it drops from then on, on the way back, too', async () => {
    const request = requestOf({ headers: { accept: 'a', 'x-own': 'b' }, withheld: new Set(['cookie']) });
    const { sent, last } = await follow(request, redirect(ELSEWHERE), redirect(HOME));
    expect([...(sent[1]?.withheld ?? [])]).toEqual(['cookie', 'x-own']);
    expect([...(last.withheld ?? [])]).toEqual(['cookie', 'x-own']);
    expect(last.credentialRemoved).toBeUndefined();
  });

  it('a redirect at home withholds nothing', async () => {
    const { last } = await follow(requestOf({ headers: { authorization: 'c' } }), redirect('/b'));
    expect([last.withheld, last.headers]).toEqual([undefined, { authorization: 'c' }]);
  });

  it.each<[string, Parts, boolean]>([
    ['Authorization', { headers: { authorization: 'c' } }, true],
    [
      'the header of its authenticator',
      { headers: { 'x-api-key': 'c' }, call: { authenticator: new ApiKeyAuth('k') } },
      true,
    ],
    ['the header of an authenticator that it has not', { headers: { 'x-api-key': 'c' } }, false],
    ['none', { headers: { accept: 'a' }, call: { authenticator: new ApiKeyAuth('k') } }, false],
  ])('a redirect elsewhere removes a credential of the call: %s', async (_what, parts, removed) => {
    const { last } = await follow(requestOf(parts), redirect(ELSEWHERE));
    expect(last.credentialRemoved === true).toBe(removed);
  });

  it.each([undefined, ['/b', '/c'], 'http://', 'ftp://api.example/', 'javascript:alert(1)'])(
    'a redirect to %j is answered as it is',
    async (location) => {
      const answer = redirect(location);
      const { sent, response } = await follow(requestOf(), answer);
      expect([sent.length, response]).toEqual([1, answer]);
      expect((response.body as Readable).destroyed).toBe(false);
    },
  );

  it.each([300, 304, 305, 306, 200])('an answer with %d is no redirect', async (status) => {
    expect((await follow(requestOf(), redirect('/b', status))).sent).toHaveLength(1);
  });

  it.each([
    ['http://u:p@stranger.example/x', 'http://stranger.example/x'],
    ['//stranger.example', 'https://stranger.example/'],
    [Buffer.from('/ü').toString('latin1'), 'https://api.example/%C3%BC'],
    ['/\xFC', 'https://api.example/%C3%BC'],
    ['/\u0142\xFC', 'https://api.example/%C5%82%C3%BC'],
  ])('a redirect to %j goes to %s', async (location, url) => {
    expect((await follow(requestOf(), redirect(location))).last.url).toBe(url);
  });

  it('a redirect whose body cannot be sent again is answered as it is, unless the body is left behind', async () => {
    const once = { method: 'POST', body: { replayable: false } as CallRequest['body'] };
    expect((await follow(requestOf(once), redirect('/b', 307))).sent).toHaveLength(1);
    expect((await follow(requestOf(once), redirect('/b', 303))).sent).toHaveLength(2);
  });

  it('a redirect frees the connection of each answer that nobody reads, the one too many included', async () => {
    const answers = [redirect('/b'), redirect('/c'), redirect('/d')];
    const request = requestOf({ url: `${HOME}?secret=1`, call: { maxRedirects: 2 } });
    await expect(follow(request, ...answers)).rejects.toMatchObject({
      message: 'GET https://api.example/a was redirected more than 2 times.',
      code: 'FORGE_AUTH_TOO_MANY_REDIRECTS',
    });
    expect(answers.map(({ body }) => (body as Readable).destroyed)).toEqual([true, true, true]);
  });

  it('a redirect is followed as often as the call allows; never with 0', async () => {
    const twice = requestOf({ call: { maxRedirects: 2 } });
    expect((await follow(twice, redirect('/b'), redirect('/c'))).sent).toHaveLength(3);
    const answer = redirect('/b');
    const { sent, response } = await follow(requestOf({ call: { maxRedirects: 0 } }), answer);
    expect([sent.length, response]).toEqual([1, answer]);
  });

  it('a redirect elsewhere is not followed where a credential that was sent cannot be taken out', async () => {
    const sentCredentials = new SentCredentials();
    sentCredentials.note({ url: HOME, headers: {} }, { url: HOME, headers: { 'x-api-key': 'opaque-4711' } });
    const request = requestOf({ call: { sentCredentials } });
    expect((await follow(request, redirect(`${ELSEWHERE}?k=opaque-4711&x=1`))).last.url).toBe(`${ELSEWHERE}?x=1`);
    expect((await follow(request, redirect(`${ELSEWHERE}/opaque-4711`))).sent).toHaveLength(1);
    expect((await follow(request, redirect('/opaque-4711'))).sent).toHaveLength(2);
  });
});
