import { ConfigurationError, InvalidRequestError } from '../errors.js';
import { ForgeResponse } from '../http/forge-response.js';
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
    expect(new TokenAuth(manager).credentialHeader).toBe('authorization');
    expect(new TokenAuth(manager, { headerName: 'X-Auth' }).credentialHeader).toBe('x-auth');
    expect(new TokenAuth(manager, { placement: 'uri' }).credentialHeader).toBeUndefined();
  });

  it('renews once per call, and replays with what it has from then on', async () => {
    const provider = numbered();
    const auth = new TokenAuth(new TokenManager({ provider }));
    const call = {};
    const attempt = async (): Promise<AuthenticatedRequest> => {
      const request = requestOf({ call });
      await auth.authenticate(request);
      return request;
    };
    const rejected = (request: AuthenticatedRequest): Promise<boolean> =>
      auth.onRejected(
        new ForgeResponse(request, { status: 401, headers: {}, body: Buffer.alloc(0), url: request.url }),
        request,
      );
    const first = await attempt();
    expect(await rejected(first)).toBe(true);
    const second = await attempt();
    expect(second.headers).toEqual({ authorization: 'Bearer token-2' });
    expect(await rejected(second)).toBe(true);
    expect((await attempt()).headers).toEqual({ authorization: 'Bearer token-2' });
    expect(provider.fetched).toBe(2);
  });

  it('has nothing to renew for a request that it did not write', async () => {
    const provider = numbered();
    const auth = new TokenAuth(new TokenManager({ provider }));
    const request = requestOf();
    const response = new ForgeResponse(request, { status: 401, headers: {}, body: Buffer.alloc(0), url: request.url });
    expect(await auth.onRejected(response, request)).toBe(false);
    auth.onSettled(request, true);
    expect(provider.fetched).toBe(0);
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
