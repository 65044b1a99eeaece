import { systemClock } from '../clock.js';
import { ConfigurationError, InvalidRequestError } from '../errors.js';
import { ForgeResponse } from '../http/forge-response.js';
import { SimpleAuthRetryStrategy } from '../retry/simple.auth-retry.strategy.js';
import { TokenManager } from '../token/token-manager.js';
import type { TokenProvider } from '../token/token-provider.js';
import { Token } from '../token/token.js';
import type { AuthenticatedRequest } from './authenticator.js';
import { TokenAuth, type TokenAuthPlacement } from './token.authenticator.js';

function requestOf(more: Partial<AuthenticatedRequest> = {}): AuthenticatedRequest {
  return {
    method: 'POST',
    url: 'https://api.example/a?q=%FF',
    headers: {},
    responseType: 'json',
    serviceName: 'orders',
    tokenRequest: undefined,
    call: {},
    callSignal: new AbortController().signal,
    clock: systemClock,
    replays: 0,
    replayable: true,
    ...more,
  };
}

/** Numbers its tokens. */
function numbered(tokenType?: string): TokenProvider & { readonly fetched: number } {
  let fetched = 0;
  return {
    get fetched() {
      return fetched;
    },
    async fetchToken() {
      fetched += 1;
      return new Token({ accessToken: `token-${fetched}`, ...(tokenType === undefined ? {} : { tokenType }) });
    },
  };
}

async function sent(
  options: TokenAuthPlacement,
  more?: Partial<AuthenticatedRequest>,
  tokenType?: string,
): Promise<AuthenticatedRequest> {
  const request = requestOf(more);
  await new TokenAuth(new TokenManager({ provider: numbered(tokenType) }), options).authenticate(request);
  return request;
}

const answered = (request: AuthenticatedRequest, status: number): ForgeResponse =>
  new ForgeResponse(request, { status, headers: {}, body: Buffer.alloc(0), url: request.url });

const form = { 'content-type': 'application/x-www-form-urlencoded;charset=utf-8' };

describe('TokenAuth', () => {
  it.each<[string, TokenAuthPlacement, string | undefined, object]>([
    ['a bearer token', {}, undefined, { authorization: 'Bearer token-1' }],
    ['a token of another type', {}, 'MAC', { authorization: 'MAC token-1' }],
    ['a scheme of its own', { scheme: 'Token' }, undefined, { authorization: 'Token token-1' }],
    ['the bare token', { scheme: '' }, undefined, { authorization: 'token-1' }],
    ['a header of its own', { headerName: 'X-Auth', scheme: '' }, undefined, { 'x-auth': 'token-1' }],
  ])('writes %s', async (_name, options, tokenType, headers) => {
    expect((await sent(options, {}, tokenType)).headers).toEqual(headers);
  });

  it('writes the token into the query, and leaves the rest of it as it is', async () => {
    const { url, headers } = await sent({ placement: 'uri' });
    expect(url).toBe('https://api.example/a?q=%FF&access_token=token-1');
    expect(headers).toEqual({});
  });

  it('writes the token into a form body', async () => {
    const { body, headers } = await sent({ placement: 'body' }, { headers: form, body: 'a=b+c' });
    expect(body).toBe('a=b+c&access_token=token-1');
    expect(headers).toEqual(form);
  });

  it.each<[string, Partial<AuthenticatedRequest>]>([
    ['without a body', {}],
    ['with JSON', { headers: { 'content-type': 'application/json' }, body: '{}' }],
    ['with bytes', { headers: form, body: Buffer.from('a=b') }],
  ])('refuses to put the token into the body of a request %s', async (_name, more) => {
    await expect(sent({ placement: 'body' }, more)).rejects.toBeInstanceOf(InvalidRequestError);
  });

  it('names the header that it writes, and none where it writes none', () => {
    const manager = new TokenManager({ provider: numbered() });
    expect(new TokenAuth(manager).credentialHeaders).toEqual(['authorization']);
    expect(new TokenAuth(manager, { headerName: 'X-Auth' }).credentialHeaders).toEqual(['x-auth']);
    expect(new TokenAuth(manager, { placement: 'uri' }).credentialHeaders).toBeUndefined();
  });

  it('renews once per call, and replays with what it has from then on', async () => {
    const provider = numbered();
    const auth = new TokenAuth(new TokenManager({ provider }), {
      retry: new SimpleAuthRetryStrategy({ maxRetries: 2 }),
    });
    const call = {};
    const attempt = async (replays: number): Promise<AuthenticatedRequest> => {
      const request = requestOf({ call, replays });
      await auth.authenticate(request);
      return request;
    };
    const first = await attempt(0);
    expect(await auth.onResponse(answered(first, 401), first)).toBe('replaced');
    const second = await attempt(1);
    expect(second.headers).toEqual({ authorization: 'Bearer token-2' });
    expect(await auth.onResponse(answered(second, 401), second)).toBe('replaced');
    const third = await attempt(2);
    expect(third.headers).toEqual({ authorization: 'Bearer token-2' });
    expect(await auth.onResponse(answered(third, 401), third)).toBe('rejected');
    expect(provider.fetched).toBe(2);
  });

  it('asks for a resend, which is no replay, where another call has replaced the token already', async () => {
    const provider = numbered();
    const auth = new TokenAuth(new TokenManager({ provider }));
    const [one, other] = [requestOf(), requestOf()];
    await Promise.all([auth.authenticate(one), auth.authenticate(other)]);
    expect(await auth.onResponse(answered(one, 401), one)).toBe('replaced');
    const renewed = requestOf({ replays: 1, call: one.call });
    await auth.authenticate(renewed);
    expect(await auth.onResponse(answered(renewed, 200), renewed)).toBe('accepted');
    expect(await auth.onResponse(answered(other, 401), other)).toBe('resend');
    expect(provider.fetched).toBe(2);
  });

  it('judges an accepted answer at once', async () => {
    const auth = new TokenAuth(new TokenManager({ provider: numbered() }));
    const request = requestOf();
    await auth.authenticate(request);
    expect(auth.onResponse(answered(request, 200), request)).toBe('accepted');
  });

  it('renews nothing for a request that cannot be sent again, or that it did not write', async () => {
    const provider = numbered();
    const auth = new TokenAuth(new TokenManager({ provider }));
    const once = requestOf({ replayable: false });
    await auth.authenticate(once);
    expect(await auth.onResponse(answered(once, 401), once)).toBe('rejected');
    const foreign = requestOf();
    expect(await auth.onResponse(answered(foreign, 401), foreign)).toBe('accepted');
    expect(provider.fetched).toBe(1);
  });

  it.each<[string, unknown, object]>([
    ['no manager', {}, {}],
    ['nothing', undefined, {}],
    ['an unknown placement', new TokenManager({ provider: numbered() }), { placement: 'cookie' }],
    ['a scheme of two words', new TokenManager({ provider: numbered() }), { scheme: 'a b' }],
    ['a header name that is none', new TokenManager({ provider: numbered() }), { headerName: 'a b' }],
    ['a retry that is no strategy', new TokenManager({ provider: numbered() }), { retry: {} }],
  ])('refuses %s', (_name, manager, options) => {
    expect(() => new TokenAuth(manager as TokenManager, options as TokenAuthPlacement)).toThrow(ConfigurationError);
  });
});
