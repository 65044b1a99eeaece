import { FakeClock } from '../../testing/fake-clock.js';
import { Token } from '../../token/token.js';
import { emptyContext, requestedAtOf, StepContext, TokenWanted } from './fetch-context.js';

const signal = new AbortController().signal;
const app = new Token({ accessToken: 'app-token' });

it('a step reads the tokens of those it depends on, and asks for those of theirs', () => {
  const context = new StepContext('user', new Map([['app', app]]), new Set(['app', 'device']), signal);
  expect([context.token('app'), context.accessToken('app'), context.has('app'), context.has('device')]).toEqual([
    app,
    'app-token',
    true,
    true,
  ]);
  expect(() => context.token('device')).toThrow(TokenWanted);
  expect(() => context.token('device')).toThrow('The token of step "device" is not at hand.');
  expect(() => context.accessToken('device')).toThrow(expect.objectContaining({ step: 'device' }));
  expect(context.has('other')).toBe(false);
  expect(() => context.token('other')).toThrow(
    'Step "user" asks for the token of "other", which it does not depend on. Add it to dependsOn.',
  );
  expect(context.signal).toBe(signal);
});

it('a fetch counts from its last attempt', async () => {
  const clock = new FakeClock();
  const context = new StepContext('user', new Map(), new Set(), signal, clock);
  const start = clock.now();
  await clock.advance(30);
  expect(requestedAtOf(context)).toBe(start);
  context.beginAttempt();
  expect([requestedAtOf(context), context.clock]).toEqual([start + 30, clock]);
});

it('a fetcher that is called on its own has no other step, and the time of the machine', () => {
  const context = emptyContext('user');
  expect([context.has('app'), context.signal.aborted]).toEqual([false, false]);
  expect(() => context.token('app')).toThrow(/^Step "user" asks for the token of "app"/);
  const before = Date.now();
  expect(requestedAtOf({ ...context, token: () => app })).toBeGreaterThanOrEqual(before - 10_000);
  expect(requestedAtOf({ clock: new FakeClock({ now: 7 }) } as never)).toBe(7);
  expect(requestedAtOf({ requestedAt: 5, clock: new FakeClock() } as never)).toBe(5);
});
