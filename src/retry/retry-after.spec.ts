import * as fc from 'fast-check';
import { MAX_RETRY_AFTER_MS, parseRetryAfter } from './retry-after.js';

/** RFC 9110 §5.6.7 writes this one moment in all three forms. */
const moment = Date.UTC(1994, 10, 6, 8, 49, 37);

describe('parseRetryAfter', () => {
  it.each<[string | string[] | undefined, number | undefined]>([
    ['0', 0],
    ['120', 120_000],
    [' 120 ', 120_000],
    ['007', 7_000],
    ['1.5', 1_500],
    ['.5', 500],
    ['3.', 3_000],
    ['0.0001', 1],
    ['3600', MAX_RETRY_AFTER_MS],
    ['3601', MAX_RETRY_AFTER_MS],
    ['9'.repeat(400), MAX_RETRY_AFTER_MS],
    [['5', '10'], 5_000],
    [[], undefined],
    [undefined, undefined],
    ['', undefined],
    ['-1', undefined],
    ['+1', undefined],
    ['1e3', undefined],
    ['0x10', undefined],
    ['.', undefined],
    ['NaN', undefined],
    ['Infinity', undefined],
    ['soon', undefined],
    ['5 seconds', undefined],
    ['try 5', undefined],
    ['1994-11-06T08:49:37Z', undefined],
  ])('reads %j as %s', (value, expected) => {
    expect(parseRetryAfter(value, moment)).toBe(expected);
  });

  it.each([
    ['IMF-fixdate', 'Sun, 06 Nov 1994 08:49:37 GMT'],
    ['RFC 850', 'Sunday, 06-Nov-94 08:49:37 GMT'],
    ['asctime', 'Sun Nov  6 08:49:37 1994'],
  ])('reads a date as %s has it', (_form, date) => {
    expect(parseRetryAfter(date, moment - 90_000)).toBe(90_000);
    expect(parseRetryAfter(date, moment + 90_000)).toBe(0);
    expect(parseRetryAfter(date, 0)).toBe(MAX_RETRY_AFTER_MS);
  });

  it.each([
    'Sun, 06 Nov 1994 08:49:37 PST',
    'Sun, 06 Nov 1994 08:49:37',
    'Sun, 06 Foo 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 99:49:37 GMT',
    'x Sun, 06 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT',
  ])('ignores %j', (date) => {
    expect(parseRetryAfter(date, moment - 90_000)).toBeUndefined();
  });

  it('reads a date of any minute of any year, to the second', () => {
    const dates = fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true });
    fc.assert(
      fc.property(dates, fc.integer({ min: 0, max: MAX_RETRY_AFTER_MS }), (date, waitMs) => {
        const wholeSecond = Math.floor(date.getTime() / 1_000) * 1_000;
        expect(parseRetryAfter(date.toUTCString(), wholeSecond - waitMs)).toBe(waitMs);
      }),
    );
  });

  it('answers whole milliseconds from zero to the maximum, or nothing, for any text and time', () => {
    const texts = fc.oneof(
      fc.string(),
      fc.double().map(String),
      fc.date().map(String),
      fc.stringMatching(/^\d*\.\d*$/),
    );
    fc.assert(
      fc.property(
        fc.oneof(texts, fc.array(texts)),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        (value, nowMs) => {
          const waitMs = parseRetryAfter(value, nowMs) ?? 0;
          expect(Number.isInteger(waitMs)).toBe(true);
          expect(waitMs).toBeGreaterThanOrEqual(0);
          expect(waitMs).toBeLessThanOrEqual(MAX_RETRY_AFTER_MS);
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
