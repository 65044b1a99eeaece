import { Redis } from 'ioredis';
import { NoRetryStrategy, RefreshTokenProvider, type TokenManager } from 'nestjs-forge-auth';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { CLIENT } from '../support/token-endpoint.js';
import { recordingLogger, times, until, World } from '../tokens/world.js';
import { WatchedStorage } from './watched-storage.js';

const PATIENCE_MS = 60_000;

const world = new World();
let redis: RedisServer;
/** Members of the fleet that were refused the lease: another one renews. */
const refused = new Set<object>();
beforeEach(async () => {
  refused.clear();
  redis = await startRedis();
  await world.start({ refreshTokens: 'rotate' });
});
afterEach(async () => {
  await world.close();
  await redis.stop();
});

const presented = (): string[] =>
  world.endpoint.server.requests.flatMap((request) => request.form().get('refresh_token') ?? []);

it(
  'a refresh token that no grant can take the place of is sent once by a fleet whose storage stands still meanwhile',
  async () => {
    const { endpoint } = world;
    const logger = recordingLogger();
    const { refreshToken = '' } = await world.manager({ provider: world.passwordProvider() }).getToken();
    const managers: TokenManager[] = times(3, () => {
      const client = new Redis(redis.url);
      client.on('error', () => undefined);
      world.closeLater({ close: () => void client.disconnect() });
      return world.manager({
        name: 'orders',
        provider: new RefreshTokenProvider({
          tokenUrl: endpoint.url,
          ...CLIENT,
          refreshToken,
          retry: new NoRetryStrategy(),
        }),
        storage: new WatchedStorage(client, refused),
        deadlineMs: PATIENCE_MS,
        logger,
      });
    });
    await managers[0]?.getToken();
    await Promise.all(managers.map((manager) => manager.getToken()));
    refused.clear();
    const asked = endpoint.server.requests.length;
    endpoint.hold();
    const first = managers[0]?.forceRefresh();
    await endpoint.server.received(asked + 1);
    const others = managers.slice(1).map((manager) => manager.forceRefresh());
    await until(() => refused.size === 2, 'the others wait', PATIENCE_MS);
    redis.freeze();
    endpoint.release();
    const renewed = await first;
    // The one that has it goes on with it.
    const next = await managers[0]?.forceRefresh();
    expect(next?.accessToken).not.toBe(renewed?.accessToken);
    expect(presented()).toHaveLength(3);
    redis.thaw();
    await Promise.all(others);
    for (const manager of managers) await manager.forceRefresh();
    expect(new Set(presented()).size).toBe(presented().length);
    expect(endpoint.refreshTokenReuses).toBe(0);
    const said = logger.warnings.filter((line) => line.includes('only this process has it'));
    expect(said).toEqual(['The token for "orders" was not stored: only this process has it until storage is back.']);
  },
  2 * PATIENCE_MS,
);
