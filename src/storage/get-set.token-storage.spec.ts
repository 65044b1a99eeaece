import { createCache } from 'cache-manager';
import { Keyv } from 'keyv';
import { FakeClock } from '../testing/fake-clock.js';
import { CacheManagerTokenStorage } from './cache-manager.token-storage.js';
import { silentLogger } from '../logger.js';
import { GetSetTokenStorage, storageOf } from './get-set.token-storage.js';
import { GuardedStorage } from './guarded-storage.js';
import { InMemoryTokenStorage } from './in-memory.token-storage.js';
import { RedisTokenStorage } from './redis.token-storage.js';
import { type GetSet, TOKEN_STORAGE, type TokenStorage } from './token-storage.js';

const clock = new FakeClock();

describe('an object with get and set', () => {
  const plain = { get: () => undefined, set: () => undefined };

  it('an object with get and set is shared, unless it is a Map', () => {
    expect([new GetSetTokenStorage(plain).shared, new GetSetTokenStorage(new Map()).shared]).toEqual([true, false]);
    expect(new GetSetTokenStorage(plain)[TOKEN_STORAGE]).toBe(true);
  });

  it('an object with get and set gives text and bytes, written with two arguments; all else is none', async () => {
    const calls: unknown[][] = [];
    let value: unknown;
    const target = { get: async () => value, set: (...args: unknown[]) => calls.push(args) };
    const storage = new GetSetTokenStorage(target as never);
    await storage.set('key', 'value');
    await storage.delete('key');
    expect(calls).toEqual([
      ['key', 'value'],
      ['key', ''],
    ]);
    for (value of ['', 'text', new Uint8Array(1)]) expect(await storage.get('key')).toBe(value);
    for (value of [5, {}, null, undefined]) expect(await storage.get('key')).toBeUndefined();
  });

  it('an object with get and set has one lock for all of this process', () => {
    const other = { ...plain };
    const lock = new GetSetTokenStorage(plain).createLock(clock);
    expect(new GetSetTokenStorage(plain).createLock(clock)).toBe(lock);
    expect(new GetSetTokenStorage(other).createLock(clock)).not.toBe(lock);
  });

  it('an object with get and set is waited for, and deletes by its own means where it has any', async () => {
    const done: string[] = [];
    const slow = (what: string) => async (): Promise<undefined> => {
      await new Promise(setImmediate);
      done.push(what);
      return undefined;
    };
    const storage = new GetSetTokenStorage({ get: slow('get'), set: slow('set'), delete: slow('delete') } as never);
    await storage.set('key', 'value');
    expect(done).toEqual(['set']);
    await storage.delete('key');
    expect(done).toEqual(['set', 'delete']);
    const overwriting = new GetSetTokenStorage({ get: slow('get'), set: slow('set') });
    await overwriting.delete('key');
    expect(done).toEqual(['set', 'delete', 'set']);
    const bytes = Buffer.from('x');
    expect(await new GetSetTokenStorage({ ...plain, get: () => bytes }).get('key')).toBe(bytes);
  });

  it.each(['delete', 'setIfNewer', 'createLock', 'createSignal', 'connect', 'release'])(
    'an object with get and set is no storage with a %s that is no function',
    (member) => {
      const given = { ...plain, [TOKEN_STORAGE]: true, [member]: 'text' };
      expect(() => storageOf(given as never, 'Service "x"')).toThrow(
        `Service "x": storage.${member} must be a function, as a TokenStorage has it.`,
      );
    },
  );

  it.each(['setIfNewer', 'createLock', 'createSignal'])(
    'an object with get and set is a storage by its %s',
    (member) => {
      const given = { ...plain, [member]: () => undefined };
      expect(storageOf(given as never, 'x')).toBe(given);
    },
  );

  it.each([
    [2, GetSetTokenStorage],
    [3, Object],
    [4, Object],
  ])('an object with get and set that declares %d arguments is a %p', (count, kind) => {
    const set = Object.defineProperty(() => undefined, 'length', { value: count });
    expect(storageOf({ get: () => undefined, set } as never, 'x').constructor).toBe(kind);
  });
});

const nothing = (): undefined => undefined;
const kindOf = (given: object): unknown =>
  storageOf({ get: nothing, set: nothing, ...given } as never, 'x').constructor;

