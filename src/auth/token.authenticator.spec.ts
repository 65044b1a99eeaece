import { ConfigurationError, InvalidRequestError } from '../errors.js';
import { ForgeResponse } from '../http/forge-response.js';
import { SimpleAuthRetryStrategy } from '../retry/simple.auth-retry.strategy.js';
import { RefusingResources } from '../token/refusing-resources.js';
import { TokenManager } from '../token/token-manager.js';
import type { Replacement, TokenSource } from '../token/token-source.js';
import { FakeClock } from '../testing/fake-clock.js';
import type { TokenProvider } from '../token/token-provider.js';
import { Token } from '../token/token.js';
import { authenticatedRequest } from './authenticated-request.fixture.js';
import type { AuthenticatedRequest } from './authenticator.js';
import { TokenAuth, type TokenAuthPlacement } from './token.authenticator.js';

function requestOf(more: Partial<AuthenticatedRequest> = {}): AuthenticatedRequest {
  return authenticatedRequest({ method: 'POST', url: 'https://api.example/a?q=%FF', ...more });
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
    expect(new TokenAuth(manager).credentialParameters).toBeUndefined();
    expect(new TokenAuth(manager, { placement: 'uri' }).credentialParameters).toEqual({ query: ['access_token'] });
    expect(new TokenAuth(manager, { placement: 'body' }).credentialParameters).toEqual({ form: ['access_token'] });
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

/** A manager of one token, which notes what it is judged. */
class Judged {
  readonly clock = new FakeClock();
  readonly token = new Token({ accessToken: 'first' });
  readonly events: string[] = [];
  /** What becomes of a rejected token. */
  replacement: Replacement | undefined;
  readonly refusing = new RefusingResources(this.clock);
  readonly asked: unknown[] = [];

  readonly source = {
    for: (asked?: unknown) => {
      this.asked.push(asked);
      return {
        peekFresh: () => this.token,
        get: async () => this.token,
        replace: async () => this.replacement,
        reject: () => void this.events.push('reject'),
        resume: () => undefined,
        recordOutcome: (_token: Token, accepted: boolean) => void this.events.push(accepted ? 'accepted' : 'refused'),
        refusing: this.refusing,
      };
    },
  } as unknown as TokenSource;

  readonly manager = { getToken: async () => this.token, source: this.source } as unknown as TokenManager;

  /** Sends a request with `auth`, and has it answered. */
  async call(
    auth: TokenAuth,
    status: number,
    more: Partial<AuthenticatedRequest> = {},
    headers: Record<string, string> = {},
  ): Promise<string> {
    const request = requestOf({ clock: this.clock, ...more });
    await auth.authenticate(request);
    const response = new ForgeResponse(request, { status, headers, body: Buffer.alloc(0), url: request.url });
    return auth.onResponse(response, request);
  }
}

describe('an answer', () => {
  it.each([
    [199, []],
    [200, ['accepted']],
    [299, ['accepted']],
    [300, []],
    [304, ['accepted']],
    [404, []],
    [500, []],
  ])('an answer with %d shows that the token was accepted, or nothing: %p', async (status, events) => {
    const judged = new Judged();
    expect(await judged.call(new TokenAuth(judged.manager), status)).toBe('accepted');
    expect(judged.events).toEqual(events);
  });

  it.each([
    [302, true],
    [404, true],
    [499, true],
    [429, false],
    [500, false],
  ])('an answer with %d after a rejection shows that the next token fared better: %p', async (status, better) => {
    const judged = new Judged();
    judged.replacement = { token: judged.token, obtainedAfterRejection: true };
    const auth = new TokenAuth(judged.manager);
    const call = {};
    expect(await judged.call(auth, 401, { call })).toBe('replaced');
    expect(await judged.call(auth, status, { call, replays: 1 })).toBe('accepted');
    expect(judged.events).toEqual(better ? ['accepted'] : []);
  });

  it('an answer to one of two calls makes no difference to the other', async () => {
    const judged = new Judged();
    judged.replacement = { token: judged.token, obtainedAfterRejection: true };
    const auth = new TokenAuth(judged.manager);
    expect(await judged.call(auth, 401)).toBe('replaced');
    expect(await judged.call(auth, 404)).toBe('accepted');
    expect(judged.events).toEqual([]);
  });
});

describe('a rejection', () => {
  const SAME = { method: 'GET', url: 'https://api.example/same?a=1' };

  it('a rejection of a token that was obtained after the first one pauses renewal for the resource, whatever its query', async () => {
    const judged = new Judged();
    judged.replacement = { token: judged.token, obtainedAfterRejection: true };
    const auth = new TokenAuth(judged.manager);
    const call = {};
    expect(await judged.call(auth, 401, { ...SAME, call })).toBe('replaced');
    expect(await judged.call(auth, 401, { ...SAME, call, replays: 1 })).toBe('rejected');
    expect(judged.events).toEqual(['refused']);
    expect(await judged.call(auth, 401, { ...SAME, url: 'https://api.example/same?b=2' })).toBe('rejected');
    expect(await judged.call(auth, 401, { ...SAME, method: 'PUT' })).toBe('replaced');
    expect(await judged.call(auth, 401, { ...SAME, url: 'https://api.example/other' })).toBe('replaced');
    await judged.clock.advance(30_000);
    expect(await judged.call(auth, 401, SAME)).toBe('replaced');
    expect(judged.events).toEqual(['refused']);
  });

  it('a rejection is remembered of each of two calls at once', async () => {
    const judged = new Judged();
    judged.replacement = { token: judged.token, obtainedAfterRejection: false };
    const auth = new TokenAuth(judged.manager);
    const [one, other] = [{}, {}];
    const verdicts: string[] = [];
    for (const call of [one, other, one, other]) verdicts.push(await judged.call(auth, 401, { call }));
    expect(verdicts).toEqual(['resend', 'resend', 'replaced', 'replaced']);
  });

  it('a rejection whose token was replaced by one at hand is sent again, and may renew once more', async () => {
    const judged = new Judged();
    judged.replacement = { token: judged.token, obtainedAfterRejection: false };
    const auth = new TokenAuth(judged.manager);
    const call = {};
    expect(await judged.call(auth, 401, { call })).toBe('resend');
    expect(await judged.call(auth, 401, { call })).toBe('replaced');
    expect(await judged.call(auth, 401, { call, replays: 1 })).toBe('rejected');
    expect(judged.events).toEqual(['refused']);
  });

  it('a rejection stands where the issuer has no other token, and pauses renewal for the resource', async () => {
    const judged = new Judged();
    const auth = new TokenAuth(judged.manager);
    expect(await judged.call(auth, 401, SAME)).toBe('rejected');
    expect(judged.events).toEqual(['refused']);
    judged.replacement = { token: judged.token, obtainedAfterRejection: true };
    expect(await judged.call(auth, 401, SAME)).toBe('rejected');
  });

  it('a rejection of a request that cannot be sent again drops the token, three times not', async () => {
    const judged = new Judged();
    const auth = new TokenAuth(judged.manager);
    const once = { ...SAME, replayable: false };
    for (let call = 0; call < 3; call += 1) expect(await judged.call(auth, 401, once)).toBe('rejected');
    expect(judged.events).toEqual(['reject', 'reject', 'refused']);
    expect(judged.refusing.mayRenew('GET https://api.example/same')).toBe(false);
  });

  it('a rejection is what the strategy says, also where it takes its time', async () => {
    const judged = new Judged();
    judged.replacement = { token: judged.token, obtainedAfterRejection: true };
    const retry = { maxRetries: 1, delayMs: () => 0, shouldRetry: async ({ status }: ForgeResponse) => status === 403 };
    const auth = new TokenAuth(judged.manager, { retry });
    expect([await judged.call(auth, 401), judged.events]).toEqual(['accepted', []]);
    expect(await judged.call(auth, 200)).toBe('accepted');
    expect(judged.events).toEqual(['accepted']);
    expect(await judged.call(auth, 403)).toBe('replaced');
  });

  it('a rejection of the second sending is one even where the strategy looks at first answers only', async () => {
    const judged = new Judged();
    judged.replacement = { token: judged.token, obtainedAfterRejection: true };
    const retry = {
      maxRetries: 1,
      delayMs: () => 0,
      shouldRetry: ({ status }: ForgeResponse, attempt: number) => status === 401 && attempt === 0,
    };
    const auth = new TokenAuth(judged.manager, { retry });
    const call = {};
    expect(await judged.call(auth, 401, { call })).toBe('replaced');
    expect(await judged.call(auth, 401, { call, replays: 1 })).toBe('rejected');
    expect(judged.events).toEqual(['refused']);
  });
});

const asking = (scope: string, error = 'insufficient_scope'): Record<string, string> => ({
  'www-authenticate': `Bearer error="${error}", scope="${scope}"`,
});

describe('a challenge for more scopes', () => {
  it('a challenge for more scopes is met once, where each of them may be asked for', async () => {
    const judged = new Judged();
    const auth = new TokenAuth(judged.manager, { stepUpScopes: ['write', 'admin'] });
    const call = {};
    const tokenRequest = { subject: 'alice', scope: ['read'] };
    expect(await judged.call(auth, 403, { call, tokenRequest }, asking('admin write'))).toBe('resend');
    expect(await judged.call(auth, 403, { call, tokenRequest }, asking('admin write'))).toBe('accepted');
    expect(judged.asked).toEqual([tokenRequest, { subject: 'alice', scope: ['admin', 'write'] }]);
  });

  it.each<[string, Record<string, string>, Partial<AuthenticatedRequest>]>([
    ['that names one that may not be asked for', asking('write delete'), {}],
    ['that names none', asking(''), {}],
    ['of another kind', asking('write', 'invalid_token'), {}],
    ['that there is none of', {}, {}],
    ['to a request that cannot be sent again', asking('write'), { replayable: false }],
  ])('a challenge for more scopes is not met %s', async (_what, headers, more) => {
    const judged = new Judged();
    const auth = new TokenAuth(judged.manager, { stepUpScopes: ['write'] });
    expect(await judged.call(auth, 403, more, headers)).toBe('accepted');
  });

  it('a challenge for more scopes is not met by default', async () => {
    const judged = new Judged();
    expect(await judged.call(new TokenAuth(judged.manager), 403, {}, asking('write'))).toBe('accepted');
  });
});

describe('the presenter of a provider', () => {
  it('writes the token, may take its time, and may have the request sent again where it can be', async () => {
    const judged = new Judged();
    let [written, made] = [0, 0];
    const manager = {
      getToken: async () => judged.token,
      source: {
        ...judged.source,
        presenter: () => ({
          made: (made += 1),
          write: async () => {
            await new Promise(setImmediate);
            written += 1;
          },
          observe: ({ status }: { status: number }) => (status === 401 ? 'resend' : undefined),
        }),
      },
    } as unknown as TokenManager;
    const auth = new TokenAuth(manager);
    const request = requestOf();
    await auth.authenticate(request);
    expect([written, request.headers]).toEqual([1, {}]);
    expect(await judged.call(auth, 401)).toBe('resend');
    expect(await judged.call(auth, 401, { replayable: false })).toBe('rejected');
    expect(await judged.call(auth, 200)).toBe('accepted');
    expect(made).toBe(1);
  });
});

describe('TokenAuth reports what is wrong with its options', () => {
  it.each<[string, object, RegExp]>([
    ['a number of retries', { retry: 3 }, /use auth: \{ retry: new SimpleAuthRetryStrategy\(\{ maxRetries: 3 \}\) \}/i],
    ['a strategy for failures', { retry: { nextDelayMs: () => 0 } }, /not one for transient failures/],
    ['a class', { retry: SimpleAuthRetryStrategy }, /must be an instance, not a class/],
    ['no strategy', { retry: {} }, /an auth retry strategy, such as new SimpleAuthRetryStrategy\(\)/],
  ])('TokenAuth names what is wrong with %s', (_what, options, message) => {
    const { manager } = new Judged();
    expect(() => new TokenAuth(manager, options as TokenAuthPlacement)).toThrow(message);
  });

  it('TokenAuth takes calls that say what they ask of the token, and names its header as it is spelt', async () => {
    const judged = new Judged();
    expect(new TokenAuth(judged.manager).takesTokenRequest).toBe(true);
    const request = requestOf();
    await new TokenAuth(judged.manager, { headerName: 'X-Auth' }).authenticate(request);
    expect(request.spelling).toEqual({ 'x-auth': 'X-Auth' });
    const usual = requestOf();
    await new TokenAuth(judged.manager).authenticate(usual);
    expect(usual.spelling).toBeUndefined();
  });
});
