import { ConfigurationError } from '../errors.js';

/** A raw client of one of the Redis libraries. Only what is used of it. */
export type RedisClient = object;

/** What the libraries have in common, under one name. */
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

type AnyFunction = (...args: unknown[]) => unknown;
type AnyClient = Record<string, AnyFunction> & { isOpen?: boolean; masters?: unknown; status?: string };

/** Whether `client` is a raw client: of ioredis or iovalkey, or of node-redis (a cluster's, too). */
export function isRedisClient(client: unknown): client is RedisClient {
  const known = (client ?? {}) as AnyClient;
  return (
    typeof known['duplicate'] === 'function' &&
    (typeof known['call'] === 'function' || typeof known['sendCommand'] === 'function')
  );
}

/** @throws {ConfigurationError} when `client` is none of a library that is known */
export function connectionOf(client: RedisClient): RedisConnection {
  if (!isRedisClient(client)) {
    throw new ConfigurationError('A Redis client must be one of node-redis (a cluster too), ioredis or iovalkey.');
  }
  const any = client as AnyClient;
  return typeof any['call'] === 'function' ? ioredis(any) : nodeRedis(any);
}

function ioredis(client: AnyClient): RedisConnection {
  return {
    command: async (_key, ...args) => call(client, 'call', ...args),
    duplicate: () => {
      const own = call(client, 'duplicate') as AnyClient;
      call(own, 'on', 'error', ignore);
      return {
        subscribe: async (channel, listener) => {
          call(own, 'on', 'message', (_channel: string, message: string) => listener(message));
          await call(own, 'subscribe', channel);
        },
        onStateChange: (listener) => {
          call(own, 'on', 'ready', () => listener(true));
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
    duplicate: () => {
      const own = call(client, 'duplicate') as AnyClient;
      call(own, 'on', 'error', ignore);
      // It only listens: closed while it was still connecting, it must not keep the process alive either.
      if (typeof own['unref'] === 'function') call(own, 'unref');
      return {
        subscribe: async (channel, listener) => {
          await call(own, 'connect');
          await call(own, 'subscribe', channel, listener);
        },
        onStateChange: (listener) => {
          call(own, 'on', 'ready', () => listener(true));
          call(own, 'on', 'error', () => listener(false));
          call(own, 'on', 'end', () => listener(false));
        },
        close: () => {
          // `destroy` throws on a client that was never opened.
          try {
            call(own, 'destroy');
          } catch {
            // It is gone: what was wanted.
          }
        },
      };
    },
  };
}

function call(target: AnyClient, method: string, ...args: unknown[]): unknown {
  return (target[method] as AnyFunction).apply(target, args);
}

/** A lost connection of ours is told by its state; without a listener it would end the process. */
function ignore(): void {}
