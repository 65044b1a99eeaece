import * as fc from 'fast-check';
import { agesOf, type RefreshWindows } from './refresh-policy.js';

const WINDOWS: RefreshWindows = { refreshWindowMs: 120_000, expiryLeewayMs: 30_000 };
const AT = 1_000_000;

const lifetimes = fc.integer({ min: 1, max: 10 ** 12 });
const windows = fc.record({
  refreshWindowMs: fc.integer({ min: 0, max: 10 ** 9 }),
  expiryLeewayMs: fc.integer({ min: 0, max: 10 ** 9 }),
});
const jitters = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe('agesOf', () => {
  it.each([
    // lifetime, due, in the leeway: seconds after the token was obtained
    [1, 0.8, 0.9],
    [5, 4, 4.5],
    [29, 23.2, 26.1],
    [30, 24, 27],
    [31, 24.8, 27.9],
    [60, 48, 54],
    [300, 240, 270],
    [600, 480, 570],
    [3_600, 3_480, 3_570],
    [86_400, 86_280, 86_370],
  ])('agesOf of a token of %d s: due after %d s, in the leeway after %d s', (lifetime, due, leeway) => {
    const ages = agesOf(AT, AT + lifetime * 1_000, WINDOWS, 0);
    expect((ages.dueAt - AT) / 1_000).toBeCloseTo(due, 6);
    expect((ages.leewayAt - AT) / 1_000).toBeCloseTo(leeway, 6);
    expect(ages.expiresAt).toBe(AT + lifetime * 1_000);
  });

  it('leaves a token without an end fresh for ever', () => {
    expect(agesOf(AT, undefined, WINDOWS, 0)).toEqual({ dueAt: Infinity, leewayAt: Infinity, expiresAt: Infinity });
  });

  it('makes a token that ran out before it was obtained due, and expired, at once', () => {
    const { dueAt, leewayAt, expiresAt } = agesOf(AT, AT - 5_000, WINDOWS, 0.5);
    expect([dueAt, leewayAt, expiresAt]).toEqual([AT - 5_000, AT - 5_000, AT - 5_000]);
  });

  it('takes up to a fifth of the refresh window away, and never from the leeway', () => {
    expect(agesOf(0, 3_600_000, WINDOWS, 0.999_999).dueAt).toBeCloseTo(3_600_000 - 96_000, 0);
    expect(agesOf(0, 3_600_000, { refreshWindowMs: 0, expiryLeewayMs: 30_000 }, 0.5).dueAt).toBe(3_570_000);
  });

  it('orders the three ages, whatever the options', () => {
    fc.assert(
      fc.property(lifetimes, windows, jitters, (lifetime, options, jitter) => {
        const { dueAt, leewayAt, expiresAt } = agesOf(AT, AT + lifetime, options, jitter);
        expect(dueAt).toBeLessThanOrEqual(leewayAt);
        expect(leewayAt).toBeLessThanOrEqual(expiresAt);
        expect(expiresAt).toBe(AT + lifetime);
      }),
    );
  });

  it('leaves every token fresh for four fifths of its life', () => {
    fc.assert(
      fc.property(lifetimes, windows, jitters, (lifetime, options, jitter) => {
        expect(agesOf(0, lifetime, options, jitter).dueAt).toBeGreaterThanOrEqual(lifetime * 0.8 * (1 - 1e-12));
      }),
    );
  });

  it('keeps to the configured window and leeway', () => {
    fc.assert(
      fc.property(lifetimes, windows, jitters, (lifetime, options, jitter) => {
        const { dueAt, leewayAt, expiresAt } = agesOf(0, lifetime, options, jitter);
        expect(expiresAt - leewayAt).toBeLessThanOrEqual(options.expiryLeewayMs + 1e-3);
        const most = Math.max(options.refreshWindowMs, options.expiryLeewayMs);
        expect(expiresAt - dueAt).toBeLessThanOrEqual(most + 1e-3);
      }),
    );
  });
});
