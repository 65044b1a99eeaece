import { type Clock, RedisTokenStorage, type RedisTokenStorageOptions, type TokenLock } from 'nestjs-forge-auth';

/** A storage that notes when it is refused the lease: another member of the fleet renews. */
export class WatchedStorage extends RedisTokenStorage {
  readonly #refused: Set<object>;

  constructor(client: object, refused: Set<object>, options?: RedisTokenStorageOptions) {
    super(client, options);
    this.#refused = refused;
  }

  override createLock(clock?: Clock): TokenLock {
    const lock = super.createLock(clock);
    const acquire = lock.acquire.bind(lock);
    lock.acquire = async (...args) => {
      const lease = await acquire(...args);
      if (lease === null) this.#refused.add(this);
      return lease;
    };
    return lock;
  }
}
