import { BackchannelTokenProvider, DeviceCodeTokenProvider, TokenManager, type UserCode } from 'nestjs-forge-auth';
import { json } from '../support/answer.js';
import { FakeClock } from '../support/fake-clock.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { rejection, times, until } from '../support/async.js';

/** An issuer whose person answers when a test says so. */
let server: RecordingServer;
let answers: (object | 'hang up')[];
let lifetime: number;
let clock: FakeClock;
let codes: UserCode[];

beforeEach(async () => {
  answers = [];
  codes = [];
  lifetime = 600;
  clock = new FakeClock();
  server = await startServer((request, response) => {
    if (request.path === '/device' || request.path === '/backchannel') {
      const code = { device_code: 'device-code', user_code: 'WXYZ', verification_uri: 'https://issuer.example/device' };
      return json(response, 200, { ...code, auth_req_id: 'request-id', expires_in: lifetime, interval: 5 });
    }
    const answer = answers.shift() ?? { error: 'authorization_pending' };
    if (answer === 'hang up') return void response.destroy();
    return json(response, 'error' in answer ? 400 : 200, answer);
  });
});

afterEach(() => server.close());

const TOKEN = { access_token: 'the-token', token_type: 'Bearer', expires_in: 3_600 };

function managerOf(kind: 'device' | 'backchannel'): TokenManager {
  const common = {
    tokenUrl: `${server.origin}/token`,
    deviceAuthorizationUrl: `${server.origin}/device`,
    backchannelAuthenticationUrl: `${server.origin}/backchannel`,
    clientId: 'tv',
    clientSecret: 'tv-secret',
    scope: 'openid read',
  };
  const provider =
    kind === 'device'
      ? new DeviceCodeTokenProvider({ ...common, onUserCode: (code) => void codes.push(code) })
      : new BackchannelTokenProvider({ ...common, loginHint: (subject) => `${subject ?? 'nobody'}@app.example` });
  return new TokenManager({ name: 'tv', provider, clock });
}

/** Lets `seconds` pass, and the requests that they bring be answered. */
async function pass(seconds: number, requests: number): Promise<void> {
  await until(() => clock.pending > 0, 'a timer');
  await clock.advance(seconds * 1_000);
  await until(() => server.count('/token') === requests, `${requests} polls`);
}

describe('signing in on another device', () => {
  it('polls at the issuer’s pace, for all who wait at once', async () => {
    answers = [{ error: 'authorization_pending' }, { error: 'slow_down' }, TOKEN];
    const manager = managerOf('device');
    const waiting = Promise.all(times(50, () => manager.getToken()));
    await until(() => codes.length === 1, 'a code');
    expect(codes[0]).toMatchObject({ userCode: 'WXYZ', verificationUri: 'https://issuer.example/device' });
    expect(codes[0]?.expiresAt).toBe(clock.now() + 600_000);
    await pass(4.9, 0);
    await pass(0.1, 1);
    await pass(5, 2);
    await pass(9.9, 2);
    await pass(0.1, 3);
    const tokens = await waiting;
    expect(new Set(tokens.map(({ accessToken }) => accessToken))).toEqual(new Set(['the-token']));
    expect(server.count('/device')).toBe(1);
    const form = server.requests.at(-1)?.form();
    expect(form?.get('grant_type')).toBe('urn:ietf:params:oauth:grant-type:device_code');
    expect(form?.get('device_code')).toBe('device-code');
    await manager.close();
  });

  it.each([
    ['access_denied', 'access_denied'],
    ['expired_token', 'expired_token'],
  ])('signing in on another device ends when the issuer says %s', async (error, code) => {
    answers = [{ error }];
    const manager = managerOf('device');
    const failure = rejection(manager.getToken());
    await until(() => codes.length === 1, 'a code');
    await pass(5, 1);
    expect(await failure).toMatchObject({
      name: 'AuthenticationError',
      code: 'FORGE_AUTH_SIGN_IN_FAILED',
      error: code,
    });
    await manager.close();
  });

  it('signing in on another device ends when the code is too old, beyond the deadline of other token requests', async () => {
    lifetime = 60;
    const manager = managerOf('device');
    const failure = rejection(manager.getToken());
    await until(() => codes.length === 1, 'a code');
    for (let polls = 1; polls <= 11; polls += 1) await pass(5, polls);
    await clock.advance(5_000);
    expect(await failure).toMatchObject({ code: 'FORGE_AUTH_SIGN_IN_FAILED', error: 'expired_token' });
    await manager.close();
  });

  it('asks a server that hangs up less often, and goes on', async () => {
    answers = ['hang up', TOKEN];
    const manager = managerOf('device');
    const token = manager.getToken();
    await until(() => codes.length === 1, 'a code');
    await pass(5, 1);
    await until(() => clock.pending > 0, 'a timer');
    await pass(9.9, 1);
    await pass(0.1, 2);
    expect((await token).accessToken).toBe('the-token');
    await manager.close();
  });

  it('stops polling when nobody waits any more', async () => {
    const manager = managerOf('device');
    const failure = rejection(manager.getToken());
    await until(() => codes.length === 1, 'a code');
    await manager.close();
    expect(await failure).toMatchObject({ code: 'FORGE_AUTH_CLIENT_CLOSED' });
    await clock.advance(60_000);
    expect(server.count('/token')).toBe(0);
  });
});

describe('asking the person on their own device', () => {
  it('names whom to ask, and polls for their answer', async () => {
    answers = [{ error: 'authorization_pending' }, TOKEN];
    const manager = managerOf('backchannel');
    const token = manager.forSubject('alice').getToken();
    await until(() => server.count('/backchannel') === 1, 'the request');
    expect(server.requests[0]?.form().get('login_hint')).toBe('alice@app.example');
    await pass(5, 1);
    await pass(5, 2);
    expect((await token).accessToken).toBe('the-token');
    expect(server.requests.at(-1)?.form().get('auth_req_id')).toBe('request-id');
    await manager.close();
  });
});
