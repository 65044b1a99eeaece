import {
  AuthenticationError,
  type ForgeHttpClient,
  Token,
  type TokenManager,
  type TokenManagerOptions,
} from 'nestjs-forge-auth';
import { FakeClock } from '../support/fake-clock.js';
import type { TokenEndpointOptions } from '../support/token-endpoint.js';
import { rejection, times, turns, until } from '../support/async.js';
import { recordingLogger } from '../support/recording-logger.js';
import { World } from './world.js';

const world = new World();
afterEach(() => world.close());

interface Running {
  readonly clock: FakeClock;
  readonly manager: TokenManager;
  readonly client: ForgeHttpClient;
  /** Resolves when every token request that has arrived has also been answered and taken in. */
  settled(): Promise<void>;
}

/** A client whose tokens live by a fake clock; the servers' time is the same. */
async function start(endpoint: TokenEndpointOptions, options: Partial<TokenManagerOptions> = {}): Promise<Running> {
  const clock = new FakeClock();
  await world.start({ now: () => clock.now(), ...endpoint });
  const manager = world.manager({ provider: world.singleShot(), clock, ...options });
  let landed = 0;
  const land = (): void => void (landed += 1);
  manager.on('refreshed', land).on('failed', land);
  const client = world.client({ auth: { tokenManager: manager } });
  const settled = async (): Promise<void> => {
    // A background refresh has left the process only a few turns after the call that started it.
    await new Promise((resolve) => setTimeout(resolve, 3));
    await turns(20);
    await until(() => landed >= world.endpoint.tokenRequests, 'all token requests are taken in');
  };
  return { clock, manager, client, settled };
}

/** Lets time pass until `work` has settled. */
async function passing<T>(clock: FakeClock, work: Promise<T>): Promise<T> {
  const state = { settled: false };
  void work.finally(() => (state.settled = true));
  while (!state.settled) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    await clock.advance(20);
  }
  return work;
}

describe.each([1, 5, 29, 30, 31, 60, 3_600])('tokens of %d s', (seconds) => {
  const LIVES = 4;
  const CALLS_PER_LIFE = 25;

  it('short-lived tokens are fetched once per life, and never sent when they have expired', async () => {
    const { clock, client, settled } = await start({ expiresIn: seconds });
    for (let call = 0; call < LIVES * CALLS_PER_LIFE; call += 1) {
      await expect(client.get('/')).resolves.toMatchObject({ status: 200 });
      await settled();
      await clock.advance((seconds * 1_000) / CALLS_PER_LIFE);
    }
    expect(world.api.unauthorized).toBe(0);
    expect(world.endpoint.tokenRequests).toBeGreaterThanOrEqual(LIVES);
    // Renewed at four fifths of its life at the earliest.
    expect(world.endpoint.tokenRequests).toBeLessThanOrEqual(LIVES / 0.8 + 1);
    expect(world.api.tokens).toHaveLength(LIVES * CALLS_PER_LIFE);
  });

  it('short-lived tokens are not fetched again by calls while they are fresh', async () => {
    const { clock, client, settled } = await start({ expiresIn: seconds });
    await client.get('/');
    await clock.advance(seconds * 790);
    await Promise.all(times(200, () => client.get('/')));
    await settled();
    expect(world.endpoint.tokenRequests).toBe(1);
  });

  it('short-lived tokens are refreshed once in the background when they are due, and calls do not wait', async () => {
    const { clock, client, settled } = await start({ expiresIn: seconds });
    await client.get('/');
    const due = seconds * 1_000 - Math.min(120_000, seconds * 200) * 0.9;
    await clock.advance(due + 1);
    world.endpoint.hold();
    await Promise.all(times(200, () => client.get('/')));
    expect(world.endpoint.issued).toHaveLength(1);
    await world.endpoint.server.received(2);
    world.endpoint.release();
    await settled();
    await client.get('/');
    expect(world.endpoint.tokenRequests).toBe(2);
    expect(world.api.tokens.at(-1)).toBe(world.endpoint.issued[1]?.accessToken);
  });

  it('short-lived tokens are waited for when they are about to expire', async () => {
    const { clock, client } = await start({ expiresIn: seconds });
    await client.get('/');
    await clock.advance(seconds * 1_000 - Math.min(30_000, seconds * 100) + 1);
    await Promise.all(times(200, () => client.get('/')));
    expect(world.endpoint.tokenRequests).toBe(2);
    expect(new Set(world.api.tokens.slice(1))).toEqual(new Set([world.endpoint.issued[1]?.accessToken]));
  });

  it('short-lived tokens are replaced before the next call when their time jumped away', async () => {
    const { clock, client } = await start({ expiresIn: seconds });
    await client.get('/');
    clock.jump(seconds * 1_000);
    await Promise.all(times(50, () => client.get('/')));
    expect(world.endpoint.tokenRequests).toBe(2);
    expect(world.api.unauthorized).toBe(0);
  });
});

