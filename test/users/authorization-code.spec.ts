import { Injectable, Module } from '@nestjs/common';
import {
  AuthorizationCodeTokenProvider,
  ForgeAuthModule,
  ForgeAuthService,
  type ForgeHttpClient,
  InjectForgeClient,
  InjectTokenManager,
  InjectTokenProvider,
  isSignInRequired,
  type TokenManager,
  type TokenStorage,
} from 'nestjs-forge-auth';
import { inspect } from 'node:util';
import { type Api, startApi } from '../support/api.js';
import { boot } from '../module/boot.js';
import { rejection, until } from '../support/async.js';
import { APP, type PeopleServer, startPeopleServer } from './people-server.js';

let issuer: PeopleServer;
let api: Api;
const closing: { close(): Promise<unknown> }[] = [];

beforeEach(async () => {
  issuer = await startPeopleServer();
  api = await startApi(issuer);
});

afterEach(async () => {
  for (const open of closing.splice(0).toReversed()) await open.close();
  await api.close();
  await issuer.close();
});

function provider(more: object = {}): AuthorizationCodeTokenProvider {
  const scope = 'openid offline_access read';
  return new AuthorizationCodeTokenProvider({ issuer: issuer.issuer, ...APP, scope, prompt: 'consent', ...more });
}

@Injectable()
class Calendar {
  constructor(
    @InjectForgeClient('calendar') readonly client: ForgeHttpClient,
    @InjectTokenManager('calendar') readonly tokens: TokenManager,
    @InjectTokenProvider('calendar') readonly signIn: AuthorizationCodeTokenProvider,
  ) {}
}

async function start(storage: TokenStorage | Map<string, unknown> = new Map(), more: object = {}): Promise<Calendar> {
  @Module({
    imports: [
      ForgeAuthModule.forRoot({
        storage: storage as TokenStorage,
        services: [{ name: 'calendar', baseUrl: api.origin, auth: { provider: provider(more) } }],
      }),
    ],
    providers: [Calendar],
    exports: [Calendar],
  })
  class Feature {}
  const app = await boot({ imports: [Feature] });
  closing.push(app);
  expect(app.get(ForgeAuthService).provider('calendar')).toBeDefined();
  return app.get(Calendar);
}

async function connect(
  calendar: Calendar,
  subject: string,
  hint = subject,
): Promise<Awaited<ReturnType<AuthorizationCodeTokenProvider['handleCallback']>>> {
  const { url } = await calendar.signIn.authorizationUrl({ subject, loginHint: hint });
  return calendar.signIn.handleCallback(await issuer.visit(url));
}

