import type { TokenStorage } from 'nestjs-forge-auth';
import { tokenStorageContract } from 'nestjs-forge-auth/testing';

/** A storage of one's own. */
class MapStorage implements TokenStorage {
  readonly #values = new Map<string, string>();

  async get(key: string): Promise<string | undefined> {
    return this.#values.get(key);
  }

  async set(key: string, value: string): Promise<void> {
    this.#values.set(key, value);
  }

  async delete(key: string): Promise<void> {
    this.#values.delete(key);
  }
}

describe('MapStorage', () => {
  it.each(Object.entries(tokenStorageContract))('%s', (_name, check) => check(() => new MapStorage()));
});
