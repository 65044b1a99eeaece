import { type NodeRedisClient, NodeRedisLife } from './node-redis-life.js';
import { connectionOf, isNodeRedis, type RedisClient, type RedisConnection } from './redis-connection.js';

/** One connection of our own, which is not made again when it is lost. */
export interface OwnRedisClient {
  readonly connection: RedisConnection;
  readonly isOpen: boolean;
  connect(): Promise<unknown>;
  /** Ends it at once, whatever is under way. */
  destroy(): void;
  /** Makes it keep the process alive. */
  ref(): void;
  unref(): void;
}

/** ioredis or iovalkey, as far as its life is concerned. */
interface IoredisClient {
  readonly status: string;
  readonly isCluster?: boolean;
  /** The socket, once there is one. */
  readonly stream?: { ref(): void; unref(): void; destroy(): void };
  duplicate(overrides: object): IoredisClient;
  connect(): Promise<unknown>;
  disconnect(): void;
  on(event: 'error', listener: () => void): unknown;
}

/** Checks whether {@link ownRedisClient} can be made of it: of a cluster of ioredis it cannot. */
export function canBeDuplicated(client: RedisClient): boolean {
  return isNodeRedis(client) || (client as IoredisClient).isCluster !== true;
}

/** A client with the settings of `original`, not connected yet. */
export function ownRedisClient(original: RedisClient): OwnRedisClient {
  return isNodeRedis(original) ? ofNodeRedis(original) : ofIoredis(original as IoredisClient);
}

function ofNodeRedis(original: NodeRedisClient): OwnRedisClient {
  const { options, masters } = original;
  const overrides = masters === undefined ? [{ socket: { ...options?.socket, reconnectStrategy: false } }] : [];
  const client = original.duplicate(...overrides);
  client.on('error', ignore);
  const life = new NodeRedisLife(client);
  return {
    connection: connectionOf(client),
    get isOpen() {
      return client.isOpen === true;
    },
    connect: () => life.connect(),
    destroy: () => life.end(),
    ref: () => client.ref?.(),
    unref: () => client.unref?.(),
  };
}

function ofIoredis(original: IoredisClient): OwnRedisClient {
  const client = original.duplicate({ lazyConnect: true, enableOfflineQueue: true, retryStrategy: () => null });
  client.on('error', ignore);
  return {
    connection: connectionOf(client),
    get isOpen() {
      return ['connecting', 'connect', 'ready'].includes(client.status);
    },
    connect: () => client.connect(),
    destroy() {
      // On a connection that has ended it would leave a timer behind, and one that is frozen would take two seconds.
      if (client.status === 'end') return;
      client.disconnect();
      client.stream?.destroy();
    },
    ref: () => client.stream?.ref(),
    unref: () => client.stream?.unref(),
  };
}

/** Whoever waits for a command hears of it. */
function ignore(): void {}
