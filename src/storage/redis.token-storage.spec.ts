import { ConfigurationError } from '../errors.js';
import { CacheManagerTokenStorage } from './cache-manager.token-storage.js';
import { RedisTokenStorage } from './redis.token-storage.js';

const MONTH_MS = String(30 * 24 * 3_600_000);

/** A client of ioredis that notes what it is sent; of a cluster, so that nothing is sent beside it. */
class Ioredis {
  readonly isCluster = true;
  readonly sent: unknown[][] = [];
  answer: unknown = 'OK';

  async call(...args: unknown[]): Promise<unknown> {
    this.sent.push(args[0] === 'EVAL' ? ['EVAL', ...args.slice(2)] : args);
    return this.answer;
  }

  duplicate(): Ioredis {
    throw new Error('Nothing is sent beside it.');
  }
}

/** A client of node-redis whose connection is made when the test says so. */
class NodeRedis {
  readonly sent: unknown[][] = [];
  readonly copies: NodeRedis[] = [];
  isOpen = false;
  connected!: () => void;

  duplicate(): NodeRedis {
    const copy = new NodeRedis();
    this.copies.push(copy);
    return copy;
  }
  on(): void {}
  connect(): Promise<void> {
    return new Promise((resolve) => {
      this.connected = () => {
        this.isOpen = true;
        resolve();
      };
    });
  }
  destroy(): void {
    this.isOpen = false;
  }
  async sendCommand(args: unknown[]): Promise<unknown> {
    this.sent.push(args);
    return 'OK';
  }
}

const keyvOver = (client: object): object => ({
  get: () => Promise.reject(new Error('never')),
  set: () => Promise.reject(new Error('never')),
  delete: () => Promise.reject(new Error('never')),
  serializeData: async (data: object) => JSON.stringify(data),
  deserializeData: async (text: string) => JSON.parse(text) as object,
  opts: { store: { client } },
});
const cacheOn = (client: object, options = {}): CacheManagerTokenStorage =>
  new CacheManagerTokenStorage({ stores: [keyvOver(client)] } as never, options);

let client: Ioredis;
beforeEach(() => {
  client = new Ioredis();
});

describe('a token in Redis', () => {
  it('a token in Redis is written with its lifetime, or without one, read up to a length, and deleted', async () => {
    const storage = new RedisTokenStorage(client, { keyPrefix: 'app' });
    await storage.set('key', 'value', 1_000);
    await storage.set('key', 'value');
    await storage.delete('key');
    expect(await storage.get('key')).toBe('OK');
    expect(client.sent).toEqual([
      ['SET', 'app:key', 'value', 'PX', '1000'],
      ['SET', 'app:key', 'value'],
      ['DEL', 'app:key'],
      ['GETRANGE', 'app:key', '0', String(2 * 1_048_576)],
    ]);
  });

  it('a token in Redis that cannot be read, written or deleted is a failure', async () => {
    const storage = new RedisTokenStorage(client);
    client.call = () => Promise.reject(new Error('down'));
    for (const command of [storage.get('key'), storage.set('key', 'value'), storage.delete('key')])
      await expect(command).rejects.toThrow('down');
  });

  it.each([
    [null, undefined],
    [undefined, undefined],
    ['', undefined],
    [Buffer.from('text'), 'text'],
    ['text', 'text'],
  ])('a token in Redis that reads %p is %p', async (answer, value) => {
    client.answer = answer;
    expect(await new RedisTokenStorage(client).get('key')).toBe(value);
  });

  it.each([
    [1, true],
    ['1', true],
    [0, false],
  ])('a token in Redis is fenced by its generation: the answer %p means %p', async (answer, written) => {
    client.answer = answer;
    expect(await new RedisTokenStorage(client).setIfNewer('key', 'value', 1_000, 7)).toBe(written);
    expect(client.sent).toEqual([['EVAL', '2', 'key', '{key}:generation', 'value', '7', '1000', MONTH_MS]]);
  });

  it('a token in Redis has the deadline that was given, else none of its own', () => {
    expect(new RedisTokenStorage(client, { deadlineMs: 20 }).deadlineMs).toBe(20);
    expect(new RedisTokenStorage(client).deadlineMs).toBeUndefined();
    expect(() => new RedisTokenStorage(client, { deadlineMs: 0 })).toThrow(ConfigurationError);
  });

  it('a token in Redis is locked there, within the same deadline, and announced there', async () => {
    const storage = new RedisTokenStorage(client, { keyPrefix: 'app', deadlineMs: 20 });
    await storage.createSignal().publish('channel', 'key');
    expect(client.sent).toEqual([['PUBLISH', 'app:channel', 'key']]);
    client.call = () => new Promise(() => undefined);
    const asked = storage.createLock().acquire('key', { ttlMs: 1_000, signal: new AbortController().signal });
    await expect(asked).rejects.toThrow('within 20 ms');
  });
});

