import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { KeyvMemcache } from '@keyv/memcache';
import { KeyvPostgres } from '@keyv/postgres';
import KeyvRedis, { createKeyv } from '@keyv/redis';
import KeyvValkey, { createKeyv as createValkeyKeyv } from '@keyv/valkey';
import { Cacheable, CacheableMemory } from 'cacheable';
import { type Cache, createCache } from 'cache-manager';
import { Keyv } from 'keyv';
import { Keyv as Keyv6 } from 'keyv6';
import { CacheManagerTokenStorage, type GetSet, type TokenStorage } from 'nestjs-forge-auth';
import { storageOf } from '../../src/storage/get-set.token-storage.js';
import { sharedStoreOf } from '../../src/storage/shared-store.js';
import { type MemcachedServer, startMemcached, whyNoMemcached } from '../support/memcached-server.js';
import { type PostgresServer, startPostgres } from '../support/postgres-server.js';
import { useRedis } from '../support/redis-of-spec.js';
import { describeTokenStorage, type TokenStorageTraits } from '../support/token-storage.contract.js';

const closing: (() => unknown)[] = [];
afterAll(async () => {
  for (const close of closing) await close();
});
const redis = useRedis();

/** Part of a Keyv that is used here, in every version. */
interface AnyKeyv {
  get(key: string): Promise<unknown>;
  set(key: string, value: string): Promise<unknown>;
  delete(key: string): Promise<unknown>;
  disconnect(): Promise<unknown>;
  on(event: 'error', listener: () => void): unknown;
}

function closed<T extends AnyKeyv>(keyv: T): T {
  closing.push(() => keyv.disconnect());
  // Without a listener Keyv 6 rejects what Keyv 5 answers with a miss.
  keyv.on('error', () => undefined);
  return keyv;
}

/** A cache of stores of any version: its types know the Keyv of its own alone. */
function cacheOf(stores: readonly object[], options: { nonBlocking?: boolean } = {}): Cache {
  return createCache({ stores: stores as Keyv[], ...options });
}

const redisKeyv = (): Keyv => closed(createKeyv(redis.url, { namespace: 'app' }));
const memory = (): Keyv => new Keyv({ store: new CacheableMemory({ ttl: 60_000, lruSize: 5_000 }) });
const asNestWraps = (store: object): Keyv => closed(new Keyv({ store }));

/** An adapter as Keyv 6 wants it: it is given the time when a value ends, not how long it lasts. */
class KeyvRedisFor6 extends KeyvRedis<string> {
  readonly capabilities = { expires: true };

  override set(key: string, value: string, expires?: number): Promise<void> {
    return super.set(key, value, expires === undefined ? undefined : Math.max(1, expires - Date.now()));
  }
}

/** Caches with a Redis at the end, whatever stands above it and around it. */
const OVER_REDIS: readonly [string, () => Cache][] = [
  ['@keyv/redis', () => cacheOf([redisKeyv()])],
  ['@keyv/redis, without a namespace', () => cacheOf([closed(createKeyv(redis.url))])],
  ['a bare @keyv/redis, as Nest wraps it', () => cacheOf([asNestWraps(new KeyvRedis(redis.url))])],
  ['@keyv/valkey', () => cacheOf([closed(createValkeyKeyv(redis.url))])],
  [
    '@keyv/valkey without sets, in a namespace',
    () =>
      cacheOf([
        closed(new Keyv({ store: new KeyvValkey(redis.url, { useRedisSets: false }), namespace: 'valkey-app' })),
      ]),
  ],
  ['memory above @keyv/redis', () => cacheOf([memory(), redisKeyv()])],
  ['memory above @keyv/redis, non-blocking', () => cacheOf([memory(), redisKeyv()], { nonBlocking: true })],
  ['a Cacheable over @keyv/redis', () => cacheOf([new Cacheable({ primary: memory(), secondary: redisKeyv() })])],
  [
    'a non-blocking Cacheable over @keyv/valkey',
    () =>
      cacheOf([
        new Cacheable({
          primary: memory(),
          secondary: closed(createValkeyKeyv(redis.url)),
          nonBlocking: true,
          namespace: 'cacheable-app',
        }),
      ]),
  ],
  [
    'Keyv 6 over an adapter for Keyv 6',
    () => cacheOf([closed(new Keyv6({ store: new KeyvRedisFor6(redis.url), namespace: 'app6' }))]),
  ],
  [
    'Keyv 6 with names made safe',
    () =>
      cacheOf([
        closed(
          new Keyv6({
            store: new KeyvRedisFor6(redis.url),
            namespace: 'app6',
            sanitize: { keys: { path: true, escape: false, mongo: false, sql: false } },
          }),
        ),
      ]),
  ],
  [
    'Keyv 6 over an adapter for Keyv 5',
    () => cacheOf([closed(new Keyv6({ store: new KeyvRedis(redis.url), namespace: 'app6' }))]),
  ],
  [
    'Keyv 6 over @keyv/valkey',
    () => cacheOf([closed(new Keyv6({ store: new KeyvValkey(redis.url), namespace: 'app6' }))]),
  ],
  ['Keyv 6 as Nest wraps it, in a Keyv 5', () => cacheOf([asNestWraps(new Keyv6(new KeyvRedisFor6(redis.url)))])],
];