describe('tokens without a lifetime', () => {
  it.each([undefined, null])(
    'tokens without a lifetime are used until they are rejected, where expires_in is %p',
    async (expiresIn) => {
      const { clock, client } = await start({ expiresIn });
      for (let days = 0; days < 40; days += 1) {
        await client.get('/');
        await clock.advance(24 * 3_600_000);
      }
      expect(world.endpoint.tokenRequests).toBe(1);
      world.endpoint.revokeAll();
      await expect(client.get('/')).resolves.toMatchObject({ status: 200 });
      expect(world.endpoint.tokenRequests).toBe(2);
    },
  );

  it('tokens without a lifetime get the lifetime of defaultTtlMs', async () => {
    const { clock, manager } = await start({ expiresIn: undefined }, { defaultTtlMs: 60_000 });
    const token = await manager.getToken();
    expect(token.expiresAt).toBe(clock.now() + 60_000);
    await clock.advance(60_000);
    expect(manager.peek()).toBeUndefined();
    await manager.getToken();
    expect(world.endpoint.tokenRequests).toBe(2);
  });
});

describe('tokens that are expired when they arrive', () => {
  it.each([0, -1, -3_600, '-5'])(
    'tokens that are expired when they arrive are asked for again within the flight, and then a typed error, held back and never sent, where expires_in is %p',
    async (expiresIn) => {
      const { clock, client } = await start({ expiresIn });
      const codes: string[] = [];
      for (let calls = 0; calls < 50; calls += 1) {
        const failing = rejection<AuthenticationError>(client.get('/'));
        codes.push((await (calls < 2 ? passing(clock, failing) : failing)).code);
      }
      expect(codes.slice(0, 2)).toEqual(times(2, () => 'FORGE_AUTH_TOKEN_EXPIRED_ON_ARRIVAL'));
      expect(new Set(codes.slice(2))).toEqual(new Set(['FORGE_AUTH_BACKOFF']));
      expect(world.endpoint.tokenRequests).toBe(2 * 4);
      await clock.advance(60_000);
      world.endpoint.configure({ expiresIn: 60 });
      await expect(client.get('/')).resolves.toMatchObject({ status: 200 });
      expect(world.api.server.count()).toBe(1);
    },
  );

  it('tokens that are expired when they arrive are asked for again by what each has left, counted from its own request', async () => {
    await world.start();
    const clock = new FakeClock();
    const lifetimes = [500, 900, 5_000];
    let asked = 0;
    const fetchToken = async (): Promise<Token> =>
      new Token({ accessToken: `token-${(asked += 1)}`, expiresAt: clock.now() + (lifetimes[asked - 1] ?? 0) });
    const manager = world.manager({ provider: { fetchToken }, clock });
    expect((await passing(clock, manager.getToken())).accessToken).toBe('token-3');
  });

  it('tokens that are expired when they arrive count from the start of the request: a slow answer is an old one', async () => {
    const { clock, manager } = await start({ expiresIn: 5 });
    world.endpoint.hold();
    const waiting = manager.getToken();
    await world.endpoint.server.received(1);
    await clock.advance(2_000);
    world.endpoint.release();
    const token = await waiting;
    expect(token.expiresAt).toBe(clock.now() + 3_000);
  });
});

