import { TimeoutError } from '../errors.js';
import { InProcessTokenLock } from '../lock/in-process.token-lock.js';
import type { Lease, TokenLock } from '../lock/token-lock.js';
import type { ForgeAuthEvent } from '../observer.js';
import { Observers } from '../observer.js';
import { FakeClock } from '../testing/fake-clock.js';
import { GuardedLock, type LockStore } from './guarded-lock.js';
import { StorageObserver } from './storage-observer.js';

const TERM = { ttlMs: 5_000, signal: new AbortController().signal };
const granted: Lease = { generation: 7, extend: async () => true, release: async () => undefined };

/** What a lock does, and what becomes known of it. */
class World {
  readonly clock = new FakeClock();
  readonly warnings: string[] = [];
  readonly lines: string[] = [];
  readonly events: ForgeAuthEvent[] = [];
  readonly timeouts: unknown[] = [];
  failing = false;
  asked = 0;
  acquire: () => Promise<Lease | null> = async () => granted;

  guard(more: Partial<LockStore> = {}, lock?: TokenLock): GuardedLock {
    const observers = new Observers();
    observers.add({ event: (event) => void this.events.push(event) });
    const warn = (line: string): void => void this.warnings.push(line);
    const log = (line: string): void => void this.lines.push(line);
    return new GuardedLock(
      lock ?? {
        acquire: () => {
          this.asked += 1;
          return this.acquire();
        },
      },
      {
        clock: this.clock,
        logger: { debug: log, log, warn, error: warn },
        observer: new StorageObserver(this.clock, observers),
        deadlineMs: 250,
        lockIsApart: true,
        failing: () => this.failing,
        onTimeout: (error) => void this.timeouts.push(error),
        ...more,
      },
    );
  }
}

let world: World;
beforeEach(() => {
  world = new World();
});

const down = async (): Promise<never> => {
  throw new Error('down');
};
const silent = (): Promise<never> => new Promise(() => undefined);

describe('a lock', () => {
  it('a lock is granted, held or down; each is an event with the time that it took', async () => {
    const lock = world.guard();
    world.acquire = async () => {
      await world.clock.advance(5);
      world.clock.jump(3_600_000);
      return granted;
    };
    expect(await lock.acquire('key', TERM)).toMatchObject({ generation: 7 });
    world.acquire = async () => null;
    expect(await lock.acquire('key', TERM)).toBe('held');
    world.acquire = down;
    expect(await lock.acquire('key', TERM)).toBe('down');
    expect(world.events).toMatchObject([
      { type: 'lock', outcome: 'acquired', durationMs: 5 },
      { type: 'lock', outcome: 'busy', durationMs: 0 },
      { type: 'lock', outcome: 'failed' },
    ]);
  });

  it('a lock that failed is left alone for a while, and is back when it is granted', async () => {
    const lock = world.guard();
    world.acquire = down;
    for (let call = 0; call < 3; call += 1) expect(await lock.acquire('key', TERM)).toBe('down');
    expect([world.asked, lock.troubled]).toEqual([1, true]);
    await world.clock.advance(500);
    world.acquire = async () => null;
    expect(await lock.acquire('key', TERM)).toBe('held');
    expect([lock.troubled, world.lines]).toEqual([false, ['Token lock is back.']]);
  });

  it('a lock is not reported back by a call that was under way before it failed', async () => {
    const lock = world.guard();
    let grant!: (lease: Lease) => void;
    world.acquire = () => new Promise((resolve) => (grant = resolve));
    const early = lock.acquire('key', TERM);
    world.acquire = down;
    await lock.acquire('other', TERM);
    grant(granted);
    expect(await early).toMatchObject({ generation: 7 });
    expect([lock.troubled, world.lines]).toEqual([true, []]);
  });

  it('a lock on a store that fails is not asked; one in this process is', async () => {
    world.failing = true;
    expect(await world.guard().acquire('key', TERM)).toBe('down');
    expect(world.asked).toBe(0);
    const local = world.guard({}, new InProcessTokenLock(world.clock));
    expect([await local.acquire('key', TERM), local.locksFleet]).toMatchObject([
      { generation: world.clock.now() },
      false,
    ]);
    expect(world.guard().locksFleet).toBe(true);
  });

  it('a lock that is granted after its time is given back, and lets the store be looked at', async () => {
    const lock = world.guard({ lockIsApart: false });
    let grant!: (lease: Lease) => void;
    let returned = 0;
    world.acquire = () => new Promise((resolve) => (grant = resolve));
    const asking = lock.acquire('key', TERM);
    await world.clock.advance(250);
    expect(await asking).toBe('down');
    expect(world.timeouts).toEqual([expect.any(TimeoutError)]);
    grant({ ...granted, release: async () => void (returned += 1) });
    await world.clock.advance(0);
    expect([returned, world.warnings]).toEqual([1, []]);
  });

  it('a lock that is granted in time is not given back', async () => {
    let returned = 0;
    world.acquire = async () => ({ ...granted, release: async () => void (returned += 1) });
    await world.guard().acquire('key', TERM);
    await world.clock.advance(60_000);
    expect(returned).toBe(0);
  });

  it('a lock that a caller no longer waits for is neither down nor back', async () => {
    const lock = world.guard();
    world.acquire = down;
    await lock.acquire('key', TERM);
    await world.clock.advance(500);
    const caller = new AbortController();
    world.acquire = async () => {
      caller.abort(new Error('left'));
      throw caller.signal.reason;
    };
    await expect(lock.acquire('key', { ...TERM, signal: caller.signal })).rejects.toThrow('left');
    world.acquire = async () => granted;
    expect(await lock.acquire('key', TERM)).toMatchObject({ generation: 7 });
  });

  it('a lock that fails as its caller leaves rejects with what the caller says, and has failed', async () => {
    const lock = world.guard();
    const caller = new AbortController();
    world.acquire = async () => {
      caller.abort(new Error('left'));
      throw new Error('down');
    };
    await expect(lock.acquire('key', { ...TERM, signal: caller.signal })).rejects.toThrow('left');
    expect(lock.troubled).toBe(true);
  });

  it('a lock that throws at once is one that fails', async () => {
    const lock = world.guard(
      {},
      {
        acquire: () => {
          throw new Error('at once');
        },
      },
    );
    expect(await lock.acquire('key', TERM)).toBe('down');
  });
});

