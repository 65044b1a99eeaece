import { AuthenticationError, ConnectionError, ConfigurationError } from '../errors.js';
import type { HttpRequest, HttpResponse } from '../http/http-request.js';
import type { TokenStorage } from '../storage/token-storage.js';
import { FakeClock } from '../testing/fake-clock.js';
import { OAuth1Flow } from './oauth1.flow.js';
import type { OAuth1FlowOptions } from './oauth1/flow-options.js';

const BASE = 'https://api.example';

interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A server that answers each request in turn, else with a new token. */
class Server {
  readonly asked: HttpRequest[] = [];
  readonly answers: (Answer | Error)[] = [];
  issued = 0;

  readonly send = async (request: HttpRequest): Promise<HttpResponse> => {
    this.asked.push(request);
    const answer = this.answers.shift() ?? {};
    if (answer instanceof Error) throw answer;
    this.issued += 1;
    const { status = 200, headers = {}, body = `oauth_token=t${this.issued}&oauth_token_secret=s` } = answer;
    return { status, headers, body: Buffer.from(body), url: request.url };
  };

  /** The protocol's parameters in the header of the last request. */
  get parameters(): Record<string, string> {
    const header = String(this.asked.at(-1)?.headers['authorization']);
    return Object.fromEntries(
      [...header.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = '', value = '']) => [name, decodeURIComponent(value)]),
    );
  }
}

let server: Server;
let clock: FakeClock;
beforeEach(() => {
  server = new Server();
  clock = new FakeClock();
});

const flowOf = (more: Partial<OAuth1FlowOptions> = {}): OAuth1Flow =>
  new OAuth1Flow({
    clientId: 'app',
    clientSecret: 'secret',
    requestTokenUrl: `${BASE}/request`,
    authorizationUrl: `${BASE}/authorize?lang=en`,
    accessTokenUrl: `${BASE}/access`,
    http: { transport: server },
    clock,
    ...more,
  });

const at = (offsetMs: number): { date: string } => ({ date: new Date(clock.now() + offsetMs).toUTCString() });

describe('a request for an OAuth 1.0a token', () => {
  it('a request for an OAuth 1.0a token is a form by default, with its further parameters in it', async () => {
    await flowOf().requestToken({ extraParams: { scope: 'a b' } });
    expect(server.asked).toMatchObject([
      {
        method: 'POST',
        url: `${BASE}/request`,
        body: 'scope=a+b',
        headers: { accept: '*/*', 'content-type': 'application/x-www-form-urlencoded' },
      },
    ]);
    expect(server.parameters).toMatchObject({ oauth_callback: 'oob', oauth_consumer_key: 'app' });
    expect(server.parameters['oauth_token']).toBeUndefined();
  });

  it.each([
    [`${BASE}/request`, {}, `${BASE}/request`],
    [`${BASE}/request`, { scope: 'a' }, `${BASE}/request?scope=a`],
    [`${BASE}/request?v=1`, { scope: 'a' }, `${BASE}/request?v=1&scope=a`],
    [`${BASE}/request?v=1`, {}, `${BASE}/request?v=1`],
  ])('a request for an OAuth 1.0a token by GET at %s with %j goes to %s', async (requestTokenUrl, extraParams, url) => {
    await flowOf({ method: 'GET', requestTokenUrl }).requestToken({ extraParams });
    expect(server.asked).toMatchObject([{ method: 'GET', url, headers: { accept: '*/*' } }]);
    expect([server.asked[0]?.body, server.asked[0]?.headers['content-type']]).toEqual([undefined, undefined]);
  });

  it.each<[string, Answer, boolean]>([
    ['a 401 by a clock that is off', { status: 401 }, true],
    ['a 400 that says that it is the time', { status: 400, body: 'oauth_problem=timestamp_refused' }, true],
    ['a 401 that says so', { status: 401, body: 'oauth_problem=timestamp_refused' }, true],
    ['a 400 by a clock that is off', { status: 400 }, false],
    ['a token by a clock that is off', {}, false],
  ])('a request for an OAuth 1.0a token is sent once more after %s: %j %p', async (_what, answer, again) => {
    server.answers.push({ ...answer, headers: at(3_600_000) });
    await flowOf()
      .requestToken()
      .catch(() => undefined);
    const ahead = Number(server.parameters['oauth_timestamp']) - Math.floor(clock.now() / 1_000);
    expect([server.asked.length, ahead]).toEqual(again ? [2, 3_600] : [1, 0]);
  });

  it('a request for an OAuth 1.0a token has the time that the server has last accepted, and none that it has not', async () => {
    const flow = flowOf();
    const ahead = (): number => Number(server.parameters['oauth_timestamp']) - Math.floor(clock.now() / 1_000);
    server.answers.push({ status: 401, headers: at(3_600_000) }, { status: 401, headers: at(3_600_000) });
    await expect(flow.requestToken()).rejects.toThrow(AuthenticationError);
    expect([server.asked.length, ahead()]).toEqual([2, 3_600]);
    await flow.requestToken();
    expect(ahead()).toBe(0);
    server.answers.push({ status: 401, headers: at(3_600_000) });
    await flow.requestToken();
    await flow.requestToken();
    expect(ahead()).toBe(3_600);
  });

  it('a request for an OAuth 1.0a token that does not reach the server is transient, and says why', async () => {
    server.answers.push(new ConnectionError('gone'));
    await expect(flowOf().requestToken()).rejects.toMatchObject({
      name: 'AuthenticationError',
      message: `OAuth1Flow: the request token of ${BASE}/request failed: the server could not be reached.`,
      transient: true,
      cause: { message: 'gone' },
    });
  });

  it('a request for an OAuth 1.0a token that is aborted rejects with what ended it', async () => {
    const caller = new AbortController();
    caller.abort();
    const ended = new ConnectionError('aborted');
    server.answers.push(ended);
    await expect(flowOf().requestToken({ signal: caller.signal })).rejects.toBe(ended);
  });
});

