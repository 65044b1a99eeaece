import { type Api, startApi } from '../support/api.js';
import { type FleetOptions, type FleetProcess, startFleet } from '../support/fleet.js';
import { useRedis } from '../support/redis-of-spec.js';
import { untilSubscribed } from '../support/redis-subscribers.js';
import { CLIENT, startTokenEndpoint, type TokenEndpoint, USER } from '../support/token-endpoint.js';

let endpoint: TokenEndpoint;
let api: Api;
let fleet: FleetProcess[] = [];

const redis = useRedis();
beforeEach(async () => {
  await redis.flushAll();
  endpoint = await startTokenEndpoint();
  api = await startApi(endpoint);
});
afterEach(async () => {
  await Promise.all(fleet.splice(0).map((process) => process.close()));
  await api.close();
  await endpoint.close();
});

/** As long as a busy machine may need to deliver a message. */
const PATIENCE_MS = 10_000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function start(count: number, more: Partial<FleetOptions> = {}): Promise<FleetProcess[]> {
  const provider = { kind: 'ClientCredentialsTokenProvider', options: { tokenUrl: endpoint.url, ...CLIENT } };
  fleet = await startFleet(count, { redisUrl: redis.url, apiUrl: api.origin, provider, ...more });
  return fleet;
}

/** Commands that Redis has carried out, without those that ask for this. */
async function commands(): Promise<number> {
  const info = String(await redis.command('INFO', 'commandstats'));
  return [...info.matchAll(/cmdstat_(\w+)[^:]*:calls=(\d+)/g)]
    .filter(([, name]) => !['info', 'config', 'client', 'hello', 'ping', 'select'].includes(name ?? ''))
    .reduce((sum, [, , calls]) => sum + Number(calls), 0);
}

it('10,000 warm calls cost Redis no command', async () => {
  const [process] = await start(1);
  await process?.calls(1);
  // What the first call began is over.
  let before = -1;
  for (let now = await commands(); now !== before; now = await commands()) {
    before = now;
    await pause(300);
  }
  for (let round = 0; round < 10; round += 1) await process?.calls(1_000);
  expect(await commands()).toBe(before);
}, 60_000);

it('8 cold processes make no more than 8 attempts at the lock at once', async () => {
  endpoint.configure({ delayMs: 150 });
  await start(8);
  await redis.command('CONFIG', 'RESETSTAT');
  await Promise.all(fleet.map((process) => process.calls(100)));
  const info = String(await redis.command('INFO', 'commandstats'));
  const evals = Number(/cmdstat_eval:calls=(\d+)/.exec(info)?.[1] ?? 0);
  // Eight attempts, one write, one release, and what latecomers ask while they poll.
  expect(evals).toBeLessThanOrEqual(8 * 2 + 2);
  expect(endpoint.tokenRequests).toBe(1);
}, 60_000);

it("another process's invalidation is seen within a message", async () => {
  // Only a message makes the other one look so soon.
  const [one, other] = await start(2, { root: { nearCacheTtlMs: 3_600_000 } });
  await one?.calls(1);
  await other?.calls(1);
  await untilSubscribed(redis, 2);
  await one?.invalidate();
  const end = performance.now() + PATIENCE_MS;
  while ((await other?.token()) !== undefined && performance.now() < end) await pause(20);
  expect(await other?.token()).toBeUndefined();
}, 60_000);

it('processes that reject the same token at once renew it once', async () => {
  await start(4);
  await Promise.all(fleet.map((process) => process.calls(5)));
  endpoint.revokeAll();
  const tallies = await Promise.all(fleet.map((process) => process.calls(50)));
  expect(tallies.map(({ failed }) => failed)).toEqual([0, 0, 0, 0]);
  expect(endpoint.tokenRequests).toBe(2);
}, 60_000);

it('4 processes whose service rejects every token get one each, then leave the issuer alone', async () => {
  await start(4);
  await Promise.all(fleet.map((process) => process.calls(5)));
  api.configure({ respond: () => ({ status: 401 }) });
  for (let round = 0; round < 3; round += 1) {
    const tallies = await Promise.all(fleet.map((process) => process.calls(30)));
    expect(tallies.map(({ failed }) => failed)).toEqual([30, 30, 30, 30]);
  }
  expect(endpoint.tokenRequests).toBeGreaterThanOrEqual(2);
  expect(endpoint.tokenRequests).toBeLessThanOrEqual(1 + 4);
}, 60_000);

it('a token that was revoked twice before a process looked is replaced all the same, and no call fails', async () => {
  await start(4);
  await Promise.all(fleet.map((process) => process.calls(5)));
  for (const process of fleet) {
    endpoint.revokeAll();
    await process.refresh();
    endpoint.revokeAll();
    const tallies = await Promise.all(fleet.map((each) => each.calls(20)));
    expect(tallies.map(({ failed }) => failed)).toEqual([0, 0, 0, 0]);
  }
  expect(endpoint.tokenRequests).toBe(1 + 2 * 4);
}, 60_000);

it('a process that is killed while it sends a one-time refresh token: nobody sends that token again', async () => {
  endpoint.configure({ refreshTokens: 'rotate' });
  const options = { tokenUrl: endpoint.url, ...CLIENT, ...USER };
  const [holder, other] = await start(2, { provider: { kind: 'PasswordGrantTokenProvider', options } });
  await holder?.calls(1);
  await other?.calls(1);
  endpoint.hold();
  const lost = holder?.refresh().catch(() => undefined);
  await endpoint.server.received(2);
  holder?.signal('SIGKILL');
  await lost;
  endpoint.release();
  const refreshed = other?.refresh();
  await refreshed;
  expect(endpoint.server.requests.map((request) => request.form().get('grant_type'))).toEqual([
    'password',
    'refresh_token',
    'password',
  ]);
  expect(endpoint.refreshTokenReuses).toBe(0);
}, 60_000);
