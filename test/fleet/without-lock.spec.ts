import { Redis } from 'ioredis';
import { type GetSet, RefreshTokenProvider, type TokenManager } from 'nestjs-forge-auth';
import { useRedis } from '../support/redis-of-spec.js';
import { CLIENT } from '../support/token-endpoint.js';
import { times } from '../support/async.js';
import { World } from '../tokens/world.js';

const world = new World();
const redis = useRedis();
beforeEach(async () => {
  await redis.flushAll();
  await world.start({ refreshTokens: 'rotate' });
});
afterEach(() => world.close());

/** A store that many processes share, and of which nothing is known but `get` and `set`. */
function store(slowMs: number): GetSet {
  const client = new Redis(redis.url);
  world.closeLater({ close: () => void client.disconnect() });
  const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, Math.random() * slowMs));
  return {
    get: async (key) => {
      await pause();
      return client.get(key);
    },
    set: async (key, value) => {
      await pause();
      await client.set(key, value);
      await pause();
    },
  };
}

/** As one process of a fleet. */
function member(refreshToken: string, slowMs = 0): TokenManager {
  const provider = new RefreshTokenProvider({ tokenUrl: world.endpoint.url, ...CLIENT, refreshToken });
  return world.manager({ provider, storage: store(slowMs) });
}

const presented = (): readonly string[] => world.endpoint.presentedRefreshTokens;

async function consent(): Promise<string> {
  const { refreshToken } = await world.passwordProvider().fetchToken(undefined as never);
  return refreshToken as string;
}

describe("a person's one-time refresh token on a store without a lock", () => {
  it.each([0, 100])(
    'a person’s one-time refresh token is sent once by 8 members, of which each command takes up to %d ms twice',
    async (slowMs) => {
      const refreshToken = await consent();
      const members = times(8, () => member(refreshToken, slowMs));
      await Promise.all(members.map((one) => one.getToken()));
      for (let round = 0; round < 3; round += 1) await Promise.all(members.map((one) => one.forceRefresh()));
      expect(world.endpoint.refreshTokenReuses).toBe(0);
      expect(new Set(presented()).size).toBe(presented().length);
      expect(presented()).toHaveLength(4);
    },
  );
});
