import { InMemoryTokenStorage, type Lease, type TokenLock, type TokenStorage } from 'nestjs-forge-auth';
import {
  type Contract,
  expiringTokenStorageContract,
  fencedTokenStorageContract,
  tokenLockContract,
  tokenStorageContract,
} from 'nestjs-forge-auth/testing';

/** Names of the checks that a subject fails. */
async function failuresOf<T>(contract: Contract<T>, subject: T | (() => T)): Promise<string[]> {
  const names: string[] = [];
  for (const [name, check] of Object.entries(contract)) await check(subject as T).catch(() => names.push(name));
  return names;
}

class StorageOfMap implements TokenStorage {
  protected readonly values = new Map<string, string>();
  async get(key: string): Promise<string | undefined> {
    return this.values.get(key);
  }
  async set(key: string, value: string): Promise<void> {
    this.values.set(key, value);
  }
  async delete(key: string): Promise<void> {
    this.values.delete(key);
  }
}

describe('tokenStorageContract', () => {
  it('tokenStorageContract is kept by a Map, and by a memory that drops what is over', async () => {
    expect(await failuresOf(tokenStorageContract, () => new StorageOfMap())).toEqual([]);
    expect(await failuresOf(tokenStorageContract, new InMemoryTokenStorage())).toEqual([]);
    expect(await failuresOf(expiringTokenStorageContract, new InMemoryTokenStorage())).toEqual([]);
  });

  it.each<[string, TokenStorage, string]>([
    [
      'forgets nothing',
      Object.assign(new StorageOfMap(), { delete: async () => undefined }),
      'forgets what is deleted, and nothing where there is nothing',
    ],
    [
      'mixes keys up',
      new (class extends StorageOfMap {
        override get = (key: string) => super.get(key.trim().toLowerCase().slice(0, 80));
        override set = (key: string, value: string) => super.set(key.trim().toLowerCase().slice(0, 80), value);
      })(),
      'takes keys of 345 characters',
    ],
    [
      'parses what it is given',
      new (class extends StorageOfMap {
        override get = async (key: string) => {
          const value = await super.get(key);
          try {
            return JSON.parse(value ?? '') as string;
          } catch {
            return value;
          }
        };
      })(),
      'gives a number in words back as it was',
    ],
    [
      'takes only ASCII',
      new (class extends StorageOfMap {
        override set = (key: string, value: string) => super.set(key, Buffer.from(value, 'latin1').toString('latin1'));
      })(),
      'gives a text in many scripts back as it was',
    ],
  ])('tokenStorageContract is broken by one that %s', async (_name, storage, check) => {
    expect(await failuresOf(tokenStorageContract, storage)).toContain(check);
  });

  it('names a storage that keeps what is over, or takes older writes', async () => {
    expect(await failuresOf(expiringTokenStorageContract, new StorageOfMap())).toHaveLength(1);
    const careless = Object.assign(new StorageOfMap(), {
      async setIfNewer(this: StorageOfMap, key: string, value: string) {
        await this.set(key, value);
        return true;
      },
    });
    expect(await failuresOf(fencedTokenStorageContract, careless)).toHaveLength(2);
  });
});

describe('tokenLockContract', () => {
  it('tokenLockContract is broken by a lock that lets everybody in', async () => {
    const lease: Lease = { generation: 1, extend: async () => true, release: async () => undefined };
    const open: TokenLock = { acquire: async () => lease };
    expect(await failuresOf(tokenLockContract, open)).toEqual([
      'is held by one at a time, of any number that ask at once',
      'runs out, and its former holder can neither extend nor release the next one',
      'lasts as long as it is extended',
      'mints generations that grow',
      'is not granted to a caller that has left',
    ]);
  });
});
