import { EventEmitter } from 'node:events';
import { jest } from '@jest/globals';
import { ConfigurationError } from '../errors.js';
import { connectionOf, isNodeRedis, isRedisClient } from './redis-connection.js';

beforeAll(() => jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] }));
afterAll(() => jest.useRealTimers());

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A client of either library, whose steps end when the test says so. */
class Client extends EventEmitter {
  readonly steps: string[] = [];
  readonly overrides: unknown[] = [];
  readonly ears: ((message: string) => void)[] = [];
  readonly copies: Client[] = [];
  #pending: ((failed?: Error) => void)[] = [];
  status = 'ready';
  masters?: unknown;

  constructor(readonly options: object = {}) {
    super();
  }

  duplicate(overrides?: object): Client {
    const copy = this.makeCopy();
    copy.masters = this.masters;
    copy.overrides.push(overrides);
    this.copies.push(copy);
    return copy;
  }

  protected makeCopy(): Client {
    return new Client(this.options);
  }

  connect(): Promise<void> {
    return this.#step('connect');
  }

  subscribe(channel: string, listener?: (message: string) => void): Promise<void> {
    if (listener !== undefined) this.ears.push(listener);
    return this.#step(`subscribe ${channel}`);
  }

  sendCommand(...args: unknown[]): Promise<unknown> {
    return Promise.resolve(args);
  }

  destroy(): void {
    this.steps.push('destroy');
    throw new Error('The client is closed.');
  }

  unref(): void {
    this.steps.push('unref');
  }

  /** Ends the oldest step that is under way, or about to be. */
  async end(failed?: Error): Promise<void> {
    await turn();
    this.#pending.shift()?.(failed);
    await turn();
  }

  #step(name: string): Promise<void> {
    this.steps.push(name);
    return new Promise((resolve, reject) => {
      this.#pending.push((failed) => (failed === undefined ? resolve() : reject(failed)));
    });
  }
}

/** ioredis: it has `call`. */
class Ioredis extends Client {
  call(...args: unknown[]): Promise<unknown> {
    return Promise.resolve(args);
  }

  disconnect(): void {
    this.steps.push('disconnect');
  }

  protected override makeCopy(): Client {
    return new Ioredis(this.options);
  }
}

/** A listener on `client`, and what it heard. */
function listening(client: Client): {
  readonly own: Client;
  readonly states: boolean[];
  readonly heard: string[];
  readonly subscribed: Promise<void>;
  readonly close: () => void;
} {
  const subscriber = connectionOf(client).duplicate();
  const [states, heard]: [boolean[], string[]] = [[], []];
  subscriber.onStateChange((up) => states.push(up));
  const subscribed = subscriber.subscribe('changes', (message) => heard.push(message));
  subscribed.catch(() => undefined);
  return { own: client.copies[0] as Client, states, heard, subscribed, close: () => subscriber.close() };
}

describe('a client', () => {
  it.each<[string, unknown, boolean, boolean]>([
    ['node-redis', new Client(), true, true],
    ['ioredis', new Ioredis(), true, false],
    ['none without duplicate', { call: () => 0 }, false, false],
    ['none without a way to send', { duplicate: () => 0 }, false, false],
    ['nothing', undefined, false, false],
    ['null', null, false, false],
  ])('a client is known by what it has: %s', (_what, client, known, isNode) => {
    expect([isRedisClient(client), isNodeRedis(client as object)]).toEqual([known, isNode]);
  });

  it('a client of no library that is known is refused', () => {
    expect(() => connectionOf({ duplicate: () => 0 })).toThrow(ConfigurationError);
  });

  it('a client is sent a command as its library takes it', async () => {
    expect(await connectionOf(new Ioredis()).command('key', 'GET', 'key')).toEqual(['GET', 'key']);
    expect(await connectionOf(new Client()).command('key', 'GET', 'key')).toEqual([['GET', 'key']]);
    expect(await connectionOf(cluster).command('key', 'GET', 'key')).toEqual(['key', false, ['GET', 'key']]);
  });
});

