import type { Clock } from '../../clock.js';
import { keepAlive } from './lease-keeper.js';

/** Time passes when a test says so; promises settle after each timer. */
class ManualClock implements Clock {
  #now = 0;
  readonly #timers = new Map<() => void, number>();

  get pending(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#now;
  }

  random(): number {
    return 0.5;
  }

  after(delayMs: number, task: () => void): () => void {
    this.#timers.set(task, this.#now + delayMs);
    return () => this.#timers.delete(task);
  }

  async advance(ms: number): Promise<void> {
    for (const end = this.#now + ms; this.#now < end;) {
      this.#now += 1;
      for (const [task, due] of this.#timers) {
        if (due > this.#now) continue;
        this.#timers.delete(task);
        task();
        await settle();
      }
    }
  }
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const TTL_MS = 3_000;

/** A lease whose extensions a test decides; kept on a fake clock. */
function start(extend: () => Promise<boolean> = async () => true) {
  const clock = new ManualClock();
  const calls: string[] = [];
  const work = new AbortController();
  const lease = {
    generation: 7,
    extend: () => {
      calls.push(`extend at ${clock.now()}`);
      return extend();
    },
    release: async () => void calls.push('release'),
  };
  return { clock, calls, work, kept: keepAlive(lease, TTL_MS, clock, work.signal) };
}

describe('a lease that is kept alive', () => {
  it('a lease that is kept alive is extended at each third of its term', async () => {
    const { clock, calls } = start();
    await clock.advance(999);
    expect(calls).toEqual([]);
    await clock.advance(2_500);
    expect(calls).toEqual(['extend at 1000', 'extend at 2000', 'extend at 3000']);
  });

  it('a lease that is kept alive has the generation that it was granted with', () => {
    expect(start().kept.generation).toBe(7);
  });

  it('a lease that is kept alive is not extended when it is released, and leaves no timer behind', async () => {
    const { clock, calls, kept } = start();
    await kept.release();
    expect(clock.pending).toBe(0);
    await clock.advance(60_000);
    expect(calls).toEqual(['release']);
  });

  it('a lease that is kept alive is not extended any more when its work has been aborted: a holder that is wedged loses it', async () => {
    const { clock, calls, work } = start();
    await clock.advance(1_000);
    work.abort();
    await clock.advance(60_000);
    expect(calls).toEqual(['extend at 1000']);
    expect(clock.pending).toBe(0);
  });

  it('a lease that is kept alive is known to be lost when somebody else has it, and is not extended any more', async () => {
    const answers = [true, false];
    const { clock, calls, kept } = start(async () => answers.shift() ?? true);
    await clock.advance(1_000);
    expect(kept.lost).toBe(false);
    await clock.advance(60_000);
    expect(kept.lost).toBe(true);
    expect(calls).toEqual(['extend at 1000', 'extend at 2000']);
  });

  it('a lease that is kept alive is extended again when an extension failed: the lock store may be back before its term is over', async () => {
    const { clock, calls, kept } = start(async () => Promise.reject(new Error('down')));
    await clock.advance(2_000);
    expect(calls).toEqual(['extend at 1000', 'extend at 2000']);
    expect(kept.lost).toBe(false);
  });

  it('a lease that is kept alive that is released during an extension is not scheduled again', async () => {
    const answers: ((extended: boolean) => void)[] = [];
    const { clock, kept } = start(() => new Promise((resolve) => void answers.push(resolve)));
    await clock.advance(1_000);
    await kept.release();
    answers[0]?.(true);
    await settle();
    expect(clock.pending).toBe(0);
  });

  it('rejects its release where the lock store is down', async () => {
    const clock = new ManualClock();
    const lease = { generation: 1, extend: async () => true, release: async () => Promise.reject(new Error('down')) };
    await expect(keepAlive(lease, TTL_MS, clock, new AbortController().signal).release()).rejects.toThrow('down');
  });
});
