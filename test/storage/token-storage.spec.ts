import { createClient } from '@redis/client';
import { createKeyv } from '@keyv/redis';
import { createCache } from 'cache-manager';
import { Redis } from 'ioredis';
import { Keyv } from 'keyv';
import {
  CacheManagerTokenStorage,
  type GetSet,
  InMemoryTokenStorage,
  RedisTokenStorage,
  TOKEN_STORAGE,
  type TokenStorage,
} from 'nestjs-forge-auth';
import { storageOf } from '../../src/storage/get-set.token-storage.js';
import { useRedis } from '../support/redis-of-spec.js';
import { describeTokenStorage } from '../support/token-storage.contract.js';

const closing: (() => unknown)[] = [];
afterAll(async () => {
  for (const close of closing) await close();
});
const redis = useRedis();

function ioredis(): Redis {
  const client = new Redis(redis.url);
  closing.push(() => client.disconnect());
  return client;
}

async function nodeRedis() {
  const client = createClient({ url: redis.url });
  client.on('error', () => undefined);
  await client.connect();
  closing.push(() => client.destroy());
  return client;
}

function keyvRedis(): Keyv {
  const keyv = createKeyv(redis.url);
  closing.push(() => keyv.disconnect());
  return keyv;
}

const plain = { expires: false, fences: false };
const expiring = { expires: true, fences: false };
const redisLike = { expires: true, fences: true };

describeTokenStorage('InMemoryTokenStorage', () => new InMemoryTokenStorage(), expiring);
describeTokenStorage(
  'CacheManagerTokenStorage over memory',
  () => new CacheManagerTokenStorage(createCache({ stores: [new Keyv()] })),
  expiring,
);
describeTokenStorage(
  'CacheManagerTokenStorage over Redis',
  () => new CacheManagerTokenStorage(createCache({ stores: [keyvRedis()] })),
  redisLike,
);
describeTokenStorage(
  'CacheManagerTokenStorage over memory and Redis, with a prefix',
  () => new CacheManagerTokenStorage(createCache({ stores: [new Keyv(), keyvRedis()] }), { keyPrefix: 'app' }),
  redisLike,
);
describeTokenStorage('RedisTokenStorage over ioredis', () => new RedisTokenStorage(ioredis()), redisLike);
describeTokenStorage(
  'RedisTokenStorage over node-redis, with a prefix',
  async () => new RedisTokenStorage((await nodeRedis()) as never, { keyPrefix: 'app' }),
  redisLike,
);
describeTokenStorage('a Map', () => storageOf(new Map<string, string>(), 'test'), plain);
describeTokenStorage('a raw ioredis', () => storageOf(ioredis(), 'test'), redisLike);
describeTokenStorage(
  'a raw node-redis',
  async () => storageOf((await nodeRedis()) as unknown as GetSet, 'test'),
  redisLike,
);
describeTokenStorage(
  "cache-manager's own Cache",
  () => storageOf(createCache({ stores: [new Keyv()] }), 'test'),
  plain,
);
describeTokenStorage('an object of two functions', () => storageOf(twoFunctions(), 'test'), plain);

function twoFunctions(): GetSet {
  const values = new Map<string, string>();
  return { get: (key) => values.get(key), set: (key, value) => void values.set(key, value) };
}

const noop = (): void => undefined;

function never(): Promise<never> {
  return new Promise(() => undefined);
}

/** Keyv's own end of what stands under a key. */
const endOf = async (key: string): Promise<number | undefined> => {
  const [full] = (await redis.command('KEYS', `*${key}`)) as string[];
  const written = JSON.parse(String(await redis.command('GET', full ?? ''))) as { value: string; expires?: number };
  expect(written.value).toBe('value');
  return written.expires;
};

describe('CacheManagerTokenStorage', () => {
  it('uses the last store alone, and what another process wrote there', async () => {
    const [memory, shared] = [new Keyv(), new Keyv()];
    const cache = createCache({ stores: [memory, shared] });
    const storage = new CacheManagerTokenStorage(cache, { keyPrefix: 'app' });
    await cache.set('app:key', 'old, in every store');
    await shared.set('app:key', 'new, of another process');
    expect(await storage.get('key')).toBe('new, of another process');
    await storage.set('other', 'value', 60_000);
    expect([await memory.get('app:other'), await shared.get('app:other')]).toEqual([undefined, 'value']);
  });

  it('hands whole milliseconds to the store', async () => {
    const storage = new CacheManagerTokenStorage(createCache({ stores: [keyvRedis()] }));
    await storage.set('ttl-key', 'value', 60_000);
    const keys = (await redis.command('KEYS', '*ttl-key')) as string[];
    const ttl = Number(await redis.command('PTTL', keys[0] ?? ''));
    expect(ttl).toBeGreaterThan(55_000);
    expect(ttl).toBeLessThanOrEqual(60_000);
  });

  it("writes Keyv's own end beside a value, as Keyv does: fenced or not, and none without a time", async () => {
    const storage = new CacheManagerTokenStorage(createCache({ stores: [keyvRedis()] }));
    const before = Date.now();
    await storage.set('plain-end', 'value', 60_000);
    await storage.setIfNewer?.('fenced-end', 'value', 60_000, before);
    await storage.set('endless', 'value');
    for (const key of ['plain-end', 'fenced-end']) {
      const end = Number(await endOf(key));
      expect(end).toBeGreaterThanOrEqual(before + 60_000);
      expect(end).toBeLessThanOrEqual(Date.now() + 60_000);
    }
    expect(await endOf('endless')).toBeUndefined();
  });

  it.each([[undefined], [{}], [{ stores: [] }], [{ stores: ['redis'] }], [new Map()]])('refuses %p', (cache) => {
    expect(() => new CacheManagerTokenStorage(cache as never)).toThrow('needs a cache of cache-manager 6 or later');
  });

  it.each([0, -1, Number.NaN])('refuses a deadline of %p', (deadlineMs) => {
    const cache = createCache({ stores: [new Keyv()] });
    expect(() => new CacheManagerTokenStorage(cache, { deadlineMs })).toThrow(
      'deadlineMs must be a number of milliseconds above zero',
    );
  });

  it('rejects a write that the store did not take: a Keyv answers false, and throws nothing', async () => {
    const refusing = { get: async () => undefined, set: async () => Promise.reject(new Error('Down.')) };
    const keyv = new Keyv({ store: { ...refusing, delete: async () => false, clear: async () => undefined } });
    const storage = new CacheManagerTokenStorage(createCache({ stores: [keyv] }));
    await expect(storage.set('key', 'value', 1_000)).rejects.toThrow('The cache did not take what was written.');
    await expect(storage.delete('key')).resolves.toBe(false);
  });

  it('gives a store up that does not answer in time', async () => {
    const hanging = { get: never, set: never, delete: never } as unknown as Keyv;
    const storage = new CacheManagerTokenStorage({ stores: [hanging] } as never, { deadlineMs: 20 });
    await expect(storage.get('key')).rejects.toThrow('The cache did not answer within 20 ms.');
  });
});

