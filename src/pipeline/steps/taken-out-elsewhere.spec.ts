import { Token } from '../../token/token.js';
import { TakenOutElsewhere } from './taken-out-elsewhere.js';

const token = new Token({ accessToken: 'shared' });

class World {
  readonly forgotten: unknown[][] = [];
  /** Steps that have a token in use. */
  readonly inUse = new Set<string>();
  /** Ends the look at storage of a step. */
  readonly looks = new Map<string, { found(answer: boolean): void; failed(error: Error): void }>();
  readonly elsewhere = new TakenOutElsewhere({
    slot: (step) => ({
      current: this.inUse.has(step) ? ({} as never) : undefined,
      adoptStored: () => new Promise<boolean>((found, failed) => void this.looks.set(step, { found, failed })) as never,
    }),
    forget: (...given) => void this.forgotten.push(given),
  });
}

it('a shared token that a step uses is forgotten at once', () => {
  const world = new World();
  world.inUse.add('app');
  world.elsewhere.takenOut('app', token, true);
  world.elsewhere.takenOut('app', token, false);
  expect(world.forgotten).toEqual([
    ['app', token, true],
    ['app', token, false],
  ]);
  expect(world.elsewhere.looking).toBe(false);
});

it('a shared token of a step that was not asked yet is forgotten where storage has one', async () => {
  const world = new World();
  for (const step of ['found', 'none', 'failed']) world.elsewhere.takenOut(step, token, true);
  world.looks.get('found')?.found(true);
  world.looks.get('none')?.found(false);
  world.looks.get('failed')?.failed(new Error('storage'));
  await world.elsewhere.settled();
  expect([world.forgotten, world.elsewhere.looking]).toEqual([[['found', token, true]], false]);
});

it('shared tokens of two steps are both waited for, whichever is looked up first', async () => {
  const world = new World();
  world.elsewhere.takenOut('slow', token, true);
  world.elsewhere.takenOut('quick', token, false);
  const settled = world.elsewhere.settled().then(() => world.forgotten.map(([step]) => step));
  world.looks.get('quick')?.found(true);
  await new Promise((resolve) => setImmediate(resolve));
  expect(world.elsewhere.looking).toBe(true);
  world.looks.get('slow')?.found(true);
  expect(await settled).toEqual(['quick', 'slow']);
});
