import type { WriteOutcome } from '../../storage/guarded-storage.js';
import { FakeClock } from '../../testing/fake-clock.js';
import type { ServiceScope } from '../runtime.js';
import { Token } from '../token.js';
import { LateWrite } from './late-write.js';
import type { StoredToken } from './stored-token.js';
import type { TokenStore } from './token-store.js';

const stored = (generation: number): StoredToken => ({
  token: new Token({ accessToken: `token-${generation}` }),
  obtainedAt: 0,
  generation,
});

/** What was sent, as storage still has it. */
const spent = (more: object): StoredToken => ({
  ...stored(0),
  token: new Token({ accessToken: 'old', refreshToken: 'spent', ...more }),
});

class World {
  readonly clock = new FakeClock();
  readonly warnings: string[] = [];
  /** Reads and writes, in their order. */
  readonly commands: string[] = [];
  outcome: WriteOutcome = 'failed';
  troubled = true;
  /** True where other processes are kept in order with this one. */
  shared = false;
  rejected: string | undefined;
  /** Token in storage. */
  found: StoredToken | undefined;
  /** Generation above which everything is written. */
  from = Number.POSITIVE_INFINITY;
  readonly late = new LateWrite(
    {
      clock: this.clock,
      owner: '"orders"',
      logger: { warn: (line: string) => void this.warnings.push(line), log: () => undefined },
    } as unknown as ServiceScope,
    this.#store(),
  );

  #store(): TokenStore {
    const isTroubled = (): boolean => this.troubled;
    const isShared = (): boolean => this.shared;
    const store = {
      read: async () => {
        this.commands.push('read');
        return this.found;
      },
      put: async ({ generation }: StoredToken): Promise<WriteOutcome> => {
        this.commands.push(`put ${generation}`);
        return generation > this.from ? 'written' : this.outcome;
      },
      get troubled() {
        return isTroubled();
      },
      get shared() {
        return isShared();
      },
    };
    return store as unknown as TokenStore;
  }

  /** Writes a token, and notes when that is over. */
  begin(generation: number): { over: boolean } {
    const state = { over: false };
    void this.late
      .begin(stored(generation), { ...spent({}), generation: 10 }, ({ accessToken }) => accessToken === this.rejected)
      .then(() => (state.over = true));
    return state;
  }
}

class Renewal {
  resolve!: (value: string) => void;
  readonly end = new Promise<string>((resolve) => (this.resolve = resolve));
}

/** Written late when another process has just taken the lease, and found nothing either. */
async function refused(): Promise<{ world: World; write: { over: boolean } }> {
  const world = new World();
  Object.assign(world, { shared: true, outcome: 'superseded', from: 1_000 + world.clock.now() });
  const write = world.begin(1);
  await world.clock.advance(250);
  expect([write.over, world.commands]).toEqual([false, ['read', 'put 1', 'read']]);
  return { world, write };
}

it('a late write is tried after a quarter of a second, then after twice the time, up to two seconds', async () => {
  const world = new World();
  const write = world.begin(1);
  expect([world.late.pending, world.commands]).toEqual([true, []]);
  for (const [ms, tries] of [
    [249, 0],
    [1, 1],
    [499, 1],
    [1, 2],
    [1_000, 3],
    [1_999, 3],
    [1, 4],
    [2_000, 5],
  ] as const) {
    await world.clock.advance(ms);
    expect(world.commands).toEqual(Array.from({ length: tries }, () => ['read', 'put 1']).flat());
  }
  expect([write.over, world.warnings]).toEqual([
    false,
    ['The token for "orders" was not stored: only this process has it until storage is back.'],
  ]);
});

it.each<[string, WriteOutcome, boolean]>([
  ['is stored', 'written', true],
  ['is superseded', 'superseded', true],
  ['is refused for itself alone, by a storage that takes others', 'failed', false],
])('a late write is over when the token %s', async (_how, outcome, troubled) => {
  const world = new World();
  const write = world.begin(1);
  await world.clock.advance(250);
  Object.assign(world, { outcome, troubled });
  await world.clock.advance(500);
  expect([write.over, world.late.pending]).toEqual([true, false]);
  expect(world.commands.filter((command) => command === 'put 1')).toHaveLength(2);
  expect(world.clock.pending).toBe(0);
});

it('a late write of a token that was taken out of use meanwhile is over without it', async () => {
  const world = new World();
  const write = world.begin(1);
  world.rejected = 'token-1';
  await world.clock.advance(250);
  expect([write.over, world.commands]).toEqual([true, ['read']]);
});