describe('storageOf', () => {
  it('calls foreign objects with two arguments: a third means another thing to each', async () => {
    const calls: unknown[][] = [];
    const foreign = {
      get: (...args: unknown[]) => void calls.push(args),
      set: (...args: unknown[]) => void calls.push(args),
    };
    const storage = storageOf(foreign, 'test');
    await storage.set('key', 'value', 60_000);
    await storage.get('key');
    await storage.delete?.('key');
    expect(calls).toEqual([['key', 'value'], ['key'], ['key', '']]);
  });

  it('keeps this of the object', async () => {
    class Store {
      readonly #values = new Map<string, string>();
      get(key: string): string | undefined {
        return this.#values.get(key);
      }
      set(key: string, value: string): void {
        this.#values.set(key, value);
      }
    }
    const storage = storageOf(new Store(), 'test');
    await storage.set('key', 'value');
    expect(await storage.get('key')).toBe('value');
  });

  it('leaves a TokenStorage as it is, also one of the app', () => {
    const [get, set, remove] = [
      async () => undefined,
      async (_key: string, _value: string, _ttlMs = 1) => undefined,
      async () => true,
    ];
    const own: TokenStorage[] = [
      { [TOKEN_STORAGE]: true, get, set },
      { get, set: async (_key, _value, _ttlMs) => undefined },
      { get, set, delete: remove },
      { get, set, setIfNewer: async () => true },
      { get, set, createLock: () => undefined },
      { get, set, deadlineMs: 100 },
      { get, set, shared: false },
    ];
    for (const storage of [new InMemoryTokenStorage(), ...own]) expect(storageOf(storage, 'test')).toBe(storage);
  });

  it('gives a storage of the app the time to live, however its set was declared', async () => {
    const ttls: number[] = [];
    const own: TokenStorage = {
      get: async () => undefined,
      set: async (_key, _value, ttlMs = 0) => ttls.push(ttlMs),
      delete: async () => true,
    };
    await storageOf(own, 'test').set('key', 'value', 1_500);
    expect(ttls).toEqual([1_500]);
  });

  it.each([
    ['a client, which deletes by del', { del: noop }],
    ['a client, which can be duplicated', { duplicate: noop, delete: noop }],
    ['a client that has both', { del: noop, delete: noop }],
    ['a cache', { wrap: noop, delete: noop }],
    ['what is marked as none', { [TOKEN_STORAGE]: false, delete: noop, setIfNewer: noop }],
  ])('calls %s with two arguments, however many its set declares', async (_what, members) => {
    const calls: unknown[][] = [];
    const set = (...[key, value, third]: unknown[]) => void calls.push(third === undefined ? [key, value] : [third]);
    await storageOf({ get: () => undefined, set, ...members } as GetSet, 'test').set('key', 'value', 1_500);
    expect(calls).toEqual([['key', 'value']]);
  });

  it.each([
    [{ [TOKEN_STORAGE]: 'yes' }, 'storage[TOKEN_STORAGE] is no boolean. Write true for a TokenStorage'],
    [{ setIfNewer: true }, 'storage.setIfNewer must be a function, as a TokenStorage has it. Leave it out'],
    [{ shared: true, delete: 'no' }, 'storage.delete must be a function'],
  ])('refuses an object that is no whole storage: %p', (members, message) => {
    const given = { get: async () => undefined, set: async () => undefined, ...members } as never;
    expect(() => storageOf(given, 'Service "orders"')).toThrow(`Service "orders": ${message}`);
  });

  it.each([[7], [{ a: 1 }], [true], [null], [undefined]])('reads a value of %p as a miss', async (value) => {
    expect(await storageOf({ get: () => value, set: () => undefined }, 'test').get('key')).toBeUndefined();
  });

  it.each([[undefined], [null], ['redis://localhost'], [{}], [{ get: () => undefined }], [{ set: () => undefined }]])(
    'refuses %p, and says what is needed',
    (given) => {
      expect(() => storageOf(given as never, 'Service "orders"')).toThrow(
        'Service "orders": storage must have get(key) and set(key, value)',
      );
    },
  );
});
