import type { Clock } from '../../clock.js';
import { RenewalPause } from './renewal-pause.js';

function start() {
  const time = { now: 1_000_000 };
  const clock: Clock = { now: () => time.now, random: () => 0.5, after: () => () => undefined };
  return { time, pause: new RenewalPause(clock) };
}

describe('RenewalPause', () => {
  it('RenewalPause is not active before a fresh token was rejected', () => {
    expect(start().pause.active).toBe(false);
  });

  it('RenewalPause has begun from the first rejection of a fresh token until one is accepted', () => {
    const { time, pause } = start();
    expect(pause.begun).toBe(false);
    pause.freshTokenRejected();
    time.now += 30_000;
    expect([pause.begun, pause.active]).toEqual([true, false]);
    pause.freshTokenAccepted();
    expect(pause.begun).toBe(false);
  });

  it('lasts 30 s, doubling to 5 min', () => {
    const { time, pause } = start();
    const lengths = [1, 2, 3, 4, 5, 6].map(() => {
      pause.freshTokenRejected();
      const since = time.now;
      while (pause.active) time.now += 1_000;
      return time.now - since;
    });
    expect(lengths).toEqual([30_000, 60_000, 120_000, 240_000, 300_000, 300_000]);
  });

  it('counts once, however many calls saw the rejection', () => {
    const { time, pause } = start();
    for (let calls = 0; calls < 1_000; calls += 1) pause.freshTokenRejected();
    time.now += 29_999;
    expect(pause.active).toBe(true);
    time.now += 1;
    expect(pause.active).toBe(false);
  });

  it('RenewalPause ends when a fresh token is accepted, and starts from 30 s the next time', () => {
    const { time, pause } = start();
    pause.freshTokenRejected();
    time.now += 30_000;
    pause.freshTokenRejected();
    pause.freshTokenAccepted();
    expect(pause.active).toBe(false);
    pause.freshTokenRejected();
    time.now += 30_000;
    expect(pause.active).toBe(false);
  });
});