describe.each([
  ['a storage on node-redis', (of: NodeRedis) => new RedisTokenStorage(of)],
  ['a cache on node-redis', (of: NodeRedis) => cacheOn(of)],
])('%s', (what, make) => {
  it(`${what} is connected when it says so, and lets go of its connection`, async () => {
    const given = new NodeRedis();
    const storage = make(given);
    let ready = false;
    const connecting = storage.connect().then(() => (ready = true));
    await new Promise(setImmediate);
    expect([ready, given.copies.length]).toEqual([false, 1]);
    given.copies[0]?.connected();
    await connecting;
    expect(given.copies[0]?.isOpen).toBe(true);
    await storage.release();
    expect(given.copies[0]?.isOpen).toBe(false);
  });
});

const endOf = (text: unknown): number | undefined => (JSON.parse(String(text)) as { expires?: number }).expires;

describe('a token in a cache on Redis', () => {
  const startedAt = Date.now();

  it('a token in a cache on Redis is written as the cache would, with its end beside it', async () => {
    const storage = cacheOn(client, { keyPrefix: 'app' });
    await storage.set('key', 'value', 60_000);
    const [command, key, text, ...rest] = client.sent[0] ?? [];
    expect([command, key, JSON.parse(String(text)), rest]).toEqual([
      'SET',
      'app:key',
      { value: 'value', expires: expect.any(Number) },
      ['PX', '60000'],
    ]);
    expect(endOf(text)).toBeGreaterThanOrEqual(startedAt + 60_000);
    expect(endOf(text)).toBeLessThanOrEqual(Date.now() + 60_000);
    await storage.set('key', 'value');
    expect(client.sent[1]).toEqual(['SET', 'app:key', '{"value":"value"}']);
    await storage.delete('key');
    expect(client.sent[2]).toEqual(['DEL', 'app:key']);
  });

  it('a token in a cache on Redis is fenced, with its end beside it', async () => {
    client.answer = 1;
    expect(await cacheOn(client).setIfNewer?.('key', 'value', 60_000, 7)).toBe(true);
    const [, , , , text, ...rest] = client.sent[0] ?? [];
    expect(rest).toEqual(['7', '60000', MONTH_MS]);
    expect(endOf(text)).toBeGreaterThanOrEqual(startedAt + 60_000);
    expect(endOf(text)).toBeLessThanOrEqual(Date.now() + 60_000);
    client.answer = 0;
    expect(await cacheOn(client).setIfNewer?.('key', 'value', 60_000, 7)).toBe(false);
  });

  it.each([
    [JSON.stringify({ value: 'value', expires: startedAt + 60_000 }), 'value'],
    [JSON.stringify({ value: 'value', expires: startedAt - 1 }), undefined],
    [JSON.stringify({ value: 'value' }), 'value'],
    ['garbage', undefined],
    [null, undefined],
  ])('a token in a cache on Redis that reads %j is %p', async (answer, value) => {
    client.answer = answer;
    expect(await cacheOn(client).get('key')).toBe(value);
  });

  it('a token in a cache on Redis is locked and announced there, within the deadline of the cache', async () => {
    client.call = () => new Promise(() => undefined);
    const storage = cacheOn(client, { deadlineMs: 20 });
    const term = { ttlMs: 1_000, signal: new AbortController().signal };
    await expect(storage.createLock()?.acquire('key', term)).rejects.toThrow('within 20 ms');
    expect(storage.createSignal()).toBeDefined();
    for (const command of [storage.get('key'), storage.set('key', 'v'), storage.delete('key')]) {
      await expect(command).rejects.toThrow('The cache did not answer within 20 ms.');
    }
    await expect(storage.setIfNewer?.('key', 'v', 1, 1)).rejects.toThrow('within 20 ms');
  });
});
