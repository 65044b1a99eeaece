import { randomBytes } from 'node:crypto';
import { Keyv } from 'keyv';
import { createCache } from 'cache-manager';
import { CacheManagerTokenStorage } from './cache-manager.token-storage.js';
import { clientOf, decodedBy, encodedBy, keyIn, type KeyvLayer, layersOf } from './keyv-layers.js';
import { openText, sealText } from './sealed-text.js';
import { layersUnder, sharedStoreOf, standsOnMap, standsOnMemcached } from './shared-store.js';

const client = { call: () => 0, duplicate: () => 0 };
const of = (layers: object[]): readonly KeyvLayer[] => layers as KeyvLayer[];
const serializing = {
  serializeData: async (data: object) => `5${JSON.stringify(data)}`,
  deserializeData: async (text: string) => JSON.parse(text.slice(1)) as object,
};
const encoding = {
  encode: async (data: object) => `6${JSON.stringify(data)}`,
  decode: async (text: string) => JSON.parse(text.slice(1)) as object,
};

describe('the most shared store of a cache', () => {
  it.each<[string, unknown, unknown]>([
    ['the last of several', { stores: ['above', 'shared'] }, 'shared'],
    ['the secondary', { primary: 'above', secondary: 'shared' }, 'shared'],
    ['the primary where it is alone', { primary: 'shared' }, 'shared'],
    ['the secondary of the last', { stores: ['above', { primary: 'above', secondary: 'shared' }] }, 'shared'],
    ['itself', 'shared', 'shared'],
    ['none of an empty list', { stores: [] }, undefined],
    ['none of none', undefined, undefined],
  ])('the most shared store of a cache is %s', (_what, cache, store) => {
    expect(sharedStoreOf(cache)).toBe(store);
  });

  it('the layers under a store are gone through once each, outermost first', () => {
    const bottom: { store?: object } = {};
    const top = { opts: { store: { store: bottom } }, store: 'not this' };
    bottom.store = top;
    expect([...layersUnder(top)]).toEqual([top, top.opts.store, bottom]);
    expect([...layersUnder('text'), ...layersUnder(null)]).toEqual([]);
  });

  it('a store stands on a Map, or on Memcached, wherever that is under it', () => {
    expect([standsOnMap({ store: { store: new Map() } }), standsOnMap({ store: {} })]).toEqual([true, false]);
    const memcached = { opts: { store: { client: { servers: ['a:1'] } } } };
    expect([
      standsOnMemcached(memcached),
      standsOnMemcached({ client: { servers: 'a' } }),
      standsOnMemcached({}),
    ]).toEqual([true, false, false]);
  });
});

describe('the layers of a Keyv over Redis', () => {
  it('the layers of a Keyv over Redis end with the client, and need a Keyv that writes and reads', () => {
    const adapter = { client, store: { redis: client } };
    const keyv = { ...serializing, store: adapter };
    expect(layersOf(keyv)).toEqual([keyv, adapter]);
    expect(layersOf({ ...encoding, store: { redis: client } })).toHaveLength(2);
    expect(layersOf(adapter)).toEqual([]);
    expect(layersOf({ serializeData: serializing.serializeData, store: adapter })).toEqual([]);
    expect(layersOf({ ...serializing, encode: encoding.encode, store: adapter })).toEqual([]);
    expect(layersOf({ ...serializing, store: {} })).toEqual([]);
    expect(clientOf({ client: {}, redis: client })).toBe(client);
    expect(clientOf({})).toBeUndefined();
  });

  it.each<[string, object[], string]>([
    ['a Keyv with a namespace', [{ ...serializing, namespace: 'n' }], 'n:key'],
    ['a Keyv with an empty one', [{ ...serializing, namespace: '' }], 'key'],
    ['a Keyv without one', [serializing], 'key'],
    ['a Keyv that leaves it to the adapter', [{ ...serializing, namespace: 'n', useKeyPrefix: false }], 'key'],
    [
      'a Keyv over one that has the same',
      [
        { ...serializing, namespace: 'n' },
        { ...serializing, namespace: 'n' },
      ],
      'n:key',
    ],
    [
      'a Keyv 6 that makes names safe',
      [{ sanitize: { enabled: true, cleanKey: (key: string) => `safe-${key}` } }],
      'safe-key',
    ],
    ['a Keyv 6 that does not', [{ sanitize: { enabled: false, cleanKey: () => 'never' } }], 'key'],
    ['an adapter', [{ namespace: 'n', createKeyPrefix: (key: string, name?: string) => `${name}::${key}` }], 'n::key'],
    ['a bridge', [{ namespace: 'n', getKeyPrefix: (key: string, name?: string) => `${name}|${key}` }], 'n|key'],
    ['@keyv/valkey', [{ _getKeyName: (key: string) => `sets:${key}` }], 'sets:key'],
    ['an adapter that says nothing', [{ createKeyPrefix: () => undefined }], 'key'],
    ['nothing', [{}], 'key'],
  ])('the layers of a Keyv over Redis name a key: %s', (_what, layers, key) => {
    expect(keyIn(of(layers), 'key')).toBe(key);
  });

  it('the layers of a Keyv over Redis write a value from the outermost in, each with its end, and read it back', async () => {
    const expires = Date.now() + 60_000;
    const layers = of([serializing, {}, encoding]);
    const written = await encodedBy(layers, 'value', expires);
    const outer = `5${JSON.stringify({ value: 'value', expires })}`;
    expect(written).toBe(`6${JSON.stringify({ value: outer, expires })}`);
    expect(await decodedBy(layers, written)).toBe('value');
    expect(await encodedBy(of([{ ...encoding, encode: async (data: object) => data }]), 'v', undefined)).toBe(
      '{"value":"v"}',
    );
    expect(await decodedBy(of([{ ...encoding, decode: async () => '{"value":"v"}' }]), 'any')).toBe('v');
  });

  it.each([undefined, null, 5, { value: 'v' }, 'garbage'])(
    'the layers of a Keyv over Redis read %p as none',
    async (written) => {
      expect(await decodedBy(of([serializing]), written)).toBeUndefined();
    },
  );

  it('the layers of a Keyv over Redis read what runs out this millisecond, and nothing after it', async () => {
    const before = Date.now();
    expect(
      await decodedBy(of([serializing]), `5${JSON.stringify({ value: 'v', expires: before - 1 })}`),
    ).toBeUndefined();
    expect(await decodedBy(of([serializing]), `5${JSON.stringify({ value: 'v', expires: before + 60_000 })}`)).toBe(
      'v',
    );
  });
});

