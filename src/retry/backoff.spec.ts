import * as fc from 'fast-check';
import { exponentialDelayMs, type Backoff } from './backoff.js';

const steady = (backoff: Partial<Backoff>): Backoff => ({
  baseMs: 1_000,
  maxMs: 60_000,
  multiplier: 2,
  jitter: false,
  ...backoff,
});
const never = (): number => {
  throw new Error('asked for randomness');
};

describe('exponentialDelayMs', () => {
  it.each<[number, Partial<Backoff>, number]>([
    [0, {}, 1_000],
    [1, {}, 2_000],
    [5, {}, 32_000],
    [6, {}, 60_000],
    [5_000, {}, 60_000],
    [2, { multiplier: 1 }, 1_000],
    [2, { multiplier: 1.5 }, 2_250],
    [0, { baseMs: 0 }, 0],
    [5_000, { baseMs: 0 }, 0],
    [0, { maxMs: 0 }, 0],
    [0, { maxMs: 10 }, 10],
  ])('exponentialDelayMs before retry %i with %j is %i ms', (retry, backoff, expected) => {
    expect(exponentialDelayMs(retry, steady(backoff), never)).toBe(expected);
  });

  it.each([
    [0, 750],
    [0.5, 1_000],
    [0.75, 1_125],
    [0.999_999, 1_250],
  ])('varies by a quarter: for a random %d it is %i ms', (random, expected) => {
    expect(exponentialDelayMs(0, steady({ jitter: true }), () => random)).toBeCloseTo(expected, 1);
  });

  it('varies the longest delay too, downwards', () => {
    const backoff = steady({ jitter: true });
    expect([0, 0.25, 0.9].map((random) => exponentialDelayMs(30, backoff, () => random))).toEqual([
      45_000, 52_500, 60_000,
    ]);
  });

  it('exponentialDelayMs stays a number from zero to the maximum, whatever the backoff', () => {
    const anyBackoff = fc.record({
      baseMs: fc.double({ min: 0, max: 1e300, noNaN: true }),
      maxMs: fc.double({ min: 0, max: 1e300, noNaN: true }),
      multiplier: fc.double({ min: 1, max: 1e300, noNaN: true }),
      jitter: fc.boolean(),
    });
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.nat({ max: 10_000 }), anyBackoff, random, (retry, backoff, number) => {
        const delayMs = exponentialDelayMs(retry, backoff, () => number);
        expect(delayMs).toBeGreaterThanOrEqual(0);
        expect(delayMs).toBeLessThanOrEqual(backoff.maxMs);
      }),
    );
  });

  it('exponentialDelayMs never shortens from one retry to the next without jitter', () => {
    fc.assert(
      fc.property(fc.nat({ max: 100 }), fc.double({ min: 1, max: 10, noNaN: true }), (retry, multiplier) => {
        const backoff = steady({ multiplier });
        expect(exponentialDelayMs(retry + 1, backoff, never)).toBeGreaterThanOrEqual(
          exponentialDelayMs(retry, backoff, never),
        );
      }),
    );
  });
});
