import { createKeyv, createKeyvNonBlocking } from '@keyv/redis';
import { createCache } from 'cache-manager';
import type { Keyv } from 'keyv';
import { CacheManagerTokenStorage, ClientCredentialsTokenProvider, TokenManager } from 'nestjs-forge-auth';
import { type Api, startApi } from '../support/api.js';
import { captureEverything } from '../support/capture.js';
import { type FleetProcess, startFleet } from '../support/fleet.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { CLIENT, startTokenEndpoint, type TokenEndpoint } from '../support/token-endpoint.js';

const DEADLINE_MS = 250;

let redis: RedisServer;
let endpoint: TokenEndpoint;
let api: Api;

beforeEach(async () => {
  redis = await startRedis();
  endpoint = await startTokenEndpoint();
  api = await startApi(endpoint);
});
afterEach(async () => {
  await redis.stop();
  await api.close();
  await endpoint.close();
});

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A pseudo-random choice that is the same in each run. */
function choices(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

it('4 processes under load see no failed call while Redis is killed, frozen, flushed and restarted, 20 times', async () => {
  const expiresIn = 10;
  endpoint.configure({ expiresIn });
  const provider = { kind: 'ClientCredentialsTokenProvider', options: { tokenUrl: endpoint.url, ...CLIENT } };
  const fleet: FleetProcess[] = await startFleet(4, { redisUrl: redis.url, apiUrl: api.origin, provider });
  try {
    const loadMs = 24_000;
    const load = Promise.all(fleet.map((process) => process.load(loadMs, 2, 25)));
    const random = choices(7);
    const faults = [
      async () => {
        await redis.kill();
        await pause(400);
        await redis.restart();
      },
      async () => {
        redis.freeze();
        await pause(600);
        redis.thaw();
      },
      async () => redis.flushAll(),
      async () => redis.restart(),
    ];
    for (let round = 0; round < 20; round += 1) {
      await faults[Math.floor(random() * faults.length)]?.();
      await pause(200 + random() * 500);
    }
    const tallies = await load;
    expect(tallies.flatMap(({ errors }) => errors)).toEqual([]);
    expect(tallies.reduce((sum, { failed }) => sum + failed, 0)).toBe(0);
    expect(api.unauthorized).toBe(0);
    // At most one request per process for each token that ran out, and the first.
    const expiries = Math.ceil(loadMs / (expiresIn * 800)) + 1;
    expect(endpoint.tokenRequests).toBeLessThanOrEqual(fleet.length * expiries);
  } finally {
    await Promise.all(fleet.map((process) => process.close()));
  }
}, 120_000);

describe.each<[string, () => Keyv]>([
  ['createKeyv(url)', () => createKeyv(redis.url)],
  ['createKeyvNonBlocking(url)', () => createKeyvNonBlocking(redis.url)],
])('on %s', (_name, make) => {
  let keyv: Keyv;
  let manager: TokenManager;
  const lines: string[] = [];

  beforeEach(() => {
    lines.length = 0;
    keyv = make();
    keyv.on('error', () => undefined);
    const keep = (line: string): void => void lines.push(line);
    manager = new TokenManager({
      name: 'orders',
      storage: new CacheManagerTokenStorage(createCache({ stores: [keyv] })),
      provider: new ClientCredentialsTokenProvider({ tokenUrl: endpoint.url, ...CLIENT }),
      logger: { log: keep, warn: keep, error: keep },
    });
  });
  afterEach(async () => {
    await manager.close();
    await keyv.disconnect();
  });

  it('a Redis that is down at the start costs a token request, not a call', async () => {
    await redis.kill();
    const token = await manager.getToken();
    expect(endpoint.isValid(token.accessToken)).toBe(true);
    expect(endpoint.tokenRequests).toBe(1);
    // A client whose server is gone for good would try to reach it for ever.
    await redis.restart();
    await pause(500);
  });

  it('a Redis that freezes costs its deadline once, and is logged once when it goes and once when back', async () => {
    await manager.getToken();
    redis.freeze();
    const startedAt = performance.now();
    for (let call = 0; call < 20; call += 1) await manager.getToken({ scope: `scope-${call}` });
    // Of 20 cold tokens only the first waits for the store, and later a probe.
    expect(performance.now() - startedAt).toBeLessThan(20 * DEADLINE_MS);
    expect(lines.filter((line) => line.includes('Token storage is not answering')).length).toBe(1);
    redis.thaw();
    const isBack = (): number => lines.filter((line) => line.includes('Token storage is back')).length;
    // It is left alone for 10 s at most.
    for (let call = 20; call < 24 || (isBack() === 0 && call < 60); call += 1) {
      await manager.getToken({ scope: `scope-${call}` });
      await pause(300);
    }
    expect(isBack()).toBe(1);
  }, 30_000);
});

it.each([
  ['a stranger', 'hello'],
  ['half an envelope', '{"v":1,"token":{"accessTok'],
  ['another version', '{"v":99,"token":{"accessToken":"x","tokenType":"Bearer"},"obtainedAt":1,"generation":1}'],
  [
    'an expired token',
    '{"v":1,"token":{"accessToken":"x","tokenType":"Bearer","expiresAt":1},"obtainedAt":0,"generation":1}',
  ],
])('%s in the storage is a miss', async (_what, value) => {
  const stored = new Map<string, string>();
  const storage = { get: () => value, set: (key: string, written: string) => stored.set(key, written) };
  const manager = new TokenManager({
    name: 'orders',
    storage,
    provider: new ClientCredentialsTokenProvider({ tokenUrl: endpoint.url, ...CLIENT }),
  });
  const token = await manager.getToken();
  expect(endpoint.isValid(token.accessToken)).toBe(true);
  expect(stored.size).toBe(1);
  await manager.close();
});

it('an undone acquire leaves no lock behind when a frozen Redis thaws', async () => {
  const keyv = createKeyv(redis.url);
  keyv.on('error', () => undefined);
  const storage = new CacheManagerTokenStorage(createCache({ stores: [keyv] }));
  await storage.get('warm-up');
  const lock = storage.createLock();
  redis.freeze();
  await expect(lock?.acquire('key', { ttlMs: 60_000, signal: new AbortController().signal })).rejects.toThrow(
    'did not answer within 250 ms',
  );
  redis.thaw();
  const acquire = () => lock?.acquire('key', { ttlMs: 60_000, signal: new AbortController().signal });
  let lease = await acquire();
  // Undone as soon as Redis gets to it: long before the lease would run out.
  for (let tries = 0; lease === null && tries < 100; tries += 1) {
    await pause(50);
    lease = await acquire();
  }
  expect(lease).not.toBeNull();
  await lease?.release();
  await keyv.disconnect();
});

it('keys never hold a secret, and with encryption on values do not either', async () => {
  const capture = captureEverything();
  const keyv = createKeyv(redis.url);
  const manager = new TokenManager({
    name: 'orders',
    storage: new CacheManagerTokenStorage(createCache({ stores: [keyv] })),
    encryption: { keys: [{ id: 'k1', key: Buffer.alloc(32, 7) }] },
    provider: new ClientCredentialsTokenProvider({ tokenUrl: endpoint.url, ...CLIENT }),
  });
  const token = await manager.getToken();
  const keys = (await redis.command('KEYS', '*')) as string[];
  expect(keys.length).toBeGreaterThan(0);
  const values = await Promise.all(keys.map((key) => redis.command('GET', key)));
  const text = JSON.stringify([keys, values]);
  for (const secret of [token.accessToken, CLIENT.clientSecret]) expect(text).not.toContain(secret);
  await manager.close();
  await keyv.disconnect();
  capture.stop();
});
