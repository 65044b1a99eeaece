import { deepEqual, equal } from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../clock.js';
import type { TokenStorage } from '../storage/token-storage.js';
import { type Contract, type ContractSubject, inTime, openSubject } from './contract.js';

/** Values that a storage must give back as they were. */
const VALUES: Readonly<Record<string, string>> = {
  JSON: '{"v":1,"token":{"accessToken":"a.b-c_d~+/="}}',
  'what looks like JSON of another kind': '[1,null,"x"]',
  'a number in words': '17',
  'a text with quotes, breaks and a NUL': 'a"b\\c\r\n\t\0d',
  'a text in many scripts': 'Ünïcödé — 日本語 — 🔑',
  'a text of 500 kB': 'x'.repeat(500_000),
};

/** Ends of keys that must stay apart. */
const KEY_ENDS = ['', ':', '::a', '*', '{tag}', 'with space', 'Ünï', 'a%3Ab', 'a:b', 'A:B', 'x'.repeat(185)];
const LONG_KEY_END = 'x'.repeat(300);
const DAY_MS = 86_400_000;

/** Reads a value as text; undefined where there is none. */
async function read(storage: TokenStorage, key: string): Promise<string | undefined> {
  const value = await storage.get(key);
  return value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : (value ?? undefined);
}

/** A check of a storage and of a key that nobody else uses. */
function check(
  run: (storage: TokenStorage, key: string) => Promise<void>,
): (subject: ContractSubject<TokenStorage>) => Promise<void> {
  return async (subject) => inTime(run(await openSubject(subject), `contract:${randomUUID()}`));
}

async function keepsApart(storage: TokenStorage, keys: readonly string[]): Promise<void> {
  await Promise.all(keys.map((key, index) => storage.set(key, `value ${index}`, 60_000)));
  const values = await Promise.all(keys.map((key) => read(storage, key)));
  deepEqual(
    values,
    keys.map((_, index) => `value ${index}`),
  );
}

/** Contract of every {@link TokenStorage}. */
export const tokenStorageContract: Contract<TokenStorage> = Object.freeze({
  'answers nothing for a key that it does not know': check(async (storage, key) => {
    equal(await read(storage, key), undefined);
  }),
  ...Object.fromEntries(
    Object.entries(VALUES).map(([name, value]) => [
      `gives ${name} back as it was`,
      check(async (storage, key) => {
        await storage.set(key, value, 60_000);
        equal(await read(storage, key), value);
      }),
    ]),
  ),
  'replaces a value': check(async (storage, key) => {
    await storage.set(key, 'first', 60_000);
    await storage.set(key, 'second', 60_000);
    equal(await read(storage, key), 'second');
  }),
  'keeps keys apart, whatever is in them': check((storage, key) =>
    keepsApart(
      storage,
      KEY_ENDS.map((end) => key + end),
    ),
  ),
  'takes keys of 345 characters': check((storage, key) =>
    keepsApart(storage, [key, `${key}${LONG_KEY_END}`, `${key}${LONG_KEY_END.slice(1)}y`]),
  ),
  'takes a value without a time': check(async (storage, key) => {
    await storage.set(key, 'kept');
    equal(await read(storage, key), 'kept');
  }),
  ...Object.fromEntries(
    [30, 31, 400].map((days) => [
      `keeps a value for ${days} days`,
      check(async (storage, key) => {
        await storage.set(key, 'kept', days * DAY_MS);
        await delay(5);
        equal(await read(storage, key), 'kept');
      }),
    ]),
  ),
  'forgets what is deleted, and nothing where there is nothing': check(async (storage, key) => {
    await storage.set(key, 'value', 60_000);
    await storage.set(`${key}:other`, 'other', 60_000);
    await storage.delete?.(key);
    await storage.delete?.(`${key}:unknown`);
    if (storage.delete !== undefined) equal((await read(storage, key)) || undefined, undefined);
    equal(await read(storage, `${key}:other`), 'other');
  }),
});

/** Contract of a {@link TokenStorage} that drops expired values, beyond {@link tokenStorageContract}. */
export const expiringTokenStorageContract: Contract<TokenStorage> = Object.freeze({
  'drops a value when its time is over, not before, and a new value has a time of its own': check(
    async (storage, key) => {
      await storage.set(key, 'short', 1);
      await storage.set(`${key}:long`, 'long', 60_000);
      await storage.set(`${key}:renewed`, 'old', 1);
      await storage.set(`${key}:renewed`, 'new', 60_000);
      await delay(30);
      const values = await Promise.all([key, `${key}:long`, `${key}:renewed`].map((one) => read(storage, one)));
      deepEqual(values, [undefined, 'long', 'new']);
    },
  ),
});

/** A storage that has `setIfNewer`. */
type FencedTokenStorage = TokenStorage & Required<Pick<TokenStorage, 'setIfNewer'>>;

/** Contract of a {@link TokenStorage} that has `setIfNewer`, beyond {@link tokenStorageContract}. */
export const fencedTokenStorageContract: Contract<TokenStorage> = Object.freeze({
  'refuses a write that is older than what is there': check(async (given, key) => {
    const storage = given as FencedTokenStorage;
    const write = (value: string, generation: number): Promise<boolean> =>
      storage.setIfNewer(key, value, 60_000, generation);
    equal(await write('second', 2), true);
    equal(await write('first', 1), false);
    equal(await read(storage, key), 'second');
    equal(await write('third', 3), true);
    equal(await read(storage, key), 'third');
  }),
  'keeps the newest of many writes that come in any order': check(async (given, key) => {
    const storage = given as FencedTokenStorage;
    const generations = [5, 1, 9, 3, 7, 10, 2, 8, 4, 6].map((generation) => systemClock.now() + generation);
    await Promise.all(
      generations.map((generation) => storage.setIfNewer(key, `value ${generation}`, 60_000, generation)),
    );
    equal(await read(storage, key), `value ${Math.max(...generations)}`);
  }),
});
