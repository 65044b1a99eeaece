import { createClient } from '@redis/client';
import { createKeyv } from '@keyv/redis';
import { createCache } from 'cache-manager';
import { Redis } from 'ioredis';
import { Keyv } from 'keyv';
import {
  CacheManagerTokenStorage,
  type ForgeHttpClient,
  type GetSet,
  InMemoryTokenStorage,
  type TokenStorage,
} from 'nestjs-forge-auth';
import { useRedis } from '../support/redis-of-spec.js';
import { expectNoSecrets } from '../support/secrets.js';
import { CLIENT } from '../support/token-endpoint.js';
import { times, until } from '../support/async.js';
import { recordingLogger } from '../support/recording-logger.js';
import { World } from './world.js';

const world = new World();
afterEach(() => world.close());

const never = (): Promise<never> => new Promise(() => undefined);
const fail = (): never => {
  throw new Error('canary-4711-secret');
};
const reject = async (): Promise<never> => fail();

/** Two clients on one storage stand for two processes; the second never sees the memory of the first. */
async function shareOne(storage: TokenStorage | GetSet): Promise<void> {
  const [one, two] = [world.client({}, { storage }), world.client({}, { storage })];
  await Promise.all(times(100, () => one.get('/')));
  await Promise.all(times(100, () => two.get('/')));
  expect(world.endpoint.tokenRequests).toBe(1);
  await two.tokens?.invalidate();
  await two.get('/');
  expect(world.endpoint.tokenRequests).toBe(2);
  expect(new Set(world.api.tokens).size).toBe(2);
}

/** What is said of storages that do not answer: how one is called is said once, at its start. */
const outagesIn = (lines: readonly string[]): readonly string[] =>
  lines.filter((line) => !line.includes('storage has get and set alone'));

describe('a live', () => {
  const redis = useRedis();
  beforeEach(async () => {
    await redis.flushAll();
    await world.start();
  });

  it('Map shares tokens between clients', async () => {
    await shareOne(new Map<string, string>());
  });

  it('raw ioredis shares tokens between clients', async () => {
    const client = new Redis(redis.url);
    await shareOne(client);
    client.disconnect();
    await expectHashedKeys();
  });

  it('raw node-redis shares tokens between clients', async () => {
    const client = createClient({ url: redis.url });
    await client.connect();
    await shareOne(client as unknown as GetSet);
    client.destroy();
    await expectHashedKeys();
  });

  it('cache-manager over Redis shares tokens between clients', async () => {
    const keyv = createKeyv(redis.url);
    await shareOne(new CacheManagerTokenStorage(createCache({ stores: [new Keyv(), keyv] })));
    await keyv.disconnect();
    await expectHashedKeys();
  });

  it('raw ioredis gets a token back after a restart of the process, refresh token and all', async () => {
    world.endpoint.configure({ refreshTokens: 'rotate' });
    const client = new Redis(redis.url);
    const make = (): ForgeHttpClient =>
      world.client({ auth: { provider: world.passwordProvider() } }, { storage: client });
    const before = make();
    await before.get('/');
    await before.close();
    world.endpoint.revokeAll();
    await make().get('/');
    expect(world.endpoint.grantTypes).toEqual(['password', 'refresh_token']);
    client.disconnect();
  });

  it('Redis that dies, and comes back empty, costs token requests and no call', async () => {
    const client = new Redis(redis.url, { commandTimeout: 100, retryStrategy: () => 20 });
    client.on('error', () => undefined);
    const logger = recordingLogger();
    const calls = async (): Promise<void> => {
      const forge = world.client({}, { storage: client, logger });
      await Promise.all(times(20, () => forge.get('/')));
      await forge.close();
    };
    await calls();
    expect(world.endpoint.tokenRequests).toBe(1);
    await redis.kill();
    await calls();
    expect(world.endpoint.tokenRequests).toBe(2);
    await redis.restart();
    await until(() => client.status === 'ready', 'the client is connected again');
    await calls();
    await calls();
    expect(world.endpoint.tokenRequests).toBe(3);
    expect(outagesIn(logger.warnings)).toHaveLength(1);
    expect(outagesIn(logger.warnings)[0]).toContain('Token storage is not answering');
    client.disconnect();
  });

  async function expectHashedKeys(): Promise<void> {
    const keys = (await redis.command('KEYS', '*')) as string[];
    expect(keys.length).toBeGreaterThan(0);
    const secrets = [CLIENT.clientSecret, ...world.endpoint.issued.map(({ accessToken }) => accessToken)];
    expectNoSecrets(keys.join('\n'), secrets);
    expect(keys.join('\n')).toMatch(/forge-auth:orders:/);
  }
});