it('a late write takes the newest token, and is one', async () => {
  const world = new World();
  const writes = [world.begin(1), world.begin(2)];
  world.outcome = 'written';
  await world.clock.advance(250);
  expect([world.commands, writes.map(({ over }) => over), world.warnings.length]).toEqual([
    ['read', 'put 2'],
    [true, true],
    1,
  ]);
});

it('a late write is not over before the renewal that goes on meanwhile, whose token it takes, too', async () => {
  const world = new World();
  world.outcome = 'written';
  const write = world.begin(1);
  const renewal = new Renewal();
  const renewed = world.late.during(renewal.end);
  await world.clock.advance(250);
  expect(write.over).toBe(false);
  world.begin(2);
  renewal.resolve('renewed');
  expect(await renewed).toBe('renewed');
  await world.clock.advance(500);
  expect([write.over, world.commands]).toEqual([true, ['read', 'put 1', 'read', 'put 2']]);
});

it('a late write is given up when its slot is closed', async () => {
  const world = new World();
  const write = world.begin(1);
  await world.clock.advance(250);
  world.late.close();
  await world.clock.advance(500);
  expect([write.over, world.commands.length, world.clock.pending]).toEqual([true, 2, 0]);
});

describe('a late write under the lease of another', () => {
  it('a late write goes over the lease of another, as long as what was spent is stored', async () => {
    const world = new World();
    Object.assign(world, { outcome: 'superseded', found: spent({}), from: 1_000 + world.clock.now() });
    const write = world.begin(1);
    await world.clock.advance(250);
    const [, first, , second, ...further] = world.commands;
    expect([write.over, first, second]).toEqual([true, 'put 1', `put ${world.clock.now()}`]);
    expect(further.at(-2)).toBe('read');
    expect(Number(further.at(-1)?.slice(4))).toBeGreaterThan(world.from);
  });

  it('a late write goes over what came before the token that was spent: a master was lost with what it had not replicated', async () => {
    const world = new World();
    const found = { ...spent({ refreshToken: 'older' }), generation: 9 };
    Object.assign(world, { outcome: 'superseded', found, from: 1_000 + world.clock.now() });
    const write = world.begin(1);
    await world.clock.advance(250);
    expect([write.over, Number(world.commands.at(-1)?.slice(4)) > world.from]).toEqual([true, true]);
  });

  it.each([
    ['newer', { ...spent({ refreshToken: 'newer' }), generation: 11 }],
    ['of the same time', { ...spent({ refreshToken: 'another' }), generation: 10 }],
    ['rejected', { ...spent({}), rejected: true }],
    ['dropped', undefined],
  ])('a late write goes over nothing that is %s', async (_what, found) => {
    const world = new World();
    Object.assign(world, { outcome: 'superseded', found, from: 1_000 });
    const write = world.begin(1);
    await world.clock.advance(250);
    expect([write.over, world.commands]).toEqual([true, ['read', 'put 1', 'read']]);
  });

  describe('where storage came back empty', () => {
    it('a late write goes over what was spent, though whoever has the lease puts that back a moment later', async () => {
      const { world, write } = await refused();
      world.found = spent({});
      await world.clock.advance(250);
      expect([write.over, Number(world.commands.at(-1)?.slice(4)) > world.from]).toEqual([true, true]);
    });

    it('a late write is given up when nobody puts back what was spent', async () => {
      const { world, write } = await refused();
      await world.clock.advance(7 * 250);
      expect([write.over, world.commands.slice(3), world.clock.pending]).toEqual([
        true,
        Array.from({ length: 7 }, () => 'read'),
        0,
      ]);
    });

    it('a late write of a token that was taken out of use goes over nothing that is put back', async () => {
      const { world, write } = await refused();
      Object.assign(world, { rejected: 'token-1', found: spent({}) });
      await world.clock.advance(250);
      expect([write.over, world.commands.slice(3)]).toEqual([true, ['read']]);
    });

    it('a late write looks no longer when its slot is closed', async () => {
      const { world, write } = await refused();
      world.late.close();
      await world.clock.advance(250);
      expect([write.over, world.commands.length, world.clock.pending]).toEqual([true, 3, 0]);
    });
  });

  it('a late write goes over no token of another where nothing was spent for it', async () => {
    const world = new World();
    Object.assign(world, { outcome: 'superseded', found: stored(5), from: 1_000 });
    let over = false;
    void world.late.begin(stored(1), undefined, () => false).then(() => (over = true));
    await world.clock.advance(250);
    expect([over, world.commands]).toEqual([true, ['read', 'put 1']]);
  });
});
