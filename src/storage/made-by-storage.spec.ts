import { ConfigurationError } from '../errors.js';
import type { TokenLock } from '../lock/token-lock.js';
import { silentLogger } from '../logger.js';
import { FakeClock } from '../testing/fake-clock.js';
import { announcementsMadeBy, lockMadeBy } from './made-by-storage.js';
import type { TokenStorage } from './token-storage.js';

class OwnStorage implements TokenStorage {
  async get(): Promise<undefined> {
    return undefined;
  }
  async set(): Promise<void> {
    return undefined;
  }
}

const clock = new FakeClock();
const lock: TokenLock = { acquire: async () => null };

const announced = (storage: TokenStorage, revealCauses: boolean): unknown =>
  announcementsMadeBy(storage, { clock, logger: silentLogger, revealCauses, failing: () => false });
const throwing = (thrown: unknown) => (): never => {
  throw thrown;
};
const failureOf = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (error) {
    return error;
  }
};

it('a lock that a storage makes is made with the clock of whoever asks', () => {
  const given: unknown[] = [];
  const createLock = (...args: unknown[]): TokenLock => (given.push(...args), lock);
  expect([lockMadeBy(Object.assign(new OwnStorage(), { createLock }), clock, false), given]).toEqual([lock, [clock]]);
});

it('a storage that makes neither lock nor announcements has none', () => {
  const made = { createLock: () => undefined, createSignal: () => undefined };
  for (const storage of [new OwnStorage(), Object.assign(new OwnStorage(), made)])
    expect([lockMadeBy(storage, clock, false), announced(storage, false)]).toEqual([undefined, undefined]);
});

it.each<['createLock' | 'createSignal', boolean, string]>([
  ['createLock', true, 'threw TypeError: no such host. Have it answer undefined where it can make no lock'],
  ['createLock', false, 'threw TypeError. Have it answer undefined where it can make no lock'],
  ['createSignal', true, 'threw TypeError: no such host. Have it answer undefined where it can make no announcements'],
  ['createSignal', false, 'threw TypeError. Have it answer undefined where it can make no announcements'],
])('%s() that throws is a ConfigurationError with the cure; its message is shown: %s', (method, reveal, words) => {
  const storage = Object.assign(new OwnStorage(), { [method]: throwing(new TypeError('no such host')) });
  const error = failureOf(() =>
    method === 'createLock' ? lockMadeBy(storage, clock, reveal) : announced(storage, reveal),
  );
  expect(error).toBeInstanceOf(ConfigurationError);
  expect(error).toMatchObject({ message: expect.stringContaining(`${method}() of the storage OwnStorage ${words}`) });
});

it('a storage of no class of its own is named as such', () => {
  const { get, set } = new OwnStorage();
  const storage = { get, set, createLock: throwing('closed') };
  expect(failureOf(() => lockMadeBy(storage, clock, true))).toMatchObject({
    message: expect.stringMatching(/^createLock\(\) of the storage threw .*closed\. Have it/),
  });
});

it('an error of this package that a storage throws comes through as it is', () => {
  const thrown = new ConfigurationError('RedisTokenStorage: lock is no lock.');
  const storage = Object.assign(new OwnStorage(), { createLock: throwing(thrown) });
  expect(failureOf(() => lockMadeBy(storage, clock, false))).toBe(thrown);
});

it('a lock that is promised is refused: nobody would wait for it', () => {
  const storage = Object.assign(new OwnStorage(), {
    createLock: (): TokenLock => Promise.reject(new Error('down')) as unknown as TokenLock,
  });
  expect(failureOf(() => lockMadeBy(storage, clock, false))).toMatchObject({
    message: expect.stringContaining('createLock() of the storage OwnStorage returned a promise'),
  });
});
