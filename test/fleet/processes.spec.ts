import { startApi, type Api } from '../support/api.js';
import { type AuthorizationServer, CLIENTS, startAuthorizationServer } from '../support/authorization-server.js';
import { type FleetOptions, type FleetProcess, startFleet, type Tally } from '../support/fleet.js';
import { useRedis } from '../support/redis-of-spec.js';
import { CLIENT, startTokenEndpoint, type TokenEndpoint, USER } from '../support/token-endpoint.js';

const PROCESSES = 8;

const redis = useRedis();
let endpoint: TokenEndpoint;
let api: Api;
let fleet: FleetProcess[] = [];

beforeEach(async () => {
  await redis.flushAll();
  endpoint = await startTokenEndpoint();
  api = await startApi(endpoint);
});
afterEach(async () => {
  for (const process of fleet) process.signal('SIGCONT');
  const codes = await Promise.all(fleet.splice(0).map((process) => process.close()));
  const failed = codes.filter((code) => code !== 0 && code !== null);
  if (failed.length > 0) throw new Error(`Processes ended with exit codes ${failed.join(', ')}.`);
  await api.close();
  await endpoint.close();
});

async function start(count: number, more: Partial<FleetOptions> = {}): Promise<FleetProcess[]> {
  const provider = { kind: 'ClientCredentialsTokenProvider', options: { tokenUrl: endpoint.url, ...CLIENT } };
  fleet = await startFleet(count, { redisUrl: redis.url, apiUrl: api.origin, provider, ...more });
  return fleet;
}

function total(tallies: Tally[]): Pick<Tally, 'succeeded' | 'failed' | 'errors'> {
  return {
    succeeded: tallies.reduce((sum, { succeeded }) => sum + succeeded, 0),
    failed: tallies.reduce((sum, { failed }) => sum + failed, 0),
    errors: [...new Set(tallies.flatMap(({ errors }) => errors))],
  };
}

it('8 processes with 1,000 cold callers each request one token', async () => {
  endpoint.configure({ delayMs: 300 });
  await start(PROCESSES);
  const tallies = await Promise.all(fleet.map((process) => process.calls(1_000)));
  expect(total(tallies)).toEqual({ succeeded: 8_000, failed: 0, errors: [] });
  expect(endpoint.tokenRequests).toBe(1);
}, 120_000);

/** All processes call until something has happened, however long the machine takes for it. */
async function loadUntil(happened: () => boolean, concurrency: number, pauseMs: number): Promise<Tally[]> {
  const tallies: Tally[] = [];
  const callOn = async (process: FleetProcess): Promise<void> => {
    while (!happened()) tallies.push(await process.load(500, concurrency, pauseMs));
  };
  await Promise.all(fleet.map(callOn));
  return tallies;
}

const renewals = (): number => endpoint.grantTypes.filter((grant) => grant === 'refresh_token').length;

/** Expiry of each token that a process of the fleet got, by fingerprint. */
const inUse = async (): Promise<Record<string, number>> =>
  Object.assign({}, ...(await Promise.all(fleet.map((each) => each.expiries())))) as Record<string, number>;

it('over 20 expiries of a 5-second token under load there is one renewal each, and no caller sees a 401', async () => {
  endpoint.configure({ expiresIn: 5 });
  await start(PROCESSES);
  const tallies = await loadUntil(() => endpoint.issued.length > 20, 2, 50);
  expect(total(tallies)).toMatchObject({ failed: 0, errors: [] });
  expect(api.unauthorized).toBe(0);
  // Each token that was given out was used by the fleet, as soon as what was under way has ended: none was asked for in vain.
  let known = await inUse();
  for (let tries = 0; tries < 100 && Object.keys(known).length < endpoint.issued.length; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    known = await inUse();
  }
  expect(Object.keys(known).length).toBe(endpoint.issued.length);
  // Renewed in the background from 1 s before expiry, less up to a fifth of that in jitter.
  const times = Object.values(known).sort((a, b) => a - b);
  const gaps = times.slice(1).map((time, index) => time - (times[index] as number));
  expect(gaps.length).toBeGreaterThanOrEqual(20);
  expect(Math.min(...gaps)).toBeGreaterThan(3_900);
  // Before it ran out, wherever the machine was free in its last second.
  expect(gaps.filter((gap) => gap < 5_000).length).toBeGreaterThan(gaps.length / 2);
}, 300_000);

it('a token that is revoked under load is renewed once, and no call fails', async () => {
  await start(PROCESSES);
  await Promise.all(fleet.map((process) => process.calls(1)));
  expect(endpoint.tokenRequests).toBe(1);
  const load = loadUntil(() => endpoint.tokenRequests > 1, 4, 10);
  endpoint.revokeAll();
  const tallies = [...(await load), ...(await Promise.all(fleet.map((process) => process.load(500, 4, 10))))];
  expect(total(tallies)).toMatchObject({ failed: 0, errors: [] });
  expect(endpoint.tokenRequests).toBe(2);
}, 120_000);

