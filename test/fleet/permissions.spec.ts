import { Redis } from 'ioredis';
import { RedisTokenStorage, type TokenManager, type TokenManagerOptions } from 'nestjs-forge-auth';
import { useRedis } from '../support/redis-of-spec.js';
import { until } from '../support/async.js';
import { recordingLogger } from '../support/recording-logger.js';
import { World } from '../tokens/world.js';

const redis = useRedis();
const world = new World();
beforeEach(async () => {
  await world.start();
  await redis.flushAll();
});
afterEach(() => world.close());

/** A process whose Redis allows it everything but one command, and what it says. */
const without = async (
  command: string,
  options: Partial<TokenManagerOptions> = {},
  ...others: readonly string[]
): Promise<{ manager: TokenManager; warnings: readonly string[] }> => {
  await redis.command(
    'ACL',
    'SETUSER',
    'forge',
    'reset',
    'on',
    '>secret',
    '+@all',
    `-${command}`,
    ...others,
    '~*',
    '&*',
  );
  const client = new Redis(redis.url.replace('//', '//forge:secret@'));
  world.closeLater({ close: () => client.disconnect() });
  const logger = recordingLogger();
  const storage = new RedisTokenStorage(client, { deadlineMs: 5_000 });
  return { manager: world.manager({ storage, logger, ...options }), warnings: logger.warnings };
};

describe('a Redis whose ACL leaves out a command', () => {
  it.each(['eval', 'get', 'set', 'type', 'pttl', 'time'])(
    '%s costs the lock, and is named in one line',
    async (command) => {
      const { manager, warnings } = await without(command);
      await manager.getToken();
      await manager.forceRefresh();
      const lines = warnings.filter((line) => line.startsWith('Token lock'));
      expect(lines).toEqual([
        `Token lock is refused by the storage (NOPERM: ${command.toUpperCase()}). Each process asks for its own tokens until it is allowed.`,
      ]);
    },
  );

  it.each(['del', 'pexpire'])('%s costs no lease, and is named in one line', async (command) => {
    const { manager, warnings } = await without(command);
    world.endpoint.hold();
    const token = manager.getToken();
    // A lease is extended for as long as the request takes.
    if (command === 'pexpire') await until(() => warnings.length > 0, 'it says so');
    world.endpoint.release();
    await token;
    await manager.getToken({ scope: 'other' });
    await until(() => warnings.length > 0, 'it says so');
    await manager.close();
    expect(warnings).toEqual([
      `Leases of the token lock can be neither extended nor given back as they should (NOPERM: ${command.toUpperCase()}). Other processes wait for their end, or begin before it, until it is allowed.`,
    ]);
  });

  it('names each of several commands that it leaves out in the one line', async () => {
    const { manager, warnings } = await without('del', {}, '-pexpire');
    await manager.getToken();
    await until(() => warnings.length > 0, 'it says so');
    expect(warnings).toEqual([expect.stringContaining('(NOPERM: DEL, PEXPIRE)')]);
  });

  it.each([
    ['eval', 'takes no writes'],
    ['set', 'takes no writes'],
    ['getrange', 'is not answering'],
  ])('%s costs sharing, and is named in one line', async (command, what) => {
    const { manager, warnings } = await without(command);
    await manager.getToken();
    await manager.getToken({ scope: 'other' });
    const lines = warnings.filter((line) => line.startsWith('Token storage'));
    expect(lines).toEqual([expect.stringContaining(`${what} (NOPERM: ${command.toUpperCase()})`)]);
  });

  it.each(['publish', 'subscribe'])(
    '%s is named in one line, and what others change is looked for from time to time',
    async (command) => {
      const { manager, warnings } = await without(command);
      await manager.getToken();
      await until(() => warnings.length > 0, 'it says so');
      expect(warnings).toEqual([
        `Token announcements are refused by the storage (NOPERM: ${command.toUpperCase()}). What other processes change is seen after nearCacheTtlMs.`,
      ]);
    },
  );

  it('publish misses nothing that another process invalidates, but for nearCacheTtlMs', async () => {
    const { manager: one } = await without('publish');
    const { manager: near } = await without('publish', { nearCacheTtlMs: 50 });
    const token = await one.getToken();
    expect((await near.getToken()).accessToken).toBe(token.accessToken);
    await one.invalidate();
    const end = Date.now() + 5_000;
    while ((await near.getToken()).accessToken === token.accessToken && Date.now() < end)
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect((await near.getToken()).accessToken).not.toBe(token.accessToken);
  });
});