describe('what is given as a storage', () => {
  it.each([undefined, null, {}, { get: nothing }, { set: nothing }, { get: 'text', set: nothing }])(
    'what is given as a storage has get and set: not %p',
    (given) => {
      expect(() => storageOf(given as never, 'Service "x"')).toThrow(
        'Service "x": storage must have get(key) and set(key, value), as a Map, a Redis client or a TokenStorage has.',
      );
    },
  );

  it.each(['yes', 1, null])('what is given as a storage is marked by a boolean, not by %p', (mark) => {
    expect(() => kindOf({ [TOKEN_STORAGE]: mark })).toThrow('x: storage[TOKEN_STORAGE] is no boolean.');
  });

  it.each<[string, TokenStorage]>([
    ['on a Redis', new RedisTokenStorage({ duplicate: nothing, call: nothing })],
    ['in a cache', new CacheManagerTokenStorage(createCache({ stores: [new Keyv()] }))],
    ['in memory', new InMemoryTokenStorage()],
    ['in an object', new GetSetTokenStorage(new Map())],
  ])('what is given as a storage and is one of ours stays as it is: %s', (_what, storage) => {
    expect(storageOf(storage, 'x')).toBe(storage);
  });

  it.each<[string, object, unknown]>([
    ['marked as one', { [TOKEN_STORAGE]: true, del: nothing }, Object],
    ['marked as none', { [TOKEN_STORAGE]: false, setIfNewer: nothing, delete: nothing }, GetSetTokenStorage],
    ['with a deadline', { deadlineMs: 5 }, Object],
    ['that says whether it is shared', { shared: false }, Object],
    ['that deletes', { delete: nothing }, Object],
    ['of a client that deletes', { delete: nothing, del: nothing }, GetSetTokenStorage],
    ['of a client that is duplicated', { delete: nothing, duplicate: nothing }, GetSetTokenStorage],
    ['of a cache that deletes', { delete: nothing, wrap: nothing }, GetSetTokenStorage],
    ['of a Redis client', { duplicate: nothing, call: nothing }, RedisTokenStorage],
  ])('what is given as a storage: %s', (_what, given, kind) => {
    expect(kindOf(given)).toBe(kind);
  });

  it.each<[string, GetSet, boolean]>([
    ['does not say whether its set takes a lifetime', { get: nothing, set: nothing }, true],
    ['has a set with a default', { get: nothing, set: (_key: string, _value: string, ttlMs = 5) => ttlMs }, true],
    ['is marked as none', { [TOKEN_STORAGE]: false, get: nothing, set: nothing } as GetSet, false],
    ['is a client', { get: nothing, set: nothing, del: nothing } as GetSet, false],
    ['is a cache', { get: nothing, set: nothing, wrap: nothing } as GetSet, false],
    ['is a Map', new Map(), false],
  ])('what is given as a storage and %s is remarked on once where that was guessed', (_what, given, guessed) => {
    const warnings: unknown[] = [];
    const logger = { ...silentLogger, warn: (line: unknown) => void warnings.push(line) };
    const storage = storageOf(given, 'Service "x"');
    for (const _ of [1, 2]) expect(new GuardedStorage(storage, { clock, logger })).toBeDefined();
    const line = expect.stringMatching(
      /^Service "x": storage has get and set alone .* Mark it \[TOKEN_STORAGE\]: true/,
    );
    expect(warnings).toEqual(guessed ? [line] : []);
  });

  it('what is given as a storage is a Map, or a cache, of which the most shared store is called', async () => {
    const [map, above, shared] = [new Map(), new Map([['key', 'above']]), new Map([['key', 'shared']])];
    expect(storageOf(map, 'x').constructor).toBe(GetSetTokenStorage);
    const cache = { get: () => 'cache', set: nothing, wrap: nothing };
    const read = (given: object): unknown => storageOf({ ...cache, ...given } as never, 'x').get('key');
    expect(await read({ stores: [above, shared] })).toBe('shared');
    expect(await read({ stores: [] })).toBe('cache');
    expect(await read({ wrap: undefined, stores: [above, shared] })).toBe('cache');
  });
});
