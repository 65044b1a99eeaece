import { FakeClock } from '../testing/fake-clock.js';
import { CacheManagerTokenStorage } from '../storage/cache-manager.token-storage.js';
import { RedisTokenStorage } from '../storage/redis.token-storage.js';
import { DedicatedRedisConnection } from './dedicated.redis-connection.js';
import { canBeDuplicated } from './own.redis-client.js';
import { RedisTokenLock } from './redis.token-lock.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A client of node-redis whose commands are answered when the test says so. */
class Client {
  readonly copies: Client[] = [];
  readonly log: string[] = [];
  isOpen = false;
  #answers: ((value: unknown) => void)[] = [];

  duplicate(overrides?: object): Client {
    const copy = new Client();
    copy.log.push(`made with ${JSON.stringify(overrides)}`);
    this.copies.push(copy);
    return copy;
  }

  on(): void {}

  async connect(): Promise<void> {
    this.isOpen = true;
  }

  sendCommand(args: string[]): Promise<unknown> {
    this.log.push(args.join(' '));
    return new Promise((resolve) => this.#answers.push(resolve));
  }

  answer(value: unknown): void {
    this.#answers.shift()?.(value);
  }

  destroy(): void {
    this.isOpen = false;
    this.log.push('destroy');
  }

  ref(): void {
    this.log.push('ref');
  }

  unref(): void {
    this.log.push('unref');
  }
}

/** What stands over a cache's Redis. */
const keyvOver = (client: Client): object => ({
  get: async () => undefined,
  set: async () => true,
  delete: async () => true,
  serializeData: async (data: object) => JSON.stringify(data),
  deserializeData: async (text: string) => JSON.parse(text) as object,
  opts: { store: { client } },
});

let client: Client;
beforeEach(() => {
  client = new Client();
});

describe.each<[string, (client: Client) => { ask(): Promise<unknown>; close(): Promise<void> }]>([
  [
    'a storage on Redis',
    (of) => {
      const storage = new RedisTokenStorage(of);
      return { ask: () => storage.get('key'), close: () => storage.release() };
    },
  ],
  [
    'a cache on Redis',
    (of) => {
      const storage = new CacheManagerTokenStorage({ stores: [keyvOver(of)] } as never, { deadlineMs: 10_000 });
      return { ask: () => storage.get('key'), close: () => storage.release() };
    },
  ],
  [
    'a lock on Redis',
    (of) => {
      const lock = new RedisTokenLock(of, { deadlineMs: 10_000 });
      const term = { ttlMs: 1_000, signal: new AbortController().signal };
      return { ask: () => lock.acquire('key', term), close: () => lock.close() };
    },
  ],
])('%s that is closed', (_what, make) => {
  it('waits for the command that is under way, then ends its connection', async () => {
    const { ask, close } = make(client);
    const asked = ask();
    await turn();
    let closed = false;
    const closing = close().then(() => (closed = true));
    await turn();
    expect([closed, client.copies.length]).toEqual([false, 1]);
    client.copies[0]?.answer(null);
    expect(await asked).toBeFalsy();
    await closing;
    expect(client.copies[0]?.log.at(-1)).toBe('destroy');
    expect(client.log).toEqual([]);
  });
});

describe('a connection beside that of a client', () => {
  it('a connection beside that of a client keeps the process alive while a command is under way, no longer', async () => {
    const connection = new DedicatedRedisConnection(client, new FakeClock());
    const [one, other] = [connection.command('k', 'ONE'), connection.command('k', 'TWO')];
    await turn();
    const own = client.copies[0] as Client;
    expect(own.log).toEqual(['made with {"socket":{"reconnectStrategy":false}}', 'ref', 'ref', 'ONE', 'TWO']);
    own.answer(1);
    await one;
    await turn();
    expect(own.log.at(-1)).toBe('TWO');
    own.answer(2);
    await other;
    await turn();
    expect(own.log.at(-1)).toBe('unref');
  });

  it('a connection beside that of a client is given up when its oldest command is not answered for more than 5 s', async () => {
    const clock = new FakeClock();
    const connection = new DedicatedRedisConnection(client, clock);
    const first = connection.command('k', 'ONE');
    await clock.advance(3_000);
    connection.command('k', 'TWO').catch(() => undefined);
    await turn();
    client.copies[0]?.answer(1);
    expect(await first).toBe(1);
    await clock.advance(5_000);
    connection.command('k', 'THREE').catch(() => undefined);
    await turn();
    expect(client.copies).toHaveLength(1);
    await clock.advance(1);
    connection.command('k', 'FOUR').catch(() => undefined);
    await turn();
    expect([client.copies.length, client.copies[0]?.log.at(-1), client.copies[1]?.log.at(-1)]).toEqual([
      2,
      'destroy',
      'FOUR',
    ]);
  });

  it('a connection beside that of a client that is closed waits for 250 ms at most', async () => {
    const clock = new FakeClock();
    const connection = new DedicatedRedisConnection(client, clock);
    connection.command('k', 'ONE').catch(() => undefined);
    await turn();
    let closed = false;
    const closing = connection.close().then(() => (closed = true));
    await clock.advance(249);
    expect(closed).toBe(false);
    await clock.advance(1);
    await closing;
    expect(client.copies[0]?.isOpen).toBe(false);
    await connection.close();
  });

  it('a connection beside that of a client that cannot be made fails its commands, and is made by a later one', async () => {
    const left: unknown[] = [];
    const note = (reason: unknown): void => void left.push(reason);
    process.on('unhandledRejection', note);
    const connection = new DedicatedRedisConnection(client, new FakeClock());
    const { duplicate } = client;
    client.duplicate = (overrides) =>
      Object.assign(duplicate.call(client, overrides), { connect: () => Promise.reject(new Error('refused')) });
    await expect(connection.command('k', 'ONE')).rejects.toThrow('refused');
    await turn();
    process.off('unhandledRejection', note);
    client.duplicate = duplicate;
    connection.command('k', 'TWO').catch(() => undefined);
    await turn();
    expect([left, client.copies.length, client.copies[1]?.log.at(-1)]).toEqual([[], 2, 'TWO']);
  });

  it('a connection beside that of a client that is being made is waited for by all commands, and made once', async () => {
    const connection = new DedicatedRedisConnection(client, new FakeClock());
    const { duplicate } = client;
    let connected!: () => void;
    client.duplicate = (overrides) => {
      const copy = duplicate.call(client, overrides);
      const connect = async (): Promise<void> => {
        await new Promise<void>((resolve) => (connected = resolve));
        copy.isOpen = true;
      };
      return Object.assign(copy, { connect });
    };
    for (const name of ['ONE', 'TWO']) connection.command('k', name).catch(() => undefined);
    await turn();
    connection.command('k', 'THREE').catch(() => undefined);
    expect([client.copies.length, client.copies[0]?.log.includes('ONE')]).toEqual([1, false]);
    connected();
    await turn();
    expect(client.copies[0]?.log.slice(-3)).toEqual(['ONE', 'TWO', 'THREE']);
  });

  it('a connection beside that of a client can be made of all but a cluster of ioredis', () => {
    const ioredis = { call: () => 0, duplicate: () => 0 };
    expect(
      [client, ioredis, { ...ioredis, isCluster: false }, { ...ioredis, isCluster: true }].map(canBeDuplicated),
    ).toEqual([true, true, true, false]);
  });
});
