import { FakeClock } from '../../testing/fake-clock.js';
import type { ServiceScope } from '../runtime.js';
import { Token } from '../token.js';
import { agingTime, isFresh, isUnchecked, lookFrom, supersedes, toCached } from './cached-token.js';
import type { StoredToken } from './stored-token.js';

const clock = new FakeClock();
const NOW = clock.now();
const HOUR_MS = 3_600_000;
const DUE = NOW + HOUR_MS - 120_000;
const scope = {
  clock,
  jitter: 0,
  settings: { refreshWindowMs: 120_000, expiryLeewayMs: 30_000 },
} as unknown as ServiceScope;

const storedOf = (accessToken: string, generation = 5): StoredToken => ({
  token: new Token({ accessToken, expiresAt: NOW + HOUR_MS }),
  obtainedAt: NOW,
  generation,
  claimed: true,
});

it('a token in use has its ages and a promise of itself, and nothing of a claim', async () => {
  const stored = storedOf('a');
  const cached = toCached(stored, scope, Infinity);
  expect(await cached.promise).toBe(stored.token);
  expect(cached).toMatchObject({ token: stored.token, obtainedAt: NOW, generation: 5, ages: { dueAt: DUE } });
  expect(cached).not.toHaveProperty('claimed');
});

it('a token in use is fresh until it is due, or storage is worth a look, whichever is earlier', async () => {
  const time = new FakeClock({ now: NOW });
  const world = { ...scope, clock: time } as unknown as ServiceScope;
  const cached = toCached(storedOf('a'), world, Infinity);
  expect(isFresh(cached, time)).toBe(true);
  lookFrom(cached, time.monotonic() + 5_000);
  await time.advance(4_999);
  expect(isFresh(cached, time)).toBe(true);
  await time.advance(1);
  expect(isFresh(cached, time)).toBe(false);
  lookFrom(cached, Infinity);
  expect(isFresh(cached, time)).toBe(true);
  await time.advance(DUE - time.now() - 1);
  expect(isFresh(cached, time)).toBe(true);
  await time.advance(1);
  expect(isFresh(cached, time)).toBe(false);
});

it.each([
  ['a second', HOUR_MS, Infinity, 1_000],
  ['as long as no look is due', HOUR_MS, 400, 400],
  ['less than it lives on when it is due', 1_000, Infinity, 200],
])('a token that is fresh is given out by the time of day alone for %s', (_how, lifetimeMs, lookInMs, trustMs) => {
  const stored = { ...storedOf('a'), token: new Token({ accessToken: 'a', expiresAt: NOW + lifetimeMs }) };
  const cached = toCached(stored, scope, clock.monotonic() + lookInMs);
  expect(isUnchecked(cached, NOW)).toBe(false);
  expect(isFresh(cached, clock)).toBe(true);
  const times = [NOW - 1, NOW, NOW + trustMs - 1, NOW + trustMs];
  expect(times.map((now) => isUnchecked(cached, now))).toEqual([false, true, true, false]);
});

it('a token without an end is given out by the time of day alone, too', () => {
  const cached = toCached({ ...storedOf('a'), token: new Token({ accessToken: 'a' }) }, scope, Infinity);
  expect([isFresh(cached, clock), isUnchecked(cached, NOW + 999), isUnchecked(cached, NOW + 1_000)]).toEqual([
    true,
    true,
    false,
  ]);
});

describe('a time of day that is set', () => {
  it('a time of day that is set back makes no token younger, nor one that comes again', async () => {
    const time = new FakeClock({ now: NOW });
    const world = { ...scope, clock: time } as unknown as ServiceScope;
    const cached = toCached(storedOf('a'), world, Infinity);
    await time.advance(HOUR_MS - 1);
    time.jump(-HOUR_MS);
    expect([agingTime(cached, time), isFresh(cached, time)]).toEqual([NOW + HOUR_MS - 1, false]);
    const again = toCached(storedOf('a', 6), world, Infinity, cached);
    expect(agingTime(again, time)).toBe(NOW + HOUR_MS - 1);
    expect(agingTime(toCached(storedOf('b'), world, Infinity, cached), time)).toBe(NOW - 1);
  });

  it('a time of day that is set forward makes a token as old as it says', async () => {
    const time = new FakeClock({ now: NOW });
    const cached = toCached(storedOf('a'), { ...scope, clock: time } as unknown as ServiceScope, Infinity);
    time.jump(HOUR_MS);
    expect([agingTime(cached, time), isFresh(cached, time)]).toEqual([NOW + HOUR_MS, false]);
  });

  it.each([-HOUR_MS, HOUR_MS / 2])('moves no look at storage: %d', async (setMs) => {
    const time = new FakeClock({ now: NOW });
    const cached = toCached(storedOf('a'), { ...scope, clock: time } as unknown as ServiceScope, 5_000);
    time.jump(setMs);
    await time.advance(4_999);
    expect(isFresh(cached, time)).toBe(true);
    await time.advance(1);
    expect(isFresh(cached, time)).toBe(false);
  });
});

it.each([
  ['where none is in use', undefined, true],
  ['of a later generation', storedOf('a', 4), true],
  ['of the same generation', storedOf('a', 5), true],
  ['of an earlier generation', storedOf('a', 6), false],
  ['that is the same', storedOf('b', 4), false],
])('a stored token takes the place of another one %s', (_name, replaced, expected) => {
  expect(supersedes(storedOf('b'), replaced)).toBe(expected);
});
