import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { quietly } from '../support/quietly.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { times } from '../support/async.js';
import { type Member, type Place, WAYS } from './members.js';
import { useSharedWorld } from '../support/world-of-spec.js';

/** Waits are as long as a busy machine may need: a breaker leaves a storage alone for 10 s at most. */
const PATIENCE_MS = 30_000;
/** Tokens that nobody has yet, for each round of cold calls. */
const COLD = 10;
/** Redis commands that a token's life takes. */
const USED = ['getrange', 'set', 'del', 'eval', 'publish'];

const GUIDE = new URL('../../docs/how-to/fleets.md', import.meta.url);

const world = useSharedWorld();
beforeEach(() => world.redis.command('CONFIG', 'RESETSTAT'));

type Join = (typeof WAYS)[number][1];

async function join(way: Join, more: Partial<Place> = {}): Promise<Member> {
  const member = await way({
    redisUrl: world.redis.url,
    apiUrl: world.api.origin,
    tokenUrl: world.endpoint.url,
    logger: world.logger,
    ...more,
  });
  return world.closeLater(member);
}

/** Returns what was logged of the storage. */
const logged = (): { warnings: string[]; back: string[] } => ({
  warnings: world.logger.warnings.filter((line) => line.startsWith('Token ')),
  back: world.logger.lines.filter((line) => line.startsWith('Token storage is back')),
});

/** Calls with tokens that nobody has yet, several callers for each. */
async function coldCalls({ client }: Member, from = 0): Promise<void> {
  for (let index = from; index < from + COLD; index += 1) {
    await Promise.all(times(5, () => client.get('/orders', { auth: { scope: `scope-${index}` } })));
  }
}

