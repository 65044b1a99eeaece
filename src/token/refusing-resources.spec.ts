import { FakeClock } from '../testing/fake-clock.js';
import { RefusingResources } from './refusing-resources.js';

describe('the resources that refuse a token which others accept', () => {
  it('are those that have accepted none since', () => {
    const refusing = new RefusingResources(new FakeClock());
    expect(refusing.empty).toBe(true);
    refusing.refusedFresh('/reports');
    expect([refusing.empty, refusing.mayRenew('/reports'), refusing.mayRenew('/orders')]).toEqual([false, false, true]);
    refusing.accepted('/reports');
    expect([refusing.empty, refusing.mayRenew('/reports')]).toEqual([true, true]);
  });

  it('are believed again after 30 s, doubling up to 5 min', async () => {
    const clock = new FakeClock();
    const refusing = new RefusingResources(clock);
    for (const pauseMs of [30_000, 60_000, 120_000, 240_000, 300_000, 300_000]) {
      refusing.refusedFresh('/reports');
      await clock.advance(pauseMs - 1);
      expect(refusing.mayRenew('/reports')).toBe(false);
      await clock.advance(1);
      expect(refusing.mayRenew('/reports')).toBe(true);
    }
  });

  it('cause one renewal in 30 s, all others together, where there are eight of them', async () => {
    const clock = new FakeClock();
    const refusing = new RefusingResources(clock);
    for (let index = 0; index < 7; index += 1) refusing.refusedFresh(`/${index}`);
    expect(refusing.mayRenew('/other')).toBe(true);
    refusing.refusedFresh('/7');
    expect(refusing.mayRenew('/other')).toBe(false);
    await clock.advance(30_000);
    expect(refusing.mayRenew('/other')).toBe(true);
  });
});
