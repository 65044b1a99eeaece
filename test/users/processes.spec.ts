import type { ClientMetadata } from 'oidc-provider';
import { type Api, startApi } from '../support/api.js';
import { quietly } from '../support/quietly.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { rejection, until } from '../support/async.js';
import { APP, type PeopleServer, startPeopleServer } from './people-server.js';
import { UserProcess } from './user-fleet.js';

let redis: RedisServer;
let issuer: PeopleServer;
let api: Api;
/** Where the issuer tells of logouts. */
let logouts: RecordingServer;
let first: UserProcess;
let second: UserProcess;

beforeAll(async () => {
  redis = await startRedis();
  logouts = await startServer((_request, response) => void response.end());
  const client = { backchannel_logout_uri: `${logouts.origin}/logout`, backchannel_logout_session_required: true };
  issuer = await startPeopleServer({
    features: { backchannelLogout: { enabled: true } },
    client: client as Partial<ClientMetadata>,
  });
  api = await startApi(issuer);
}, 120_000);

beforeEach(async () => {
  [first, second] = (await start(2)) as [UserProcess, UserProcess];
}, 120_000);

afterEach(() => {
  for (const one of [first, second]) one.kill();
});

afterAll(async () => {
  await api.close();
  await issuer.close();
  await logouts.close();
  await redis.stop();
});

function start(count: number): Promise<UserProcess[]> {
  const scope = 'openid offline_access read';
  const provider = { issuer: issuer.issuer, ...APP, scope, prompt: 'consent' };
  return UserProcess.start(count, { redisUrl: redis.url, apiUrl: api.origin, provider });
}

/** Starts in one process, ends in another. */
async function signIn(subject: string, hint: string): Promise<Record<string, unknown>> {
  const { url } = await first.startSignIn(subject, hint);
  const { claims = {} } = await second.finishSignIn(await issuer.visit(url));
  return claims;
}

/** Abilities of a client of `oidc-provider` beyond its types. */
interface LogsOut {
  backchannelLogout(sub: string, sid: unknown): Promise<void>;
}

const logoutUrl = (parameters: object): string =>
  `/logout?${new URLSearchParams(parameters as Record<string, string>).toString()}`;

const have = (subject: string): Promise<boolean[]> => Promise.all([first, second].map((one) => one.has(subject)));

it('a sign-in starts in one process and ends in another, once', async () => {
  const { url } = await first.startSignIn('user-1', 'alice');
  const callback = await issuer.visit(url);
  expect(await second.finishSignIn(callback)).toMatchObject({ subject: 'user-1', claims: { sub: 'alice' } });
  for (const one of [first, second]) expect(await one.call('user-1')).toBe(200);
  for (const one of [first, second])
    expect(String(await rejection(one.finishSignIn(callback)))).toContain('FORGE_AUTH_SIGN_IN_FAILED');
});

it('one of two processes that get the same callback at once takes it', async () => {
  const { url } = await first.startSignIn('user-7', 'grace');
  const callback = await issuer.visit(url);
  const requests = issuer.tokenRequests;
  const results = await Promise.allSettled([first, second].map((one) => one.finishSignIn(callback)));
  expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  expect(issuer.tokenRequests).toBe(requests + 1);
  for (const one of [first, second]) expect(await one.call('user-7')).toBe(200);
}, 60_000);

it('a process that is killed between code and token leaves nothing half stored: the user starts again', async () => {
  const { url } = await first.startSignIn('user-2', 'bob');
  const callback = await issuer.visit(url);
  issuer.hold();
  void first.finishSignIn(callback);
  await until(() => issuer.held === 1, 'the token request');
  first.kill();
  expect(await second.has('user-2')).toBe(false);
  issuer.release();
  expect(String(await rejection(second.call('user-2')))).toContain('FORGE_AUTH_AUTHORIZATION_REQUIRED');
  // The state is used up: whoever saw the callback cannot finish it.
  expect(String(await rejection(second.finishSignIn(callback)))).toContain('FORGE_AUTH_SIGN_IN_FAILED');
  [first] = (await start(1)) as [UserProcess];
  expect(await first.has('user-2')).toBe(false);
  await signIn('user-2', 'bob');
  for (const one of [first, second]) expect(await one.call('user-2')).toBe(200);
}, 60_000);

