import type { Clock } from '../../clock.js';
import { AuthenticationError, ConnectionError } from '../../errors.js';
import { FakeClock } from '../../testing/fake-clock.js';
import { FetchBackoff } from './fetch-backoff.js';

class World {
  now = 1_000_000;
  /** How far the time of day was set. */
  skewMs = 0;
  random = 0;
  readonly backoff = new FetchBackoff({
    now: () => this.now + this.skewMs,
    monotonic: () => this.now,
    random: () => this.random,
    after: () => () => undefined,
  } as Clock);

  get heldBackForMs(): number {
    return Math.max(0, this.backoff.retryAt - this.now - this.skewMs);
  }

  /** Returns the error that is thrown, or undefined where it lets pass. */
  refusal(): AuthenticationError | undefined {
    try {
      this.backoff.assertNotBackingOff('"orders"');
      return undefined;
    } catch (error) {
      return error as AuthenticationError;
    }
  }
}

const failure = new AuthenticationError('HTTP 500');

describe('FetchBackoff', () => {
  it('FetchBackoff is open at first, and after one failure', () => {
    const world = new World();
    expect(world.refusal()).toBeUndefined();
    world.backoff.failed(failure);
    expect(world.refusal()).toBeUndefined();
    expect(world.backoff.failures).toBe(1);
  });

  it('FetchBackoff says that a fetch may start by an instant in the past', () => {
    const world = new World();
    expect(world.backoff.retryAt).toBe(0);
    world.backoff.failed(failure);
    world.backoff.failed(failure);
    expect(world.backoff.retryAt).toBe(world.now + 1_000);
    world.now += 1_000;
    expect([world.backoff.retryAt, world.backoff.waitMs]).toEqual([0, 0]);
  });

  it('FetchBackoff counts a failure while it is closed from then on, with its own pause', () => {
    const world = new World();
    world.backoff.failed(new AuthenticationError('HTTP 429', { retryAfterMs: 600_000 }));
    world.backoff.failed(failure);
    expect(world.heldBackForMs).toBe(1_000);
  });

  it('closes for 1, 2, 4, 8, 16 and then 30 s from the second failure in a row', () => {
    const world = new World();
    const pauses = Array.from({ length: 9 }, () => {
      world.backoff.failed(failure);
      const pause = world.heldBackForMs;
      world.now += pause;
      return pause;
    });
    expect(pauses).toEqual([0, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  });

  it('shortens pauses by up to a fifth, so that a fleet does not come back in step', () => {
    const world = new World();
    world.random = 1;
    world.backoff.failed(failure);
    world.backoff.failed(failure);
    expect(world.heldBackForMs).toBe(800);
  });

  it('refuses with a typed error that names how long, how often, and what went wrong last', () => {
    const world = new World();
    world.backoff.failed(new AuthenticationError('first'));
    world.backoff.failed(failure);
    world.now += 1;
    const refusal = world.refusal();
    expect(refusal).toMatchObject({ code: 'FORGE_AUTH_BACKOFF', transient: true, cause: failure, retryAfterMs: 999 });
    expect(refusal?.message).toBe('Token request for "orders" is held back for 1 s after 2 failed in a row.');
    world.backoff.failed(new AuthenticationError('third', { retryAfterMs: 59_001, transient: true }));
    expect(world.refusal()?.message).toBe('Token request for "orders" is held back for 60 s after 3 failed in a row.');
  });

  it('opens again on the millisecond', () => {
    const world = new World();
    world.backoff.failed(failure);
    world.backoff.failed(failure);
    world.now += 999;
    expect(world.refusal()).toBeDefined();
    world.now += 1;
    expect(world.refusal()).toBeUndefined();
  });

  it('obeys Retry-After after the very first failure, and never less than its own pause', () => {
    const world = new World();
    world.backoff.failed(new AuthenticationError('HTTP 429', { retryAfterMs: 7_000 }));
    expect(world.heldBackForMs).toBe(7_000);
    world.now += 7_000;
    world.backoff.failed(new AuthenticationError('HTTP 429', { retryAfterMs: 10 }));
    expect(world.heldBackForMs).toBe(1_000);
  });

  it('forgets everything at a success', () => {
    const world = new World();
    for (let failures = 0; failures < 5; failures += 1) world.backoff.failed(failure);
    world.backoff.succeeded();
    expect([world.refusal(), world.backoff.failures]).toEqual([undefined, 0]);
    world.backoff.failed(failure);
    expect(world.refusal()).toBeUndefined();
  });

  it('counts whatever is thrown', () => {
    const world = new World();
    world.backoff.failed('a text');
    world.backoff.failed(undefined);
    expect(world.heldBackForMs).toBe(1_000);
  });
});

/** The note of a process whose backoff was closed so long ago, by a clock that is `skewMs` ahead of ours. */
function noteAfter(failures: number, { skewMs = 0, retryAfterMs }: { skewMs?: number; retryAfterMs?: number } = {}) {
  const writer = new World();
  writer.now += skewMs;
  const delayed = retryAfterMs === undefined ? failure : new AuthenticationError('HTTP 429', { retryAfterMs });
  for (let count = 0; count < failures; count += 1) writer.backoff.failed(delayed);
  return writer.backoff.toNote();
}

describe('a note to the other processes', () => {
  it('holds back whoever reads it, and counts on where its writer stopped', () => {
    const reader = new World();
    reader.backoff.adopt(noteAfter(3).text);
    expect([reader.heldBackForMs, reader.backoff.failures]).toEqual([2_000, 3]);
    expect(reader.refusal()).toMatchObject({ code: 'FORGE_AUTH_BACKOFF' });
    reader.now += 2_000;
    expect(reader.refusal()).toBeUndefined();
    reader.backoff.failed(failure);
    expect(reader.heldBackForMs).toBe(4_000);
  });

  it.each([
    [new AuthenticationError('x', { status: 503 }), ' (HTTP 503)'],
    [new AuthenticationError('x', { status: 400, error: 'invalid_scope' }), ' (invalid_scope)'],
    [new AuthenticationError('x', { status: 400, error: 'a secret' }), ' (HTTP 400)'],
    [
      new AuthenticationError('x', { status: 200, code: 'FORGE_AUTH_TOKEN_RESPONSE_INVALID' }),
      ' (FORGE_AUTH_TOKEN_RESPONSE_INVALID)',
    ],
    [new AuthenticationError('x', { cause: new ConnectionError('x') }), ' (FORGE_AUTH_CONNECTION)'],
    [new AuthenticationError('x'), ''],
    [new Error('a secret'), ''],
  ])('names the last failure, %s, there as here:%s', (error, named) => {
    const [writer, reader] = [new World(), new World()];
    for (let count = 0; count < 3; count += 1) writer.backoff.failed(error);
    reader.backoff.adopt(writer.backoff.toNote().text);
    const message = `Token request for "orders" is held back for 2 s after 3 failed in a row${named}.`;
    expect([writer.refusal()?.message, reader.refusal()?.message]).toEqual([message, message]);
  });

  it.each(['a secret', 'HTTP 999', 'http_503', 'FORGE_AUTH_x'])(
    'a note with the reason %p is none of ours',
    (reason) => {
      const reader = new World();
      reader.backoff.adopt(`${reader.now + 2_000} 3 2000 ${reason}`);
      expect(reader.refusal()).toBeUndefined();
    },
  );

  it('an outage that only a note names is unheard of once, until the next one', () => {
    const reader = new World();
    expect(reader.backoff.takeUnheard()).toBe(false);
    reader.backoff.adopt(noteAfter(3).text);
    expect([reader.backoff.takeUnheard(), reader.backoff.takeUnheard()]).toEqual([true, false]);
    reader.backoff.adopt(noteAfter(4).text);
    expect(reader.backoff.takeUnheard()).toBe(false);
    reader.backoff.succeeded();
    reader.backoff.adopt(noteAfter(5).text);
    reader.backoff.failed(failure);
    expect(reader.backoff.takeUnheard()).toBe(false);
  });

  it('shares a first failure, too: the second one, elsewhere, closes the backoff', () => {
    const reader = new World();
    reader.backoff.adopt(noteAfter(1).text);
    expect(reader.refusal()).toBeUndefined();
    reader.backoff.failed(failure);
    expect(reader.heldBackForMs).toBe(1_000);
  });

  it('a note to the other processes is worth keeping for 30 s beyond its pause', () => {
    expect(noteAfter(1).ttlMs).toBe(30_000);
    expect(noteAfter(3).ttlMs).toBe(32_000);
    expect(noteAfter(1, { retryAfterMs: 60_000 }).ttlMs).toBe(90_000);
  });

  it.each([1, 60_000, 86_400_000])(
    'a note to the other processes from a clock that is %p ms ahead holds back for as long as it did there, and once',
    (skewMs) => {
      const reader = new World();
      const { text } = noteAfter(3, { skewMs });
      reader.backoff.adopt(text);
      expect(reader.heldBackForMs).toBe(2_000);
      reader.now += 2_000;
      reader.backoff.adopt(text);
      expect(reader.refusal()).toBeUndefined();
    },
  );

  it.each([-1_000, -60_000, -86_400_000])(
    'a note to the other processes from a clock that is %p ms behind holds back for no longer',
    (skewMs) => {
      const reader = new World();
      reader.backoff.adopt(noteAfter(3, { skewMs }).text);
      expect(reader.heldBackForMs).toBeLessThanOrEqual(1_000);
    },
  );

  it('holds back for an hour at most', () => {
    const reader = new World();
    reader.backoff.adopt(noteAfter(1, { retryAfterMs: 86_400_000 }).text);
    expect(reader.heldBackForMs).toBe(3_600_000);
  });

  it('a note to the other processes does not open what is closed for longer', () => {
    const reader = new World();
    reader.backoff.failed(new AuthenticationError('HTTP 429', { retryAfterMs: 60_000 }));
    reader.backoff.adopt(noteAfter(3).text);
    expect(reader.heldBackForMs).toBe(60_000);
  });

  it('a note to the other processes that a store did not forget in time says nothing any more', () => {
    const reader = new World();
    const { text, ttlMs } = noteAfter(5);
    reader.now += ttlMs;
    reader.backoff.adopt(text);
    expect([reader.refusal(), reader.backoff.failures]).toEqual([undefined, 0]);
  });

  it('a note to the other processes counts until 30 s after its pause, to the millisecond', () => {
    for (const [late, failures] of [
      [29_999, 2],
      [30_000, 0],
    ] as const) {
      const reader = new World();
      reader.backoff.adopt(`${reader.now - late} 2 1000`);
      expect(reader.backoff.failures).toBe(failures);
    }
  });

  it('a note to the other processes is none of a clock that is more than two days ahead', () => {
    for (const [ahead, failures] of [
      [172_800_000, 2],
      [172_800_001, 0],
    ] as const) {
      const reader = new World();
      reader.backoff.adopt(`${reader.now + ahead + 1_000} 2 1000`);
      expect(reader.backoff.failures).toBe(failures);
    }
  });

  it('a note to the other processes may hold back for an hour, and for no millisecond more', () => {
    for (const [forMs, failures] of [
      [3_600_000, 2],
      [3_600_001, 0],
    ] as const) {
      const reader = new World();
      reader.backoff.adopt(`${reader.now + forMs} 2 ${forMs}`);
      expect(reader.backoff.failures).toBe(failures);
    }
  });

  it.each([
    undefined,
    '',
    'corrupt',
    'Infinity 5 Infinity',
    '9999999999999999999 3 1000',
    '1003000 3',
    '1003000 3 1000 more',
    '1003000 -3 1000',
    '1003000 1e9 1000',
    '99999999999999 3 1000',
    '999999999999999 3 3600000',
    '1003000.5 3 1000',
    '1003000 3 1000.5',
    'NaN 3 NaN',
    '9007199254740992 3 1000',
    '{"until":1003000}',
    ' 1003000 3 1000',
  ])('a note to the other processes that reads %p is none', (text) => {
    const reader = new World();
    reader.backoff.adopt(text);
    expect([reader.refusal(), reader.backoff.failures]).toEqual([undefined, 0]);
  });
});

describe('a token that another process has got', () => {
  it('a token that another process has got since the last failure makes the next one the first again', () => {
    const world = new World();
    for (let failures = 0; failures < 5; failures += 1) world.backoff.failed(failure);
    world.now += 8_000;
    world.backoff.succeededElsewhere(world.now);
    expect(world.backoff.failures).toBe(0);
    world.backoff.failed(failure);
    expect(world.refusal()).toBeUndefined();
  });

  it('a token that another process has got before the last failure says nothing', () => {
    const world = new World();
    for (let failures = 0; failures < 5; failures += 1) world.backoff.failed(failure);
    world.backoff.succeededElsewhere(world.now - 1);
    world.now += 8_000;
    world.backoff.succeededElsewhere(world.now - 8_000);
    expect(world.backoff.failures).toBe(5);
  });

  it.each([-3_600_000, 3_600_000])('a clock that is set says nothing of which came first: %d', async (setMs) => {
    const clock = new FakeClock();
    const backoff = new FetchBackoff(clock);
    for (let failures = 0; failures < 3; failures += 1) backoff.failed(failure);
    clock.jump(setMs);
    await clock.advance(8_000);
    backoff.succeededElsewhere(clock.now() - 8_001);
    expect(backoff.failures).toBe(3);
    backoff.succeededElsewhere(clock.now() - 7_999);
    expect(backoff.failures).toBe(0);
  });

  it('a token that another process has got does not open what Retry-After has closed', () => {
    const world = new World();
    world.backoff.failed(new AuthenticationError('HTTP 429', { retryAfterMs: 60_000 }));
    world.now += 10_000;
    world.backoff.succeededElsewhere(world.now);
    expect(world.heldBackForMs).toBe(50_000);
  });
});

it.each([0.1, 0.123_456_7, 1 / 3, 0.999_999])(
  'closes by whole milliseconds, whatever jitter and clock say: %d',
  (random) => {
    const world = new World();
    world.now = Date.UTC(2026, 0, 1) + random;
    world.random = random;
    for (let failures = 0; failures < 3; failures += 1) world.backoff.failed(failure);
    expect(world.refusal()).toBeDefined();
    expect(world.backoff.toNote().text).toMatch(/^\d+ 3 \d+$/);
  },
);

it.each([-3_600_000, 3_600_000])('a clock that is set by %d ms changes nothing', (ms) => {
  const world = new World();
  for (let failures = 0; failures < 3; failures += 1) world.backoff.failed(failure);
  world.skewMs = ms;
  expect(world.heldBackForMs).toBe(2_000);
  world.now += 2_000;
  expect(world.refusal()).toBeUndefined();
});

it('a note that holds back for longer than any Retry-After is none', () => {
  const world = new World();
  world.backoff.adopt(`${world.now + 86_400_000} 3 86400000`);
  expect([world.refusal(), world.backoff.failures]).toEqual([undefined, 0]);
});

describe('fetches that are under way together', () => {
  it('fetches that are under way together are one failure, however many fail', () => {
    const world = new World();
    const attempts = Array.from({ length: 100 }, () => world.backoff.begin());
    for (const attempt of attempts) attempt.failed(failure);
    expect([world.refusal(), world.backoff.failures]).toEqual([undefined, 1]);
  });

  it('fetches that are under way together name no failure of before the last success where one of them is held back late', () => {
    const world = new World();
    const attempt = world.backoff.begin();
    world.backoff.failed(failure);
    world.backoff.succeeded();
    attempt.failed(new AuthenticationError('HTTP 429', { retryAfterMs: 60_000 }));
    expect(world.refusal()).toMatchObject({ code: 'FORGE_AUTH_BACKOFF', retryAfterMs: 60_000 });
    expect(world.refusal()?.cause).toBeUndefined();
  });

  it('fetches that are under way together lengthen the wait by what Retry-After says, though they fail late', () => {
    const world = new World();
    const [first, second] = [world.backoff.begin(), world.backoff.begin()];
    first.failed(failure);
    second.failed(new AuthenticationError('HTTP 429', { retryAfterMs: 60_000 }));
    expect([world.heldBackForMs, world.backoff.failures]).toEqual([60_000, 1]);
  });

  it('fetches that are under way together do not end a wait by a success that started before it', () => {
    const world = new World();
    const [first, second] = [world.backoff.begin(), world.backoff.begin()];
    first.failed(new AuthenticationError('HTTP 429', { retryAfterMs: 60_000 }));
    second.succeeded();
    expect([world.heldBackForMs, world.backoff.failures]).toEqual([60_000, 1]);
  });

  it('fetches that are under way together wait for one that goes first after a failure', async () => {
    const world = new World();
    expect(world.backoff.probing).toBeUndefined();
    world.backoff.begin().failed(failure);
    const probe = world.backoff.begin();
    const waiting = world.backoff.probing;
    expect(waiting).toBeInstanceOf(Promise);
    probe.abandoned();
    await waiting;
    expect([world.backoff.probing, world.backoff.failures]).toEqual([undefined, 1]);
  });

  it('fetches that are under way together wait for none while nothing has failed, and for one only after that', async () => {
    const { backoff } = new World();
    backoff.begin().abandoned();
    const attempt = backoff.begin();
    expect(backoff.probing).toBeUndefined();
    attempt.failed(failure);
    const first = backoff.begin();
    const ended = backoff.probing;
    backoff.begin().abandoned();
    expect([ended === undefined, backoff.probing === ended]).toEqual([false, true]);
    first.abandoned();
    await ended;
    expect(backoff.probing).toBeUndefined();
  });
});

it('a fetch ends once: what is reported of its end afterwards changes nothing', () => {
  const { backoff } = new World();
  const attempt = backoff.begin();
  attempt.failed(failure);
  attempt.succeeded();
  expect(backoff.failures).toBe(1);
  const next = backoff.begin();
  next.abandoned();
  next.failed(failure);
  expect(backoff.failures).toBe(1);
});
