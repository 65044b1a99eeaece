import { PipelineTokenProvider, Token, TokenFetchPipeline, type TokenProvider } from 'nestjs-forge-auth';
import { ForgeAuthApplication } from '../../src/application/application.js';
import type { ForgeAuthEvent, ObservedScope } from '../../src/observer.js';
import { InMemoryTokenStorage } from '../../src/storage/in-memory.token-storage.js';
import { silentLogger } from '../../src/logger.js';
import { storageOf } from '../../src/storage/get-set.token-storage.js';
import { FakeClock } from '../support/fake-clock.js';
import { rejection, times } from '../support/async.js';
import { World } from './world.js';

const world = new World();
afterEach(() => world.close());

/** Starts an application with one service, and records what its observer receives. */
async function observed(provider: TokenProvider, storage: object = new InMemoryTokenStorage()) {
  const clock = new FakeClock();
  const events: ForgeAuthEvent[] = [];
  const scopes: ObservedScope[] = [];
  const application = new ForgeAuthApplication({
    logger: silentLogger,
    clock,
    instantiate: () => Promise.reject(new Error('unused')),
    storageOf: () => Promise.reject(new Error('unused')),
  });
  application.observer.add({
    event: (event) => void events.push(event),
    around: (scope, work) => {
      scopes.push(scope);
      return work();
    },
  });
  application.configure({ services: [{ name: 'orders', baseUrl: 'http://localhost', auth: { provider } }] });
  application.useStorage(storageOf(storage as never, 'test'));
  world.closeLater(application);
  await application.openAll();
  const eventsOf = (...types: ForgeAuthEvent['type'][]): ForgeAuthEvent[] =>
    events.filter(({ type }) => types.includes(type));
  return { tokens: application.tokens('orders'), clock, events, scopes, eventsOf };
}

const HOUR_MS = 3_600_000;

function numbered(clock: () => FakeClock): TokenProvider {
  let count = 0;
  return {
    fetchToken: async () => {
      count += 1;
      return new Token({ accessToken: `token-${count}`, expiresAt: clock().now() + HOUR_MS });
    },
  };
}

it('an observer receives the whole story of a token, in order', async () => {
  let clock = new FakeClock();
  const app = await observed(numbered(() => clock));
  clock = app.clock;
  const { tokens, eventsOf } = app;
  await Promise.all(times(3, () => tokens.getToken()));
  await tokens.getToken();
  await clock.advance(HOUR_MS - 60_000);
  await tokens.getToken();
  await clock.advance(1);
  const handle = (await tokens.ready()).for();
  const current = await tokens.getToken();
  handle.reject(current);
  await tokens.getToken();
  await tokens.forceRefresh();
  await tokens.invalidate();
  await clock.advance(HOUR_MS);
  await tokens.getToken();
  const story = eventsOf('token_request', 'token_served', 'token_wait', 'token_rejected', 'token_invalidated').map(
    (event) =>
      event.type === 'token_request'
        ? `${event.cause} ${event.outcome}`
        : event.type === 'token_served'
          ? event.age
          : event.type.replace('token_', ''),
  );
  expect(story.join(', ')).toBe(
    'missing obtained, wait, wait, wait, fresh, due, window obtained, fresh, rejected, rejection obtained, wait, ' +
      'forced obtained, wait, invalidated, rejection obtained, wait',
  );
  expect(eventsOf('token_request')[0]).toEqual({
    type: 'token_request',
    at: Date.UTC(2026, 0, 1),
    service: 'orders',
    flight: 1,
    cause: 'missing',
    outcome: 'obtained',
    grant: 'custom',
    shared: false,
    durationMs: expect.any(Number),
    expiresAt: Date.UTC(2026, 0, 1) + HOUR_MS,
  });
  expect(app.scopes.map(({ kind, service, cause }) => [kind, service, cause])[0]).toEqual([
    'token_request',
    'orders',
    'missing',
  ]);
});

it('an observer receives failures, and learns when requests are held back', async () => {
  await world.start();
  const app = await observed(world.singleShot());
  world.endpoint.configure({ respond: () => ({ status: 503 }) });
  for (let count = 0; count < 3; count += 1) await rejection(app.tokens.getToken());
  expect(app.eventsOf('token_request', 'backoff')).toMatchObject([
    { type: 'token_request', outcome: 'failed', grant: 'client_credentials', code: 'FORGE_AUTH_TOKEN_REQUEST_FAILED' },
    { type: 'backoff', service: 'orders', until: app.clock.now() + 900 },
    { type: 'token_request', outcome: 'failed' },
    { type: 'token_request', outcome: 'failed', code: 'FORGE_AUTH_BACKOFF' },
  ]);
});

it('an observer learns which grant brought a token', async () => {
  await world.start({ refreshTokens: true });
  const app = await observed(world.passwordProvider());
  await app.tokens.getToken();
  await app.tokens.forceRefresh();
  world.endpoint.revokeRefreshTokens();
  await app.tokens.forceRefresh();
  expect(app.eventsOf('token_request').map((event) => 'grant' in event && event.grant)).toEqual([
    'password',
    'refresh_token',
    'password',
  ]);
});

it('an observer learns of storage commands and of storage that goes and comes', async () => {
  await world.start();
  let down = false;
  const values = new Map<string, string>();
  const app = await observed(world.singleShot(), {
    get: async (key: string) => {
      if (down) throw new Error('down');
      return values.get(key);
    },
    set: async (key: string, value: string, _ttlMs: number) => void values.set(key, value),
  });
  await app.tokens.getToken();
  down = true;
  await app.tokens.forceRefresh();
  down = false;
  await app.clock.advance(11_000);
  await app.tokens.forceRefresh();
  const story = app
    .eventsOf('storage', 'storage_state')
    .map((event) =>
      event.type === 'storage' ? `${event.command} ${event.outcome}` : event.type === 'storage_state' && event.state,
    );
  expect(story[0]).toBe('get miss');
  expect(story.at(-1)).toBe('set ok');
  expect(story).toEqual(expect.arrayContaining(['get miss', 'set ok', 'down', 'get failed', 'up', 'get hit']));
  expect(app.eventsOf('lock').length).toBeGreaterThan(0);
  expect(JSON.stringify(app.events)).not.toContain(app.tokens.peek()?.accessToken);
});

it('announces a rejection of a pipeline’s token once, while renewal pauses, too', async () => {
  let clock = new FakeClock();
  const pipeline = new TokenFetchPipeline({ steps: [{ name: 'app', provider: numbered(() => clock) }] });
  const app = await observed(new PipelineTokenProvider({ pipeline }));
  clock = app.clock;
  const handle = (await app.tokens.ready()).for();
  const renewed = await handle.replace(await handle.get());
  expect(app.eventsOf('token_rejected')).toHaveLength(1);
  expect(await handle.replace(renewed?.token as Token)).toBeUndefined();
  expect(app.eventsOf('token_rejected')).toHaveLength(2);
});