it('a logout that the issuer announces itself drops the tokens of its subject in every process, and of nobody else', async () => {
  const { sid } = await signIn('user-3', 'carol');
  await signIn('user-4', 'dave');
  for (const one of [first, second]) expect([await one.call('user-3'), await one.call('user-4')]).toEqual([200, 200]);
  const client = (await issuer.provider.Client.find(APP.clientId)) as unknown as LogsOut;
  await quietly('oidc-provider ', () => client.backchannelLogout('carol', sid));
  const token = logouts.requests.at(-1)?.form().get('logout_token') ?? '';
  expect(await first.logout({ token })).toEqual({ subjects: ['user-3'] });
  expect(await have('user-3')).toEqual([false, false]);
  expect(await have('user-4')).toEqual([true, true]);
  for (const one of [first, second])
    expect(String(await rejection(one.call('user-3')))).toContain('FORGE_AUTH_AUTHORIZATION_REQUIRED');
}, 60_000);

it('a logout is not undone by a process that renews the token just then', async () => {
  const { sid } = await signIn('user-8', 'heidi');
  issuer.hold();
  const renewal = rejection(first.refresh('user-8'));
  await until(() => issuer.held === 1, 'the refresh');
  const url = logoutUrl({ iss: issuer.issuer, sid: String(sid) });
  expect(await second.logout({ url })).toEqual({ subjects: ['user-8'] });
  issuer.release();
  expect(String(await renewal)).toContain('FORGE_AUTH_AUTHORIZATION_REQUIRED');
  expect(await have('user-8')).toEqual([false, false]);
  for (const one of [first, second])
    expect(String(await rejection(one.call('user-8')))).toContain('FORGE_AUTH_AUTHORIZATION_REQUIRED');
  await signIn('user-8', 'heidi');
  for (const one of [first, second]) expect(await one.call('user-8')).toBe(200);
}, 60_000);

it('a token that is invalidated while it is renewed costs its user no refresh token', async () => {
  await signIn('user-9', 'ivan');
  await second.call('user-9');
  const requests = issuer.tokenRequests;
  issuer.hold();
  const renewal = first.refresh('user-9');
  await until(() => issuer.held === 1, 'the refresh');
  await second.invalidate();
  issuer.release();
  await renewal;
  for (const one of [first, second]) expect(await one.call('user-9')).toBe(200);
  expect(issuer.tokenRequests).toBe(requests + 1);
  // If one was sent twice, the issuer ended all that came of the sign-in.
  for (const one of [second, first]) await one.refresh('user-9');
  for (const one of [first, second]) expect(await one.call('user-9')).toBe(200);
}, 60_000);

it('a logout in the browser drops the tokens of its session in every process, and of no other', async () => {
  const { sid } = await signIn('user-5', 'erin');
  await signIn('user-6', 'frank');
  const session = String(sid);
  for (const wrong of [{ iss: 'https://evil.example', sid: session }, { sid: session }, { iss: issuer.issuer }])
    expect(String(await rejection(first.logout({ url: logoutUrl(wrong) })))).toContain('FORGE_AUTH_ID_TOKEN_INVALID');
  expect(await first.logout({ url: logoutUrl({ iss: issuer.issuer, sid: 'unknown' }) })).toEqual({ subjects: [] });
  expect(await have('user-5')).toEqual([true, true]);
  expect(await second.logout({ url: logoutUrl({ iss: issuer.issuer, sid: session }) })).toEqual({
    subjects: ['user-5'],
  });
  expect([await have('user-5'), await have('user-6')]).toEqual([
    [false, false],
    [true, true],
  ]);
}, 60_000);
