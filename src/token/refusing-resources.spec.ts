import { FakeClock } from '../testing/fake-clock.js';
import { RefusingResources } from './refusing-resources.js';

describe('the resources that refuse a token which others accept', () => {
  it('the resources that refuse a token which others accept are those that have accepted none since', () => {
    const refusing = new RefusingResources(new FakeClock());
    refusing.refusedFresh('/reports');
    expect([refusing.mayRenew('/reports'), refusing.mayRenew('/orders')]).toEqual([false, true]);
    refusing.accepted('/reports');
    expect(refusing.mayRenew('/reports')).toBe(true);
  });

  it('the resources that refuse a token which others accept are believed again after 30 s, doubling up to 5 min', async () => {
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

  it('resources that refuse a token which others accept cause one renewal in 30 s, all others together, where there are eight of them', async () => {
    const clock = new FakeClock();
    const refusing = new RefusingResources(clock);
    for (let index = 0; index < 7; index += 1) refusing.refusedFresh(`/${index}`);
    expect(refusing.mayRenew('/other')).toBe(true);
    refusing.refusedFresh('/7');
    expect(refusing.mayRenew('/other')).toBe(false);
    await clock.advance(30_000);
    expect(refusing.mayRenew('/other')).toBe(true);
  });

  it('the resources that refuse a token which others accept keep none from a renewal that has accepted a token, however many they are', () => {
    const refusing = new RefusingResources(new FakeClock());
    refusing.accepted('/orders');
    for (let index = 0; index < 20; index += 1) refusing.refusedFresh(`/${index}`);
    expect([refusing.mayRenew('/orders'), refusing.mayRenew('/other')]).toEqual([true, false]);
    refusing.refusedFresh('/orders');
    expect(refusing.mayRenew('/orders')).toBe(false);
  });

  it('the resources that refuse a token which others accept are among all others once they have refused a fresh token, though they accepted one before', async () => {
    const clock = new FakeClock();
    const refusing = new RefusingResources(clock);
    refusing.accepted('/orders');
    refusing.refusedFresh('/orders');
    await clock.advance(29_999);
    for (let index = 0; index < 8; index += 1) refusing.refusedFresh(`/${index}`);
    await clock.advance(1);
    expect(refusing.mayRenew('/orders')).toBe(false);
    refusing.accepted('/orders');
    expect(refusing.mayRenew('/orders')).toBe(true);
  });

  it('the resources that refuse a token which others accept are those that refused three calls in 30 s, none of which could be sent again', async () => {
    const clock = new FakeClock();
    const refusing = new RefusingResources(clock);
    const suspected = (): boolean => refusing.suspect('/uploads');
    expect([suspected(), suspected(), suspected(), suspected()]).toEqual([false, false, true, true]);
    expect(refusing.suspect('/other')).toBe(false);
    await clock.advance(29_999);
    expect(suspected()).toBe(true);
    await clock.advance(30_000);
    expect([suspected(), suspected(), suspected()]).toEqual([false, false, true]);
    refusing.accepted('/uploads');
    expect(suspected()).toBe(false);
  });

  it('the resources that refuse a token which others accept are remembered up to a thousand, as those that accept are', () => {
    const refusing = new RefusingResources(new FakeClock());
    for (let index = 0; index < 1_001; index += 1) refusing.accepted(`/${index}`);
    for (let index = 0; index < 8; index += 1) refusing.refusedFresh(`/never/${index}`);
    expect([refusing.mayRenew('/0'), refusing.mayRenew('/1'), refusing.mayRenew('/1000')]).toEqual([false, true, true]);
  });

  it.each([
    [999, false],
    [1_000, true],
  ])(
    'the resources that refuse a token which others accept are remembered up to a thousand: after %d others the first may be forgotten',
    async (others, mayRenew) => {
      const clock = new FakeClock();
      const refusing = new RefusingResources(clock);
      refusing.refusedFresh('/first');
      await clock.advance(30_000);
      refusing.refusedFresh('/first');
      for (let index = 0; index < others; index += 1) refusing.refusedFresh(`/${index}`);
      await clock.advance(30_000);
      expect(refusing.mayRenew('/first')).toBe(mayRenew);
    },
  );

  it('the resources that refuse a token which others accept show a revocation only where a resource accepted tokens, and none that did has refused a fresh one since', () => {
    const refusing = new RefusingResources(new FakeClock());
    refusing.accepted('/orders');
    refusing.accepted('/bills');
    refusing.refusedFresh('/reports');
    expect([refusing.showsRevocation('/orders'), refusing.showsRevocation('/reports')]).toEqual([true, false]);
    refusing.refusedFresh('/bills');
    expect([refusing.showsRevocation('/orders'), refusing.showsRevocation('/bills')]).toEqual([false, false]);
    refusing.accepted('/orders');
    expect([refusing.showsRevocation('/orders'), refusing.showsRevocation('/bills')]).toEqual([true, false]);
  });
});
