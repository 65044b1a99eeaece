import { deepEqual, equal, notEqual, rejects } from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Lease, TokenLock } from '../lock/token-lock.js';
import { type Contract, type ContractSubject, inTime, openSubject } from './contract.js';

/** Asks for a lease. */
type Acquire = (key: string, ttlMs?: number) => Promise<Lease | null>;

/** A check of a lock and of a key that nobody else uses. */
function check(
  run: (acquire: Acquire, key: string, lock: TokenLock) => Promise<void>,
): (subject: ContractSubject<TokenLock>) => Promise<void> {
  return async (subject) => {
    const lock = await openSubject(subject);
    const { signal } = new AbortController();
    await inTime(run((key, ttlMs = 5_000) => lock.acquire(key, { ttlMs, signal }), `contract:${randomUUID()}`, lock));
  };
}

/** Contract of every {@link TokenLock}. */
export const tokenLockContract: Contract<TokenLock> = Object.freeze({
  'is held by one at a time, of any number that ask at once': check(async (acquire, key) => {
    const leases = await Promise.all(Array.from({ length: 20 }, () => acquire(key)));
    equal(leases.filter((lease) => lease !== null).length, 1);
  }),
  'is free again when it is given back, and other keys are free all along': check(async (acquire, key) => {
    const lease = await acquire(key);
    notEqual(await acquire(`${key}:other`), null);
    await lease?.release();
    notEqual(await acquire(key), null);
  }),
  'runs out, and its former holder can neither extend nor release the next one': check(async (acquire, key) => {
    const former = await acquire(key, 60);
    await delay(90);
    notEqual(await acquire(key), null);
    equal(await former?.extend(), false);
    await former?.release();
    equal(await acquire(key), null);
  }),
  'lasts as long as it is extended': check(async (acquire, key) => {
    const lease = await acquire(key, 300);
    for (let round = 0; round < 4; round += 1) {
      await delay(100);
      equal(await lease?.extend(), true);
    }
    equal(await acquire(key, 300), null);
  }),
  'mints generations that grow': check(async (acquire, key) => {
    const generations: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      const lease = await acquire(key);
      generations.push(lease?.generation ?? 0);
      await lease?.release();
    }
    deepEqual(
      generations,
      [...new Set(generations)].toSorted((a, b) => a - b),
    );
  }),
  'is not granted to a caller that has left': check(async (acquire, key, lock) => {
    const signal = AbortSignal.abort(new Error('left'));
    await rejects(lock.acquire(key, { ttlMs: 5_000, signal }), { message: 'left' });
    notEqual(await acquire(key), null);
  }),
});
