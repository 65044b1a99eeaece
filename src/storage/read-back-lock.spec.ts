import * as fc from 'fast-check';
import { sleep } from '../clock.js';
import type { Lease } from '../lock/token-lock.js';
import { FakeClock } from '../testing/fake-clock.js';
import { ReadBackLock, type TextStore } from './read-back-lock.js';

const TTL_MS = 5_000;
const NEVER = new AbortController().signal;

/** One process: what each of its commands takes until it lands and until it is answered, and what it does. */
interface Member {
  readonly startsAt: number;
  /** Parts of the deadline. */
  readonly delays: readonly number[];
  /** Stands still for so long between its first look and its claim. */
  readonly stallMs: number;
  readonly worksMs: number;
  /** Ends while it has the lease. */
  readonly dies: boolean;
}

const members = fc.array(
  fc.record<Member>({
    startsAt: fc.integer({ min: 0, max: 2_000 }),
    delays: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 8, maxLength: 8 }),
    stallMs: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 3_000 })),
    worksMs: fc.integer({ min: 0, max: 4_000 }),
    dies: fc.boolean(),
  }),
  { minLength: 2, maxLength: 6 },
);

class Fleet {
  constructor(readonly deadlineMs: number) {}

  readonly clock = new FakeClock();
  readonly values = new Map<string, string>();
  inside = 0;
  mostInside = 0;
  served = 0;