describe('a sign-in by authorization code', () => {
  it('a sign-in by authorization code ends with a token that the calls of its user carry', async () => {
    const calendar = await start();
    const started = await calendar.signIn.authorizationUrl({ subject: 'user-1', loginHint: 'alice', redirectTo: '/x' });
    const parameters = new URL(started.url).searchParams;
    expect(parameters.get('code_challenge_method')).toBe('S256');
    expect(parameters.get('state')).toBe(started.state);
    expect(parameters.get('nonce')).toBe(started.nonce);
    const finished = await calendar.signIn.handleCallback(await issuer.visit(started.url));
    expect(finished).toMatchObject({
      subject: 'user-1',
      redirectTo: '/x',
      claims: { sub: 'alice', iss: issuer.issuer },
    });
    expect(finished.token.claims).toMatchObject({ sub: 'alice' });
    await calendar.client.get('/events', { auth: { subject: 'user-1' } });
    expect(api.tokens).toEqual([finished.token.accessToken]);
    expect(await calendar.signIn.userInfo(finished.token)).toMatchObject({ sub: 'alice' });
    expect(new URL(await calendar.signIn.logoutUrl({ idTokenHint: finished.token })).pathname).toBe('/session/end');
  });

  it('asks for what its options and the sign-in say', async () => {
    const options = {
      prompt: 'login',
      loginHint: 'of-options',
      maxAge: 60,
      responseMode: 'form_post',
      audience: 'https://api.example',
      resource: ['https://a.example', 'https://b.example'],
      authorizationParams: { ui_locales: 'de', display: 'page' },
    };
    const { searchParams: usual } = new URL((await provider(options).authorizationUrl()).url);
    expect(Object.fromEntries(usual)).toMatchObject({
      response_type: 'code',
      client_id: APP.clientId,
      redirect_uri: APP.redirectUri,
      scope: 'openid offline_access read',
      prompt: 'login',
      login_hint: 'of-options',
      max_age: '60',
      response_mode: 'form_post',
      audience: 'https://api.example',
      ui_locales: 'de',
      display: 'page',
    });
    expect(usual.getAll('resource')).toEqual(options.resource);
    const asked = { scope: ['openid', 'write'], prompt: 'consent', loginHint: 'alice', maxAge: 0 };
    const started = await provider(options).authorizationUrl({ ...asked, extraParams: { display: 'touch' } });
    expect(Object.fromEntries(new URL(started.url).searchParams)).toMatchObject({
      scope: 'openid write',
      prompt: 'consent',
      login_hint: 'alice',
      max_age: '0',
      ui_locales: 'de',
      display: 'touch',
    });
  });

  it('takes the parameters that a browser has posted', async () => {
    const calendar = await start();
    const { url } = await calendar.signIn.authorizationUrl({ subject: 'user-1', loginHint: 'alice' });
    const posted = new URL(await issuer.visit(url)).searchParams;
    expect(await calendar.signIn.handleCallback(posted)).toMatchObject({ subject: 'user-1', claims: { sub: 'alice' } });
  });

  it('a sign-in by authorization code is needed: a user without a token gets a typed error, again and again, and nothing is sent', async () => {
    const calendar = await start();
    for (let tries = 0; tries < 5; tries += 1) {
      const error = await rejection(calendar.client.get('/events', { auth: { subject: 'user-1' } }));
      expect(error).toMatchObject({ name: 'AuthenticationError', code: 'FORGE_AUTH_AUTHORIZATION_REQUIRED' });
      expect(JSON.stringify(error)).not.toContain('user-1');
    }
    expect(api.server.requests).toHaveLength(0);
    expect(issuer.tokenRequests).toBe(0);
    expect(await calendar.tokens.forSubject('user-1').has()).toBe(false);
  });

  it('a sign-in by authorization code may end in another process than it started in, once', async () => {
    const storage = new Map<string, unknown>();
    const [first, second] = [await start(storage), await start(storage)];
    const { url, state, codeVerifier } = await first.signIn.authorizationUrl({ subject: 'user-1' });
    expect(JSON.stringify([...storage])).not.toContain(state);
    expect(JSON.stringify([...storage])).not.toContain(codeVerifier);
    expect(JSON.stringify([...storage.keys()])).not.toContain('user-1');
    const callback = await issuer.visit(url);
    await second.signIn.handleCallback(callback);
    await first.client.get('/events', { auth: { subject: 'user-1' } });
    for (const calendar of [first, second]) {
      expect(await rejection(calendar.signIn.handleCallback(callback))).toMatchObject({
        code: 'FORGE_AUTH_SIGN_IN_FAILED',
      });
    }
    expect(issuer.tokenRequests).toBe(1);
  });

  it('leaves nothing half stored when a process stops between code and token: the user starts again', async () => {
    const storage = new Map<string, unknown>();
    const [stopping, other] = [await start(storage), await start(storage)];
    const { url } = await stopping.signIn.authorizationUrl({ subject: 'user-1', loginHint: 'alice' });
    const callback = await issuer.visit(url);
    issuer.hold();
    const lost = stopping.signIn.handleCallback(callback).catch(() => undefined);
    await until(() => issuer.held === 1, 'the token request');
    expect(await other.tokens.forSubject('user-1').has()).toBe(false);
    expect(await rejection(other.signIn.handleCallback(callback))).toMatchObject({ code: 'FORGE_AUTH_SIGN_IN_FAILED' });
    issuer.release();
    await lost;
    await connect(other, 'user-1', 'alice');
    await other.client.get('/events', { auth: { subject: 'user-1' } });
  });

  it('refuses a call whose subject is undefined: it would be somebody else’s', async () => {
    const calendar = await start();
    for (const subject of [undefined, '', 7]) {
      const error = await rejection(calendar.client.get('/events', { auth: { subject: subject as never } }));
      expect(error).toMatchObject({ code: 'FORGE_AUTH_INVALID_REQUEST' });
    }
    expect(api.server.requests).toHaveLength(0);
  });

  it('takes one of two callbacks at once', async () => {
    const calendar = await start();
    const { url } = await calendar.signIn.authorizationUrl({ subject: 'user-1' });
    const callback = await issuer.visit(url);
    const results = await Promise.allSettled(
      [callback, callback, callback].map((at) => calendar.signIn.handleCallback(at)),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(issuer.tokenRequests).toBe(1);
  });

  it('renews the token of each user by itself, and asks a user whose refresh token is refused to sign in', async () => {
    const reported: unknown[] = [];
    const calendar = await start(new Map(), { onToken: (...args: unknown[]) => reported.push(args[2]) });
    await connect(calendar, 'user-1', 'alice');
    const { token } = await connect(calendar, 'user-2', 'bob');
    await issuer.revokeAll();
    await calendar.client.get('/events', { auth: { subject: 'user-1' } });
    expect(issuer.grantTypes.at(-1)).toBe('refresh_token');
    expect(reported).toEqual([{ subject: 'user-1' }, { subject: 'user-2' }, { subject: 'user-1' }]);
    await issuer.revoke(token.refreshToken as string);
    const requests = issuer.tokenRequests;
    const error = await rejection(calendar.client.get('/events', { auth: { subject: 'user-2' } }));
    expect(error).toMatchObject({
      name: 'TokenRefreshError',
      code: 'FORGE_AUTH_REFRESH_FAILED',
      error: 'invalid_grant',
      subject: expect.stringMatching(/^[\w-]{8,}$/),
    });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('user-2');
    const later = await rejection(calendar.client.get('/events', { auth: { subject: 'user-2' } }));
    expect(later).toMatchObject({ code: 'FORGE_AUTH_AUTHORIZATION_REQUIRED' });
    expect(issuer.tokenRequests).toBe(requests + 1);
    await connect(calendar, 'user-2', 'bob');
    await calendar.client.get('/events', { auth: { subject: 'user-2' } });
  });

  it('a sign-in by authorization code is undone by revoking, at the issuer and in every process', async () => {
    const storage = new Map<string, unknown>();
    const [first, second] = [await start(storage), await start(storage)];
    const { token } = await connect(first, 'user-1', 'alice');
    await first.tokens.forSubject('user-1').revoke();
    expect(await issuer.provider.RefreshToken.find(token.refreshToken as string)).toBeUndefined();
    for (const calendar of [first, second]) expect(await calendar.tokens.forSubject('user-1').has()).toBe(false);
    expect(JSON.stringify([...storage.values()])).not.toContain(token.refreshToken);
  });

  it.each([
    ['forgotten', 'the same', 0],
    ['forgotten', 'another', 1],
    ['revoked', 'the same', 0],
    ['revoked', 'another', 1],
  ] as const)(
    'a sign-in by authorization code is undone for good when it is %s in %s process while it is renewed',
    async (how, _which, index) => {
      const storage = new Map<string, unknown>();
      const calendars = [await start(storage), await start(storage)] as const;
      const [renewing] = calendars;
      await connect(renewing, 'user-1', 'alice');
      issuer.hold();
      const renewal = rejection(renewing.tokens.forceRefresh({ subject: 'user-1' }));
      await until(() => issuer.held === 1, 'the refresh');
      const tokens = calendars[index].tokens.forSubject('user-1');
      await (how === 'revoked' ? tokens.revoke() : tokens.forget());
      issuer.release();
      // The issuer refuses what was revoked; what it does not know of is dropped here.
      const error = await renewal;
      expect(isSignInRequired(error)).toBe(true);
      expect(error).toMatchObject({ serviceName: 'calendar', subject: expect.stringMatching(/^[\w-]{8,}$/) });
      for (const calendar of calendars) expect(await calendar.tokens.forSubject('user-1').has()).toBe(false);
      expect(await rejection(renewing.client.get('/events', { auth: { subject: 'user-1' } }))).toMatchObject({
        code: 'FORGE_AUTH_AUTHORIZATION_REQUIRED',
      });
      // Signing in again works as ever.
      await connect(renewing, 'user-1', 'alice');
      for (const calendar of calendars) await calendar.client.get('/events', { auth: { subject: 'user-1' } });
    },
  );

  it('takes a token that was obtained elsewhere', async () => {
    const calendar = await start();
    const { token } = await connect(calendar, 'user-1', 'alice');
    await calendar.tokens.setToken(token, { subject: 'user-2' });
    await calendar.tokens.forSubject('user-3').setToken(token);
    expect((await calendar.tokens.forSubject('user-2').getToken()).accessToken).toBe(token.accessToken);
    expect(await calendar.tokens.forSubject('user-3').has()).toBe(true);
  });

  it('pushes its request where the issuer takes it', async () => {
    await issuer.close();
    issuer = await startPeopleServer({ features: { pushedAuthorizationRequests: { enabled: true } } });
    const calendar = await start();
    const { url } = await calendar.signIn.authorizationUrl({ subject: 'user-1', loginHint: 'alice' });
    expect([...new URL(url).searchParams.keys()].sort()).toEqual(['client_id', 'request_uri']);
    expect(issuer.server.count('/request')).toBe(1);
    expect(await calendar.signIn.handleCallback(await issuer.visit(url))).toMatchObject({ claims: { sub: 'alice' } });
  });

  it('works without a module, and with what the app keeps itself', async () => {
    const alone = provider();
    const { url, state, nonce, codeVerifier } = await alone.authorizationUrl({ loginHint: 'alice' });
    const callback = await issuer.visit(url);
    const finished = await provider().handleCallback(callback, { state, nonce, codeVerifier, subject: 'user-1' });
    expect(finished).toMatchObject({ subject: 'user-1', claims: { sub: 'alice' } });
    const again = await alone.authorizationUrl({ loginHint: 'alice' });
    expect(await alone.handleCallback(await issuer.visit(again.url))).toMatchObject({ subject: 'alice' });
  });
});

async function refusedWith(change: (callback: URL, calendar: Calendar) => unknown): Promise<[unknown, Calendar]> {
  const calendar = await start();
  const { url } = await calendar.signIn.authorizationUrl({ subject: 'user-1', loginHint: 'alice' });
  const callback = new URL(await issuer.visit(url));
  await change(callback, calendar);
  const error = await rejection(calendar.signIn.handleCallback(callback));
  expect(await calendar.tokens.forSubject('user-1').has()).toBe(false);
  return [error, calendar];
}

describe('a callback that is none of ours', () => {
  const FAILED = { name: 'AuthenticationError', code: 'FORGE_AUTH_SIGN_IN_FAILED' };

  it.each<[string, (callback: URL) => void]>([
    ['a forged state', (url) => url.searchParams.set('state', 'forged')],
    ['no state', (url) => url.searchParams.delete('state')],
    ['two states', (url) => url.searchParams.append('state', 'other')],
    ['two codes', (url) => url.searchParams.append('code', 'other')],
    ['no code', (url) => url.searchParams.delete('code')],
    ['the iss of another server', (url) => url.searchParams.set('iss', 'https://evil.example')],
    ['no iss, though the issuer names itself', (url) => url.searchParams.delete('iss')],
    ['an error', (url) => url.searchParams.set('error', 'access_denied')],
  ])('a callback that is none of ours with %s is refused', async (_what, change) => {
    const [error] = await refusedWith(change);
    expect(error).toMatchObject(FAILED);
    expect(issuer.tokenRequests).toBe(0);
  });

  it('repeats registered error codes alone', async () => {
    const [denied] = await refusedWith((url) => url.searchParams.set('error', 'access_denied'));
    expect(denied).toMatchObject({ error: 'access_denied' });
    const [other] = await refusedWith((url) => url.searchParams.set('error', 'the_secret_code'));
    expect(JSON.stringify(other)).not.toContain('the_secret_code');
  });

  it('a callback that is none of ours with the code of another user is refused by the issuer', async () => {
    const [error] = await refusedWith(async (url, calendar) => {
      const other = await calendar.signIn.authorizationUrl({ subject: 'user-2', loginHint: 'bob' });
      url.searchParams.set('code', new URL(await issuer.visit(other.url)).searchParams.get('code') ?? '');
    });
    expect(error).toMatchObject({ name: 'AuthenticationError', error: 'invalid_grant' });
  });

  it('a callback that is none of ours of a sign-in that was started for another user is refused', async () => {
    const calendar = await start();
    const { url } = await calendar.signIn.authorizationUrl({ subject: 'mallory', loginHint: 'alice' });
    const callback = await issuer.visit(url);
    expect(await rejection(calendar.signIn.handleCallback(callback, { subject: 'user-1' }))).toMatchObject(FAILED);
    expect(await calendar.tokens.forSubject('mallory').has()).toBe(false);
  });

  it('a callback that is none of ours of another app on the same storage is refused', async () => {
    const storage = new Map<string, unknown>();
    const [calendar, other] = [await start(storage), await start(storage, { clientId: 'another-app' })];
    const { url } = await other.signIn.authorizationUrl({ subject: 'user-1' });
    const state = new URL(url).searchParams.get('state') ?? '';
    const callback = `${APP.redirectUri}?code=c&state=${state}&iss=${issuer.issuer}`;
    expect(await rejection(calendar.signIn.handleCallback(callback))).toMatchObject(FAILED);
  });
});

describe('what a sign-in refuses', () => {
  it.each([
    ['response_type in extraParams', { extraParams: { response_type: 'token' } }, /RFC 9700 §2\.1\.2/],
    ['response_type in authorizationParams', { authorizationParams: { response_type: 'id_token token' } }, /RFC 9700/],
    ['responseType', { responseType: 'token' }, /implicit|responseType/],
    ['a state of one’s own', { authorizationParams: { state: 'fixed' } }, /state is set by the provider/],
    ['a fragment', { responseMode: 'fragment' }, /responseMode must be/],
    ['no redirectUri', { redirectUri: undefined }, /redirectUri/],
    ['http elsewhere', { redirectUri: 'http://app.example/callback' }, /plain http/],
  ])('%s', async (_what, options, message) => {
    const error = await rejection((async () => provider(options).authorizationUrl())());
    expect(error).toMatchObject({ name: 'ConfigurationError', message: expect.stringMatching(message) });
  });
});
