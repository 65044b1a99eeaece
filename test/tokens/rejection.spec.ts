import { Readable } from 'node:stream';
import {
  type AuthRetryStrategy,
  ConditionalAuthRetryStrategy,
  ExponentialAuthRetryStrategy,
  type ForgeHttpClient,
  HttpStatusError,
  SimpleAuthRetryStrategy,
  type TokenManager,
} from 'nestjs-forge-auth';
import { FakeClock } from '../support/fake-clock.js';
import { rejection, times, turns, until } from '../support/async.js';
import { World } from './world.js';

const world = new World();
afterEach(() => world.close());

const unauthorized = { status: 401 } as const;

describe('a rejected token', () => {
  it('a rejected token is replaced once for 1,000 calls in flight, and none fails', async () => {
    await world.start();
    const client = world.client();
    await client.get('/warm');
    world.endpoint.revokeAll();
    world.api.holdResponses();
    const calls = times(1_000, (index) => client.get(`/orders/${index}`));
    await world.api.server.received(1_000, '/orders', 20_000);
    world.api.release();
    const responses = await Promise.all(calls);
    expect(responses.every(({ status }) => status === 200)).toBe(true);
    expect(world.endpoint.tokenRequests).toBe(2);
    expect(world.api.unauthorized).toBe(1_000);
    expect(world.api.server.count('/orders')).toBe(2_000);
  });

  it('a rejected token is replaced once although some of its 401s come late, when the new token is long in use', async () => {
    await world.start();
    const client = world.client();
    await client.get('/warm');
    world.endpoint.revokeAll();
    world.api.holdResponses();
    const late = times(500, (index) => client.get(`/late/${index}`));
    await world.api.server.received(500, '/late', 20_000);
    const manager = client.tokens as TokenManager;
    const renewed = await manager.forceRefresh();
    world.api.release();
    const soon = times(500, (index) => client.get(`/soon/${index}`));
    expect((await Promise.all([...late, ...soon])).every(({ status }) => status === 200)).toBe(true);
    expect(world.endpoint.tokenRequests).toBe(2);
    expect(manager.peek()).toBe(renewed);
    expect(new Set(world.api.tokens).size).toBe(2);
  });

  it('a rejected token never takes the token away that came after it', async () => {
    await world.start();
    const client = world.client();
    const manager = client.tokens as TokenManager;
    const [first, second] = [await manager.getToken(), await manager.forceRefresh()];
    const handle = (await manager.ready()).for();
    handle.reject(first);
    await manager.invalidate(first);
    expect((await handle.replace(first))?.token).toBe(second);
    expect(await manager.getToken()).toBe(second);
    expect(world.endpoint.tokenRequests).toBe(2);
  });

  it('a rejected token is replaced by the next call when this one may not be sent again', async () => {
    await world.start();
    const client = world.client();
    await client.get('/');
    world.endpoint.revokeAll();
    const stream = Readable.from(['once']);
    await expect(client.post('/', stream)).rejects.toMatchObject({ status: 401 });
    await expect(client.get('/')).resolves.toMatchObject({ status: 200 });
    expect(world.endpoint.tokenRequests).toBe(2);
  });

  it('fails the call with the typed error of the renewal when no token can be obtained', async () => {
    await world.start();
    const client = world.client({ auth: { provider: world.singleShot() } });
    await client.get('/');
    world.endpoint.revokeAll();
    world.endpoint.configure({ respond: () => ({ status: 500 }) });
    await expect(client.get('/')).rejects.toMatchObject({ name: 'AuthenticationError', status: 500 });
    world.endpoint.configure({ respond: undefined });
    await expect(client.get('/')).resolves.toMatchObject({ status: 200 });
  });

  it('a rejected token is replaced at most once per call, however many replays the strategy allows', async () => {
    await world.start({}, { respond: () => unauthorized });
    const retry = new ExponentialAuthRetryStrategy({ maxRetries: 4, baseDelayMs: 1, jitter: false });
    const client = world.client({ auth: { provider: world.provider(), retry } });
    await expect(client.get('/')).rejects.toBeInstanceOf(HttpStatusError);
    expect(world.api.server.count()).toBe(5);
    expect(world.endpoint.tokenRequests).toBe(2);
    const [first, ...rest] = world.api.tokens;
    expect(new Set(rest)).toEqual(new Set([world.endpoint.issued[1]?.accessToken]));
    expect(first).toBe(world.endpoint.issued[0]?.accessToken);
  });

  it('a rejected token whose replacement is the same token again is not replayed, and renewal pauses', async () => {
    await world.start({ extra: { access_token: 'always-the-same' } }, { respond: () => unauthorized });
    const client = world.client();
    for (let calls = 0; calls < 5; calls += 1) await expect(client.get('/')).rejects.toMatchObject({ status: 401 });
    expect(world.endpoint.tokenRequests).toBe(2);
    expect(world.api.server.count()).toBe(5);
  });
});