describe('what is logged of a lock', () => {
  it.each<[string, () => Promise<never>, string]>([
    ['fails', down, 'Error'],
    ['is refused', () => Promise.reject(new Error("NOPERM 'eval' command")), 'NOPERM: EVAL'],
    ['is silent', silent, 'no answer within 250 ms'],
  ])('what is logged of a lock apart that %s, once', async (_what, acquire, why) => {
    const lock = world.guard();
    world.acquire = acquire;
    for (let call = 0; call < 2; call += 1) {
      const asking = lock.acquire('key', TERM);
      await world.clock.advance(250);
      await asking;
      await world.clock.advance(60_000);
    }
    expect(world.warnings).toEqual([
      `Token lock is not answering (${why}). Each process asks for its own tokens until it is back.`,
    ]);
  });

  it('the log names what a lock on the store lacks, and the store where it fails', async () => {
    const lock = world.guard({ lockIsApart: false });
    world.acquire = down;
    await lock.acquire('key', TERM);
    expect([world.warnings, world.timeouts]).toEqual([[], []]);
    await world.clock.advance(500);
    world.acquire = () => Promise.reject(new Error("NOPERM 'time' command"));
    await lock.acquire('key', TERM);
    expect(world.warnings).toEqual([
      'Token lock is refused by the storage (NOPERM: TIME). Each process asks for its own tokens until it is allowed.',
    ]);
  });

  it.each(['extend', 'release'] as const)(
    'what is logged of a lease whose %s is refused, once; it fails as before',
    async (step) => {
      const lock = world.guard();
      const refusal = new Error("NOPERM 'del, pexpire' command");
      const failures = [new Error('gone'), refusal, refusal];
      world.acquire = async () => ({ ...granted, [step]: async () => Promise.reject(failures.shift() as Error) });
      for (const failure of failures.slice()) {
        const lease = (await lock.acquire('key', TERM)) as Lease;
        await expect(lease[step]()).rejects.toBe(failure);
      }
      expect(world.warnings).toEqual([expect.stringContaining('(NOPERM: DEL, PEXPIRE)')]);
      expect(lock.troubled).toBe(false);
    },
  );
});
