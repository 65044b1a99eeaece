import { createHmac, createPublicKey } from 'node:crypto';
import type { JWTPayload } from 'jose';
import { setTimeout } from 'node:timers/promises';
import { inspect } from 'node:util';
import { Redis } from 'ioredis';
import {
  AuthorizationCodeTokenProvider,
  type AuthorizationCodeTokenProviderOptions,
  createForgeClient,
  type ForgeHttpClient,
  type GetSet,
  type Token,
} from 'nestjs-forge-auth';
import { json } from '../support/answer.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { useRedis } from '../support/redis-of-spec.js';
import { Gate } from '../support/gate.js';
import { rejection, times, until } from '../support/async.js';
import { boot } from '../module/boot.js';
import { ForgeAuthModule, ForgeAuthService, type SignInProvider, type TokenManager } from 'nestjs-forge-auth';
import { sign, type SigningKey, signingKey } from './signed-tokens.js';

const CLIENT_ID = 'calendar-app';

const redis = useRedis();
/** An issuer made by hand, which answers whatever a test wants. */
let issuer: RecordingServer;
let key: SigningKey;
let keys: SigningKey[];
let keysAreDown: boolean;
let idToken: (nonce: string) => string | undefined | Promise<string | undefined>;
let userInfo: object;
let nonce: string;
let issued: number;
/** How many of the next token requests fail. */
let fails: number;
const closing: { close(): Promise<unknown> }[] = [];

beforeAll(async () => {
  key = await signingKey('first');
});

beforeEach(async () => {
  keys = [key];
  keysAreDown = false;
  issued = 0;
  fails = 0;
  userInfo = { sub: 'alice' };
  idToken = (of) => sign(key, claims({ nonce: of }));
  issuer = await startServer(async (request, response) => {
    const { origin } = issuer;
    const { path } = request;
    if (path === '/.well-known/openid-configuration') {
      return json(response, 200, {
        issuer: origin,
        authorization_endpoint: `${origin}/authorize`,
        token_endpoint: `${origin}/token`,
        jwks_uri: `${origin}/jwks`,
        userinfo_endpoint: `${origin}/userinfo`,
      });
    }
    if (path === '/jwks')
      return keysAreDown ? json(response, 503, {}) : json(response, 200, { keys: keys.map(({ jwk }) => jwk) });
    if (path === '/userinfo') return json(response, 200, userInfo);
    fails -= 1;
    if (fails >= 0) return json(response, 503, {});
    issued += 1;
    const token = {
      access_token: `access-${issued}`,
      refresh_token: `refresh-${issued}`,
      token_type: 'Bearer',
      expires_in: 3_600,
    };
    json(response, 200, { ...token, id_token: await idToken(nonce) });
  });
});

afterEach(async () => {
  for (const open of closing.splice(0).toReversed()) await open.close();
  await issuer.close();
});

const now = (offset = 0): number => Math.floor(Date.now() / 1_000) + offset;

function claims(changes: JWTPayload = {}): JWTPayload {
  return { iss: issuer.origin, sub: 'alice', aud: CLIENT_ID, iat: now(), exp: now(300), ...changes };
}

const base64url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

async function start(
  storage: GetSet = new Map(),
  options: Partial<AuthorizationCodeTokenProviderOptions> = {},
): Promise<{ provider: SignInProvider; tokens: TokenManager }> {
  const provider = new AuthorizationCodeTokenProvider({
    issuer: issuer.origin,
    clientId: CLIENT_ID,
    clientSecret: 'calendar-app-secret',
    redirectUri: 'https://app.example/callback',
    scope: 'openid offline_access',
    ...options,
  });
  const services = [{ name: 'calendar', baseUrl: 'https://calendar.example', auth: { provider } }];
  const app = await boot({ imports: [ForgeAuthModule.forRoot({ storage, services })] });
  closing.push(app);
  const forge = app.get(ForgeAuthService);
  return { provider: forge.provider('calendar'), tokens: forge.tokens('calendar') };
}

