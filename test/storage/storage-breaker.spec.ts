import * as fc from 'fast-check';
import { StorageBreaker } from '../../src/storage/storage-breaker.js';
import { FakeClock } from '../support/fake-clock.js';

let clock: FakeClock;
let breaker: StorageBreaker;

beforeEach(() => {
  clock = new FakeClock();
  breaker = new StorageBreaker(clock);
});

/** Fails a call, then each probe, and answers how long each time nobody was let through. */
async function pauses(count: number): Promise<number[]> {
  const found: number[] = [];
  breaker.failed(breaker.admit() ?? 'call');
  for (let round = 0; round < count; round += 1) {
    let waited = 0;
    let pass = breaker.admit();
    while (pass === undefined) {
      await clock.advance(50);
      waited += 50;
      pass = breaker.admit();
    }
    found.push(waited);
    breaker.failed(pass);
  }
  return found;
}

it('lets everybody through to a storage that answers', () => {
  for (let call = 0; call < 3; call += 1) expect(breaker.admit()).toBe('call');
  breaker.succeeded('call');
  expect(breaker.failing).toBe(false);
});

it('leaves a failing storage alone for 0.5, 1, 2, 4, 8 and then 10 s at a time', async () => {
  expect(await pauses(7)).toEqual([500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
});

it('lets one probe through at a time', async () => {
  breaker.failed('call');
  await clock.advance(500);
  expect([breaker.admit(), breaker.admit(), breaker.admit()]).toEqual(['probe', undefined, undefined]);
});

it('counts many calls that were under way as one failure', async () => {
  const passes = [breaker.admit(), breaker.admit(), breaker.admit()];
  for (const pass of passes) if (pass !== undefined) breaker.failed(pass);
  await clock.advance(499);
  expect(breaker.admit()).toBeUndefined();
  await clock.advance(1);
  expect(breaker.admit()).toBe('probe');
});

it('believes a probe, and no call that was under way before', async () => {
  const early = breaker.admit() ?? 'probe';
  breaker.failed('call');
  breaker.succeeded(early);
  expect(breaker.failing).toBe(true);
  await clock.advance(500);
  breaker.succeeded(breaker.admit() ?? 'call');
  expect([breaker.failing, breaker.admit()]).toEqual([false, 'call']);
});

it('begins anew after it was back', async () => {
  await pauses(3);
  await clock.advance(10_000);
  breaker.succeeded(breaker.admit() ?? 'call');
  expect(await pauses(2)).toEqual([500, 1_000]);
});

it('lets the next one probe when the probe was cancelled', async () => {
  breaker.failed('call');
  await clock.advance(500);
  breaker.cancelled(breaker.admit() ?? 'call');
  expect([breaker.failing, breaker.admit()]).toEqual([true, 'probe']);
});

it('resets a failure that has another cause', () => {
  breaker.failed('call');
  breaker.reset();
  expect([breaker.failing, breaker.admit()]).toEqual([false, 'call']);
});

it('resets a probe that was under way: the next failure is probed as the first', async () => {
  for (const probing of [false, true]) {
    breaker.failed('call');
    await clock.advance(500);
    if (probing) breaker.admit();
    breaker.reset();
    breaker.failed('call');
    await clock.advance(500);
    expect(breaker.admit()).toBe('probe');
    breaker.reset();
  }
});

it('a storage breaker is closed for no longer when the clock is set back', async () => {
  breaker.failed('call');
  clock.jump(-3_600_000);
  expect(breaker.admit()).toBeUndefined();
  await clock.advance(500);
  expect(breaker.admit()).toBe('probe');
});

it('a storage breaker is closed for no longer when a clock is set back that knows the time of day alone', () => {
  const { random, after } = clock;
  const ofDay = new StorageBreaker({ now: () => clock.now(), random, after });
  ofDay.failed('call');
  clock.jump(-3_600_000);
  expect(ofDay.admit()).toBe('probe');
});

it('never has two probes under way, and is never closed for good, whatever happens', async () => {
  const step = fc.oneof(
    fc.record({ wait: fc.integer({ min: 0, max: 12_000 }) }),
    fc.record({ end: fc.constantFrom('succeeded', 'failed', 'cancelled'), which: fc.nat(20) }),
    fc.constant({ ask: true }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const time = new FakeClock();
      const own = new StorageBreaker(time);
      const underWay: ('call' | 'probe')[] = [];
      for (const one of steps) {
        if ('wait' in one) await time.advance(one.wait);
        else if ('ask' in one) underWay.push(...[own.admit()].filter((pass) => pass !== undefined));
        else for (const pass of underWay.splice(one.which, 1)) own[one.end as 'failed'](pass);
        expect(underWay.filter((pass) => pass === 'probe').length).toBeLessThanOrEqual(1);
      }
      for (const pass of underWay) own.failed(pass);
      await time.advance(10_000);
      expect(own.admit()).toBeDefined();
    }),
    { numRuns: 100 },
  );
});
