import { FakeClock } from '../../testing/fake-clock.js';
import type { ServiceScope } from '../runtime.js';
import { Token } from '../token.js';
import { checkAgain, isUnchecked, supersedes, toCached } from './cached-token.js';
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

it('a token in use is looked after when it is due, or when storage is worth a look, whichever is earlier', () => {
  expect(toCached(storedOf('a'), scope, Infinity)).toMatchObject({ checkAt: DUE, checkedAt: NOW });
  const cached = toCached(storedOf('a'), scope, NOW + 5_000);
  expect(cached.checkAt).toBe(NOW + 5_000);
  checkAgain(cached, NOW + 10_000, NOW + 5_000);
  expect(cached).toMatchObject({ checkAt: NOW + 10_000, checkedAt: NOW + 5_000 });
  checkAgain(cached, Infinity, NOW + 10_000);
  expect(cached).toMatchObject({ checkAt: DUE, checkedAt: NOW + 10_000 });
});

it('a token in use is given out without a look up to its check, and since the clock that decided so', () => {
  const cached = toCached(storedOf('a'), scope, NOW + 5_000);
  expect([NOW - 1, NOW, NOW + 4_999, NOW + 5_000].map((now) => isUnchecked(cached, now))).toEqual([
    false,
    true,
    true,
    false,
  ]);
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
