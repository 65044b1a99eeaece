/** The right to do something alone, for a while. */
export interface Lease {
  /** Number greater than that of every lease on the same key before: orders what is written under it. */
  readonly generation: number;
  /** Holds on for another term. Returns false when the lease has run out and is somebody else's or nobody's. */
  extend(): Promise<boolean>;
  /** Gives the lease back, if it is still held. */
  release(): Promise<void>;
}

/** Options of a lease. */
export interface AcquireOptions {
  /** Milliseconds that the lease lasts unless it is extended. */
  readonly ttlMs: number;
  /**
   * Milliseconds of the longest lease that anybody takes of this key: whatever stands for longer is no lease.
   * @default a minute, or `ttlMs` where that is longer
   */
  readonly longestMs?: number;
  /** Aborts when nobody wants the lease any more: one that is granted later is given back. */
  readonly signal: AbortSignal;
}

/** Lets one of many processes do something. A lock is a lease: it runs out when its holder dies. */
export interface TokenLock {
  /**
   * Takes the lease of a key.
   * @returns the lease; null when somebody else has it
   * @throws when the lock store is down: the caller then does without
   */
  acquire(key: string, options: AcquireOptions): Promise<Lease | null>;
  /** Closes connections of the lock's own. */
  close?(): void | Promise<void>;
}

/** Announces to other processes that something has changed. */
export interface TokenSignal {
  /** Sends a message to whoever subscribed to the channel, in every process. */
  publish(channel: string, message: string): Promise<void>;
  /**
   * Listens to a channel.
   * @param listener called for each message, this process's own included
   * @param onStateChange called when messages may get lost from now on, and when they no longer do
   * @returns ends the subscription
   */
  subscribe(
    channel: string,
    listener: (message: string) => void,
    onStateChange?: (up: boolean) => void,
  ): Promise<() => void | Promise<void>>;
  /** Closes connections of the signal's own. */
  close?(): void | Promise<void>;
}
