import type { RedisConnection, SubscriberConnection } from './redis-connection.js';
import type { RedisTarget } from './redis-target.js';
import { RedisTokenSignal } from './redis.token-signal.js';
import { runScript } from './redis-script.js';
import { readValue } from './read-value.js';
import { redisTarget, siblingKey } from './redis-target.js';

/** A Redis that notes what it is sent, and whose subscriptions end when the test says so. */
class Fake implements RedisTarget {
  readonly commands: string[][] = [];
  readonly subscribers: { state: (up: boolean) => void; listen: (message: string) => void; closed: boolean }[] = [];
  answer: (name: string, args: readonly string[]) => unknown = () => 'OK';
  subscribing: Promise<void> = Promise.resolve();

  async connection(): Promise<RedisConnection> {
    return {
      command: async (...args) => {
        this.commands.push(args);
        return this.answer(args[1] ?? '', args);
      },
      duplicate: (): SubscriberConnection => {
        const one: Fake['subscribers'][number] = { state: () => undefined, listen: () => undefined, closed: false };
        this.subscribers.push(one);
        return {
          subscribe: async (channel, listener) => {
            this.commands.push(['subscribe', channel]);
            one.listen = listener;
            await this.subscribing;
          },
          onStateChange: (listener) => void (one.state = listener),
          close: () => void (one.closed = true),
        };
      },
    };
  }

  fullKey(key: string): string {
    return `app:${key}`;
  }
}

let redis: Fake;
let signal: RedisTokenSignal;
beforeEach(() => {
  redis = new Fake();
  signal = new RedisTokenSignal(redis);
});

describe('announcements over Redis', () => {
  it('announcements over Redis are up when they are subscribed to, whatever the connection says before', async () => {
    const states: boolean[] = [];
    let stands!: () => void;
    redis.subscribing = new Promise((resolve) => (stands = resolve));
    const subscribing = signal.subscribe(
      'changes',
      () => undefined,
      (up) => states.push(up),
    );
    await new Promise(setImmediate);
    expect(redis.commands).toEqual([
      ['app:changes', 'PUBLISH', 'app:changes', ''],
      ['subscribe', 'app:changes'],
    ]);
    redis.subscribers[0]?.state(true);
    expect(states).toEqual([false]);
    stands();
    const end = await subscribing;
    expect(states).toEqual([false, true]);
    redis.subscribers[0]?.state(false);
    redis.subscribers[0]?.state(true);
    expect(states).toEqual([false, true, false, true]);
    await end();
    expect(redis.subscribers[0]?.closed).toBe(true);
  });

  it('announcements over Redis that cannot be made, or subscribed to, are not relied on', async () => {
    redis.answer = () => {
      throw new Error('NOPERM');
    };
    await expect(signal.subscribe('changes', () => undefined)).rejects.toThrow('NOPERM');
    expect(redis.subscribers).toEqual([]);
    redis.answer = () => 0;
    redis.subscribing = Promise.reject(new Error('gone'));
    await expect(signal.subscribe('changes', () => undefined)).rejects.toThrow('gone');
    expect(redis.subscribers.map(({ closed }) => closed)).toEqual([true]);
  });

  it('announcements over Redis that are closed say nothing, and listen to nothing', async () => {
    await signal.subscribe('changes', () => undefined);
    signal.close();
    expect(redis.subscribers.map(({ closed }) => closed)).toEqual([true]);
    const before = redis.commands.length;
    await signal.publish('changes', 'x');
    const end = await signal.subscribe('changes', () => undefined);
    await end();
    expect([redis.commands.length, redis.subscribers.length]).toEqual([before, 1]);
  });

  it('announcements over Redis whose subscription has ended are not ended once more', async () => {
    const end = await signal.subscribe('changes', () => undefined);
    await end();
    const one = redis.subscribers[0] as Fake['subscribers'][number];
    one.closed = false;
    signal.close();
    expect(one.closed).toBe(false);
  });
});

describe('a script', () => {
  it('a script is sent with the number of its keys, to where they stand', async () => {
    const connection = await redis.connection();
    expect(await runScript(connection, 'return 1', ['a', 'b'], ['x'])).toBe('OK');
    expect(redis.commands).toEqual([['a', 'EVAL', 'return 1', '2', 'a', 'b', 'x']]);
  });

  it('a script that fails for another reason fails with it, and tries nothing', async () => {
    redis.answer = () => {
      throw new Error('ERR whatever');
    };
    await expect(runScript(await redis.connection(), 'x', ['a'])).rejects.toThrow('ERR whatever');
    expect(redis.commands).toHaveLength(1);
  });

  it.each([
    "NOPERM this user has no permissions to run the 'time' command",
    "The user executing the script can't run this command or subcommand",
    'ACL failure in script: something',
  ])('a script that is refused names each command that is, and leaves nothing behind: %s', async (refusal) => {
    redis.answer = (name) => {
      if (['EVAL', 'time', 'pexpire'].includes(name)) throw new Error(refusal);
      if (name === 'get') throw new Error('ERR another');
      return null;
    };
    await expect(runScript(await redis.connection(), 'x', ['a'])).rejects.toThrow("NOPERM 'pexpire, time' command");
    expect(redis.commands.slice(1)).toEqual([
      ['a:acl', 'eval', 'return 1', '0'],
      ['a:acl', 'get', 'a:acl'],
      ['a:acl', 'set', 'a:acl', '', 'XX'],
      ['a:acl', 'del', 'a:acl'],
      ['a:acl', 'type', 'a:acl'],
      ['a:acl', 'pttl', 'a:acl'],
      ['a:acl', 'pexpire', 'a:acl', '1'],
      ['a:acl', 'time'],
    ]);
  });

  it('a script that is refused fails as it did where each command alone is allowed', async () => {
    redis.answer = (name) => {
      if (name === 'EVAL') throw new Error('NOPERM no keys');
      return null;
    };
    await expect(runScript(await redis.connection(), 'x', ['a'])).rejects.toThrow('NOPERM no keys');
  });
});

describe('a place in Redis', () => {
  it.each([
    [undefined, 'key'],
    ['app', 'app:key'],
    ['{app}', '{app}:key'],
    ['a{b}c', 'a{b}c:key'],
    ['a}', 'a%7D:key'],
    ['{}', '%7B%7D:key'],
    ['{a}{b}', '%7Ba%7D%7Bb%7D:key'],
    ['{', '%7B:key'],
  ])('a place in Redis with the prefix %j is %s', (prefix, full) => {
    const client = { call: () => 0, duplicate: () => 0 };
    expect(redisTarget(client, prefix, 'RedisTokenLock').fullKey('key')).toBe(full);
  });

  it.each([
    ['key', '{key}:lock'],
    ['{app}:key', '{app}:key:lock'],
    ['{}key', '{{}key}:lock'],
  ])('a place in Redis beside %s is %s', (key, sibling) => {
    expect(siblingKey(key, 'lock')).toBe(sibling);
  });

  it.each([
    [null, undefined],
    [undefined, undefined],
    ['', undefined],
    ['text', 'text'],
    [Buffer.from('text'), 'text'],
  ])('a place in Redis with %p in it is read as %p, up to 2 MB of it', async (value, read) => {
    redis.answer = () => value;
    expect(await readValue(redis, 'key')).toBe(read);
    expect(redis.commands).toEqual([['app:key', 'GETRANGE', 'app:key', '0', '2097152']]);
  });
});
