import { ConfigurationError } from '../errors.js';
import { RedisTokenLock } from './redis.token-lock.js';
import { redisTarget, siblingKey } from './redis-target.js';

const ioredis = { call: async () => 'OK', duplicate: () => ioredis };

describe('a key in Redis', () => {
  it.each<[string | undefined, string]>([
    [undefined, 'key'],
    ['', ':key'],
    ['my app', 'my app:key'],
    ['{app}', '{app}:key'],
    ['a{app}b', 'a{app}b:key'],
    ['{}', '%7B%7D:key'],
    ['a}', 'a%7D:key'],
    ['a{', 'a%7B:key'],
    ['}a{', '%7Da%7B:key'],
    ['{a}{b}', '%7Ba%7D%7Bb%7D:key'],
    ['{{a}}', '%7B%7Ba%7D%7D:key'],
  ])('a key in Redis under the prefix %j is %s', (prefix, key) => {
    expect(redisTarget(ioredis, prefix, 'RedisTokenLock').fullKey('key')).toBe(key);
  });

  it.each([
    ['key', '{key}:lock'],
    ['{app}:key', '{app}:key:lock'],
    ['{}key', '{{}key}:lock'],
  ])('a key in Redis beside %s is on the same node: %s', (key, sibling) => {
    expect(siblingKey(key, 'lock')).toBe(sibling);
  });

  it('a key in Redis of ioredis is asked for over the client itself, which stays open', async () => {
    const target = redisTarget(ioredis, undefined, 'RedisTokenLock');
    expect(await (await target.connection()).command('key', 'GET', 'key')).toBe('OK');
    await target.release?.();
  });

  it('a key in Redis needs a client that is known', () => {
    expect(() => redisTarget({}, undefined, 'RedisTokenLock')).toThrow(
      new ConfigurationError(
        'RedisTokenLock: the client must be one of node-redis (a cluster too), ioredis or iovalkey.',
      ),
    );
  });
});

const asking = (options?: object): { readonly keys: unknown[]; readonly lock: RedisTokenLock } => {
  const keys: unknown[] = [];
  const client = { ...ioredis, call: async (...args: unknown[]) => (keys.push(args[3]), '7') };
  return { keys, lock: new RedisTokenLock(client, options) };
};

describe('a lock on a client', () => {
  const term = { ttlMs: 1_000, signal: new AbortController().signal };

  it('a lock on a client has a prefix where it is given one', async () => {
    const [plain, prefixed] = [asking(), asking({ keyPrefix: 'app' })];
    await plain.lock.acquire('key', term);
    await prefixed.lock.acquire('key', term);
    expect([plain.keys, prefixed.keys]).toEqual([['{key}:lock'], ['{app:key}:lock']]);
  });

  it('a lock on a client has a deadline of its own', async () => {
    const silent = { ...ioredis, call: () => new Promise(() => undefined) };
    await expect(new RedisTokenLock(silent, { deadlineMs: 20 }).acquire('key', term)).rejects.toThrow('within 20 ms');
  });

  it.each([{ deadlineMs: 0 }, { keyPrefix: 5 }, { prefix: 'x' }])('a lock on a client refuses %j', (options) => {
    expect(() => new RedisTokenLock(ioredis, options as never)).toThrow(/^RedisTokenLock: /);
  });

  it('a lock on a client of node-redis closes the connection of its own when its leases are given back', async () => {
    const log: string[] = [];
    const own = {
      isOpen: false,
      on: () => undefined,
      connect: async () => void (own.isOpen = true),
      sendCommand: async () => '7',
      duplicate: () => own,
      destroy: () => log.push('destroy'),
    };
    const lock = new RedisTokenLock(own);
    const lease = await lock.acquire('key', term);
    const closing = lock.close();
    await new Promise(setImmediate);
    expect(log).toEqual([]);
    await lease?.release();
    await closing;
    expect(log).toEqual(['destroy']);
  });
});