it('a holder that is killed inside its token request is replaced within one lease', async () => {
  const [holder, other] = await start(2);
  endpoint.hold();
  const lost = holder?.calls(1).catch(() => undefined);
  await endpoint.server.received(1);
  const waiting = other?.calls(10);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(endpoint.server.requests.length).toBe(1);
  holder?.signal('SIGKILL');
  await lost;
  await endpoint.server.received(2, undefined, 20_000);
  endpoint.release();
  expect(await waiting).toMatchObject({ succeeded: 10, failed: 0 });
  expect(endpoint.server.requests.length).toBe(2);
}, 120_000);

it('a holder that is paused beyond its lease does not overwrite the newer token', async () => {
  const [holder, other] = await start(2);
  endpoint.hold();
  const paused = holder?.calls(1);
  await endpoint.server.received(1);
  holder?.signal('SIGSTOP');
  const calls = other?.calls(1);
  await endpoint.server.received(2, undefined, 20_000);
  endpoint.release();
  expect(await calls).toMatchObject({ succeeded: 1 });
  const newer = await other?.token();
  holder?.signal('SIGCONT');
  expect(await paused).toMatchObject({ succeeded: 1 });
  const stored = await redis.command('KEYS', 'fleet::forge-auth:*');
  const value = String(await redis.command('GET', (stored as string[])[0] as string));
  const issued = endpoint.issued.map(({ accessToken }) => accessToken);
  expect(issued.filter((token) => value.includes(token))).toEqual([issued.at(-1)]);
  expect((await other?.token())?.fingerprint).toBe(newer?.fingerprint);
}, 120_000);

it('a 429 with Retry-After holds the whole fleet back, and one probe goes first', async () => {
  await start(4);
  const refused = Date.now();
  endpoint.answerNext({ status: 429, headers: { 'retry-after': '3' }, json: { error: 'slow_down' } });
  const tallies = await Promise.all(fleet.map((process) => process.calls(20)));
  expect(total(tallies)).toMatchObject({ failed: 0 });
  const [first, second] = endpoint.server.requests.map(({ at }) => at);
  expect(endpoint.server.requests.length).toBe(2);
  expect((second as number) - (first as number)).toBeGreaterThanOrEqual(2_990);
  expect(first as number).toBeGreaterThanOrEqual(refused);
}, 120_000);

it('rotating one-time refresh tokens are sent once each by 8 processes', async () => {
  endpoint.configure({ expiresIn: 2, refreshTokens: 'rotate' });
  const options = { tokenUrl: endpoint.url, ...CLIENT, ...USER };
  await start(PROCESSES, { provider: { kind: 'PasswordGrantTokenProvider', options } });
  const tallies = await loadUntil(() => renewals() >= 6, 2, 30);
  expect(total(tallies)).toMatchObject({ failed: 0, errors: [] });
  expect(endpoint.refreshTokenReuses).toBe(0);
  expect(endpoint.grantTypes.filter((grant) => grant === 'password').length).toBe(1);
}, 120_000);

describe('on an authorization server that revokes the family on reuse', () => {
  let issuer: AuthorizationServer;
  let protectedApi: Api;

  beforeEach(async () => {
    issuer = await startAuthorizationServer({ rotateRefreshTokens: true });
    protectedApi = await startApi(issuer);
  });
  afterEach(async () => {
    await protectedApi.close();
    await issuer.close();
  });

  it('50 forced rotations by 8 processes reuse no refresh token', async () => {
    const options = {
      tokenUrl: issuer.tokenEndpoint,
      ...CLIENTS.basic,

      username: 'alice',
      password: 'alice-in-wonderland',
      scope: 'openid offline_access',
    };
    await start(PROCESSES, { apiUrl: protectedApi.origin, provider: { kind: 'PasswordGrantTokenProvider', options } });
    await fleet[0]?.calls(1);
    for (let round = 0; round < 50; round += 1) {
      const [one, other] = [fleet[round % PROCESSES], fleet[(round + 3) % PROCESSES]];
      await Promise.all([one?.refresh(), round % 5 === 0 ? other?.refresh() : other?.calls(2)]);
    }
    const tallies = await Promise.all(fleet.map((process) => process.calls(5)));
    expect(total(tallies)).toMatchObject({ failed: 0, errors: [] });
    expect(issuer.grantTypes.filter((grant) => grant === 'password').length).toBe(1);
    expect(issuer.grantTypes.filter((grant) => grant === 'refresh_token').length).toBeGreaterThanOrEqual(50);
  }, 120_000);
});
