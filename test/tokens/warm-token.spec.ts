import { createHook } from 'node:async_hooks';
import { jest } from '@jest/globals';
import { Token, type TokenManager } from 'nestjs-forge-auth';
import { FakeClock } from '../support/fake-clock.js';
import { until } from '../support/async.js';
import { World } from './world.js';

const CALLS = 10_000;

const world = new World();
afterEach(() => world.close());

/** A storage that counts its calls. */
class CountingStorage {
  calls = 0;
  readonly #values = new Map<string, unknown>();

  async get(key: string): Promise<unknown> {
    this.calls += 1;
    return this.#values.get(key);
  }

  async set(key: string, value: unknown): Promise<void> {
    this.calls += 1;
    this.#values.set(key, value);
  }
}

/** Records what `work` starts in the event loop (timers, handles, requests), and how often it reads or writes JSON. */
async function effectsOf(work: () => Promise<void>): Promise<{ started: string[]; json: number }> {
  const started: string[] = [];
  const hook = createHook({
    init: (_id, type) => {
      if (type !== 'PROMISE') started.push(type);
    },
  });
  const spies = [jest.spyOn(JSON, 'parse'), jest.spyOn(JSON, 'stringify')];
  hook.enable();
  try {
    await work();
  } finally {
    hook.disable();
  }
  const json = spies.reduce((sum, spy) => sum + spy.mock.calls.length, 0);
  for (const spy of spies) spy.mockRestore();
  return { started, json };
}

async function getOften(manager: TokenManager): Promise<void> {
  for (let call = 0; call < CALLS; call += 1) await manager.getToken();
}

describe('a warm token', () => {
  it(`a warm token is answered ${CALLS} times without I/O, timer, storage or JSON`, async () => {
    await world.start();
    const clock = new FakeClock();
    const storage = new CountingStorage();
    const manager = world.manager({ clock, storage });

    const cold = await effectsOf(async () => void (await manager.getToken()));
    expect(cold.started).toContain('Timeout');
    expect(cold.json).toBeGreaterThan(0);
    expect(storage.calls).toBeGreaterThan(0);

    storage.calls = 0;
    const timers = jest.spyOn(clock, 'after');
    expect(await effectsOf(() => getOften(manager))).toEqual({ started: [], json: 0 });
    expect(timers).not.toHaveBeenCalled();
    expect(storage.calls).toBe(0);
    expect(world.endpoint.tokenRequests).toBe(1);
  });

  it('a warm token is one promise for all who ask', async () => {
    await world.start();
    const manager = world.manager({ clock: new FakeClock() });
    await manager.getToken();
    expect(manager.getToken()).toBe(manager.getToken());
  });

  it('looks a warm token up in storage again when its near cache time is over, in the background', async () => {
    await world.start();
    const clock = new FakeClock();
    const storage = new CountingStorage();
    const manager = world.manager({ clock, storage, nearCacheTtlMs: 5_000 });
    await manager.getToken();
    await clock.advance(4_999);
    storage.calls = 0;
    await getOften(manager);
    expect(storage.calls).toBe(0);
    await clock.advance(1);
    await getOften(manager);
    expect(storage.calls).toBe(1);
  });

  it('a warm token is renewed in the background from the very millisecond on that it is due', async () => {
    await world.start();
    const clock = new FakeClock();
    let asked = 0;
    const fetchToken = async (): Promise<Token> =>
      new Token({ accessToken: `token-${(asked += 1)}`, expiresAt: clock.now() + 1_000_000 });
    const manager = world.manager({ clock, provider: { fetchToken }, refreshWindowMs: 100_000 });
    await manager.getToken();
    await clock.advance(909_999);
    await getOften(manager);
    expect(asked).toBe(1);
    await clock.advance(1);
    await manager.getToken();
    await until(() => asked === 2, 'the next one is asked for');
  });
});
