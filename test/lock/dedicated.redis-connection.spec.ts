import { createClient } from '@redis/client';
import { Redis } from 'ioredis';
import { setTimeout as delay } from 'node:timers/promises';
import { DedicatedRedisConnection } from '../../src/redis/dedicated.redis-connection.js';
import { FakeClock } from '../support/fake-clock.js';
import { useRedis } from '../support/redis-of-spec.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { rejection, times } from '../support/async.js';

let connection: DedicatedRedisConnection;
let original: Original;

/** The app's own client, and what the library makes of trouble. */
interface Original {
  readonly client: object;
  readonly isOpen: boolean;
  open(): Promise<unknown>;
  close(): unknown;
  /** Messages that a command fails with when nobody listens, and when it is given up. */
  readonly refused: string;
  readonly givenUp: string;
}

function ofNodeRedis(url: string): Original {
  const client = createClient({ url, name: 'test' });
  client.on('error', () => undefined);
  return {
    client,
    get isOpen() {
      return client.isOpen;
    },
    open: () => client.connect(),
    close: () => client.destroy(),
    refused: 'ECONNREFUSED',
    givenUp: 'DisconnectsClientError',
  };
}

function ofIoredis(url: string): Original {
  const client = new Redis(url, { connectionName: 'test', lazyConnect: true });
  client.on('error', () => undefined);
  return {
    client,
    get isOpen() {
      return client.status === 'ready';
    },
    open: () => client.connect(),
    close: () => client.disconnect(),
    refused: 'Connection is closed.',
    givenUp: 'Error',
  };
}

const redis = useRedis();
afterEach(() => connection.close());

/** Connections that are named as the client is, and answer. */
async function connected(): Promise<number> {
  return String(await redis.command('CLIENT', 'LIST')).match(/ name=test /g)?.length ?? 0;
}

async function untilConnected(count: number): Promise<void> {
  const end = performance.now() + 10_000;
  while ((await connected()) !== count) {
    if (performance.now() > end) throw new Error(`There were never ${count} connections.`);
    await delay(5);
  }
}

const ping = (): Promise<unknown> => connection.command('key', 'PING');

describe.each([
  ['node-redis', ofNodeRedis],
  ['ioredis', ofIoredis],
])('a dedicated connection beside one of %s', (_name, originalOf) => {
  beforeEach(() => {
    original = originalOf(redis.url);
    connection = new DedicatedRedisConnection(original.client);
  });

  it('a dedicated connection is made by the first command, once for all of them, and leaves the original as it is', async () => {
    expect(await connected()).toBe(0);
    expect(await Promise.all(times(20, ping))).toEqual(times(20, () => 'PONG'));
    expect([await connected(), original.isOpen]).toEqual([1, false]);
  });

  it('works on when the original is closed', async () => {
    await original.open();
    await ping();
    original.close();
    await untilConnected(1);
    expect(await ping()).toBe('PONG');
  });

  it('fails at once when it cannot be made, and is made by a later command', async () => {
    await redis.kill();
    const error = await rejection<NodeJS.ErrnoException>(ping());
    expect(error.code ?? error.message).toBe(original.refused);
    await rejection(ping());
    await redis.restart();
    expect(await ping()).toBe('PONG');
  });

  it('a dedicated connection that is lost fails what is under way, and is made anew by the next command, not before', async () => {
    await ping();
    redis.freeze();
    const underWay = rejection(ping());
    await redis.kill();
    await underWay;
    await redis.restart();
    await delay(100);
    expect(await connected()).toBe(0);
    expect(await ping()).toBe('PONG');
  });

  it('a dedicated connection that is closed waits for what is under way', async () => {
    await ping();
    const answers = times(10, ping);
    await connection.close();
    expect(await Promise.all(answers)).toEqual(times(10, () => 'PONG'));
    await untilConnected(0);
  });

  it('a dedicated connection that is closed while it connects leaves no connection behind', async () => {
    const answer = ping();
    await connection.close();
    expect(await answer).toBe('PONG');
    await untilConnected(0);
  });

  it('a dedicated connection that is closed while Redis is frozen waits for a moment, then fails what is under way', async () => {
    await ping();
    redis.freeze();
    const underWay = rejection(ping());
    await connection.close();
    expect((await underWay).constructor.name).toBe(original.givenUp);
    redis.thaw();
    await untilConnected(0);
  });

  it('a dedicated connection that is closed is opened again by a command: others may still use the storage', async () => {
    await ping();
    await connection.close();
    expect(await ping()).toBe('PONG');
  });

  it('a dedicated connection that has been silent for more than 5 s is given up for a new one: a network that swallows everything closes nothing', async () => {
    const proxy = await startTcpProxy(redis.port);
    const clock = new FakeClock();
    const own = new DedicatedRedisConnection(originalOf(`redis://127.0.0.1:${proxy.port}`).client, clock);
    await own.command('key', 'PING');
    proxy.swallow();
    const lost = rejection(own.command('key', 'PING'));
    await clock.advance(5_000);
    const late = rejection(own.command('key', 'PING'));
    await clock.advance(1);
    expect(await own.command('key', 'PING')).toBe('PONG');
    await Promise.all([lost, late]);
    expect(proxy.connections).toBe(2);
    await own.close();
    await proxy.close();
  });

  it('closes as often as one likes, used or not', async () => {
    await connection.close();
    await ping();
    await Promise.all([connection.close(), connection.close()]);
    await connection.close();
    await untilConnected(0);
  });
});
