import type { Clock } from '../../clock.js';
import { AuthenticationError } from '../../errors.js';
import { FetchGate } from './fetch-gate.js';

class World {
  now = 1_000_000;
  random = 0;
  readonly gate = new FetchGate({
    now: () => this.now,
    random: () => this.random,
    after: () => () => undefined,
  } as Clock);

  get closedForMs(): number {
    return Math.max(0, this.gate.closedUntil - this.now);
  }

  /** What `check` throws, or undefined where it lets pass. */
  refusal(): AuthenticationError | undefined {
    try {
      this.gate.check('"orders"');
      return undefined;
    } catch (error) {
      return error as AuthenticationError;
    }
  }
}

const failure = new AuthenticationError('HTTP 500');

describe('FetchGate', () => {
  it('is open at first, and after one failure', () => {
    const world = new World();
    expect(world.refusal()).toBeUndefined();
    world.gate.failed(failure);
    expect(world.refusal()).toBeUndefined();
    expect(world.gate.failures).toBe(1);
  });

  it('closes for 1, 2, 4, 8, 16 and then 30 s from the second failure in a row', () => {
    const world = new World();
    const pauses = Array.from({ length: 9 }, () => {
      world.gate.failed(failure);
      const pause = world.closedForMs;
      world.now += pause;
      return pause;
    });
    expect(pauses).toEqual([0, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  });

  it('shortens pauses by up to a fifth, so that a fleet does not come back in step', () => {
    const world = new World();
    world.random = 1;
    world.gate.failed(failure);
    world.gate.failed(failure);
    expect(world.closedForMs).toBe(800);
  });

  it('refuses with a typed error that tells how long, how often, and what went wrong last', () => {
    const world = new World();
    world.gate.failed(new AuthenticationError('first'));
    world.gate.failed(failure);
    world.now += 1;
    const refusal = world.refusal();
    expect(refusal).toMatchObject({ code: 'FORGE_AUTH_BACKOFF', transient: true, cause: failure });
    expect(refusal?.message).toBe('Token request for "orders" is held back for 1 s after 2 failed in a row.');
  });

  it('opens again on the millisecond', () => {
    const world = new World();
    world.gate.failed(failure);
    world.gate.failed(failure);
    world.now += 999;
    expect(world.refusal()).toBeDefined();
    world.now += 1;
    expect(world.refusal()).toBeUndefined();
  });

  it('obeys Retry-After after the very first failure, and never less than its own pause', () => {
    const world = new World();
    world.gate.failed(new AuthenticationError('HTTP 429', { retryAfterMs: 7_000 }));
    expect(world.closedForMs).toBe(7_000);
    world.now += 7_000;
    world.gate.failed(new AuthenticationError('HTTP 429', { retryAfterMs: 10 }));
    expect(world.closedForMs).toBe(1_000);
  });

  it('forgets everything at a success', () => {
    const world = new World();
    for (let failures = 0; failures < 5; failures += 1) world.gate.failed(failure);
    world.gate.succeeded();
    expect([world.refusal(), world.gate.failures]).toEqual([undefined, 0]);
    world.gate.failed(failure);
    expect(world.refusal()).toBeUndefined();
  });

  it('counts whatever is thrown', () => {
    const world = new World();
    world.gate.failed('a text');
    world.gate.failed(undefined);
    expect(world.closedForMs).toBe(1_000);
  });
});

/** The note of a process whose gate was closed so long ago, by a clock that is `skewMs` ahead of ours. */
function noteAfter(failures: number, { skewMs = 0, retryAfterMs }: { skewMs?: number; retryAfterMs?: number } = {}) {
  const writer = new World();
  writer.now += skewMs;
  const told = retryAfterMs === undefined ? failure : new AuthenticationError('HTTP 429', { retryAfterMs });
  for (let count = 0; count < failures; count += 1) writer.gate.failed(told);
  return writer.gate.toNote();
}

describe('a note to the other processes', () => {
  it('holds back whoever reads it, and counts on where its writer stopped', () => {
    const reader = new World();
    reader.gate.adopt(noteAfter(3).text);
    expect([reader.closedForMs, reader.gate.failures]).toEqual([2_000, 3]);
    expect(reader.refusal()).toMatchObject({ code: 'FORGE_AUTH_BACKOFF' });
    reader.now += 2_000;
    expect(reader.refusal()).toBeUndefined();
    reader.gate.failed(failure);
    expect(reader.closedForMs).toBe(4_000);
  });

  it('tells of a first failure, too: the second one, elsewhere, closes the gate', () => {
    const reader = new World();
    reader.gate.adopt(noteAfter(1).text);
    expect(reader.refusal()).toBeUndefined();
    reader.gate.failed(failure);
    expect(reader.closedForMs).toBe(1_000);
  });

  it('is worth keeping for 30 s beyond its pause', () => {
    expect(noteAfter(1).ttlMs).toBe(30_000);
    expect(noteAfter(3).ttlMs).toBe(32_000);
    expect(noteAfter(1, { retryAfterMs: 60_000 }).ttlMs).toBe(90_000);
  });

  it.each([1, 60_000, 86_400_000])(
    'from a clock that is %p ms ahead holds back for as long as it did there, and once',
    (skewMs) => {
      const reader = new World();
      const { text } = noteAfter(3, { skewMs });
      reader.gate.adopt(text);
      expect(reader.closedForMs).toBe(2_000);
      reader.now += 2_000;
      reader.gate.adopt(text);
      expect(reader.refusal()).toBeUndefined();
    },
  );

  it.each([-1_000, -60_000, -86_400_000])('from a clock that is %p ms behind holds back for no longer', (skewMs) => {
    const reader = new World();
    reader.gate.adopt(noteAfter(3, { skewMs }).text);
    expect(reader.closedForMs).toBeLessThanOrEqual(1_000);
  });

  it('holds back for an hour at most', () => {
    const reader = new World();
    reader.gate.adopt(noteAfter(1, { retryAfterMs: 86_400_000 }).text);
    expect(reader.closedForMs).toBe(3_600_000);
  });

  it('does not open what is closed for longer', () => {
    const reader = new World();
    reader.gate.failed(new AuthenticationError('HTTP 429', { retryAfterMs: 60_000 }));
    reader.gate.adopt(noteAfter(3).text);
    expect(reader.closedForMs).toBe(60_000);
  });

  it('that a store did not forget in time says nothing any more', () => {
    const reader = new World();
    const { text, ttlMs } = noteAfter(5);
    reader.now += ttlMs;
    reader.gate.adopt(text);
    expect([reader.refusal(), reader.gate.failures]).toEqual([undefined, 0]);
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
    '{"until":1003000}',
    ' 1003000 3 1000',
  ])('that reads %p is none', (text) => {
    const reader = new World();
    reader.gate.adopt(text);
    expect([reader.refusal(), reader.gate.failures]).toEqual([undefined, 0]);
  });
});

describe('a token that another process has got', () => {
  it('since the last failure makes the next one the first again', () => {
    const world = new World();
    for (let failures = 0; failures < 5; failures += 1) world.gate.failed(failure);
    world.now += 8_000;
    world.gate.succeededElsewhere(world.now);
    expect(world.gate.failures).toBe(0);
    world.gate.failed(failure);
    expect(world.refusal()).toBeUndefined();
  });

  it('before the last failure says nothing', () => {
    const world = new World();
    for (let failures = 0; failures < 5; failures += 1) world.gate.failed(failure);
    world.gate.succeededElsewhere(world.now - 1);
    world.now += 8_000;
    world.gate.succeededElsewhere(world.now - 8_000);
    expect(world.gate.failures).toBe(5);
  });

  it('does not open what Retry-After has closed', () => {
    const world = new World();
    world.gate.failed(new AuthenticationError('HTTP 429', { retryAfterMs: 60_000 }));
    world.now += 10_000;
    world.gate.succeededElsewhere(world.now);
    expect(world.closedForMs).toBe(50_000);
  });
});

it.each([0.1, 0.123_456_7, 1 / 3, 0.999_999])(
  'closes by whole milliseconds, whatever jitter and clock say: %d',
  (random) => {
    const world = new World();
    world.now = Date.UTC(2026, 0, 1) + random;
    world.random = random;
    for (let failures = 0; failures < 3; failures += 1) world.gate.failed(failure);
    expect(world.refusal()).toBeDefined();
    expect(world.gate.toNote().text).toMatch(/^\d+ 3 \d+$/);
  },
);

it('a clock that is set back keeps the gate closed for no longer than it was closed for', () => {
  const world = new World();
  for (let failures = 0; failures < 3; failures += 1) world.gate.failed(failure);
  world.now -= 3_600_000;
  expect(world.refusal()).toBeUndefined();
});
