import { EventEmitter } from 'node:events';
import { ownRedisClient } from './own.redis-client.js';

/** A client of ioredis, with a socket as soon as it has been connected to. */
class Ioredis extends EventEmitter {
  readonly log: unknown[] = [];
  readonly copies: Ioredis[] = [];
  status = 'wait';
  stream?: object;

  constructor(readonly overrides?: object) {
    super();
  }

  call(...args: unknown[]): unknown {
    return args;
  }

  duplicate(overrides: object): Ioredis {
    const copy = new Ioredis(overrides);
    this.copies.push(copy);
    return copy;
  }

  async connect(): Promise<void> {
    const note = (what: string) => (): void => void this.log.push(what);
    this.status = 'ready';
    this.stream = { ref: note('ref'), unref: note('unref'), destroy: note('destroy the socket') };
  }

  disconnect(): void {
    this.log.push('disconnect');
  }
}

/** A client of node-redis, of a cluster where it has `masters`. */
class NodeRedis extends EventEmitter {
  readonly log: unknown[] = [];
  readonly copies: NodeRedis[] = [];
  readonly overrides: unknown[];
  isOpen = false;
  masters?: unknown;

  constructor(
    readonly options: object = {},
    ...overrides: unknown[]
  ) {
    super();
    this.overrides = overrides;
  }

  duplicate(...overrides: unknown[]): NodeRedis {
    const copy = new NodeRedis(this.options, ...overrides);
    this.copies.push(copy);
    return copy;
  }

  async connect(): Promise<void> {
    this.isOpen = true;
  }

  sendCommand(...args: unknown[]): unknown {
    return args;
  }

  destroy(): void {
    this.log.push('destroy');
  }

  ref(): void {
    this.log.push('ref');
  }

  unref(): void {
    this.log.push('unref');
  }
}

const besideIoredis = (): { own: ReturnType<typeof ownRedisClient>; copy: Ioredis } => {
  const original = new Ioredis();
  return { own: ownRedisClient(original), copy: original.copies[0] as Ioredis };
};

describe('a client of our own beside one of ioredis', () => {
  it('a client of our own beside one of ioredis connects when it is asked to, and is not made again', async () => {
    const { own, copy } = besideIoredis();
    const { retryStrategy, ...overrides } = copy.overrides as { retryStrategy: () => unknown };
    expect([overrides, retryStrategy()]).toEqual([{ lazyConnect: true, enableOfflineQueue: true }, null]);
    expect([copy.status, await own.connect(), copy.status]).toEqual(['wait', undefined, 'ready']);
    expect(await own.connection.command('key', 'GET', 'key')).toEqual(['GET', 'key']);
    expect(() => copy.emit('error', new Error('lost'))).not.toThrow();
  });

  it.each([
    ['wait', false],
    ['connecting', true],
    ['connect', true],
    ['ready', true],
    ['close', false],
    ['end', false],
  ])('a client of our own beside one of ioredis that says %s is open: %p', (status, isOpen) => {
    const { own, copy } = besideIoredis();
    copy.status = status;
    expect(own.isOpen).toBe(isOpen);
  });

  it('a client of our own beside one of ioredis ends with its socket, once; before it has one, too', async () => {
    const { own, copy } = besideIoredis();
    for (const step of [own.ref, own.unref, own.destroy]) step.call(own);
    expect(copy.log).toEqual(['disconnect']);
    await own.connect();
    for (const step of [own.ref, own.unref, own.destroy]) step.call(own);
    expect(copy.log.slice(1)).toEqual(['ref', 'unref', 'disconnect', 'destroy the socket']);
    copy.status = 'end';
    own.destroy();
    expect(copy.log).toHaveLength(5);
  });
});

const besideNodeRedis = (original = new NodeRedis()): { own: ReturnType<typeof ownRedisClient>; copy: NodeRedis } => ({
  own: ownRedisClient(original),
  copy: original.copies[0] as NodeRedis,
});

describe('a client of our own beside one of node-redis', () => {
  it('a client of our own beside one of node-redis has its settings, and is not made again', async () => {
    expect(besideNodeRedis(new NodeRedis({ socket: { host: 'h', reconnectStrategy: 5 } })).copy.overrides).toEqual([
      { socket: { host: 'h', reconnectStrategy: false } },
    ]);
    expect(besideNodeRedis().copy.overrides).toEqual([{ socket: { reconnectStrategy: false } }]);
    const { own, copy } = besideNodeRedis(Object.assign(new NodeRedis(), { options: undefined }));
    expect(copy.overrides).toEqual([{ socket: { reconnectStrategy: false } }]);
    expect(await own.connection.command('key', 'GET', 'key')).toEqual([['GET', 'key']]);
    expect(() => copy.emit('error', new Error('lost'))).not.toThrow();
  });

  it('a client of our own beside a cluster of node-redis is as the cluster is', () => {
    expect(besideNodeRedis(Object.assign(new NodeRedis(), { masters: [] })).copy.overrides).toEqual([]);
  });

  it('a client of our own beside one of node-redis is ended only where it is open', async () => {
    const never = besideNodeRedis();
    never.own.destroy();
    expect([never.own.isOpen, never.copy.log]).toEqual([false, []]);
    const { own, copy } = besideNodeRedis();
    await own.connect();
    expect(own.isOpen).toBe(true);
    for (const step of [own.ref, own.unref, own.destroy]) step.call(own);
    expect(copy.log).toEqual(['ref', 'unref', 'destroy']);
  });

  it('a client of our own beside a cluster of node-redis, which has no ref, does without', async () => {
    const { own, copy } = besideNodeRedis();
    Object.assign(copy, { ref: undefined, unref: undefined, destroy: undefined, isOpen: true });
    expect(() => {
      for (const step of [own.ref, own.unref, own.destroy]) step.call(own);
    }).not.toThrow();
  });
});
