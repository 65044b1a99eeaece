import { setTimeout } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { NoRetryStrategy, RefreshTokenProvider, type TokenManager, type TokenProvider } from 'nestjs-forge-auth';
import { type Sentinel, startSentinel } from '../support/redis-sentinel.js';
import { CLIENT } from '../support/token-endpoint.js';
import { times, until } from '../support/async.js';
import { World } from '../tokens/world.js';
import { WatchedStorage } from './watched-storage.js';

const PATIENCE_MS = 60_000;

const world = new World();
let sentinel: Sentinel;
beforeEach(async () => {
  sentinel = await startSentinel();
  await world.start({ refreshTokens: 'rotate' });
}, PATIENCE_MS);
afterEach(async () => {
  await world.close();
  await sentinel.stop();
}, PATIENCE_MS);

/** Members of the fleet that were refused the lease: another one renews. */
let refused: Set<object>;
beforeEach(() => void (refused = new Set()));

/** As one process of a fleet, with a client of its own. */
function member(provider: TokenProvider): TokenManager {
  const client = new Redis(sentinel.client);
  client.on('error', () => undefined);
  world.closeLater({ close: () => void client.disconnect() });
  return world.manager({
    name: 'orders',
    provider,
    storage: new WatchedStorage(client, refused),
    nearCacheTtlMs: 3_600_000,
    deadlineMs: PATIENCE_MS,
  });
}

const presented = (): readonly string[] => world.endpoint.presentedRefreshTokens;

/** Until `other`, which looks at storage only when it is told to, has the token that `one` has renewed. */
async function hears(other: TokenManager, one: TokenManager): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const { accessToken } = await one.forceRefresh();
    for (let looks = 0; looks < 20; looks += 1) {
      if ((await other.getToken()).accessToken === accessToken) return;
      await setTimeout(20);
    }
    if (Date.now() > deadline) throw new Error('the renewal was never heard of');
  }
}

/** Kills the master while the first of a fleet renews, once the others wait for it, and lets the issuer answer. */
async function failOverAmidRenewal(managers: readonly TokenManager[], beforeAnswer: () => Promise<void>) {
  const { endpoint } = world;
  await managers[0]?.getToken();
  await Promise.all(managers.map((manager) => manager.getToken()));
  refused.clear();
  const asked = endpoint.server.requests.length;
  endpoint.hold();
  const renewals = [managers[0], ...managers, ...managers].map((manager) => manager?.forceRefresh());
  await endpoint.server.received(asked + 1);
  await until(() => refused.size === managers.length - 1, 'the others wait', PATIENCE_MS);
  // What the replica does not have is lost, whoever has written it.
  await sentinel.master.command('WAIT', '1', '0');
  await sentinel.master.kill();
  await beforeAnswer();
  endpoint.release();
  const renewed = await Promise.all(renewals);
  await sentinel.failedOver();
  return renewed.map((token) => token?.accessToken);
}

describe('where Sentinel fails over amid a renewal', () => {
  it(
    'no waiter is lost, no refresh token is sent twice, and what one process does is heard by the others',
    async () => {
      const provider = () => world.passwordProvider({ retry: new NoRetryStrategy() });
      const managers = times(3, () => member(provider()));
      const renewed = await failOverAmidRenewal(managers, () => sentinel.failedOver());
      expect(renewed).not.toContain(undefined);
      const [one, two, three] = managers as [TokenManager, TokenManager, TokenManager];
      await hears(two, one);
      await hears(three, two);
      await hears(one, three);
      expect(new Set(presented()).size).toBe(presented().length);
      expect(world.endpoint.refreshTokenReuses).toBe(0);
    },
    2 * PATIENCE_MS,
  );

  it(
    'a refresh token that no grant can take the place of is sent by one process, and the others get what came of it',
    async () => {
      const { refreshToken = '' } = await world.manager({ provider: world.passwordProvider() }).getToken();
      const { url: tokenUrl } = world.endpoint;
      const provider = () =>
        new RefreshTokenProvider({ tokenUrl, ...CLIENT, refreshToken, retry: new NoRetryStrategy() });
      const managers = times(3, () => member(provider()));
      const renewed = await failOverAmidRenewal(managers, async () => undefined);
      expect(new Set(renewed).size).toBe(1);
      const last = await managers[2]?.forceRefresh();
      expect((await managers[0]?.forceRefresh())?.accessToken).not.toBe(last?.accessToken);
      expect(new Set(presented()).size).toBe(presented().length);
      expect(world.endpoint.refreshTokenReuses).toBe(0);
    },
    2 * PATIENCE_MS,
  );
});
