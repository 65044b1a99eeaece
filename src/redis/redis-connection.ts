import { systemClock } from '../clock.js';
import { ConfigurationError } from '../errors.js';
import { type NodeRedisClient, NodeRedisLife } from './node-redis-life.js';

/** A raw client of one of the Redis libraries. Only what is used of it. */
export type RedisClient = object;

/** Operations that the libraries have in common, under one name. */
export interface RedisConnection {
  /** Sends one command; the second argument is the key that decides where in a cluster it goes. */
  command(key: string, ...args: string[]): Promise<unknown>;
  /** A connection of its own, for subscribing. Its errors are handled. */
  duplicate(): SubscriberConnection;
}

/** A connection that only listens. */
export interface SubscriberConnection {
  subscribe(channel: string, listener: (message: string) => void): Promise<void>;
  /** Called when the connection is ready, and when it is lost. */
  onStateChange(listener: (up: boolean) => void): void;
  close(): void;
}

/** Time after which a listener that lost its connection tries to reach Redis again, where the client does not say. */
const LISTENER_RETRY_MS = 1_000;

/** Events of a cluster that report the loss of a node. */
const TROUBLE = ['node-error', 'node-reconnecting', 'node-disconnect'] as const;

type AnyFunction = (...args: unknown[]) => unknown;
type AnyClient = Record<string, AnyFunction> & {
  isOpen?: boolean;
  masters?: unknown;
  status?: string;
  options?: { socket?: object };
};

/** Checks whether `client` is a raw client: of ioredis or iovalkey, or of node-redis (a cluster's, too). */
export function isRedisClient(client: unknown): client is RedisClient {
  const known = (client ?? {}) as AnyClient;
  return (
    typeof known['duplicate'] === 'function' &&
    (typeof known['call'] === 'function' || typeof known['sendCommand'] === 'function')
  );
}

/** Checks whether `client` is one of node-redis, rather than of ioredis or iovalkey. */
export function isNodeRedis(client: RedisClient): client is NodeRedisClient {
  return isRedisClient(client) && typeof (client as AnyClient)['call'] !== 'function';
}

/**
 * Returns the connection of a client.
 * @param what name of the client in an error
 * @throws {ConfigurationError} when `client` is none of a library that is known
 */
export function connectionOf(client: RedisClient, what = 'A Redis client'): RedisConnection {
  if (!isRedisClient(client)) {
    throw new ConfigurationError(`${what} must be one of node-redis (a cluster too), ioredis or iovalkey.`);
  }
  const any = client as AnyClient;
  return typeof any['call'] === 'function' ? ioredis(any) : nodeRedis(any);
}

function ioredis(client: AnyClient): RedisConnection {
  return {
    command: async (_key, ...args) => call(client, 'call', ...args),
    duplicate: () => {
      if (typeof client['nodes'] === 'function') return replacedSubscriber(() => nodeOfIoredis(client));
      // Without a queue it would refuse to subscribe while it connects.
      const own = call(client, 'duplicate', { enableOfflineQueue: true }) as AnyClient;
      call(own, 'on', 'error', ignore);
      let channels: string[] = [];
      return {
        subscribe: async (channel, listener) => {
          call(own, 'on', 'message', (_channel: string, message: string) => listener(message));
          await call(own, 'subscribe', channel);
          channels = [channel];
        },
        onStateChange: (listener) => {
          // Ready is reported before the channels of the lost connection are subscribed to again.
          const subscribeAgain = async (): Promise<void> => void (await call(own, 'subscribe', ...channels));
          call(own, 'on', 'ready', () => {
            if (channels.length > 0) subscribeAgain().then(() => listener(true), ignore);
          });
          call(own, 'on', 'close', () => listener(false));
        },
        close: () => {
          if (own.status !== 'end') call(own, 'disconnect');
        },
      };
    },
  };
}

function nodeRedis(client: AnyClient): RedisConnection {
  const cluster = client.masters !== undefined;
  return {
    command: async (key, ...args) =>
      cluster ? call(client, 'sendCommand', key, false, args) : call(client, 'sendCommand', args),
    duplicate: () => (cluster ? replacedSubscriber(async () => clusterOfNodeRedis(client)) : nodeSubscriber(client)),
  };
}

