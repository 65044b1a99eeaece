import { type Clock, monotonicNow, systemClock, withDeadline } from '../clock.js';
import { TimeoutError } from '../errors.js';
import { type OwnRedisClient, ownRedisClient } from './own.redis-client.js';
import { connectionOf, type RedisClient, type RedisConnection, type SubscriberConnection } from './redis-connection.js';

/** Far above what the last commands take; a Redis that is frozen never ends them. */
const CLOSE_DEADLINE_MS = 250;
/** A connection that owes an answer for so long is given up: a network that swallows everything closes nothing. */
const STUCK_MS = 5_000;

/** One connection, from its first command to its end. */
interface Session {
  readonly client: OwnRedisClient;
  readonly connected: Promise<unknown>;
  /** Returns true when the connection failed or was lost. */
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
export class DedicatedRedisConnection implements RedisConnection {
  readonly #original: RedisClient;
  readonly #clock: Clock;
  #session: Session | undefined;

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
    const session = this.#session;
    if (session === undefined) return;
    this.#session = undefined;
    const ended = Promise.allSettled(session.underWay.keys());
    await withDeadline<unknown>(this.#clock, ended, CLOSE_DEADLINE_MS, silence).catch(() => undefined);
    session.client.destroy();
  }

  #use<T>(work: (session: Session) => Promise<T>): Promise<T> {
    if (this.#session !== undefined && (this.#session.over() || this.#isStuck(this.#session))) {
      this.#session.client.destroy();
      this.#session = undefined;
    }
    const session = (this.#session ??= this.#newSession());
    const call = session.connected.then(() => work(session));
    session.underWay.set(call, monotonicNow(this.#clock));
    session.client.ref();
    const over = (): void => {
      session.underWay.delete(call);
      if (session.underWay.size === 0) session.client.unref();
    };
    call.then(over, over);
    return call;
  }

  #isStuck({ underWay }: Session): boolean {
    const [oldest] = underWay.values();
    return oldest !== undefined && monotonicNow(this.#clock) - oldest > STUCK_MS;
  }

  #newSession(): Session {
    const client = ownRedisClient(this.#original);
    let connecting = true;
    const connected = client.connect().finally(() => (connecting = false));
    const over = (): boolean => !connecting && !client.isOpen;
    return { client, connected, over, underWay: new Map() };
  }
}

function silence(): Error {
  return new TimeoutError('Redis does not answer.');
}
