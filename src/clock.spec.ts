import { jest } from '@jest/globals';
import { FakeClock } from './testing/fake-clock.js';
import { type Clock, Instant, millisecondsSince, sleep, systemClock, timeoutSignal, withDeadline } from './clock.js';

class ManualClock implements Clock {
  readonly timers = new Map<() => void, number>();
  now = (): number => 0;
  random = (): number => 0.5;
  after(delayMs: number, task: () => void): () => void {
    this.timers.set(task, delayMs);
    return () => this.timers.delete(task);
  }
  fire(): void {
    for (const task of this.timers.keys()) {
      this.timers.delete(task);
      task();
    }
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const late = (): Error => new Error('too late');

describe('timeoutSignal', () => {
  it('aborts when its time is over by the clock that is given, as a timeout', () => {
    const tasks: (() => void)[] = [];
    const clock: Clock = { now: () => 0, random: () => 0, after: (_ms, task) => (tasks.push(task), () => undefined) };
    const signal = timeoutSignal(clock, 50);
    expect(signal.aborted).toBe(false);
    for (const task of tasks) task();
    expect([signal.aborted, (signal.reason as Error).name]).toEqual([true, 'TimeoutError']);
  });
});

describe('systemClock', () => {
  it('returns the time and draws numbers below one', () => {
    expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(1_000);
    for (let draws = 0; draws < 100; draws += 1) {
      const number = systemClock.random();
      expect(number >= 0 && number < 1).toBe(true);
    }
  });

  it('runs a task once, unless it is cancelled', async () => {
    const ran: string[] = [];
    const cancel = systemClock.after(1, () => ran.push('cancelled'));
    cancel();
    cancel();
    await new Promise<void>((resolve) => systemClock.after(5, resolve));
    systemClock.after(-1, () => ran.push('in the past'));
    await new Promise<void>((resolve) => systemClock.after(5, resolve));
    expect(ran).toEqual(['in the past']);
  });

  it('systemClock does not fire at once when a delay is longer than a timer can hold', async () => {
    let fired = false;
    const cancel = systemClock.after(1e12, () => {
      fired = true;
    });
    await new Promise<void>((resolve) => systemClock.after(20, resolve));
    cancel();
    expect(fired).toBe(false);
  });
});

describe('sleep', () => {
  it('sleeps for the given time', async () => {
    const clock = new ManualClock();
    let awake = false;
    const sleeping = sleep(clock, 500).finally(() => {
      awake = true;
    });
    await turn();
    expect([awake, [...clock.timers.values()]]).toEqual([false, [500]]);
    clock.fire();
    await sleeping;
    expect(awake).toBe(true);
  });

  it('rejects with the reason of the signal, at once, and takes its timer back', async () => {
    const clock = new ManualClock();
    const caller = new AbortController();
    const sleeping = sleep(clock, 500, caller.signal);
    caller.abort(new Error('left'));
    await expect(sleeping).rejects.toThrow('left');
    expect(clock.timers.size).toBe(0);
  });

  it('sleep does not begin when the signal has aborted', async () => {
    const clock = new ManualClock();
    await expect(sleep(clock, 500, AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
    expect(clock.timers.size).toBe(0);
  });
});

describe('withDeadline', () => {
  it('settles as the work does, and takes its timer back', async () => {
    const clock = new ManualClock();
    await expect(withDeadline(clock, Promise.resolve('done'), 500, late)).resolves.toBe('done');
    await expect(withDeadline(clock, Promise.reject(new Error('failed')), 500, late)).rejects.toThrow('failed');
    await turn();
    expect(clock.timers.size).toBe(0);
  });

  it('rejects at the deadline, and swallows what comes later', async () => {
    const clock = new ManualClock();
    let fail: (error: Error) => void = late;
    const work = new Promise<string>((_resolve, reject) => {
      fail = reject;
    });
    const waiting = withDeadline(clock, work, 500, late);
    clock.fire();
    await expect(waiting).rejects.toThrow('too late');
    fail(new Error('much later'));
    await turn();
  });

  it('counts a busy event loop as one part of the deadline', async () => {
    const work = (async () => {
      for (let turns = 0; turns < 20; turns += 1) await turn();
      return 'done';
    })();
    const waiting = withDeadline(systemClock, work, 100, late);
    const end = performance.now() + 300;
    while (performance.now() < end);
    await expect(waiting).resolves.toBe('done');
  });

  it('lasts as long as it says', async () => {
    const clock = new ManualClock();
    const after = jest.spyOn(clock, 'after');
    const waiting = withDeadline(clock, new Promise(() => undefined), 500, late);
    clock.fire();
    await expect(waiting).rejects.toThrow('too late');
    expect(after.mock.calls.reduce((sum, [delayMs]) => sum + delayMs, 0)).toBe(500);
  });
});

describe('Instant', () => {
  it('an instant is called what it is called now, whatever the time of day was set to since', async () => {
    const clock = new FakeClock({ now: 10_000_000 });
    const instant = new Instant(clock);
    await clock.advance(5_000);
    expect([instant.epochMs, instant.elapsedMs, instant.setMs]).toEqual([10_000_000, 5_000, 0]);
    clock.jump(-3_600_000);
    expect([instant.epochMs, instant.elapsedMs, instant.setMs]).toEqual([6_400_000, 5_000, -3_600_000]);
    clock.jump(7_200_000);
    expect([instant.epochMs, instant.elapsedMs, instant.setMs]).toEqual([13_600_000, 5_000, 3_600_000]);
  });

  it('an instant stays where it is when the time of day is adjusted by less than a tenth of a second', () => {
    const clock = new FakeClock({ now: 10_000_000 });
    const instant = new Instant(clock);
    clock.jump(-99);
    expect([instant.epochMs, instant.setMs]).toEqual([10_000_000, 0]);
    clock.jump(-1);
    expect([instant.epochMs, instant.setMs]).toEqual([9_999_900, -100]);
  });

  it('milliseconds since an instant are whole', () => {
    const clock = { ...systemClock, monotonic: () => 12.7 };
    expect(millisecondsSince(clock, 10.2)).toBe(3);
  });
});