function nodeSubscriber(client: AnyClient): SubscriberConnection {
  const own = call(client, 'duplicate', { socket: persistent(client) }) as AnyClient;
  call(own, 'on', 'error', ignore);
  // It only listens: closed while it was still connecting, it must not keep the process alive either.
  if (typeof own['unref'] === 'function') call(own, 'unref');
  const life = new NodeRedisLife(own as unknown as NodeRedisClient);
  return {
    subscribe: async (channel, listener) => {
      await life.connect();
      await call(own, 'subscribe', channel, listener);
    },
    onStateChange: (listener) => {
      call(own, 'on', 'ready', () => listener(true));
      call(own, 'on', 'error', () => listener(false));
      call(own, 'on', 'end', () => listener(false));
    },
    close: () => life.end(),
  };
}

/** A connection that listens once: one that is in trouble is given up for a new one. */
interface Listening {
  /** Calls `lost` at the first trouble. */
  subscribe(channel: string, listener: (message: string) => void, lost: () => void): Promise<unknown>;
  close(): void;
}

/** A cluster reports its nodes alone, of one that is back only the first time, and what it was asked for while a node was away may never be answered. */
function clusterOfNodeRedis(client: AnyClient): Listening {
  const own = call(client, 'duplicate') as AnyClient;
  return {
    subscribe: async (channel, listener, lost) => {
      call(own, 'on', 'error', ignore);
      for (const event of TROUBLE) call(own, 'on', event, lost);
      await call(own, 'connect');
      await call(own, 'subscribe', channel, listener);
    },
    close: () => destroy(own),
  };
}

/** A cluster reports nothing of the connection that it listens on. What is published anywhere is heard on each of its nodes. */
async function nodeOfIoredis(client: AnyClient): Promise<Listening> {
  const nodes = (): AnyClient[] => call(client, 'nodes', 'master') as AnyClient[];
  if (nodes().length === 0) await (call(client, 'call', 'PING') as Promise<unknown>).catch(ignore);
  const found = nodes();
  const node = found[Math.floor(systemClock.random() * found.length)];
  if (node === undefined) throw new Error('The cluster has no node yet.');
  const own = call(node, 'duplicate', {
    lazyConnect: true,
    enableOfflineQueue: true,
    retryStrategy: () => null,
  }) as AnyClient;
  return {
    subscribe: async (channel, listener, lost) => {
      call(own, 'on', 'error', ignore);
      call(own, 'on', 'close', lost);
      call(own, 'on', 'message', (_channel: string, message: string) => listener(message));
      await call(own, 'subscribe', channel);
    },
    close: () => void call(own, 'disconnect'),
  };
}

/** Listens on a cluster by one connection after another. */
function replacedSubscriber(open: () => Promise<Listening>): SubscriberConnection {
  let own: Listening | undefined;
  let closed = false;
  let report: (up: boolean) => void = ignore;
  const listen = async (channel: string, listener: (message: string) => void): Promise<void> => {
    let fresh: Listening | undefined;
    let over = false;
    const lost = (): void => {
      if (over) return;
      over = true;
      if (own === fresh) own = undefined;
      fresh?.close();
      if (closed) return;
      report(false);
      systemClock.after(LISTENER_RETRY_MS, () => closed || listen(channel, listener).catch(ignore));
    };
    try {
      fresh = await open();
      own = fresh;
      if (closed) return lost();
      await fresh.subscribe(channel, listener, lost);
      if (!over) report(true);
    } catch (error) {
      lost();
      throw error;
    }
  };
  return {
    subscribe: listen,
    onStateChange: (listener) => (report = listener),
    close: () => {
      closed = true;
      own?.close();
    },
  };
}

/** `destroy` throws on a client that was never opened: it is gone, which is what was wanted. */
function destroy(client: AnyClient): void {
  try {
    call(client, 'destroy');
  } catch {
    // It is gone.
  }
}

/** Makes a listener reconnect for good, even if its client gives up lost connections (a non-blocking cache's does). */
function persistent({ options }: AnyClient): object {
  const socket = options?.socket;
  const { reconnectStrategy } = (socket ?? {}) as { reconnectStrategy?: unknown };
  return { ...socket, ...(reconnectStrategy === false ? { reconnectStrategy: LISTENER_RETRY_MS } : undefined) };
}

function call(target: AnyClient, method: string, ...args: unknown[]): unknown {
  return (target[method] as AnyFunction).apply(target, args);
}

/** Ignores an error: the state of our connection reports its loss; without a listener it would end the process. */
function ignore(): void {}
