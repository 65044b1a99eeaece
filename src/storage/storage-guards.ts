import { Lazy } from '../lazy.js';
import type { GuardedStorage, GuardedStorageOptions } from './guarded-storage.js';
import type { TokenStorage } from './token-storage.js';

const Guarded = new Lazy(async () => (await import('./guarded-storage.js')).GuardedStorage);

/** Loads what watches over storages: before the first token that is asked for, no one needs it. Undefined once it is there. */
export function loadStorageGuards(): Promise<unknown> | undefined {
  return Guarded.value === undefined ? Guarded.open() : undefined;
}

/** Watches over a storage. Whoever calls it has awaited {@link loadStorageGuards}. */
export function guardStorage(storage: TokenStorage, options: GuardedStorageOptions): GuardedStorage {
  if (Guarded.value === undefined) throw new Error('The guards of storages are not loaded yet.');
  return new Guarded.value(storage, options);
}