async function signIn(provider: SignInProvider, subject = 'user-1'): Promise<Token> {
  const started = await provider.authorizationUrl({ subject });
  nonce = started.nonce;
  return (await provider.handleCallback(`/callback?code=c&state=${started.state}`)).token;
}

describe('a sign-in at an issuer that answers wrongly', () => {
  it.each<[string, (of: string) => string | Promise<string> | undefined]>([
    ['no id_token', () => undefined],
    ['alg none', (of) => `${base64url({ alg: 'none' })}.${base64url(claims({ nonce: of }))}.`],
    ['HS256 with the public key', (of) => withPublicKey(of)],
    ['HS256 with the client secret', (of) => withSecret(of, 'calendar-app-secret')],
    ['another audience', (of) => sign(key, claims({ nonce: of, aud: 'other' }))],
    ['another issuer', (of) => sign(key, claims({ nonce: of, iss: 'https://evil.example' }))],
    ['an expired one', (of) => sign(key, claims({ nonce: of, exp: now(-600) }))],
    ['one that is not yet valid', (of) => sign(key, claims({ nonce: of, nbf: now(600) }))],
    ['another nonce', () => sign(key, claims({ nonce: 'of-another-sign-in' }))],
    ['no nonce', () => sign(key, claims())],
    ['an unknown key id', async (of) => sign(await signingKey('unknown'), claims({ nonce: of }))],
    ['a known key id of another key', async (of) => sign(await signingKey('first'), claims({ nonce: of }))],
    ['the at_hash of another token', (of) => sign(key, claims({ nonce: of, at_hash: 'AAAAAAAAAAAAAAAAAAAAAA' }))],
    ['1 MB of claims', (of) => sign(key, claims({ nonce: of, padding: 'x'.repeat(1_000_000) }))],
    ['300 KB of claims', (of) => sign(key, claims({ nonce: of, padding: 'x'.repeat(300_000) }))],
  ])(
    'a sign-in at an issuer that answers wrongly is refused with a typed error, and stores nothing: %s',
    async (_what, make) => {
      idToken = make;
      const storage = new Map<string, unknown>();
      const { provider, tokens } = await start(storage);
      const error = await rejection(signIn(provider));
      expect(error).toMatchObject({
        name: 'AuthenticationError',
        serviceName: 'calendar',
        code: expect.stringMatching(/^FORGE_AUTH_(ID_TOKEN_INVALID|TOKEN_REQUEST_FAILED)$/),
      });
      expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/access-1|refresh-1|eyJ/);
      expect(await tokens.forSubject('user-1').has()).toBe(false);
      expect(JSON.stringify([...storage])).not.toMatch(/access-1|refresh-1/);
      // The person can start again.
      idToken = (of) => sign(key, claims({ nonce: of }));
      expect((await signIn(provider)).claims).toMatchObject({ sub: 'alice' });
    },
  );

  it('a sign-in at an issuer that answers wrongly is down for a moment when the code is exchanged: the sign-in goes on', async () => {
    const { provider } = await start();
    fails = 2;
    expect((await signIn(provider)).claims).toMatchObject({ sub: 'alice' });
    expect(issuer.count('/token')).toBe(3);
  });

  it('answers another person at userinfo: refused', async () => {
    const { provider } = await start();
    const token = await signIn(provider);
    expect(await provider.userInfo(token)).toEqual({ sub: 'alice' });
    userInfo = { sub: 'mallory' };
    expect(await rejection(provider.userInfo(token))).toMatchObject({ code: 'FORGE_AUTH_ID_TOKEN_INVALID' });
    userInfo = {};
    expect(await rejection(provider.userInfo(token))).toMatchObject({ code: 'FORGE_AUTH_ID_TOKEN_INVALID' });
  });

  it('renews with an id_token about another person: refused', async () => {
    const { provider, tokens } = await start();
    await signIn(provider);
    idToken = () => sign(key, claims({ sub: 'mallory' }));
    expect(await rejection(tokens.forceRefresh({ subject: 'user-1' }))).toMatchObject({
      code: 'FORGE_AUTH_ID_TOKEN_INVALID',
    });
  });

  it('a sign-in at an issuer that answers wrongly does not cost a user their renewed token when the keys cannot be obtained', async () => {
    const storage = new Map<string, unknown>();
    await signIn((await start(storage)).provider);
    keysAreDown = true;
    const { tokens } = await start(storage);
    const token = await tokens.forceRefresh({ subject: 'user-1' });
    expect(token).toMatchObject({ accessToken: 'access-2', refreshToken: 'refresh-2', claims: { sub: 'alice' } });
  });
});

