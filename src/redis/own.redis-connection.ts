import { type Clock, systemClock, withDeadline } from '../clock.js';
import { TimeoutError } from '../errors.js';
import { type OwnRedisClient, ownRedisClient } from './own.redis-client.js';
import { connectionOf, type RedisClient, type RedisConnection, type SubscriberConnection } from './redis-connection.js';

/** Far above what the last commands take; a Redis that is frozen never ends them. */
const CLOSE_DEADLINE_MS = 250;
/** A connection that owes an answer for so long is given up: a network that swallows everything closes nothing. */
const STUCK_MS = 5_000;

/** One connection, from its first command to its end. */
interface Line {
  readonly client: OwnRedisClient;
  readonly connected: Promise<unknown>;
  /** Whether it came to nothing, or was lost. */
  readonly over: () => boolean;
  /** Commands that are not answered yet, the oldest first, and when each was given. */
  readonly underWay: Map<Promise<unknown>, number>;
}

/**
 * A connection of our own beside one of a cache: what is sent over it and never answered keeps nobody from closing the
 * cache, and it is still there for the last lease and the last token when the cache is closed.
 *
 * It is made by the first command, and made anew by the next one when it is lost: nothing tries to reach a Redis that
 * nobody asks for. It keeps the process alive only while a command is under way.
 */
export class OwnRedisConnection implements RedisConnection {
  readonly #original: RedisClient;
  readonly #clock: Clock;
  #line: Line | undefined;

  constructor(original: RedisClient, clock: Clock = systemClock) {
    this.#original = original;
    this.#clock = clock;
  }

  /** Resolves when commands can be sent. */
  async open(): Promise<RedisConnection> {
    await this.#use(async () => undefined);
    return this;
  }

  command(key: string, ...args: string[]): Promise<unknown> {
    return this.#use(({ client }) => client.connection.command(key, ...args));
  }

  duplicate(): SubscriberConnection {
    return connectionOf(this.#original).duplicate();
  }

  /** Lets the last commands end, for a moment. A command that comes later opens it again. */
  async close(): Promise<void> {
    const line = this.#line;
    if (line === undefined) return;
    this.#line = undefined;
    const ended = Promise.allSettled(line.underWay.keys());
    await withDeadline<unknown>(this.#clock, ended, CLOSE_DEADLINE_MS, silence).catch(() => undefined);
    line.client.destroy();
  }

  #use<T>(work: (line: Line) => Promise<T>): Promise<T> {
    if (this.#line !== undefined && (this.#line.over() || this.#isStuck(this.#line))) {
      this.#line.client.destroy();
      this.#line = undefined;
    }
    const line = (this.#line ??= this.#newLine());
    const call = line.connected.then(() => work(line));
    line.underWay.set(call, this.#clock.now());
    line.client.ref();
    const over = (): void => {
      line.underWay.delete(call);
      if (line.underWay.size === 0) line.client.unref();
    };
    call.then(over, over);
    return call;
  }

  #isStuck({ underWay }: Line): boolean {
    const [oldest] = underWay.values();
    return oldest !== undefined && this.#clock.now() - oldest > STUCK_MS;
  }

  #newLine(): Line {
    const client = ownRedisClient(this.#original);
    let connecting = true;
    const connected = client.connect().finally(() => (connecting = false));
    connected.catch(() => undefined);
    const over = (): boolean => !connecting && !client.isOpen;
    return { client, connected, over, underWay: new Map() };
  }
}

function silence(): Error {
  return new TimeoutError('Redis does not answer.');
}
