import { FakeClock } from '../../testing/fake-clock.js';
import { ServerTime, type TimedRequest } from './server-time.js';

const START = Date.UTC(2026, 0, 1);
const clock = new FakeClock({ now: START });
const NOW_S = START / 1_000;

const request = (call: object = {}, url = 'https://api.example/a'): TimedRequest => ({ url, clock, call });
const date = (aheadS: number): string => new Date(clock.now() + aheadS * 1_000).toUTCString();

/** Sends a request, and returns it with its timestamp less the time of the machine. */
function sent(time: ServerTime, call?: object, url?: string): TimedRequest & { readonly offS: number } {
  const one = request(call, url);
  const offS = time.timestampFor(one) - Math.floor(clock.now() / 1_000);
  return Object.assign(one, { offS });
}

describe('the time of a service', () => {
  it('the time of a service is the own one, in whole seconds, or that of the app', () => {
    const later = new FakeClock({ now: START + 999 });
    expect(new ServerTime().timestampFor({ ...request(), clock: later })).toBe(NOW_S);
    expect(new ServerTime(() => 7.9).timestampFor(request())).toBe(7);
    expect(new ServerTime(() => 0).timestampFor(request())).toBe(0);
  });

  it.each([
    ['a refused timestamp', true, 0, false],
    ['a refused timestamp', true, 1, true],
    ['a refused timestamp', true, -1, true],
    ['any other rejection', false, 30, false],
    ['any other rejection', false, 31, true],
    ['any other rejection', false, -30, false],
    ['any other rejection', false, -31, true],
  ])('the time of a service is tried after %s (%p) where it is %d s ahead: %p', (_what, refused, aheadS, tried) => {
    const time = new ServerTime();
    const first = sent(time);
    expect(time.correct(first, date(aheadS), refused)).toBe(tried);
    expect(time.correctionOf(first)).toBe(tried ? aheadS : undefined);
    expect(sent(time, first.call).offS).toBe(tried ? aheadS : 0);
  });

  it('the time of a service is that of when it was asked, not of when its answer came', async () => {
    const time = new ServerTime();
    const first = sent(time);
    await clock.advance(40_000);
    expect(time.correct(first, date(0), false)).toBe(false);
    expect(time.correct(first, date(100), false)).toBe(true);
    expect(time.correctionOf(first)).toBe(100);
  });

  it('the time of a service corrects what the machine’s was set to while it was asked', async () => {
    const time = new ServerTime();
    const own = new FakeClock({ now: START });
    const first = { ...request(), clock: own };
    time.timestampFor(first);
    await own.advance(1_000);
    own.jump(3_600_000);
    expect(time.correct(first, new Date(START + 1_000).toUTCString(), true)).toBe(true);
    expect(time.timestampFor(first)).toBe(NOW_S + 1);
  });

  it.each([undefined, 'yesterday', ['Thu, 01 Jan 2015 00:00:00 GMT']])(
    'the time of a service is not learned from the date %j',
    (given) => {
      const time = new ServerTime();
      expect(time.correct(sent(time), given, true)).toBe(false);
    },
  );

  it('the time of a service is tried once a call, and on no request that was not timed', () => {
    const time = new ServerTime();
    const first = sent(time);
    expect(time.correct(first, date(100), true)).toBe(true);
    expect(time.correct(sent(time, first.call), date(200), true)).toBe(false);
    expect(time.correct(request(), date(100), true)).toBe(false);
  });

  it('the time of a service is kept for its origin alone, once it was accepted', () => {
    const time = new ServerTime();
    const first = sent(time);
    time.correct(first, date(100), true);
    expect(sent(time).offS).toBe(0);
    time.keep(first);
    expect(sent(time, {}, 'https://api.example/other').offS).toBe(100);
    expect(sent(time, {}, 'https://elsewhere.example/a').offS).toBe(0);
    time.keep(request());
    expect(sent(time).offS).toBe(100);
  });

  it('the time of a service that changed is measured from the one that was kept', () => {
    const time = new ServerTime();
    const first = sent(time);
    time.correct(first, date(100), true);
    time.keep(first);
    const second = sent(time);
    expect(time.correct(second, date(250), true)).toBe(true);
    expect(time.correctionOf(second)).toBe(250);
    expect(sent(time, second.call).offS).toBe(250);
  });
});