function withSecret(of: string, secret: string): string {
  const signed = `${base64url({ alg: 'HS256', kid: 'first' })}.${base64url(claims({ nonce: of }))}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

function withPublicKey(of: string): string {
  const pem = createPublicKey({ key: key.jwk as never, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
  return withSecret(of, String(pem));
}

const logoutToken = (changes: JWTPayload = {}): Promise<string> =>
  sign(key, claims({ jti: 'one', events: { 'http://schemas.openid.net/event/backchannel-logout': {} }, ...changes }), {
    typ: 'logout+jwt',
  });

/** A client of the tests' Redis. */
async function redisClient(): Promise<GetSet> {
  const client = new Redis(redis.url);
  closing.push({ close: () => client.quit() });
  return client;
}

/** A storage in which what is done at once happens at once. */
function slowStorage(): GetSet {
  const kept = new Map<string, unknown>();
  return {
    get: (name) => setTimeout(5).then(() => kept.get(name)),
    set: (name, value) => setTimeout(5).then(() => kept.set(name, value)),
  };
}

describe('a sign-in that fails', () => {
  it('shows in development what a hook of the app threw', async () => {
    const { provider } = await start(new Map(), {
      compliance: {
        tokenRequest: () => {
          throw new Error('the hook has a mistake');
        },
      },
    });
    const error = await rejection(signIn(provider));
    expect(error).toMatchObject({ cause: { message: 'the hook has a mistake' } });
  });

  it('names that the connection broke, not that a nonce was asked for before', async () => {
    let pushed = 0;
    const server = await startServer((request, response) => {
      pushed += 1;
      if (pushed > 1) return void response.destroy();
      response.setHeader('dpop-nonce', 'n-1');
      json(response, 400, { error: 'use_dpop_nonce' });
    });
    closing.push(server);
    const pushedAuthorizationRequestUrl = `${server.origin}/par`;
    const { provider } = await start(new Map(), { dpop: true, pushedAuthorizationRequestUrl });
    expect(await rejection(provider.authorizationUrl())).toMatchObject({ transient: true });
    expect(pushed).toBe(2);
  });
});

describe('a logout at the issuer', () => {
  it('drops the tokens of whoever it names, in every process, and of nobody else', async () => {
    const storage = new Map<string, unknown>();
    const [first, second] = [await start(storage), await start(storage)];
    await signIn(first.provider, 'user-1');
    idToken = (of) => sign(key, claims({ nonce: of, sub: 'bob', sid: 'session-of-bob' }));
    await signIn(first.provider, 'user-2');
    const has = (subject: string): Promise<boolean[]> =>
      Promise.all([first, second].map(({ tokens }) => tokens.forSubject(subject).has()));
    expect(await second.provider.handleLogoutToken(await logoutToken())).toEqual({ subjects: ['user-1'] });
    expect([await has('user-1'), await has('user-2')]).toEqual([
      [false, false],
      [true, true],
    ]);
    const bySession = await logoutToken({ jti: 'two', sub: undefined as never, sid: 'session-of-bob' });
    expect(await first.provider.handleLogoutToken(bySession)).toEqual({ subjects: ['user-2'] });
    expect(await has('user-2')).toEqual([false, false]);
    expect(JSON.stringify([...storage.keys()])).not.toMatch(/user-1|alice|session-of-bob/);
  });

  describe.each<[string, () => Promise<GetSet>, number]>([
    ['in two processes on Redis', () => redisClient(), 2],
    ['in one process, on a storage without a lock', async () => slowStorage(), 1],
  ])('a logout at the issuer by users %s', (_where, open, processes) => {
    it('drops all tokens of an account that several users have connected at once', async () => {
      const storage = await open();
      const apps = [await start(storage)];
      if (processes === 2) apps.push(await start(storage));
      const users = times(10, (index) => `user-${index}`);
      idToken = () => sign(key, claims({ nonce: 'the same', sid: 's1' }));
      await Promise.all(
        users.map(async (subject, index) => {
          const { provider } = apps[index % processes] as (typeof apps)[0];
          const { state, codeVerifier } = await provider.authorizationUrl({ subject });
          const saved = { state, codeVerifier, nonce: 'the same' };
          await provider.handleCallback(`/callback?code=c&state=${state}`, saved);
        }),
      );
      const { subjects } = await (apps[0] as (typeof apps)[0]).provider.handleLogoutToken(await logoutToken());
      expect([...subjects].toSorted()).toEqual(users);
      for (const { tokens } of apps)
        expect(await Promise.all(users.map((user) => tokens.forSubject(user).has()))).toEqual(users.map(() => false));
    });
  });

  it.each<[string, (names: unknown[]) => unknown]>([
    ['names that are none', (names) => ['', null, 5, {}, ...names]],
    ['every name many times', (names) => times(1_000, () => names).flat()],
    ['a name of somebody else', (names) => ['user-2', ...names]],
  ])('a logout at the issuer ends what it names, though an index was forged: %s', async (_what, forge) => {
    const storage = new Map<string, unknown>();
    const { provider, tokens } = await start(storage);
    await signIn(provider, 'user-1');
    idToken = (of) => sign(key, claims({ nonce: of, sub: 'bob', sid: 'session-of-bob' }));
    await signIn(provider, 'user-2');
    for (const [place, text] of storage)
      if (place.includes(':openid:') && String(text).includes('user-1'))
        storage.set(place, JSON.stringify(forge(JSON.parse(String(text)) as unknown[])));
    expect(await provider.handleLogoutToken(await logoutToken())).toEqual({ subjects: ['user-1'] });
    expect(await tokens.forSubject('user-1').has()).toBe(false);
    expect(await tokens.forSubject('user-2').has()).toBe(true);
  });

  it('a logout at the issuer is carried out though something that nobody of ours wrote stands where its delivery is noted', async () => {
    const storage = new Map<string, unknown>();
    const { provider, tokens } = await start(storage);
    const before = new Set(storage.keys());
    await provider.handleLogoutToken(await logoutToken());
    const noted = [...storage.keys()].filter((place) => !before.has(place) && place.includes(':openid:'));
    expect(noted).toHaveLength(1);
    await signIn(provider, 'user-1');
    storage.set(noted[0] as string, 'forged');
    expect(await provider.handleLogoutToken(await logoutToken())).toEqual({ subjects: ['user-1'] });
    expect(await tokens.forSubject('user-1').has()).toBe(false);
    expect(await provider.handleLogoutToken(await logoutToken())).toEqual({ subjects: [] });
  });

  it('a logout at the issuer is no logout while the storage does not answer: the issuer delivers it again', async () => {
    const kept = new Map<string, unknown>();
    let down = false;
    const whileUp = async <T>(work: () => T): Promise<T> => {
      if (down) throw new Error('down');
      return work();
    };
    const { provider, tokens } = await start({
      get: (name) => whileUp(() => kept.get(name)),
      set: (name, value) => whileUp(() => kept.set(name, value)),
    });
    await signIn(provider);
    const jwt = await logoutToken();
    down = true;
    const error = await rejection(provider.handleLogoutToken(jwt));
    expect(error).toMatchObject({ name: 'AuthenticationError', transient: true });
    down = false;
    // The storage is looked for again after a moment.
    let subjects: readonly string[] | undefined;
    while (subjects === undefined) {
      await setTimeout(50);
      subjects = await provider.handleLogoutToken(jwt).then(
        (ended) => ended.subjects,
        () => undefined,
      );
    }
    expect(subjects).toEqual(['user-1']);
    expect(await tokens.forSubject('user-1').has()).toBe(false);
  });

  it('a logout at the issuer is no logout while the storage takes no writes: another process would go on with the token', async () => {
    const kept = new Map<string, unknown>();
    let full = false;
    let reads = 0;
    const storage: GetSet = {
      get: async (name) => {
        reads += 1;
        return kept.get(name);
      },
      set: async (name, value) => {
        if (full) throw new Error('OOM command not allowed when used memory > maxmemory.');
        return kept.set(name, value);
      },
    };
    const [first, second] = [await start(storage), await start(storage)];
    await signIn(first.provider);
    full = true;
    const error = await rejection(first.provider.handleLogoutToken(await logoutToken()));
    expect(error).toMatchObject({ name: 'AuthenticationError', transient: true });
    expect(await second.tokens.forSubject('user-1').has()).toBe(true);
    reads = 0;
    await signIn(second.provider, 'user-2');
    expect(reads).toBeLessThan(10);
  });

  it.each<[string, (tokens: TokenManager) => Promise<unknown>]>([
    ['forces a refresh', (tokens) => tokens.forceRefresh({ subject: 'user-1' })],
    [
      'drops the token and asks again',
      (tokens) => tokens.invalidate().then(() => tokens.getToken({ subject: 'user-1' })),
    ],
  ])('stands where no lock is, and another process that holds the token %s', async (_what, renew) => {
    const storage = slowStorage();
    const [first, second] = [await start(storage), await start(storage)];
    await signIn(first.provider);
    await second.tokens.getToken({ subject: 'user-1' });
    idToken = () => undefined;
    await first.provider.handleLogoutToken(await logoutToken());
    expect(await rejection(renew(second.tokens))).toMatchObject({ code: 'FORGE_AUTH_AUTHORIZATION_REQUIRED' });
    expect(issued).toBe(1);
    expect(await first.tokens.forSubject('user-1').has()).toBe(false);
  });

  it.each([1, 2, 3])('stands when another process has renewed the token by its look %i at it', async (look) => {
    const kept = new Map<string, unknown>();
    let looks = 0;
    let meanwhile: (() => Promise<unknown>) | undefined;
    const storage: GetSet = {
      get: async (name) => {
        if (meanwhile !== undefined && !name.includes(':openid:')) looks += 1;
        if (looks === look) {
          const work = meanwhile;
          meanwhile = undefined;
          await work?.();
        }
        return kept.get(name);
      },
      set: async (name, value) => kept.set(name, value),
    };
    const [first, second] = [await start(storage), await start(storage)];
    await signIn(first.provider);
    await second.tokens.getToken({ subject: 'user-1' });
    const answer = new Gate();
    answer.hold();
    idToken = async () => {
      await answer.pass();
      return undefined;
    };
    const renewing = second.tokens.forceRefresh({ subject: 'user-1' }).catch(() => undefined);
    await until(() => issued === 2, 'the renewal is under way');
    meanwhile = () => {
      answer.release();
      return renewing;
    };
    expect(await first.provider.handleLogoutToken(await logoutToken())).toEqual({ subjects: ['user-1'] });
    expect(meanwhile).toBeUndefined();
    for (const { tokens } of [first, second]) expect(await tokens.forSubject('user-1').has()).toBe(false);
  });

  it('a logout at the issuer ends the session that is named, and not a later one of the same person', async () => {
    const { provider, tokens } = await start();
    for (const sid of ['laptop', 'phone']) {
      idToken = (of) => sign(key, claims({ nonce: of, sid }));
      await signIn(provider);
    }
    const logout = async (sid: string): Promise<unknown> =>
      provider.handleLogoutToken(await logoutToken({ jti: sid, sid }));
    expect(await logout('laptop')).toEqual({ subjects: [] });
    expect(await tokens.forSubject('user-1').has()).toBe(true);
    expect(await logout('phone')).toEqual({ subjects: ['user-1'] });
    expect(await tokens.forSubject('user-1').has()).toBe(false);
  });

  it('a logout at the issuer ends a session of a person whose token names none', async () => {
    const { provider } = await start();
    await signIn(provider);
    expect(await provider.handleLogoutToken(await logoutToken({ sid: 'laptop' }))).toEqual({ subjects: ['user-1'] });
  });

  it('leaves the token of another account that the same user has connected since', async () => {
    const { provider, tokens } = await start();
    await signIn(provider);
    idToken = (of) => sign(key, claims({ nonce: of, sub: 'bob', sid: 'session-of-bob' }));
    await signIn(provider);
    expect(await provider.handleLogoutToken(await logoutToken())).toEqual({ subjects: [] });
    expect(await tokens.forSubject('user-1').has()).toBe(true);
    expect(await provider.handleLogoutToken(await logoutToken({ jti: 'two', sub: 'bob' }))).toEqual({
      subjects: ['user-1'],
    });
  });

  it.each([
    ['another issuer', (of: string) => `?iss=https%3A%2F%2Fevil.example&sid=s1&of=${of}`],
    ['no issuer', () => '?sid=s1'],
    ['two issuers', (of: string) => `?iss=${of}&iss=https%3A%2F%2Fevil.example&sid=s1`],
    ['no session', (of: string) => `?iss=${of}`],
    ['two sessions', (of: string) => `?iss=${of}&sid=s1&sid=s2`],
    ['an issuer that differs in a slash', (of: string) => `?iss=${of}%2F&sid=s1`],
  ])('a logout at the issuer in the browser with %s ends nothing', async (_what, query) => {
    const { provider, tokens } = await start();
    idToken = (of) => sign(key, claims({ nonce: of, sid: 's1' }));
    await signIn(provider);
    const url = `https://app.example/logout${query(encodeURIComponent(issuer.origin))}`;
    const error = await rejection(provider.handleFrontChannelLogout(url));
    expect(error).toMatchObject({ name: 'AuthenticationError', code: 'FORGE_AUTH_ID_TOKEN_INVALID' });
    expect(await tokens.forSubject('user-1').has()).toBe(true);
    const valid = new URLSearchParams({ iss: issuer.origin, sid: 's1' });
    expect(await provider.handleFrontChannelLogout(valid)).toEqual({ subjects: ['user-1'] });
    expect(await tokens.forSubject('user-1').has()).toBe(false);
  });

  it('a logout at the issuer ends nothing when it is delivered again, or is not valid', async () => {
    const { provider, tokens } = await start();
    await signIn(provider);
    const jwt = await logoutToken();
    await provider.handleLogoutToken(jwt);
    await signIn(provider);
    expect(await provider.handleLogoutToken(jwt)).toEqual({ subjects: [] });
    const forged = await sign(await signingKey('first'), claims({ jti: 'three', events: {} }));
    expect(await rejection(provider.handleLogoutToken(forged))).toMatchObject({ code: 'FORGE_AUTH_ID_TOKEN_INVALID' });
    expect(await tokens.forSubject('user-1').has()).toBe(true);
  });
});

describe('a client outside of Nest', () => {
  it('keeps the tokens of users, too', async () => {
    const provider = new AuthorizationCodeTokenProvider({
      issuer: issuer.origin,
      clientId: CLIENT_ID,
      authMethod: 'none',
      redirectUri: 'https://app.example/callback',
    });
    const client: ForgeHttpClient = createForgeClient({ name: 'calendar', baseUrl: issuer.origin, auth: { provider } });
    closing.push(client);
    const error = await rejection(client.get('/events', { auth: { subject: 'user-1' } }));
    expect(error).toMatchObject({ code: 'FORGE_AUTH_AUTHORIZATION_REQUIRED', serviceName: 'calendar' });
  });
});
