import type { SubscriberConnection } from './redis-connection.js';
import type { RedisTarget } from './redis-target.js';
import type { TokenSignal } from '../lock/token-lock.js';

/** Messages by Redis publish/subscribe: over the target's connection, and one of its own to listen on. */
export class RedisTokenSignal implements TokenSignal {
  readonly #target: RedisTarget;
  readonly #subscribers = new Set<SubscriberConnection>();
  #closed = false;

  constructor(target: RedisTarget) {
    this.#target = target;
  }

  async publish(channel: string, message: string): Promise<void> {
    if (this.#closed) return;
    const connection = await this.#target.connection();
    const name = this.#target.fullKey(channel);
    await connection.command(name, 'PUBLISH', name, message);
  }

  async subscribe(
    channel: string,
    listener: (message: string) => void,
    onStateChange: (up: boolean) => void = () => undefined,
  ): Promise<() => void> {
    const connection = await this.#target.connection();
    // Where nothing may be announced, nothing is to be relied on: who hears of no change looks from time to time.
    await this.publish(channel, '');
    if (this.#closed) return () => undefined;
    const own = connection.duplicate();
    this.#subscribers.add(own);
    let subscribed = false;
    own.onStateChange((up) => onStateChange(up && subscribed));
    const end = (): void => {
      this.#subscribers.delete(own);
      own.close();
    };
    try {
      await own.subscribe(this.#target.fullKey(channel), listener);
      subscribed = true;
      onStateChange(true);
    } catch (error) {
      end();
      throw error;
    }
    return end;
  }

  close(): void {
    this.#closed = true;
    for (const own of this.#subscribers) own.close();
    this.#subscribers.clear();
  }
}