describe('a flow of OAuth 1.0a', () => {
  it('a flow of OAuth 1.0a sends the user on with the request token of the only one, or of the one that is named', async () => {
    const flow = flowOf({ callbackUrl: 'https://app.example/back' });
    expect(() => flow.authorizationUrl()).toThrow('there is no request token yet');
    const first = await flow.requestToken();
    expect(server.parameters['oauth_callback']).toBe('https://app.example/back');
    expect(flow.authorizationUrl(undefined, { lang: 'de', a: 'b' })).toBe(
      `${BASE}/authorize?lang=de&a=b&oauth_token=t1`,
    );
    await flow.requestToken({ callbackUrl: 'https://app.example/other' });
    expect(server.parameters['oauth_callback']).toBe('https://app.example/other');
    expect(() => flow.authorizationUrl()).toThrow('OAuth1Flow: 2 flows are open. Name the request token of yours.');
    expect(flow.authorizationUrl('t2')).toContain('oauth_token=t2');
    expect(flow.authorizationUrl(first)).toContain('oauth_token=t1');
  });

  it('a flow of OAuth 1.0a is one of 1,000 at most that are known to be open', async () => {
    const flow = flowOf();
    for (let begun = 0; begun <= 1_000; begun += 1) await flow.requestToken();
    expect(() => flow.authorizationUrl()).toThrow('1000 flows are open');
  });

  it('a flow of OAuth 1.0a ends with the verifier, and with the secret of its request token, once', async () => {
    const flow = flowOf();
    await flow.requestToken();
    server.answers.push({ body: 'oauth_token=granted&oauth_token_secret=its-secret&user=7' });
    const token = await flow.accessToken(' 1234 ');
    expect(token).toMatchObject({ token: 'granted', tokenSecret: 'its-secret', extra: { user: '7' } });
    expect(server.asked.at(-1)?.url).toBe(`${BASE}/access`);
    expect(server.parameters).toMatchObject({ oauth_token: 't1', oauth_verifier: '1234' });
    await expect(flow.accessToken('1234')).rejects.toThrow(ConfigurationError);
    await expect(flow.accessToken({ token: 't1', verifier: '1234' })).rejects.toThrow('the request token is unknown');
    expect(server.asked).toHaveLength(2);
  });

  it.each(['', ' ', undefined])('a flow of OAuth 1.0a does not end without a verifier: %j', async (verifier) => {
    const flow = flowOf();
    await flow.requestToken();
    await expect(flow.accessToken({ verifier: verifier as string })).rejects.toThrow('the verifier is missing');
    expect(server.asked).toHaveLength(1);
  });

  it('a flow of OAuth 1.0a goes on where nothing was decided, and is over where it was refused', async () => {
    const flow = flowOf();
    await flow.requestToken();
    server.answers.push(new ConnectionError('gone'), { status: 401, body: 'oauth_problem=verifier_invalid' });
    await expect(flow.accessToken('1')).rejects.toMatchObject({ transient: true });
    expect(flow.authorizationUrl()).toContain('oauth_token=t1');
    await expect(flow.accessToken('1')).rejects.toMatchObject({ error: 'verifier_invalid', transient: false });
    expect(() => flow.authorizationUrl()).toThrow('there is no request token yet');
  });

  it('a flow of OAuth 1.0a that was begun elsewhere ends here, once', async () => {
    const flow = flowOf({ token: 'given', tokenSecret: 'its secret' });
    expect(flow.authorizationUrl()).toContain('oauth_token=given');
    await flow.accessToken('1');
    expect(server.parameters['oauth_token']).toBe('given');
    await expect(flow.accessToken({ token: 'given', verifier: '1' })).rejects.toThrow('is unknown');
  });

  it('a flow of OAuth 1.0a for a user leaves their token behind; one for nobody leaves none', async () => {
    const flow = flowOf();
    await flow.requestToken({ subject: 'alice' });
    expect((await flow.accessToken('1')).subject).toBe('alice');
    expect((await flow.forSubject('alice').getToken()).token).toBe('t2');
    await flow.requestToken();
    expect((await flow.accessToken('1')).subject).toBeUndefined();
    expect(await flow.forSubject('bob').has()).toBe(false);
    await expect(flow.requestToken({ subject: '' })).rejects.toThrow('The subject must be a text');
    expect(server.asked).toHaveLength(4);
  });

  it.each(['close', 'onApplicationShutdown', Symbol.asyncDispose] as const)(
    'a flow of OAuth 1.0a lets go of its storage on %p',
    async (method) => {
      const [values, log]: [Map<string, string>, string[]] = [new Map(), []];
      const storage: TokenStorage = {
        get: async (key) => values.get(key),
        set: async (key, value, ttlMs) => {
          log.push(`${key.split(':', 3).join(':')} for ${ttlMs}`);
          values.set(key, value);
        },
        release: async () => void log.push('released'),
      };
      const flow = flowOf({ storage, keyPrefix: 'app' });
      await flow.requestToken();
      await flow[method]();
      expect(log).toEqual(['app:oauth1:request-token for 600000', 'released']);
    },
  );
});
