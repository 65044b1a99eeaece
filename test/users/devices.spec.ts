import { BackchannelTokenProvider, DeviceCodeTokenProvider, TokenManager, type UserCode } from 'nestjs-forge-auth';
import { type Api, startApi } from '../support/api.js';
import { FakeClock } from '../support/fake-clock.js';
import { useRedis } from '../support/redis-of-spec.js';
import { rejection, times, until } from '../support/async.js';
import { APP, type PeopleServer, startPeopleServer } from './people-server.js';
import { UserProcess } from './user-fleet.js';

const { clientId, clientSecret } = APP;
const DEVICE_PATH = '/device/auth';
const BACKCHANNEL_PATH = '/backchannel';
const SCOPE = 'openid offline_access read';

let issuer: PeopleServer;
let clock: FakeClock;
let manager: TokenManager;

beforeEach(async () => {
  issuer = await startPeopleServer();
  // As late as the issuer, whose id_tokens bear real times.
  clock = new FakeClock({ now: Date.now() });
});

afterEach(async () => {
  await manager?.close();
  await issuer.close();
});

/** Lets five seconds pass, and the poll that they bring be answered. */
async function poll(polls: number): Promise<void> {
  await until(() => clock.pending > 0, 'a timer');
  await clock.advance(5_000);
  await until(() => issuer.tokenRequests === polls, `${polls} polls`);
}

describe('signing in on another device at a certified server', () => {
  let codes: UserCode[];

  beforeEach(() => {
    codes = [];
    const provider = new DeviceCodeTokenProvider({
      issuer: issuer.issuer,
      clientId,
      clientSecret,
      scope: SCOPE,
      onUserCode: (code) => void codes.push(code),
    });
    manager = new TokenManager({ name: 'tv', provider, clock });
  });

  it('signing in on another device at a certified server ends with a token for all who wait, which is renewed without the person', async () => {
    const tokens = manager.forSubject('user-1');
    const waiting = Promise.all(times(20, () => tokens.getToken()));
    await until(() => codes.length === 1, 'a code');
    const [code] = codes as [UserCode];
    expect(code).toMatchObject({ subject: 'user-1', verificationUri: `${issuer.issuer}/device` });
    await poll(1);
    await issuer.confirmDevice(code.verificationUriComplete ?? '');
    await poll(2);
    const got = await waiting;
    expect(new Set(got.map(({ accessToken }) => accessToken)).size).toBe(1);
    expect(got[0]?.claims).toMatchObject({ sub: 'alice', iss: issuer.issuer });
    expect(issuer.server.count(DEVICE_PATH)).toBe(1);
    const renewed = await manager.forceRefresh({ subject: 'user-1' });
    expect(await issuer.isValid(renewed.accessToken)).toBe(true);
    expect(issuer.grantTypes.slice(2)).toEqual(['refresh_token']);
  });

  it('signing in on another device at a certified server ends with a typed error when the person refuses; the next call shows a new code', async () => {
    const failure = rejection(manager.getToken());
    await until(() => codes.length === 1, 'a code');
    const [code] = codes as [UserCode];
    const found = await issuer.provider.DeviceCode.findByUserCode(code.userCode.replace(/\W/g, ''));
    await Object.assign(found as object as { save(): Promise<string> }, { error: 'access_denied' }).save();
    await poll(1);
    const refused = { name: 'AuthenticationError', code: 'FORGE_AUTH_SIGN_IN_FAILED', error: 'access_denied' };
    expect(await failure).toMatchObject(refused);
    const next = manager.getToken();
    await until(() => codes.length === 2, 'another code');
    await issuer.confirmDevice(codes[1]?.verificationUriComplete ?? '');
    await poll(2);
    expect((await next).refreshToken).toBeDefined();
  });
});

describe('asking the person on their own device at a certified server', () => {
  beforeEach(() => {
    const provider = new BackchannelTokenProvider({
      issuer: issuer.issuer,
      clientId,
      clientSecret,
      scope: SCOPE,
      loginHint: (subject) => `${subject}@app.example`,
      bindingMessage: 'W4SCT',
    });
    manager = new TokenManager({ name: 'bank', provider, clock });
  });

  it('asking the person on their own device at a certified server ends with a token for all who wait', async () => {
    const waiting = Promise.all(times(20, () => manager.forSubject('alice').getToken()));
    await until(() => issuer.asked.length === 1, 'the question');
    expect(issuer.asked).toEqual(['alice@app.example']);
    await poll(1);
    await issuer.answer('alice@app.example', true);
    await poll(2);
    const got = await waiting;
    expect(new Set(got.map(({ accessToken }) => accessToken)).size).toBe(1);
    expect(got[0]?.claims).toMatchObject({ sub: 'alice@app.example' });
    expect(issuer.server.count(BACKCHANNEL_PATH)).toBe(1);
  });

  it('asking the person on their own device at a certified server ends with a typed error when the person refuses', async () => {
    const failure = rejection(manager.forSubject('alice').getToken());
    await until(() => issuer.asked.length === 1, 'the question');
    await issuer.answer('alice@app.example', false);
    await poll(1);
    expect(await failure).toMatchObject({ code: 'FORGE_AUTH_SIGN_IN_FAILED', error: 'access_denied' });
    expect(await manager.forSubject('alice').has()).toBe(false);
  });
});

describe('a fleet of processes that waits for one person', () => {
  const redis = useRedis();
  let api: Api;
  let processes: UserProcess[] = [];

  afterEach(async () => {
    for (const one of processes) one.kill();
    await api.close();
  });

  const shown = (): UserCode[] => processes.flatMap(({ codes }) => codes);

  async function start(kind: string, more: object): Promise<void> {
    api = await startApi(issuer);
    const provider = { kind, issuer: issuer.issuer, clientId, clientSecret, scope: SCOPE, ...more };
    processes = await UserProcess.start(3, { redisUrl: redis.url, apiUrl: api.origin, provider });
  }

  /** Calls in every process; how many polls one who polls alone can have sent by the end. */
  async function callEverywhere(subject: string, answer: () => Promise<void>): Promise<number> {
    const startedAt = performance.now();
    const calls = processes.map((one) => one.calls(subject, 5));
    await answer();
    expect((await Promise.all(calls)).flat()).toEqual(times(15, () => 200));
    return 1 + Math.floor((performance.now() - startedAt) / 5_000);
  }

  it('shows one code, and polls once for all', async () => {
    await start('DeviceCodeTokenProvider', {});
    const most = await callEverywhere('user-1', async () => {
      await until(() => shown().length > 0, 'a code');
      await issuer.confirmDevice(shown()[0]?.verificationUriComplete ?? '');
    });
    expect([shown().length, issuer.server.count(DEVICE_PATH)]).toEqual([1, 1]);
    expect(issuer.tokenRequests).toBeLessThanOrEqual(most);
    expect(new Set(api.tokens).size).toBe(1);
  }, 120_000);

  it('asks once, and polls once for all', async () => {
    await start('BackchannelTokenProvider', { loginHint: 'bob' });
    const most = await callEverywhere('user-2', async () => {
      await until(() => issuer.asked.length > 0, 'the question');
      await issuer.answer('bob', true);
    });
    expect(issuer.server.count(BACKCHANNEL_PATH)).toBe(1);
    expect(issuer.tokenRequests).toBeLessThanOrEqual(most);
    expect(new Set(api.tokens).size).toBe(1);
  }, 120_000);
});
