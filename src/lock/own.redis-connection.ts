import { type Clock, systemClock, withDeadline } from '../clock.js';
import { TimeoutError } from '../errors.js';
import {
  connectionOf,
  type NodeRedisClient,
  type RedisConnection,
  type SubscriberConnection,
} from './redis-connection.js';

/** Far above what the last commands take; a Redis that is frozen never ends them. */
const CLOSE_DEADLINE_MS = 250;

/** One connection, from its first command to its end. */
interface Line {
  readonly client: NodeRedisClient;
  readonly connection: RedisConnection;
  connecting: Promise<unknown> | undefined;
  readonly underWay: Set<Promise<unknown>>;
}

/**
 * A connection of our own beside one of a cache: what is sent over it and never answered keeps nobody from closing the
 * cache, and it is still there for the last lease and the last token when the cache is closed.
 *
 * It is made by the first command, and made anew by the next one when it is lost: nothing tries to reach a Redis that
 * nobody asks for. It keeps the process alive only while a command is under way.
 */
export class OwnRedisConnection implements RedisConnection {
  readonly #original: NodeRedisClient;
  readonly #clock: Clock;
  #line: Line | undefined;

  constructor(original: NodeRedisClient, clock: Clock = systemClock) {
    this.#original = original;
    this.#clock = clock;
  }

  /** Resolves when commands can be sent. */
  async open(): Promise<RedisConnection> {
    await this.#use(async () => undefined);
    return this;
  }

  command(key: string, ...args: string[]): Promise<unknown> {
    return this.#use(({ connection }) => connection.command(key, ...args));
  }

  duplicate(): SubscriberConnection {
    return connectionOf(this.#original).duplicate();
  }

  /** Lets the last commands end, for a moment. A command that comes later opens it again. */
  async close(): Promise<void> {
    const line = this.#line;
    if (line === undefined) return;
    this.#line = undefined;
    const ended = Promise.allSettled(line.underWay);
    await withDeadline<unknown>(this.#clock, ended, CLOSE_DEADLINE_MS, silence).catch(() => undefined);
    // `destroy` throws on a client that was never opened, or was lost.
    if (line.client.isOpen === true) line.client.destroy?.();
  }

  #use<T>(work: (line: Line) => Promise<T>): Promise<T> {
    const line = (this.#line ??= this.#newLine());
    const call = connected(line).then(() => work(line));
    line.underWay.add(call);
    line.client.ref?.();
    const over = (): void => {
      line.underWay.delete(call);
      if (line.underWay.size === 0) line.client.unref?.();
    };
    call.then(over, over);
    return call;
  }

  #newLine(): Line {
    const { options, masters } = this.#original;
    const overrides = masters === undefined ? [{ socket: { ...options?.socket, reconnectStrategy: false } }] : [];
    const client = this.#original.duplicate(...overrides);
    // Whoever waits for a command hears of it.
    client.on('error', () => undefined);
    return { client, connection: connectionOf(client), connecting: undefined, underWay: new Set() };
  }
}

async function connected(line: Line): Promise<void> {
  if (line.client.isOpen !== true && line.connecting === undefined) {
    line.connecting = line.client.connect().finally(() => (line.connecting = undefined));
  }
  await line.connecting;
}

function silence(): Error {
  return new TimeoutError('Redis does not answer.');
}