describe('a listener of ioredis', () => {
  it('a listener of ioredis is up again only when it has subscribed again', async () => {
    const { own, states, heard, subscribed } = listening(new Ioredis());
    expect(own.overrides).toEqual([{ enableOfflineQueue: true }]);
    own.emit('ready');
    await turn();
    expect([own.steps, states]).toEqual([['subscribe changes'], []]);
    await own.end();
    await subscribed;
    own.emit('message', 'changes', 'one');
    own.emit('close');
    expect([heard, states]).toEqual([['one'], [false]]);
    own.emit('ready');
    await turn();
    expect([own.steps.length, states]).toEqual([2, [false]]);
    await own.end();
    expect(states).toEqual([false, true]);
  });

  it('a listener of ioredis that cannot subscribe again is not up, and its errors are handled', async () => {
    const { own, states, subscribed } = listening(new Ioredis());
    await own.end();
    await subscribed;
    own.emit('ready');
    await own.end(new Error('refused'));
    own.emit('error', new Error('lost'));
    expect(states).toEqual([]);
  });

  it('a listener of ioredis disconnects when it is closed, unless it has ended', () => {
    const { own, close } = listening(new Ioredis());
    own.status = 'end';
    close();
    expect(own.steps).toEqual(['subscribe changes']);
    own.status = 'ready';
    close();
    expect(own.steps).toEqual(['subscribe changes', 'disconnect']);
  });
});

describe('a listener of node-redis', () => {
  it('a listener of node-redis connects, then subscribes, and keeps no process alive', async () => {
    const { own, states, heard, subscribed, close } = listening(new Client());
    expect(own.steps).toEqual(['unref', 'connect']);
    let listens = false;
    const reported = subscribed.then(() => (listens = true));
    await own.end();
    expect([own.steps, listens]).toEqual([['unref', 'connect', 'subscribe changes'], false]);
    await own.end();
    await reported;
    own.ears[0]?.('one');
    for (const event of ['ready', 'error', 'ready', 'end']) own.emit(event, new Error(event));
    expect([heard, states]).toEqual([['one'], [true, false, true, false]]);
    close();
    expect(own.steps.at(-1)).toBe('destroy');
  });

  it.each([
    [{}, { socket: {} }],
    [{ socket: { host: 'h', reconnectStrategy: 20 } }, { socket: { host: 'h', reconnectStrategy: 20 } }],
    [{ socket: { host: 'h', reconnectStrategy: false } }, { socket: { host: 'h', reconnectStrategy: 1_000 } }],
  ])('a listener of node-redis reconnects for good, whatever the client does: %j', (options, overrides) => {
    expect(listening(new Client(options)).own.overrides).toEqual([overrides]);
  });
});

const cluster = Object.assign(new Client(), { masters: [] });
const up = async (own: Client): Promise<void> => {
  await own.end();
  await own.end();
};
/** Returns the next listener, which is made a second after the loss of the last one. */
const again = async (client: Client): Promise<Client> => {
  const before = client.copies.length;
  await jest.advanceTimersByTimeAsync(999);
  expect(client.copies).toHaveLength(before);
  await jest.advanceTimersByTimeAsync(1);
  await turn();
  return client.copies[before] as Client;
};

const clusterClient = (): Client => Object.assign(new Client(), { masters: [] });

describe('a listener on a cluster of node-redis', () => {
  it('a listener on a cluster of node-redis is up when it is subscribed, not before', async () => {
    const { own, states, heard, subscribed } = listening(clusterClient());
    await own.end();
    expect([own.steps, states]).toEqual([['connect', 'subscribe changes'], []]);
    await own.end();
    await subscribed;
    own.ears[0]?.('one');
    own.emit('error', new Error('of a node'));
    expect([states, heard]).toEqual([[true], ['one']]);
  });

  it.each(['node-error', 'node-reconnecting', 'node-disconnect'])(
    'a listener on a cluster of node-redis with a %s is replaced: down once, and up when the next one is subscribed',
    async (event) => {
      const client = clusterClient();
      const { own, states } = listening(client);
      await up(own);
      own.emit(event);
      own.emit(event);
      expect([states, own.steps.at(-1)]).toEqual([[true, false], 'destroy']);
      const next = await again(client);
      expect(states).toEqual([true, false]);
      await up(next);
      expect(states).toEqual([true, false, true]);
      own.emit(event);
      expect(states).toEqual([true, false, true]);
    },
  );

  it('a listener on a cluster of node-redis that is lost while it subscribes is not up', async () => {
    const { own, states } = listening(clusterClient());
    await own.end();
    own.emit('node-error');
    await own.end();
    expect(states).toEqual([false]);
  });

  it('a listener on a cluster of node-redis that cannot connect says so, and is tried again', async () => {
    const client = clusterClient();
    const { own, states, subscribed } = listening(client);
    await own.end(new Error('no node'));
    await expect(subscribed).rejects.toThrow('no node');
    await up(await again(client));
    expect(states).toEqual([false, true]);
  });

  it('a listener on a cluster of node-redis that cannot connect again is tried again, and no error is left over', async () => {
    const left: unknown[] = [];
    const note = (reason: unknown): void => void left.push(reason);
    process.on('unhandledRejection', note);
    const client = clusterClient();
    const { own, states } = listening(client);
    await up(own);
    own.emit('node-error');
    await (await again(client)).end(new Error('no node'));
    await turn();
    process.off('unhandledRejection', note);
    await up(await again(client));
    expect([left, states]).toEqual([[], [true, false, false, true]]);
  });

  it('a listener on a cluster of node-redis that is closed is destroyed, and not replaced', async () => {
    const client = clusterClient();
    const { own, states, close } = listening(client);
    await up(own);
    close();
    own.emit('node-disconnect');
    expect([states, own.steps.filter((step) => step === 'destroy').length]).toEqual([[true], 2]);
    await jest.advanceTimersByTimeAsync(1_100);
    expect(client.copies).toHaveLength(1);
    close();
  });
});

