import { AuthenticationError } from '../../errors.js';
import { type ForgeAuthEvent, type ObservedScope, Observers } from '../../observer.js';
import { FakeClock } from '../../testing/fake-clock.js';
import type { ServiceScope } from '../runtime.js';
import { Token } from '../token.js';
import { Flight } from './flight.js';
import { type ObservedTokens, SlotObserver } from './slot-observer.js';

function world(tokens: ObservedTokens = {}) {
  const clock = new FakeClock();
  const observers = new Observers();
  const events: ForgeAuthEvent[] = [];
  const end = observers.add({ event: (event) => void events.push(event) });
  const scope = { clock, observer: observers, serviceName: 'orders' } as unknown as ServiceScope;
  return { clock, observers, events, end, slot: new SlotObserver(scope, tokens) };
}

const here = ({ clock }: { clock: FakeClock }) => ({ at: clock.now(), service: 'orders' });

it('what happens to a token in use is reported by name, time and service', () => {
  const made = world();
  made.slot.served('due');
  made.slot.rejected();
  made.slot.invalidated();
  expect(made.events).toEqual([
    { type: 'token_served', ...here(made), age: 'due' },
    { type: 'token_rejected', ...here(made) },
    { type: 'token_invalidated', ...here(made) },
  ]);
});

it('a caller’s wait is reported when it ends, with its time and the flight that it waited for', async () => {
  const made = world();
  const flight = new Flight(
    () => Promise.reject(new Error('down')),
    made.clock,
    1_000,
    () => new Error('late'),
  );
  made.slot.flight(flight, made.slot.report('missing'));
  await made.clock.advance(70);
  made.events.length = 0;
  const waiting = made.slot.waited(
    new Promise<never>((_, reject) => made.clock.after(250, () => reject(new Error('x')))),
  );
  const settled = Promise.allSettled([waiting]);
  await made.clock.advance(250);
  expect(await settled).toMatchObject([{ reason: { message: 'x' } }]);
  expect(made.events.filter(({ type }) => type === 'token_wait')).toEqual([
    { type: 'token_wait', ...here(made), flight: 1, durationMs: 250 },
  ]);
});

it('a caller’s wait that began before any flight names none', async () => {
  const made = world();
  await made.slot.waited(Promise.resolve());
  expect(made.events).toEqual([{ type: 'token_wait', ...here(made), durationMs: 0 }]);
});

it('a wait that nobody listens to is answered as it is', () => {
  const made = world();
  made.end();
  const work = Promise.resolve();
  expect(made.slot.waited(work)).toBe(work);
});

it('flights are numbered, and report their cause, their grant, and that they were not another process’s', () => {
  const made = world();
  expect(made.slot.report('window')).toEqual({ flight: 1, cause: 'window', grant: 'custom', shared: false });
  expect(world({ grantType: 'password' }).slot.report('forced')).toMatchObject({ cause: 'forced', grant: 'password' });
  expect(made.slot.report('window').flight).toBe(2);
});

it.each([
  [{}, {}],
  [{ step: 'app' }, { step: 'app' }],
])('a flight runs within the contexts of observers, who learn what it is for: %j', async (tokens, more) => {
  const made = world({ grantType: 'password', ...tokens });
  const scopes: ObservedScope[] = [];
  made.observers.add({
    around: (scope, work) => {
      scopes.push(scope);
      return work();
    },
  });
  const token = new Token({ accessToken: 'a' });
  expect(await made.slot.around(made.slot.report('missing'), async () => token)).toBe(token);
  expect(scopes).toEqual([
    { kind: 'token_request', flight: 1, service: 'orders', cause: 'missing', grant: 'password', ...more },
  ]);
});

async function ended(work: () => Promise<Token>, tokens: ObservedTokens = {}): Promise<unknown> {
  const made = world(tokens);
  const report = made.slot.report('missing');
  const flight = new Flight(
    async () => {
      await new Promise<void>((resolve) => made.clock.after(30, resolve));
      return work();
    },
    made.clock,
    1_000,
    () => new Error('late'),
  );
  made.slot.flight(flight, report);
  await made.clock.advance(30);
  const { at, service, ...event } = made.events[0] as ForgeAuthEvent & { at: number };
  expect({ at, service }).toEqual(here(made));
  expect(made.events).toHaveLength(1);
  return event;
}
const common = { type: 'token_request', flight: 1, cause: 'missing', grant: 'custom', shared: false, durationMs: 30 };

describe('the end of a flight', () => {
  it('the end of a flight reports when its token expires, if it does', async () => {
    expect(await ended(async () => new Token({ accessToken: 'a', expiresAt: 9 }))).toEqual({
      ...common,
      outcome: 'obtained',
      expiresAt: 9,
    });
    expect(await ended(async () => new Token({ accessToken: 'a' }))).toEqual({ ...common, outcome: 'obtained' });
  });

  it('the end of a flight reports the code of its error, where that is one of ours', async () => {
    expect(await ended(() => Promise.reject(new AuthenticationError('x', { code: 'FORGE_AUTH_BACKOFF' })))).toEqual({
      ...common,
      outcome: 'failed',
      code: 'FORGE_AUTH_BACKOFF',
    });
    expect(await ended(() => Promise.reject(new Error('x')))).toEqual({ ...common, outcome: 'failed' });
  });

  it('the end of a flight reports the step, and that it was for one call’s parameters', async () => {
    const token = new Token({ accessToken: 'a' });
    expect(await ended(async () => token, { step: 'app', perCall: true })).toEqual({
      ...common,
      outcome: 'obtained',
      step: 'app',
      perCall: true,
    });
    expect(await ended(async () => token, { perCall: false })).not.toHaveProperty('perCall');
  });

  it('the end of a flight that its last caller left is no failure', async () => {
    const made = world();
    const flight = new Flight<Token>(
      () => new Promise(() => undefined),
      made.clock,
      1_000,
      () => new Error('late'),
    );
    made.slot.flight(flight, made.slot.report('missing'));
    const caller = new AbortController();
    flight.join(caller.signal).catch(() => undefined);
    caller.abort();
    await made.clock.advance(0);
    expect(made.events).toMatchObject([{ outcome: 'aborted' }]);
  });
});