const foreignEnvelope = JSON.stringify({ v: 2, token: 'of another version' });
const halfEnvelope = '{"v":1,"token":{"accessToken":"canary-4711-secret","tokenType":"Bea';
const unsendable = JSON.stringify({
  v: 1,
  token: { accessToken: 'canary\r\nx-evil: 1', tokenType: 'Bearer' },
  obtainedAt: Date.now(),
  generation: Date.now(),
});
const expired = JSON.stringify({
  v: 1,
  token: { accessToken: 'expired-long-ago', tokenType: 'Bearer', expiresAt: 1_000 },
  obtainedAt: 0,
  generation: 1,
});

/** Storages that are no help. `set` keeps nothing where it is not named. */
const BROKEN: readonly [string, { get: () => unknown; set: () => unknown }][] = [
  ['throws at once', { get: fail, set: fail }],
  ['rejects', { get: reject, set: reject }],
  ['rejects reads only', { get: reject, set: async () => undefined }],
  ['rejects writes only', { get: async () => undefined, set: reject }],
  ['hangs', { get: never, set: never }],
  ['hangs on reads only', { get: never, set: async () => undefined }],
  ['hangs on writes only', { get: async () => undefined, set: never }],
  ['answers an object', { get: () => ({ accessToken: 'x' }), set: () => undefined }],
  ['answers a number', { get: () => 4711, set: () => undefined }],
  ['answers an empty text', { get: () => '', set: () => undefined }],
  ['answers a text of its own', { get: () => 'canary-4711-secret', set: () => undefined }],
  ['answers bytes', { get: () => Buffer.from([0xff, 0xfe, 0x00]), set: () => undefined }],
  ['answers JSON of its own', { get: () => '{"token":"x"}', set: () => undefined }],
  ['answers an envelope of another version', { get: () => foreignEnvelope, set: () => undefined }],
  ['answers half an envelope', { get: () => halfEnvelope, set: () => undefined }],
  ['answers a token that no header can carry', { get: () => unsendable, set: () => undefined }],
  ['answers a token that has expired', { get: () => expired, set: () => undefined }],
];

/** The same behaviour behind each of the ways in which a storage is given. */
const WAYS: readonly [string, (behaviour: { get: () => unknown; set: () => unknown }) => TokenStorage | GetSet][] = [
  ['an object of two functions', (behaviour) => behaviour],
  [
    'cache-manager',
    (behaviour) => new CacheManagerTokenStorage({ stores: [{ ...behaviour, delete: behaviour.set }] } as never),
  ],
  [
    'a TokenStorage of the app',
    ({ get, set }) => ({ get: async () => get() as string, set: async () => set(), deadlineMs: 50 }),
  ],
];