/** A cluster of ioredis with these masters, as soon as it is asked something. */
const clusterOfIoredis = (...masters: Client[]): Ioredis & { asked: unknown[][] } => {
  const asked: unknown[][] = [];
  let known = false;
  return Object.assign(new Ioredis(), {
    asked,
    nodes: (role: string) => (role === 'master' && known ? masters : []),
    call: async (...args: unknown[]) => {
      asked.push(args);
      await Promise.resolve();
      known = true;
      throw new Error('not ready');
    },
  });
};

/** The listener on a node, once it has been found. */
const listeningOn = async (client: Ioredis, node: Client) => {
  const found = listening(client);
  await turn();
  return { ...found, own: node.copies[0] as Client };
};

describe('a listener on a cluster of ioredis', () => {
  it('a listener on a cluster of ioredis is a connection to one of its masters, which is not made again by itself', async () => {
    const node = new Ioredis();
    const client = clusterOfIoredis(node);
    const { own } = await listeningOn(client, node);
    expect([client.asked, client.copies, node.copies.length]).toEqual([[['PING']], [], 1]);
    const [overrides] = own.overrides as [{ retryStrategy: () => unknown }];
    expect(overrides).toEqual({ lazyConnect: true, enableOfflineQueue: true, retryStrategy: expect.any(Function) });
    expect(overrides.retryStrategy()).toBeNull();
    await listeningOn(client, node);
    expect([client.asked.length, node.copies.length]).toEqual([1, 2]);
  });

  it.each([
    [0, 0],
    [0.49, 0],
    [0.5, 1],
    [0.99, 1],
  ])('a listener on a cluster of ioredis is on any of its masters: by chance %d on %d', async (chance, index) => {
    const nodes = [new Ioredis(), new Ioredis()];
    jest.spyOn(Math, 'random').mockReturnValue(chance);
    await listeningOn(clusterOfIoredis(...nodes), nodes[index] as Client);
    jest.restoreAllMocks();
    expect(nodes.map(({ copies }) => copies.length)).toEqual(index === 0 ? [1, 0] : [0, 1]);
  });

  it('a listener on a cluster of ioredis is up when it is subscribed, not before, and down when it is closed', async () => {
    const node = new Ioredis();
    const { own, states, heard, subscribed } = await listeningOn(clusterOfIoredis(node), node);
    own.emit('ready');
    await turn();
    expect([own.steps, states]).toEqual([['subscribe changes'], []]);
    await own.end();
    await subscribed;
    expect(states).toEqual([true]);
    own.emit('message', 'changes', 'one');
    own.emit('error', new Error('lost'));
    own.emit('close');
    expect([heard, states, own.steps.at(-1)]).toEqual([['one'], [true, false], 'disconnect']);
    await (await again(node)).end();
    expect(states).toEqual([true, false, true]);
  });

  it('a listener on a cluster of ioredis without a node says so, and looks again', async () => {
    const masters: Client[] = [];
    const client = clusterOfIoredis();
    Object.assign(client, { nodes: () => masters });
    const node = new Ioredis();
    const { subscribed, states } = await listeningOn(client, node);
    await expect(subscribed).rejects.toThrow('The cluster has no node yet.');
    masters.push(node);
    await (await again(node)).end();
    expect(states).toEqual([false, true]);
  });

  it('a listener on a cluster of ioredis that was closed before a node was found is not used, and is not made again', async () => {
    const node = new Ioredis();
    const subscriber = connectionOf(clusterOfIoredis(node)).duplicate();
    const subscribed = subscriber.subscribe('changes', () => undefined);
    subscriber.close();
    await subscribed;
    expect(node.copies[0]?.steps).toEqual(['disconnect']);
    await jest.advanceTimersByTimeAsync(5_000);
    expect(node.copies).toHaveLength(1);
  });
});
