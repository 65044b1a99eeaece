import { systemClock } from '../../src/clock.js';
import { until } from '../support/async.js';
import { World } from './world.js';

const world = new World();
beforeEach(() => world.start());
afterEach(() => world.close());

const DEADLINE_MS = 600;

/** Keeps the process from doing anything, as a frozen container or a busy loop does. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

it.each([1.5, 3])(
  'a process that stood still for %d deadlines during a refresh in the background causes no failed event',
  async (deadlines) => {
    let aheadMs = 0;
    const clock = { ...systemClock, now: () => Date.now() + aheadMs };
    const manager = world.manager({ provider: world.singleShot(), clock, deadlineMs: DEADLINE_MS });
    const failures: unknown[] = [];
    manager.on('failed', ({ error }) => failures.push(error));
    const first = await manager.getToken();
    aheadMs = 3_560_000;
    // Whatever is loaded when it is first used is there by now.
    world.endpoint.hold();
    expect(await manager.getToken()).toBe(first);
    await until(() => world.endpoint.held === 1, 'the refresh has reached the issuer');
    world.endpoint.release();
    standStill(deadlines * DEADLINE_MS);
    await until(() => manager.peek() !== first || failures.length > 0, 'the refresh ends');
    expect(failures).toEqual([]);
    expect(world.endpoint.tokenRequests).toBe(2);
  },
);