const storageOn = (store: object, options = {}): CacheManagerTokenStorage =>
  new CacheManagerTokenStorage({ stores: [store] } as never, options);

describe('a token in a cache without Redis', () => {
  const CALLS: unknown[][] = [];
  const storeOf = (more: object = {}): object => ({
    get: async () => undefined,
    set: async (...args: unknown[]) => (CALLS.push(args), true),
    delete: async () => true,
    ...more,
  });
  beforeEach(() => void CALLS.splice(0));
  const DAYS_30_MS = 30 * 24 * 3_600_000;

  it('a token in a cache without Redis is kept in Memcached for 30 days at most, elsewhere as long as was asked for', async () => {
    const memcached = storageOn(storeOf({ client: { servers: ['a:1'] } }));
    await memcached.set('key', 'value', DAYS_30_MS + 1);
    await memcached.set('key', 'value', DAYS_30_MS - 1);
    await memcached.set('key', 'value');
    await storageOn(storeOf(), { keyPrefix: 'app' }).set('key', 'value', DAYS_30_MS + 1);
    expect(CALLS).toEqual([
      ['key', 'value', DAYS_30_MS],
      ['key', 'value', DAYS_30_MS - 1],
      ['key', 'value', undefined],
      ['app:key', 'value', DAYS_30_MS + 1],
    ]);
  });

  it('a token in a cache without Redis that was not taken is a failure', async () => {
    const storage = storageOn(storeOf({ set: async () => false }));
    await expect(storage.set('key', 'value')).rejects.toThrow('The cache did not take what was written.');
    expect(await storageOn(storeOf({ set: async () => undefined })).set('key', 'value')).toBeUndefined();
  });

  it('a token in a cache without Redis has no lock, no announcements and no fence, and nothing to connect', async () => {
    const storage = new CacheManagerTokenStorage(createCache({ stores: [new Keyv()] }));
    expect([storage.createLock(), storage.createSignal(), storage.setIfNewer]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    await storage.connect();
    await storage.release();
    expect(storage.deadlineMs).toBe(250);
  });

  it('a token in a cache without Redis is given up after its deadline, which is named', async () => {
    const silent = storageOn(storeOf({ get: () => new Promise(() => undefined) }), { deadlineMs: 20 });
    await expect(silent.get('key')).rejects.toThrow('The cache did not answer within 20 ms.');
  });

  it.each(['get', 'set', 'delete'])('a token in a cache without Redis needs a store with %s', (method) => {
    expect(() => storageOn(storeOf({ [method]: undefined }))).toThrow(/at least one store/);
  });
});

describe('a sealed text', () => {
  const secret = randomBytes(16).toString('hex');

  it('a sealed text is opened by its secret, for its purpose, and is another each time', () => {
    const [one, other] = [sealText('täxt', secret, 'a'), sealText('täxt', secret, 'a')];
    expect([openText(one, secret, 'a'), openText(other, secret, 'a'), one === other]).toEqual(['täxt', 'täxt', false]);
    expect([openText(one, secret, 'b'), openText(one, 'else', 'a')]).toEqual([undefined, undefined]);
    expect(openText(sealText('', secret, 'a'), secret, 'a')).toBe('');
  });

  it('a sealed text that was changed anywhere, or cut, is none', () => {
    const bytes = Buffer.from(sealText('text', secret, 'a'), 'base64url');
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] as number) ^ 1;
      expect(openText(changed.toString('base64url'), secret, 'a')).toBeUndefined();
      expect(openText(bytes.subarray(0, at).toString('base64url'), secret, 'a')).toBeUndefined();
    }
  });
});
