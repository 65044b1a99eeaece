import { Readable } from 'node:stream';
import {
  type AuthRetryStrategy,
  CompositeAuth,
  ConditionalAuthRetryStrategy,
  ExponentialAuthRetryStrategy,
  type ForgeHttpClient,
  InMemoryTokenStorage,
  SimpleAuthRetryStrategy,
  TokenAuth,
  type TokenManager,
} from 'nestjs-forge-auth';
import { FakeClock } from '../support/fake-clock.js';
import { rejection, times, until } from '../support/async.js';
import { World } from './world.js';

const world = new World();
afterEach(() => world.close());

/** Managers on one storage without announcements stand for processes; a look at it is never due before a rejection. */
async function startProcesses(
  count: number,
  nearCacheTtlMs = 3_600_000,
): Promise<{ clock: FakeClock; managers: TokenManager[] }> {
  await world.start();
  const clock = new FakeClock();
  const storage = new InMemoryTokenStorage({ clock });
  return { clock, managers: times(count, () => world.manager({ clock, storage, nearCacheTtlMs })) };
}

/** Revokes the token of `idle`, and the one that another process obtained instead. */
async function revokeTwice(): Promise<{ clock: FakeClock; idle: TokenManager }> {
  const { clock, managers } = await startProcesses(2);
  const [busy, idle] = managers as [TokenManager, TokenManager];
  await idle.getToken();
  await busy.getToken();
  await clock.advance(1_000);
  await busy.forceRefresh();
  await clock.advance(1_000);
  world.endpoint.revokeAll();
  return { clock, idle };
}

const STRATEGIES: readonly [string, AuthRetryStrategy][] = [
  ['SimpleAuthRetryStrategy', new SimpleAuthRetryStrategy()],
  ['ExponentialAuthRetryStrategy', new ExponentialAuthRetryStrategy({ maxRetries: 1, baseDelayMs: 1, jitter: false })],
  [
    'ConditionalAuthRetryStrategy that looks at the first answer only',
    new ConditionalAuthRetryStrategy({ shouldRetry: ({ status }, attempt) => attempt === 0 && status === 401 }),
  ],
];

describe('a token of another process that was revoked together with the one it takes the place of', () => {
  it.each(STRATEGIES)(
    'a token that was revoked together with the one it takes the place of is replaced once more under %s, and the call succeeds',
    async (_name, retry) => {
      const { idle } = await revokeTwice();
      const client = world.client({ auth: { tokenManager: idle, retry } });
      expect((await client.get('/')).status).toBe(200);
      expect(world.api.server.count()).toBe(3);
      expect(world.endpoint.tokenRequests).toBe(3);
      expect(world.api.tokens).toEqual(world.endpoint.issued.map(({ accessToken }) => accessToken));
    },
  );

  it('a token that was revoked together with the one it takes the place of is replaced once more where the token is one of several credentials', async () => {
    const { idle } = await revokeTwice();
    const client = world.client({ auth: new CompositeAuth([new TokenAuth(idle)], { strategy: 'all' }) });
    expect((await client.get('/')).status).toBe(200);
    expect(world.endpoint.tokenRequests).toBe(3);
  });

  it('a token that was revoked together with the one it takes the place of is replaced once for 200 calls at the same time', async () => {
    const { idle } = await revokeTwice();
    const client = world.client({ auth: { tokenManager: idle } });
    const responses = await Promise.all(times(200, () => client.get('/')));
    expect(responses.every(({ status }) => status === 200)).toBe(true);
    expect(world.endpoint.tokenRequests).toBe(3);
  });

  it.each<[string, AuthRetryStrategy, (client: ForgeHttpClient) => Promise<unknown>]>([
    ['that are not replayed', new SimpleAuthRetryStrategy({ maxRetries: 0 }), (client) => client.get('/')],
    [
      'whose bodies cannot be sent again',
      new SimpleAuthRetryStrategy(),
      (client) => client.post('/', Readable.from(['a'])),
    ],
  ])('costs calls %s one 401 for each token, and no pause', async (_name, retry, call) => {
    const { idle } = await revokeTwice();
    const client = world.client({ auth: { tokenManager: idle, retry } });
    await expect(call(client)).rejects.toMatchObject({ status: 401 });
    await expect(call(client)).rejects.toMatchObject({ status: 401 });
    await expect(call(client)).resolves.toMatchObject({ status: 200 });
    expect(world.endpoint.tokenRequests).toBe(3);
  });
});

describe('a service that rejects every token', () => {
  it('a service that rejects every token is asked twice by a call whose replacement was got for it', async () => {
    await world.start({}, { respond: () => ({ status: 401 }) });
    const client = world.client();
    for (const requests of [2, 3, 4]) {
      await expect(client.get('/')).rejects.toMatchObject({ status: 401 });
      expect(world.api.server.count()).toBe(requests);
    }
    expect(world.endpoint.tokenRequests).toBe(2);
  });

  it('makes renewal pause though the unproven token was replaced by that of another process meanwhile', async () => {
    const { clock, managers } = await startProcesses(2, 1_000);
    const [one, other] = managers as [TokenManager, TokenManager];
    const client = world.client({ auth: { tokenManager: one } });
    await client.get('/');
    await other.getToken();
    let arrived = 0;
    world.api.configure({
      respond: () => {
        arrived += 1;
        if (arrived === 2) world.api.holdResponses();
        return { status: 401 };
      },
    });
    const call = rejection(client.get('/'));
    await until(() => world.api.held === 1, 'the verdict on the replacement is pending');
    const obtainedAfterRejection = one.peek();
    await clock.advance(1_000);
    await other.forceRefresh();
    await one.getToken();
    await until(
      () => one.peek()?.accessToken !== obtainedAfterRejection?.accessToken,
      "the other one's token is in use",
    );
    world.api.release();
    expect(await call).toMatchObject({ status: 401 });
    const before = world.endpoint.tokenRequests;
    await rejection(client.get('/'));
    expect(world.endpoint.tokenRequests).toBe(before);
  });

  it('makes each of 5 processes get one token before renewal pauses, whoever holds which token', async () => {
    const { clock, managers } = await startProcesses(5);
    for (const manager of managers) await manager.getToken();
    world.api.configure({ respond: () => ({ status: 401 }) });
    const clients = managers.map((tokenManager) => world.client({ auth: { tokenManager } }));
    for (let round = 0; round < 4; round += 1) {
      for (const client of clients) {
        await clock.advance(1_000);
        await expect(client.get('/')).rejects.toMatchObject({ status: 401 });
      }
    }
    expect(world.endpoint.tokenRequests).toBe(1 + 5);
    // Three requests at most for the call that found a token of another process, one for those of the pause.
    expect(world.api.server.count()).toBe(2 + 4 * 3 + 3 * 5);
  });
});
