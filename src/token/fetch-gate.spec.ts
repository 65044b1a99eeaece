import type { Clock } from '../clock.js';
import { AuthenticationError } from '../errors.js';
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