/** The machine may be busy. */
const PATIENT = { keyPrefix: 'app', deadlineMs: 10_000 };
const withLocks: TokenStorageTraits = { expires: true, fences: true };
const expiring: TokenStorageTraits = { expires: true, fences: false };

for (const [name, make] of OVER_REDIS) {
  describeTokenStorage(name, () => new CacheManagerTokenStorage(make(), PATIENT), withLocks);
}

describe.each(OVER_REDIS)('tokens in %s', (_name, make) => {
  it('tokens in a cache store stand where the cache itself would write them, and as it would', async () => {
    const cache = make();
    const keyv = sharedStoreOf(cache) as AnyKeyv;
    const storage = new CacheManagerTokenStorage(cache, PATIENT);
    const key = `${randomUUID()}/../with a path`;

    await storage.set(key, 'ours', 60_000);
    expect(await keyv.get(`app:${key}`)).toBe('ours');
    await storage.setIfNewer?.(key, 'ours, fenced', 60_000, Date.now());
    expect(await keyv.get(`app:${key}`)).toBe('ours, fenced');
    await keyv.set(`app:${key}`, 'of the cache');
    expect(await storage.get(key)).toBe('of the cache');
    await storage.delete(key);
    expect(await keyv.get(`app:${key}`)).toBeUndefined();
  });

  it('tokens in a cache store are never an old value of a store above it', async () => {
    const cache = make();
    const storage = new CacheManagerTokenStorage(cache, PATIENT);
    const key = randomUUID();
    await cache.set(`app:${key}`, 'old', 60_000);
    // A non-blocking cache says so before it is done.
    while ((await storage.get(key)) !== 'old') await delay(1);

    const elsewhere = new CacheManagerTokenStorage(make(), PATIENT);
    await elsewhere.set(key, 'renewed by another process', 60_000);
    expect(await storage.get(key)).toBe('renewed by another process');
  });

  it('tokens in a cache store can be locked, and announced', () => {
    const storage = new CacheManagerTokenStorage(make());
    expect(storage.createLock()).toBeDefined();
    expect(storage.createSignal()).toBeDefined();
  });
});

describe('of two stores, none of them a Redis, the shared one alone is used', () => {
  it.each<[string, (above: Keyv, shared: Keyv) => TokenStorage]>([
    ['in a cache', (above, shared) => new CacheManagerTokenStorage(cacheOf([above, shared]))],
    [
      'in a Cacheable in a cache',
      (primary, secondary) => new CacheManagerTokenStorage(cacheOf([new Cacheable({ primary, secondary })])),
    ],
    ['in a cache that is the storage itself', (above, shared) => storageOf(cacheOf([above, shared]) as GetSet, 'test')],
    [
      'in a Cacheable that is the storage itself',
      (primary, secondary) => storageOf(new Cacheable({ primary, secondary }) as GetSet, 'test'),
    ],
  ])('%s', async (_name, open) => {
    const [above, shared] = [memory(), new Keyv()];
    const storage = open(above, shared);
    await above.set('key', 'old');
    await shared.set('key', 'renewed by another process');
    expect(await storage.get('key')).toBe('renewed by another process');
    await storage.set('other', 'value', 60_000);
    expect([await above.get('other'), await shared.get('other')]).toEqual([undefined, 'value']);
  });
});

describeTokenStorage('Keyv 6 over memory', () => new CacheManagerTokenStorage(cacheOf([new Keyv6()])), expiring);
describeTokenStorage('a Cacheable of memory', () => new CacheManagerTokenStorage(cacheOf([new Cacheable()])), expiring);

describe('CacheManagerTokenStorage over PostgreSQL', () => {
  let postgres: PostgresServer;
  const table = `tokens_${randomUUID().replaceAll('-', '')}`;
  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(async () => {
    await keyv.disconnect();
    await postgres.stop();
  });

  let keyv: Keyv;
  const open = (): Cache => {
    keyv = new Keyv(new KeyvPostgres({ uri: postgres.url, table }));
    return cacheOf([memory(), keyv]);
  };
  describeTokenStorage('@keyv/postgres, below memory', () => new CacheManagerTokenStorage(open(), PATIENT), {
    ...expiring,
    shortKeys: true,
  });
});

const noMemcached = whyNoMemcached();
if (noMemcached !== undefined) process.stderr.write(`Skipped, nothing is tested on Memcached: ${noMemcached}.\n`);
else {
  describe('CacheManagerTokenStorage over Memcached', () => {
    let memcached: MemcachedServer;
    beforeAll(async () => {
      memcached = await startMemcached();
    });
    afterAll(() => memcached.stop());

    const open = (): Cache => {
      const adapter = new KeyvMemcache(memcached.address);
      closing.push(() => adapter.client.close());
      return cacheOf([new Keyv(adapter)]);
    };
    describeTokenStorage('@keyv/memcache', () => new CacheManagerTokenStorage(open(), PATIENT), {
      ...expiring,
      shortKeys: true,
    });
  });
}
