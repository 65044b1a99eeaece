import { ConnectionError } from '../errors.js';

/** node-redis, as far as its life is concerned. */
export interface NodeRedisClient {
  readonly isOpen?: boolean;
  readonly options?: { readonly socket?: object };
  /** Of a cluster. */
  readonly masters?: unknown;
  duplicate(overrides?: object): NodeRedisClient;
  connect(): Promise<unknown>;
  on(event: 'connect' | 'reconnecting' | 'error', listener: () => void): unknown;
  destroy?(): unknown;
  ref?(): void;
  unref?(): void;
}

/**
 * Connects a client of node-redis, and ends it.
 *
 * A client that is destroyed while it makes its socket opens that all the same, and can be destroyed no more: it is
 * destroyed as soon as it has one, or fails to get one. It keeps no process alive meanwhile.
 */
export class NodeRedisLife {
  readonly #client: NodeRedisClient;
  /** True while the client makes a socket. */
  #opening = false;
  #ended = false;
  #refuse: (() => void) | undefined;

  constructor(client: NodeRedisClient) {
    this.#client = client;
    client.on('reconnecting', () => (this.#opening = true));
    for (const event of ['connect', 'error'] as const) client.on(event, () => this.#settle());
  }

  /** Resolves when commands can be sent; rejects when that cannot be, or it is ended meanwhile. */
  connect(): Promise<void> {
    this.#opening = true;
    return new Promise((resolve, reject) => {
      // What it waits for when it is destroyed amid this may never come.
      this.#refuse = () => reject(new ConnectionError('The connection to Redis was closed before it was made.'));
      this.#client
        .connect()
        .finally(() => this.#settle())
        .then(() => resolve(), reject);
    });
  }

  /** Ends it at once, whatever is under way. */
  end(): void {
    this.#ended = true;
    this.#refuse?.();
    if (this.#opening) this.#client.unref?.();
    else this.#destroy();
  }

  #settle(): void {
    this.#opening = false;
    if (this.#ended) this.#destroy();
  }

  /** `destroy` throws on a client that was never opened, or was lost: it is gone, which is what was wanted. */
  #destroy(): void {
    if (this.#client.isOpen === false) return;
    try {
      this.#client.destroy?.();
    } catch {
      // It is gone.
    }
  }
}