  async run(all: readonly Member[]): Promise<void> {
    const done = Promise.all(all.map((one) => this.#member(one)));
    for (let seconds = 0; seconds < 240; seconds += 1) await this.clock.advance(1_000);
    await done;
  }

  async #member({ startsAt, delays, stallMs, worksMs, dies }: Member): Promise<void> {
    const { clock } = this;
    await sleep(clock, startsAt);
    const lock = new ReadBackLock(this.#store(delays, stallMs), 2 * this.deadlineMs, clock);
    const own: Lease = { generation: 1, extend: async () => true, release: async () => undefined };
    for (;;) {
      const lease = await lock.widen(own, 'key', { ttlMs: TTL_MS, signal: NEVER });
      if (lease === null) {
        await sleep(clock, 300);
        continue;
      }
      this.inside += 1;
      this.mostInside = Math.max(this.mostInside, this.inside);
      await sleep(clock, worksMs);
      this.inside -= 1;
      this.served += 1;
      if (!dies) await lease.release();
      return;
    }
  }

  #store(delays: readonly number[], stallMs: number): TextStore {
    let commands = 0;
    const pause = (): Promise<void> => {
      const part = delays[commands++ % delays.length] as number;
      // Landing and answer share the deadline.
      return sleep(this.clock, (part * this.deadlineMs) / 2);
    };
    let stalls = stallMs > 0;
    return {
      readText: async (key) => {
        await pause();
        const value = this.values.get(key);
        await pause();
        return value;
      },
      writeText: async (key, text) => {
        if (stalls) await sleep(this.clock, stallMs);
        stalls = false;
        await pause();
        this.values.set(key, text);
        await pause();
        return 'written';
      },
    };
  }
}

it.each([250, 5_000])(
  'a lock by reading back lets in one at a time, and each in the end, with commands of up to %d ms',
  async (deadlineMs) => {
    await fc.assert(
      fc.asyncProperty(members, async (all) => {
        const fleet = new Fleet(deadlineMs);
        await fleet.run(all);
        expect(fleet.mostInside).toBe(1);
        expect(fleet.served).toBe(all.length);
      }),
      { numRuns: 50 },
    );
  },
);

it.each(['garbage', '', 'x'.repeat(10_000), '5', `${'a'.repeat(36)} 0`, 'Free', 'null', '-1 -1'])(
  'a lock by reading back takes no claim for one that reads %.20p: no process of ours has written it',
  async (forged) => {
    const values = new Map([['key:claim', forged]]);
    const store: TextStore = {
      readText: async (key) => values.get(key),
      writeText: async (key, text) => {
        values.set(key, text);
        return 'written';
      },
    };
    const clock = new FakeClock();
    const own: Lease = { generation: 1, extend: async () => true, release: async () => undefined };
    const asked = new ReadBackLock(store, 500, clock).widen(own, 'key', { ttlMs: TTL_MS, signal: NEVER });
    await clock.advance(500);
    const lease = await asked;
    expect(lease).not.toBeNull();
    // What it wrote itself is one.
    const other = new ReadBackLock(store, 500, clock);
    expect(await other.widen(own, 'key', { ttlMs: TTL_MS, signal: NEVER })).toBeNull();
    await lease?.release();
  },
);

describe('a claim', () => {
  const SETTLE_MS = 500;
  const HOLD_MS = SETTLE_MS + TTL_MS;

  /** One process on a store of claims, and what becomes of its own lease. */
  function member(more: Partial<TextStore> = {}, clock = new FakeClock(), values = new Map<string, string>()) {
    const noted = { writes: [] as [string, string, number][], extends: true, released: 0 };
    const store: TextStore = {
      readText: async (key) => values.get(key),
      writeText: async (key, text, ttlMs) => {
        noted.writes.push([key, text, ttlMs]);
        values.set(key, text);
        return 'written';
      },
      ...more,
    };
    const own: Lease = {
      generation: 7,
      extend: async () => noted.extends,
      release: async () => void (noted.released += 1),
    };
    const lock = new ReadBackLock(store, SETTLE_MS, clock);
    const claim = (signal: AbortSignal = NEVER): Promise<Lease | null> =>
      lock.widen(own, 'key', { ttlMs: TTL_MS, signal });
    const claimAndWait = async (): Promise<Lease | null> => {
      const asked = claim();
      await clock.advance(SETTLE_MS);
      return asked;
    };
    return { noted, own, clock, values, claim, claimAndWait };
  }
  const FOREIGN = '11111111-1111-1111-1111-111111111111 0';

  it('a claim of another process counts for as long as it is seen to change within the wait and a lease, no longer', async () => {
    const { noted, clock, values, claim, claimAndWait } = member();
    values.set('key:claim', FOREIGN);
    expect([await claim(), noted.released]).toEqual([null, 1]);
    await clock.advance(HOLD_MS - 1);
    expect(await claim()).toBeNull();
    values.set('key:claim', FOREIGN.replace(' 0', ' 1'));
    await clock.advance(1);
    expect(await claim()).toBeNull();
    await clock.advance(HOLD_MS - 1);
    expect([await claim(), noted.writes]).toEqual([null, []]);
    await clock.advance(1);
    expect((await claimAndWait())?.generation).toBe(7);
  });

  it('a claim is made for the wait and a lease, extended by another text, and freed', async () => {
    const { noted, values, claimAndWait } = member();
    const lease = (await claimAndWait()) as Lease;
    expect(await lease.extend()).toBe(true);
    expect(noted.writes.map(([key, text, ttlMs]) => [key, text.slice(37), ttlMs])).toEqual([
      ['key:claim', '0', HOLD_MS],
      ['key:claim', '1', HOLD_MS],
    ]);
    await lease.release();
    expect([values.get('key:claim'), noted.released]).toEqual(['free', 1]);
    expect(await claimAndWait()).not.toBeNull();
  });

  it('a claim that another has taken the place of is neither extended nor freed', async () => {
    const { noted, values, claimAndWait } = member();
    const lease = (await claimAndWait()) as Lease;
    noted.extends = false;
    expect(await lease.extend()).toBe(false);
    noted.extends = true;
    values.set('key:claim', FOREIGN);
    expect(await lease.extend()).toBe(false);
    await lease.release();
    expect([values.get('key:claim'), noted.writes.length, noted.released]).toEqual([FOREIGN, 1, 1]);
  });

  it('a claim that is overwritten within the wait is lost, and the own lease is given back', async () => {
    const { noted, clock, values, claim } = member();
    const asked = claim();
    await clock.advance(SETTLE_MS - 1);
    values.set('key:claim', FOREIGN);
    await clock.advance(1);
    expect([await asked, noted.released, values.get('key:claim')]).toEqual([null, 1, FOREIGN]);
  });

  it('a claim whose caller leaves within the wait is freed', async () => {
    const { noted, clock, values, claim } = member();
    const caller = new AbortController();
    const asked = claim(caller.signal);
    await clock.advance(1);
    caller.abort(new Error('left'));
    await expect(asked).rejects.toThrow('left');
    expect([values.get('key:claim'), noted.released]).toEqual(['free', 1]);
  });

  it('a claim that is refused or given back has given back the own lease, too, when that is reported', async () => {
    const { noted, own, values, claim, claimAndWait } = member();
    const lease = (await claimAndWait()) as Lease;
    own.release = async () => {
      await new Promise(setImmediate);
      noted.released += 1;
    };
    await lease.release();
    expect(noted.released).toBe(1);
    values.set('key:claim', FOREIGN);
    expect([await claim(), noted.released]).toEqual([null, 2]);
  });

  it('a claim that ends is freed first, then the own lease is given back', async () => {
    const order: string[] = [];
    const [clock, values] = [new FakeClock(), new Map<string, string>()];
    const writeText: TextStore['writeText'] = async (key, text) => {
      if (text === 'free') await new Promise(setImmediate);
      order.push(text.replace(/^.* /, 'claimed '));
      values.set(key, text);
      return 'written';
    };
    const { own, claim, claimAndWait } = member({ writeText }, clock, values);
    own.release = async () => void order.push('released');
    await ((await claimAndWait()) as Lease).release();
    const caller = new AbortController();
    const asked = claim(caller.signal);
    await clock.advance(1);
    caller.abort(new Error('left'));
    await expect(asked).rejects.toThrow('left');
    expect(order).toEqual(['claimed 0', 'free', 'released', 'claimed 0', 'free', 'released']);
  });

  it('a claim that cannot be written locks nothing: the lease of this process is as it was', async () => {
    const { noted, own, claim } = member({ writeText: async () => 'failed' });
    expect([await claim(), noted.released]).toEqual([own, 0]);
  });

  it.each([
    [SETTLE_MS, true],
    [SETTLE_MS + 1, false],
  ])('a claim that took %d ms to be made is good: %p', async (tookMs, good) => {
    const clock = new FakeClock();
    const values = new Map<string, string>();
    const writeText: TextStore['writeText'] = async (key, text) => {
      await sleep(clock, tookMs);
      values.set(key, text);
      return 'written';
    };
    const { noted, claim } = member({ writeText }, clock, values);
    const asked = claim();
    await clock.advance(tookMs + SETTLE_MS);
    expect([(await asked) !== null, noted.released]).toEqual([good, good ? 0 : 1]);
    expect(values.get('key:claim')).toMatch(/ 0$/);
  });
});
