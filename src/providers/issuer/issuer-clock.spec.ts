import { FakeClock } from '../../testing/fake-clock.js';
import { IssuerClock } from './issuer-clock.js';

/** The clock of an issuer whose answer states a time that is `offsetMs` from this machine's. */
function observed(offsetMs: number): { clock: IssuerClock; machine: FakeClock } {
  const machine = new FakeClock();
  machine.jump(Math.ceil(machine.now() / 1_000) * 1_000 - machine.now() - (offsetMs % 1_000));
  const clock = new IssuerClock(machine);
  clock.observe(new Date(machine.now() + offsetMs).toUTCString());
  return { clock, machine };
}

describe('the time of an issuer', () => {
  it.each([0, 1, -1, 4_999, -4_999])(
    'the time of an issuer is this machine’s where the two differ by %d ms',
    (offsetMs) => {
      const { clock, machine } = observed(offsetMs);
      expect([clock.offsetMs, clock.now()]).toEqual([0, machine.now()]);
    },
  );

  it.each([5_000, -5_000, 3_600_000, -86_400_000])(
    'the time of an issuer is its own where the two differ by %d ms',
    (offsetMs) => {
      const { clock, machine } = observed(offsetMs);
      expect([clock.offsetMs, clock.now()]).toEqual([offsetMs, machine.now() + offsetMs]);
      expect([clock.hasMoved(0), clock.hasMoved(offsetMs), clock.hasMoved(offsetMs + 4_999)]).toEqual([
        true,
        false,
        false,
      ]);
    },
  );

  it.each([undefined, '', 'yesterday', []])(
    'the time of an issuer is as it was after an answer that states %j',
    (date) => {
      const { clock } = observed(60_000);
      clock.observe(date);
      expect(clock.offsetMs).toBe(60_000);
    },
  );

  it('the time of an issuer is that of the first of several, and this machine’s again once they agree', () => {
    const { clock, machine } = observed(60_000);
    clock.observe([new Date(machine.now() + 120_000).toUTCString(), 'yesterday']);
    expect(clock.offsetMs).toBe(120_000);
    clock.observe(new Date(machine.now()).toUTCString());
    expect(clock.offsetMs).toBe(0);
  });
});