describe.each(WAYS)('with %s as storage', (_way, wrap) => {
  it.each(BROKEN)('calls go on with one token request on a storage that %s', async (_name, behaviour) => {
    await world.start();
    const logger = recordingLogger();
    const client = world.client({}, { storage: wrap(behaviour), logger });
    const responses = await Promise.all(times(30, () => client.get('/')));
    expect(responses.every(({ status }) => status === 200)).toBe(true);
    await Promise.all(times(30, () => client.get('/')));
    expect(world.endpoint.tokenRequests).toBe(1);
    world.endpoint.revokeAll();
    await Promise.all(times(30, () => client.get('/')));
    expect(world.endpoint.tokenRequests).toBe(2);
    expect(outagesIn(logger.warnings).length).toBeLessThanOrEqual(1);
    expectNoSecrets([...outagesIn(logger.warnings), ...logger.lines].join('\n'), ['canary-4711-secret']);
    await client.tokens?.invalidate();
    await client.get('/');
    expect(world.endpoint.tokenRequests).toBe(3);
  });
});

describe('a storage', () => {
  it('logs a storage that comes back once, and uses it again', async () => {
    await world.start();
    const values = new Map<string, string>();
    let down = true;
    const storage: GetSet = {
      get: (key) => (down ? reject() : values.get(key)),
      set: (key, value) => (down ? reject() : values.set(key, value)),
    };
    const logger = recordingLogger();
    const client = world.client({}, { storage, logger });
    await client.get('/');
    await client.tokens?.forceRefresh();
    expect(outagesIn(logger.warnings)).toHaveLength(1);
    down = false;
    await new Promise((resolve) => setTimeout(resolve, 600));
    await client.tokens?.forceRefresh();
    await client.tokens?.forceRefresh();
    expect(logger.lines).toEqual(['Token storage is back.']);
    expect(values.size).toBe(1);
  });

  it.each([
    ['down for all', () => true],
    ['read-only at first, and down then', (writing: boolean, calls: number) => writing || calls > 2],
  ])('a storage that is %s is back as soon as it answers, though nothing is written to it', async (_how, isDown) => {
    await world.start();
    let calls = 0;
    let over = false;
    const answer = async (writing: boolean): Promise<undefined> => {
      calls += 1;
      return !over && isDown(writing, calls) ? fail() : undefined;
    };
    const storage: GetSet = { get: () => answer(false), set: () => answer(true) };
    const logger = recordingLogger();
    const client = world.client({ auth: { provider: world.provider(), nearCacheTtlMs: 20 } }, { storage, logger });
    await client.get('/');
    await new Promise((resolve) => setTimeout(resolve, 30));
    await client.get('/');
    expect(outagesIn(logger.warnings)).toHaveLength(1);
    over = true;
    for (let tries = 0; logger.lines.length === 0 && tries < 500; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      await client.get('/');
    }
    expect([logger.lines, outagesIn(logger.warnings).length]).toEqual([['Token storage is back.'], 1]);
    expect(world.endpoint.tokenRequests).toBe(1);
  });

  it('a storage of a service takes the place of that of the client', async () => {
    await world.start();
    const [own, shared] = [new Map<string, string>(), new Map<string, string>()];
    await world.client({ storage: own }, { storage: shared }).get('/');
    expect([own.size, shared.size]).toEqual([1, 0]);
  });

  it('a storage that was shared by other means answers a token to a process that never fetched', async () => {
    await world.start();
    const storage = new InMemoryTokenStorage();
    await world.client({}, { storage }).get('/');
    await Promise.all(times(50, () => world.client({}, { storage }).get('/')));
    expect(world.endpoint.tokenRequests).toBe(1);
  });

  it('a storage is asked once for any number of cold callers, and never by warm ones', async () => {
    await world.start();
    let [reads, writes] = [0, 0];
    const values = new Map<string, string>();
    const storage: GetSet = {
      get: (key) => {
        reads += 1;
        return values.get(key);
      },
      set: (key, value) => {
        writes += 1;
        values.set(key, value);
      },
    };
    const client = world.client({}, { storage });
    await Promise.all(times(200, () => client.get('/')));
    expect(writes).toBe(1);
    expect(reads).toBeLessThanOrEqual(2);
    const before = reads;
    await Promise.all(times(200, () => client.get('/')));
    expect([reads, writes]).toEqual([before, 1]);
  });
});
