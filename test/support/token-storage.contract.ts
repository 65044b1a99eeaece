import type { TokenStorage } from 'nestjs-forge-auth';
import {
  expiringTokenStorageContract,
  fencedTokenStorageContract,
  tokenStorageContract,
} from '../../src/testing/token-storage.contract.js';

/** Abilities of a storage beyond keeping values. */
export interface TokenStorageTraits {
  /** Values go when their time is over. */
  expires: boolean;
  /** Writes of an earlier generation are refused. */
  fences: boolean;
  /** Keys have no room for 345 characters. @default false */
  shortKeys?: boolean;
}

/**
 * Runs the contract that every {@link TokenStorage} keeps.
 * @param open makes the storage; called once, before the first test
 */
export function describeTokenStorage(
  name: string,
  open: () => TokenStorage | Promise<TokenStorage>,
  { expires, fences, shortKeys = false }: TokenStorageTraits,
): void {
  const checks = {
    ...tokenStorageContract,
    ...(expires ? expiringTokenStorageContract : undefined),
    ...(fences ? fencedTokenStorageContract : undefined),
  };
  describe(name, () => {
    let storage: TokenStorage;
    beforeAll(async () => {
      storage = await open();
    });
    for (const [fact, check] of Object.entries(checks)) {
      if (!shortKeys || !fact.includes('345')) it(fact, () => check(storage));
    }
  });
}