describe('tokens of 1 s, in real time,', () => {
  it('tokens of 1 s roll over under load without a failure, a few times', async () => {
    await world.start({ expiresIn: 1 });
    const client = world.client();
    const end = Date.now() + 2_500;
    let calls = 0;
    const worker = async (): Promise<void> => {
      while (Date.now() < end) {
        await client.get('/');
        calls += 1;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    await Promise.all(times(10, worker));
    expect(calls).toBeGreaterThan(50);
    expect(world.endpoint.tokenRequests).toBeGreaterThanOrEqual(3);
    expect(world.endpoint.tokenRequests).toBeLessThanOrEqual(6);
  });
});

describe('a background refresh against a dead endpoint', () => {
  it('disturbs no call until the token expires; then errors are typed, and attempts few', async () => {
    const logger = recordingLogger();
    const { clock, client, settled } = await start({ expiresIn: 600 }, { logger });
    await client.get('/');
    world.endpoint.configure({ respond: () => 'reset' });
    const attempts: number[] = [];
    const seen = (): number => {
      while (attempts.length < world.endpoint.tokenRequests - 1) attempts.push(clock.now());
      return attempts.length;
    };
    const expiry = clock.now() + 600_000;
    await clock.advance(480_000);

    let calls = 1;
    for (; clock.now() < expiry; calls += 1) {
      await expect(client.get('/')).resolves.toMatchObject({ status: 200 });
      await settled();
      seen();
      await clock.advance(1_000);
    }
    expect(seen()).toBeGreaterThan(3);
    expect(logger.warnings).toHaveLength(1);
    expect(logger.warnings[0]).toContain('Token request for "orders" failed');
    expect(logger.warnings[0]).toContain('The current token stays in use until it expires.');
    expect(world.api.unauthorized).toBe(0);
    expect(world.api.server.count()).toBe(calls);

    for (let seconds = 0; seconds < 120; seconds += 1) {
      const error = await rejection<AuthenticationError>(client.get('/'));
      expect(error).toBeInstanceOf(AuthenticationError);
      expect(error.serviceName).toBe('orders');
      seen();
      await clock.advance(1_000);
    }
    expect(world.api.server.count()).toBe(calls);
    expect(logger.warnings).toHaveLength(1);
    for (const at of attempts) {
      expect(attempts.filter((other) => other >= at && other < at + 60_000).length).toBeLessThanOrEqual(8);
    }

    world.endpoint.configure({ respond: undefined });
    await clock.advance(30_000);
    await expect(client.get('/')).resolves.toMatchObject({ status: 200 });
    expect(logger.lines).toEqual(['Tokens for "orders" are available again.']);
  });

  it('a background refresh against a dead endpoint is not waited for by calls, even when it hangs', async () => {
    const { clock, client } = await start({ expiresIn: 600 });
    await client.get('/');
    world.endpoint.configure({ respond: () => 'hang' });
    await clock.advance(500_000);
    await Promise.all(times(100, () => client.get('/')));
    await world.endpoint.server.received(2);
    await Promise.all(times(100, () => client.get('/')));
    expect(world.endpoint.tokenRequests).toBe(2);
  });

  it('lets a call in the leeway use the token that has not expired', async () => {
    const { clock, client, manager } = await start({ expiresIn: 600 });
    await client.get('/');
    const token = manager.peek();
    world.endpoint.configure({ respond: () => ({ status: 500 }) });
    await clock.advance(599_000);
    await Promise.all(times(20, () => client.get('/')));
    expect(world.endpoint.tokenRequests).toBe(2);
    expect(await manager.getToken()).toBe(token);
    await clock.advance(1_000);
    await expect(manager.getToken()).rejects.toThrow(AuthenticationError);
    expect(manager.peek()).toBeUndefined();
  });

  it('lets a new process in the leeway use the stored token that has not expired', async () => {
    const storage = new Map<string, string>();
    const { clock, manager } = await start({ expiresIn: 600 }, { storage });
    const token = await manager.getToken();
    world.endpoint.configure({ respond: () => ({ status: 500 }) });
    await clock.advance(599_000);
    const other = world.manager({ provider: world.singleShot(), clock, storage });
    expect((await other.getToken()).accessToken).toBe(token.accessToken);
    await clock.advance(1_000);
    await expect(other.getToken()).rejects.toThrow(AuthenticationError);
  });
});

describe('Retry-After', () => {
  it.each([
    [429, '2'],
    [503, '2'],
    [503, 'Thu, 01 Jan 2026 00:00:02 GMT'],
  ])('Retry-After of a %d is waited for inside the flight when it is short: %s', async (status, retryAfter) => {
    const clock = new FakeClock();
    await world.start({ now: () => clock.now() });
    const manager = world.manager({ clock });
    world.endpoint.answerNext({ status, headers: { 'retry-after': retryAfter } });
    const waiting = Promise.all(times(100, () => manager.getToken()));
    await world.endpoint.server.received(1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await turns(50);
    await clock.advance(1_999);
    await turns(20);
    expect(world.endpoint.tokenRequests).toBe(1);
    await clock.advance(1);
    await waiting;
    expect(world.endpoint.tokenRequests).toBe(2);
  });

  it.each([429, 503])('starts the backoff at the first failure when a %d has a long Retry-After', async (status) => {
    const { clock, manager } = await start({});
    world.endpoint.answerNext({ status, headers: { 'retry-after': '60' } });
    expect(await rejection(manager.getToken())).toMatchObject({ status, retryAfterMs: 60_000 });
    await clock.advance(59_999);
    expect(await rejection(manager.getToken())).toMatchObject({ code: 'FORGE_AUTH_BACKOFF' });
    expect(world.endpoint.tokenRequests).toBe(1);
    await clock.advance(1);
    await manager.getToken();
    expect(world.endpoint.tokenRequests).toBe(2);
  });

  it('holds back fetches, never a token that is valid', async () => {
    const { clock, client, settled } = await start({ expiresIn: 600 });
    await client.get('/');
    await clock.advance(500_000);
    world.endpoint.answerNext({ status: 429, headers: { 'retry-after': '90' } });
    for (let seconds = 0; seconds < 85; seconds += 5) {
      await client.get('/');
      await settled();
      await clock.advance(5_000);
    }
    expect(world.endpoint.tokenRequests).toBe(2);
    expect(world.api.unauthorized).toBe(0);
  });
});