/** How a call is made whose every answer is a rejection, and under which strategy. */
const CALLS: readonly [string, AuthRetryStrategy, (client: ForgeHttpClient) => Promise<unknown>, number][] = [
  ['SimpleAuthRetryStrategy', new SimpleAuthRetryStrategy(), (client) => client.get('/'), 401],
  [
    'ExponentialAuthRetryStrategy',
    new ExponentialAuthRetryStrategy({ baseDelayMs: 1 }),
    (client) => client.get('/'),
    401,
  ],
  ['stream bodies', new SimpleAuthRetryStrategy(), (client) => client.post('/', Readable.from(['once'])), 401],
  [
    'ConditionalAuthRetryStrategy on 401',
    new ConditionalAuthRetryStrategy({ shouldRetry: ({ status }) => status === 401 }),
    (client) => client.get('/'),
    401,
  ],
  [
    'ConditionalAuthRetryStrategy on 403',
    new ConditionalAuthRetryStrategy({ shouldRetry: ({ status }) => status === 403 }),
    (client) => client.get('/'),
    403,
  ],
  [
    'ConditionalAuthRetryStrategy that looks at the first answer only',
    new ConditionalAuthRetryStrategy({ shouldRetry: ({ status }, attempt) => attempt === 0 && status === 403 }),
    (client) => client.get('/'),
    403,
  ],
  [
    'ConditionalAuthRetryStrategy that looks at the first 401 only',
    new ConditionalAuthRetryStrategy({ shouldRetry: ({ status }, attempt) => attempt === 0 && status === 401 }),
    (client) => client.get('/'),
    401,
  ],
];

describe.each(CALLS)('a service that rejects even fresh tokens, under %s,', (_name, retry, call, status) => {
  it('causes two token requests, then one after 30 s, 60 s … 5 min: no minting loop', async () => {
    await world.start({}, { respond: () => ({ status }) });
    const clock = new FakeClock();
    const manager = world.manager({ clock });
    const client = world.client({ auth: { tokenManager: manager, retry } });
    const refused = async (): Promise<void> => {
      for (let calls = 0; calls < 5; calls += 1) await expect(call(client)).rejects.toMatchObject({ status });
    };

    await refused();
    expect(world.endpoint.tokenRequests).toBe(2);
    for (const [index, pauseMs] of [30_000, 60_000, 120_000, 240_000, 300_000, 300_000].entries()) {
      await clock.advance(pauseMs - 1_000);
      await refused();
      expect(world.endpoint.tokenRequests).toBe(2 + index);
      await clock.advance(1_000);
      await refused();
      expect(world.endpoint.tokenRequests).toBe(3 + index);
    }
  });

  it('causes ever fewer token requests for one call every 31 s', async () => {
    await world.start({}, { respond: () => ({ status }) });
    const clock = new FakeClock();
    const manager = world.manager({ clock });
    const client = world.client({ auth: { tokenManager: manager, retry } });
    const minted: number[] = [];
    for (let calls = 0; calls < 120; calls += 1) {
      if (calls % 40 === 0) minted.push(0);
      const before = world.endpoint.tokenRequests;
      await expect(call(client)).rejects.toMatchObject({ status });
      minted[minted.length - 1] = (minted.at(-1) ?? 0) + world.endpoint.tokenRequests - before;
      await clock.advance(31_000);
    }
    // Forty calls take 20 minutes: at 5 minutes a pause, no more than five requests.
    expect(minted[0]).toBeLessThanOrEqual(8);
    expect(minted[1]).toBeLessThanOrEqual(5);
    expect(minted[2]).toBeLessThanOrEqual(5);
  });

  it('a service that rejects even fresh tokens is served again as soon as it accepts the token', async () => {
    await world.start({}, { respond: () => ({ status }) });
    const client = world.client({ auth: { provider: world.provider(), retry } });
    for (let calls = 0; calls < 3; calls += 1) await expect(call(client)).rejects.toMatchObject({ status });
    world.api.configure({ respond: undefined });
    await expect(call(client)).resolves.toMatchObject({ status: 200 });
    expect(world.endpoint.tokenRequests).toBe(2);
  });
});

describe('renewal', () => {
  it('renewal does not pause when each new token is accepted and revoked soon after', async () => {
    await world.start();
    const client = world.client();
    for (let rounds = 0; rounds < 10; rounds += 1) {
      await expect(client.get('/')).resolves.toMatchObject({ status: 200 });
      world.endpoint.revokeAll();
    }
    await expect(client.get('/')).resolves.toMatchObject({ status: 200 });
    expect(world.endpoint.tokenRequests).toBe(11);
  });

  it('pauses for the parameters whose tokens are rejected, not for others', async () => {
    await world.start();
    world.api.configure({
      respond: ({ path }) => (path === '/admin' ? unauthorized : undefined),
    });
    const client = world.client();
    for (let calls = 0; calls < 5; calls += 1) {
      await expect(client.get('/admin', { auth: { scope: 'admin' } })).rejects.toMatchObject({ status: 401 });
    }
    expect(world.endpoint.tokenRequests).toBe(2);
    await client.get('/');
    world.endpoint.revokeAll();
    await expect(client.get('/')).resolves.toMatchObject({ status: 200 });
    expect(world.endpoint.tokenRequests).toBe(4);
  });

  it('renewal that fails while the service rejects leaves one failed flight for all who wait', async () => {
    await world.start();
    const client = world.client({ auth: { provider: world.singleShot() } });
    await client.get('/');
    world.endpoint.revokeAll();
    world.endpoint.configure({ respond: () => ({ status: 500 }) });
    world.api.holdResponses();
    const calls = times(100, () => rejection(client.get('/orders')));
    await world.api.server.received(100, '/orders');
    world.endpoint.hold();
    world.api.release();
    await until(() => world.endpoint.held === 1, 'the renewal is under way');
    await until(() => world.api.server.openConnections > 0 && world.api.held === 0, 'all are rejected');
    await new Promise((resolve) => setTimeout(resolve, 100));
    await turns(100);
    world.endpoint.release();
    expect(new Set(await Promise.all(calls)).size).toBe(1);
    expect(world.endpoint.tokenRequests).toBe(2);
  });
});