/** Renews the token until the storage is reported to be back: whoever asks for nothing cannot notice. */
async function untilBack({ client }: Member): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (logged().back.length === 0) {
    if (performance.now() > end) throw new Error('The storage was never logged as back.');
    await client.tokens?.forceRefresh();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** How often Redis has carried out, or refused, a command of these names. */
async function commands(...names: string[]): Promise<number> {
  const info = String(await world.redis.command('INFO', 'commandstats'));
  return [...info.matchAll(/cmdstat_(\w+):calls=(\d+).*?rejected_calls=(\d+)/g)]
    .filter(([, name = '']) => names.includes(name))
    .reduce((sum, [, , calls, rejected]) => sum + Number(calls) + Number(rejected), 0);
}

/** Key of the one token that is stored. */
async function tokenKey(): Promise<string> {
  const keys = (await world.redis.command('KEYS', '*')) as string[];
  const [key = '', ...others] = keys.filter((one) => !one.startsWith('{'));
  expect([key, others]).toEqual([expect.stringContaining('forge-auth:orders:'), []]);
  return key;
}

interface Fault {
  readonly name: string;
  harm(): unknown;
  heal(): unknown;
  /** Text of the one warning. */
  readonly says: RegExp;
  /** True when tokens of others can still be read meanwhile. */
  readonly reads: boolean;
}

const silent = /^Token storage is not answering \(.+\)\. Tokens are not shared until it is back; calls go on\.$/;
const refusing = (why: string): RegExp =>
  new RegExp(`^Token storage takes no writes \\(${why}\\)\\. Tokens are not shared until it is back; calls go on\\.$`);

const FAULTS: readonly Fault[] = [
  { name: 'is killed', harm: () => world.redis.kill(), heal: () => world.redis.restart(), says: silent, reads: false },
  { name: 'freezes', harm: () => world.redis.freeze(), heal: () => world.redis.thaw(), says: silent, reads: false },
  {
    name: 'becomes a replica, which is read-only',
    harm: () => world.redis.command('REPLICAOF', '127.0.0.1', 1),
    heal: () => world.redis.command('REPLICAOF', 'NO', 'ONE'),
    says: refusing('READONLY'),
    reads: true,
  },
  {
    name: 'has lost the replicas that it wants for a write',
    harm: () => world.redis.command('CONFIG', 'SET', 'min-replicas-to-write', 1),
    heal: () => world.redis.command('CONFIG', 'SET', 'min-replicas-to-write', 0),
    says: refusing('NOREPLICAS'),
    reads: true,
  },
  {
    name: 'is full',
    harm: () => world.redis.command('CONFIG', 'SET', 'maxmemory', 1),
    heal: () => world.redis.command('CONFIG', 'SET', 'maxmemory', 0),
    says: refusing('OOM'),
    reads: true,
  },
];

/** Does to a key what somebody else may do. */
type Spoil = (key: string) => Promise<unknown>;

function text(value: string): Spoil {
  return (key) => world.redis.command('SET', key, value);
}

function edited(edit: (value: string) => string): Spoil {
  return async (key) => {
    const value = String(await world.redis.command('GET', key));
    expect(edit(value)).not.toBe(value);
    await world.redis.command('SET', key, edit(value));
  };
}

function replaced(command: string, ...values: string[]): Spoil {
  return async (key) => {
    await world.redis.command('DEL', key);
    await world.redis.command(command, key, ...values);
  };
}

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

/** The name of an extra field, as the JSON around it writes quotes. */
const slashed = (value: string): string => (value.includes('\\"') ? '\\"extra\\"' : '"extra"');

/** The token is gone, and what stands beside it is spoilt. */
function beside(name: string, spoil: Spoil): Spoil {
  return async (key) => {
    await world.redis.command('DEL', key);
    await spoil(`{${key}}:${name}`);
  };
}

describe.each(WAYS)('%s', (_way, way) => {
  describe.each(FAULTS)('whose Redis $name', ({ harm, heal, says, reads }) => {
    it('asks once for each cold token, warns once, and shares again when the storage is reported back', async () => {
      const member = await join(way);
      await member.client.get('/orders');
      await harm();
      try {
        await Promise.all(times(20, () => member.client.get('/orders')));
        expect(world.endpoint.tokenRequests).toBe(1);
        await coldCalls(member);
        expect(world.endpoint.tokenRequests).toBe(1 + COLD);
        expect(logged()).toEqual({ warnings: [expect.stringMatching(says)], back: [] });
      } finally {
        await heal();
      }
      await untilBack(member);
      expect(logged()).toEqual({ warnings: [expect.stringMatching(says)], back: ['Token storage is back.'] });
      await member.client.tokens?.forceRefresh();
      const asked = world.endpoint.tokenRequests;
      await (await join(way)).client.get('/orders');
      expect([world.endpoint.tokenRequests, world.api.unauthorized]).toEqual([asked, 0]);
      expect(logged().warnings).toHaveLength(1);
    }, 60_000);

    if (reads) {
      it('an app on a Redis that takes no writes still finds the tokens of others there, and leaves writes and leases alone', async () => {
        const member = await join(way);
        await member.client.get('/orders');
        await harm();
        try {
          await (await join(way)).client.get('/orders');
          expect([world.endpoint.tokenRequests, logged().warnings]).toEqual([1, []]);
          await world.redis.command('CONFIG', 'RESETSTAT');
          await coldCalls(member);
          // A lease and a write for each token, did nobody remember; one of each, and what the breakers try again.
          expect(await commands('eval')).toBeLessThan(COLD);
        } finally {
          await heal();
        }
      }, 60_000);
    }
  });

  it('an app whose Redis freezes sends it a command and a few probes, rather than all that it would need', async () => {
    const member = await join(way);
    await member.client.get('/orders');
    await world.redis.command('CONFIG', 'RESETSTAT');
    world.redis.freeze();
    try {
      for (let round = 0; round < 4; round += 1) await coldCalls(member, round * COLD);
    } finally {
      world.redis.thaw();
    }
    // Each of these 40 tokens takes reads, a lease, a write and announcements of a Redis that is well.
    const sent = await commands(...USED);
    expect([sent > 0, sent <= COLD]).toEqual([true, true]);
    expect(world.endpoint.tokenRequests).toBe(1 + 4 * COLD);
  });

  describe('whose Redis is slow', () => {
    let proxy: TcpProxy;
    beforeEach(async () => {
      proxy = await startTcpProxy(world.redis.port);
    });
    afterEach(() => proxy.close());
    const viaProxy = (more: Partial<Place> = {}): Promise<Member> =>
      join(way, { redisUrl: `redis://127.0.0.1:${proxy.port}`, ...more });

    it('an app whose Redis is slow but answers within the deadline shares its tokens, and says nothing', async () => {
      proxy.delayMs = 300;
      for (const member of [await viaProxy({ deadlineMs: 15_000 }), await viaProxy({ deadlineMs: 15_000 })]) {
        await Promise.all(times(20, () => member.client.get('/orders')));
      }
      expect([world.endpoint.tokenRequests, world.api.unauthorized]).toEqual([1, 0]);
      expect(logged()).toEqual({ warnings: [], back: [] });
    });

    it('a Redis that is slow beyond the deadline is left alone, and shared again when it is as fast as before', async () => {
      const member = await viaProxy();
      await member.client.get('/orders');
      await world.redis.command('CONFIG', 'RESETSTAT');
      proxy.delayMs = 2_000;
      for (let round = 0; round < 4; round += 1) await coldCalls(member, round * COLD);
      expect(world.endpoint.tokenRequests).toBe(1 + 4 * COLD);
      expect(await commands(...USED)).toBeLessThanOrEqual(COLD);
      expect(logged()).toEqual({ warnings: [expect.stringMatching(silent)], back: [] });
      proxy.delayMs = 0;
      await untilBack(member);
      await member.client.tokens?.forceRefresh();
      const asked = world.endpoint.tokenRequests;
      await (await viaProxy()).client.get('/orders');
      expect(world.endpoint.tokenRequests).toBe(asked);
      expect(logged()).toEqual({ warnings: [expect.stringMatching(silent)], back: ['Token storage is back.'] });
    }, 60_000);
  });

  it('an app whose Redis is not there at the start uses it when it comes', async () => {
    await world.redis.kill();
    const member = await join(way);
    await coldCalls(member);
    expect(world.endpoint.tokenRequests).toBe(COLD);
    expect(logged()).toEqual({ warnings: [expect.stringMatching(silent)], back: [] });
    await world.redis.restart();
    await untilBack(member);
    await member.client.tokens?.forceRefresh();
    const asked = world.endpoint.tokenRequests;
    await (await join(way)).client.get('/orders');
    expect([world.endpoint.tokenRequests, world.api.unauthorized]).toEqual([asked, 0]);
    expect(logged()).toEqual({ warnings: [expect.stringMatching(silent)], back: ['Token storage is back.'] });
  }, 60_000);

  it('an app whose Redis allows it no more than the guide asks for works all the same', async () => {
    const sentence = /A Redis ACL must allow (.+)\. Beside/.exec(readFileSync(GUIDE, 'utf8'))?.[1] ?? '';
    const allowed = [...sentence.matchAll(/`([A-Z]+)`/g)].map(([, name = '']) => `+${name.toLowerCase()}`);
    await world.redis.command('ACL', 'SETUSER', 'forge', 'reset', 'on', '>secret', '~*', '&*', ...allowed);
    const redisUrl = world.redis.url.replace('//', '//forge:secret@');
    await world.redis.command('ACL', 'LOG', 'RESET');
    // ioredis would like to ask how the server is.
    await quietly('Skipping the ready check', async () => {
      const [one, other] = [await join(way, { redisUrl }), await join(way, { redisUrl })];
      await one.client.get('/orders');
      await other.client.get('/orders');
      await one.client.tokens?.invalidate();
      await one.client.get('/orders');
      await other.client.tokens?.forceRefresh();
    });
    expect([world.endpoint.tokenRequests, logged()]).toEqual([3, { warnings: [], back: [] }]);
    const denied = (await world.redis.command('ACL', 'LOG')) as unknown[][];
    expect(
      denied.map((entry) => String(entry[entry.indexOf('object') + 1])).filter((name) => USED.includes(name)),
    ).toEqual([]);
  });

  it('an app whose Redis was killed and is there again hears of changes as before', async () => {
    const nearCacheTtlMs = 3_600_000;
    const [one, other] = [await join(way, { nearCacheTtlMs }), await join(way, { nearCacheTtlMs })];
    await one.client.get('/orders');
    await other.client.get('/orders');
    await world.redis.restart();
    const end = performance.now() + PATIENCE_MS;
    let [wanted, found] = ['one', 'other'];
    // Only an announcement makes the other one look so soon.
    while (wanted !== found && performance.now() < end) {
      wanted = (await one.client.tokens?.forceRefresh())?.fingerprint ?? '';
      await new Promise((resolve) => setTimeout(resolve, 100));
      found = other.client.tokens?.peek()?.fingerprint ?? '';
    }
    expect(found).toBe(wanted);
  }, 60_000);

  it('an app whose Redis is flushed under load asks for no token it has, and says nothing', async () => {
    const member = await join(way);
    for (let round = 0; round < 5; round += 1) {
      const calls = times(50, () => member.client.get('/orders'));
      await world.redis.flushAll();
      await Promise.all(calls);
    }
    expect([world.endpoint.tokenRequests, world.api.unauthorized]).toEqual([1, 0]);
    expect(logged()).toEqual({ warnings: [], back: [] });
  });

  describe('that finds under its key', () => {
    it.each<[string, Spoil]>([
      ['nothing but garbage', text('\u0000\u0001 garbage')],
      ['an empty text', text('')],
      ['half of a token', edited((value) => value.slice(0, value.length / 2))],
      ['a token of another version', edited((value) => value.replace(/(\\?"v\\?":)1/, '$199'))],
      ['JSON of another program', text('{"value":{"user":7},"expires":null}')],
      ['a number', text('17')],
      ['a list', replaced('RPUSH', 'one', 'two')],
      ['a hash', replaced('HSET', 'field', 'value')],
      ['a list for a lock', beside('lock', replaced('RPUSH', 'one'))],
      ['a lock that never ends', beside('lock', text('somebody'))],
      ['a hash for a generation', beside('generation', replaced('HSET', 'field', 'value'))],
      ['a word for a generation', beside('generation', text('later'))],
      ['a generation without end', beside('generation', text('inf'))],
      ['the last generation that a number can hold', beside('generation', text(String(2 ** 53 - 1)))],
      [
        'a lock of somebody for half a minute',
        beside('lock', (key) => world.redis.command('SET', key, 'x', 'PX', 30_000)),
      ],
      [
        'a lock with more than a name in it',
        beside('lock', (key) => world.redis.command('SET', key, `${randomUUID()} ${'x'.repeat(99)}`, 'PX', 30_000)),
      ],
      ['an empty lock', beside('lock', (key) => world.redis.command('SET', key, '', 'PX', 30_000))],
      ['a token with a negative generation', edited((value) => value.replace(/(\\?"generation\\?":)\d+/, '$1-5'))],
      ['a token of before all time', edited((value) => value.replace(/(\\?"obtainedAt\\?":)\d+/, '$1-5'))],
      ['a token of the end of time', edited((value) => value.replace(/(\\?"obtainedAt\\?":)\d+/, '$11e300'))],
      ['a token whose times are texts', edited((value) => value.replace(/(\\?"obtainedAt\\?":)\d+/, '$1[]'))],
      ['a lock for a day', beside('lock', (key) => world.redis.command('SET', key, 'x', 'PX', 86_400_000))],
      [
        'a token with the last generation',
        edited((value) => value.replace(/(\\?"generation\\?":)\d+/, `$1${2 ** 53 - 1}`)),
      ],
      ['an endless nesting', text(nested(200_000))],
      [
        'a token with an endless nesting',
        edited((value) => value.replace(/(\\?"token\\?":\{)/, `$1${slashed(value)}: ${nested(200_000)},`)),
      ],
      ['200 MB', replaced('SETRANGE', String(200 * 1_048_576), 'x')],
    ])('%s asks once, and writes it anew for the others', async (_what, spoil) => {
      await (await join(way)).client.get('/orders');
      await spoil(await tokenKey());
      const second = await join(way);
      await Promise.all(times(20, () => second.client.get('/orders')));
      expect(world.endpoint.tokenRequests).toBe(2);
      await (await join(way)).client.get('/orders');
      expect([world.endpoint.tokenRequests, world.api.unauthorized]).toEqual([2, 0]);
      expect(logged()).toEqual({ warnings: [], back: [] });
    });
  });
});
