import type { TokenManager, TokenManagerOptions } from 'nestjs-forge-auth';
import { FakeClock } from '../support/fake-clock.js';
import { World } from './world.js';

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

const world = new World();
afterEach(() => world.close());

interface Running {
  readonly clock: FakeClock;
  readonly manager: TokenManager;
  /** Calls the API with the token of the moment. */
  call(): Promise<void>;
}

/** A manager whose machine's time of day is set by hand; the servers go by the time that passes. */
async function start(options: Partial<TokenManagerOptions> = {}): Promise<Running> {
  const clock = new FakeClock();
  await world.start({ now: () => clock.monotonic(), expiresIn: 60 });
  const manager = world.manager({ provider: world.singleShot(), clock, ...options });
  const client = world.client({ auth: { tokenManager: manager } });
  return { clock, manager, call: async () => void (await client.get('/')) };
}

describe.each([
  ['an hour back', -HOUR_MS],
  ['two days back', -48 * HOUR_MS],
  ['half a minute back', -MINUTE_MS / 2],
  ['two seconds back', -2_000],
])('the time of day set %s', (_how, setMs) => {
  it.each([1, 10_000, 40_000, 59_000])('sends no token that has expired, %d ms after it came', async (ageMs) => {
    const { clock, call } = await start();
    await call();
    await clock.advance(ageMs);
    await call();
    clock.jump(setMs);
    for (let passedMs = ageMs; passedMs < 4 * MINUTE_MS; passedMs += 1_700) {
      await call();
      await clock.advance(1_700);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    expect(world.api.unauthorized).toBe(0);
    // Four minutes of a token that is renewed after four fifths of its minute at the earliest.
    expect(world.endpoint.tokenRequests).toBeGreaterThanOrEqual(4);
    expect(world.endpoint.tokenRequests).toBeLessThanOrEqual(7);
  });

  it('shows no token again that had expired', async () => {
    const { clock, manager } = await start();
    await manager.getToken();
    await clock.advance(MINUTE_MS);
    expect(manager.peek()).toBeUndefined();
    clock.jump(setMs);
    expect(manager.peek()).toBeUndefined();
    await manager.getToken();
    expect(world.endpoint.tokenRequests).toBe(2);
  });
});

describe.each([
  ['back', -HOUR_MS],
  ['forward', HOUR_MS],
])('the time of day set %s while a token is requested', (_how, setMs) => {
  it('gives the token the life that its issuer gave it', async () => {
    const { clock, manager, call } = await start();
    world.endpoint.hold();
    const cold = manager.getToken();
    await world.endpoint.server.received(1);
    clock.jump(setMs);
    world.endpoint.release();
    const token = await cold;
    expect(token.expiresAt).toBe(clock.now() + MINUTE_MS);
    for (let passedMs = 0; passedMs < 47_000; passedMs += 10_000) {
      await call();
      await clock.advance(9_400);
    }
    expect(world.endpoint.tokenRequests).toBe(1);
    await clock.advance(MINUTE_MS - 47_000);
    await call();
    expect([world.endpoint.tokenRequests, world.api.unauthorized]).toEqual([2, 0]);
  });
});

it('the time of day set forward past the end of a token has it renewed once, and fails no call', async () => {
  const { clock, call } = await start();
  await call();
  clock.jump(HOUR_MS);
  for (let calls = 0; calls < 20; calls += 1) await call();
  expect([world.endpoint.tokenRequests, world.api.unauthorized]).toEqual([2, 0]);
});
