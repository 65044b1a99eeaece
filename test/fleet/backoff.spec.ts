import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import {
  type ForgeHttpClient,
  NoRetryStrategy,
  RedisTokenStorage,
  type TokenLock,
  type TokenManager,
  type TokenManagerOptions,
} from 'nestjs-forge-auth';
import { type EncryptionOptions, TokenEncryption } from '../../src/storage/encryption.js';
import { FakeClock } from '../support/fake-clock.js';
import { startRedis } from '../support/redis-server.js';
import { rejection, times, until } from '../support/async.js';
import { recordingLogger } from '../support/recording-logger.js';
import { World } from '../tokens/world.js';
import { OneStore } from './one-store.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** A key of 32 times the same letter. */
const keys = (letter: string): EncryptionOptions => ({ keys: [{ id: 'one', key: Buffer.alloc(32, letter) }] });

const world = new World();
beforeEach(() => world.start());
afterEach(() => world.close());

const retryAfter = (seconds: number) => ({ status: 429, headers: { 'retry-after': String(seconds) } });
const heldBack = { code: 'FORGE_AUTH_BACKOFF' };

/** Texts that are no note of ours. */
const STRANGE: readonly [string, string][] = [
  ['nothing', ''],
  ['a word', 'corrupt'],
  ['what another version wrote', '{"until":9999999999999}'],
  ['no numbers', '9999999999999 x 1'],
  ['no end', 'Infinity 5 Infinity'],
  ['a number beyond all bounds', '9'.repeat(400)],
];

describe('processes on one store that forgets nothing', () => {
  let clock: FakeClock;
  let store: OneStore;
  beforeEach(() => {
    clock = new FakeClock();
    store = new OneStore();
  });

  function start(count: number, its: Partial<TokenManagerOptions> = {}): TokenManager[] {
    const provider = world.provider({ retry: new NoRetryStrategy() });
    return times(count, () => world.manager({ provider, clock, storage: store.storage, lock: store.lock, ...its }));
  }

  const notes = (): string[] => [...store.values.keys()].filter((key) => key.endsWith(':backoff'));

  it('observes a Retry-After given to one process in all of them, to the millisecond', async () => {
    const [first, other] = start(2) as [TokenManager, TokenManager];
    world.endpoint.answerNext(retryAfter(60));
    expect(await rejection(first.getToken())).toMatchObject({ status: 429 });
    for (const manager of [other, first, other]) expect(await rejection(manager.getToken())).toMatchObject(heldBack);
    await clock.advance(59_999);
    for (const manager of [other, first]) expect(await rejection(manager.getToken())).toMatchObject(heldBack);
    expect(world.endpoint.tokenRequests).toBe(1);
    await clock.advance(1);
    await other.getToken();
    expect(world.endpoint.tokenRequests).toBe(2);
  });

  it('a process that hears of an outage by a note alone logs it once, with its reason, and once that it is over', async () => {
    const loggers = times(2, () => recordingLogger());
    const auth = { provider: world.provider({ retry: new NoRetryStrategy() }) };
    const [first, other] = loggers.map((logger) =>
      world.client({ auth, storage: store.storage, lock: store.lock }, { logger }),
    ) as [ForgeHttpClient, ForgeHttpClient];
    world.endpoint.answerNext({ status: 503 }, { status: 503 });
    for (const _ of [1, 2]) expect(await rejection(first.get('/'))).toMatchObject({ status: 503 });
    for (const _ of [1, 2]) expect(await rejection(other.get('/'))).toMatchObject(heldBack);
    expect(loggers[1]?.warnings).toEqual([
      expect.stringMatching(/^Token request for "[^"]+" is held back for 1 s after 2 failed in a row \(HTTP 503\)\.$/),
    ]);
    expect(loggers[0]?.warnings).toHaveLength(1);
    await delay(1_000);
    await first.get('/');
    await other.get('/');
    expect(world.endpoint.tokenRequests).toBe(3);
    for (const { lines } of loggers) expect(lines.filter((line) => line.endsWith('available again.'))).toHaveLength(1);
  });

  it.each([
    ['fails, and the others leave the endpoint alone', retryAfter(3_000), 'rejected'],
    ['succeeds, and the others use its token', undefined, 'fulfilled'],
  ])(
    'processes on one store that forgets nothing send one probe when the time is over, which %s',
    async (_end, answer, status) => {
      const managers = start(4);
      world.endpoint.answerNext(retryAfter(60));
      expect(await rejection((managers[0] as TokenManager).getToken())).toMatchObject({ status: 429 });
      await clock.advance(60_000);
      world.endpoint.hold();
      world.endpoint.answerNext(answer);
      const waiting = managers.map((manager) => manager.getToken());
      const ends = Promise.allSettled(waiting);
      await world.endpoint.server.received(2);
      world.endpoint.release();
      await Promise.race(waiting).catch(() => undefined);
      // Those who wait for the probe look again now and then.
      for (let looks = 0; looks < 3; looks += 1) await clock.advance(400);
      expect((await ends).map((end) => end.status)).toEqual(times(4, () => status));
      expect(world.endpoint.tokenRequests).toBe(2);
    },
  );

  it('looks again when a process gets the lease: its last holder may have been given a Retry-After', async () => {
    const [first] = start(1) as [TokenManager];
    world.endpoint.answerNext(retryAfter(60));
    const lock: TokenLock = {
      async acquire(key, options) {
        await rejection(first.getToken());
        return store.lock.acquire(key, options);
      },
    };
    const [late] = start(1, { lock }) as [TokenManager];
    expect(await rejection(late.getToken())).toMatchObject(heldBack);
    expect(world.endpoint.tokenRequests).toBe(1);
  });

  it('counts failures of all processes together: the second in a row starts the backoff for all', async () => {
    const managers = start(4);
    world.endpoint.configure({ respond: () => ({ status: 500 }) });
    const [first, second, ...others] = managers.map((manager) => () => rejection(manager.getToken()));
    expect(await first?.()).toMatchObject({ status: 500 });
    expect(await second?.()).toMatchObject({ status: 500 });
    for (const other of others) expect(await other()).toMatchObject(heldBack);
    expect(world.endpoint.tokenRequests).toBe(2);
    await clock.advance(1_000);
    expect(await others[0]?.()).toMatchObject({ status: 500 });
    // The third: two seconds, less jitter.
    await clock.advance(1_700);
    expect(await others[1]?.()).toMatchObject(heldBack);
    expect(world.endpoint.tokenRequests).toBe(3);
  });

  it('processes on one store that forgets nothing count a request that was never answered, too', async () => {
    const [one, two, three] = start(3) as [TokenManager, TokenManager, TokenManager];
    world.endpoint.hold();
    for (const [index, manager] of [one, two].entries()) {
      const late = rejection(manager.getToken());
      await world.endpoint.server.received(index + 1);
      await clock.advance(10_000);
      expect(await late).toMatchObject({ code: 'FORGE_AUTH_TOKEN_DEADLINE' });
      const noted = (): string => store.values.get(notes()[0] ?? '') ?? '';
      await until(() => store.leases === 0 && noted().includes(` ${index + 1} `), 'it is over, and noted');
    }
    expect(await rejection(three.getToken())).toMatchObject(heldBack);
    expect(world.endpoint.tokenRequests).toBe(2);
    world.endpoint.release();
  });

  it('processes on one store that forgets nothing leave no note behind a success, and count from the first failure again', async () => {
    const [one, two] = start(2) as [TokenManager, TokenManager];
    world.endpoint.configure({ respond: () => ({ status: 500 }) });
    for (const manager of [one, two]) await rejection(manager.getToken());
    expect(notes()).toHaveLength(1);
    world.endpoint.configure({ respond: undefined });
    await clock.advance(1_000);
    const token = await two.getToken();
    expect(notes()).toEqual([]);
    expect((await one.getToken()).accessToken).toBe(token.accessToken);
    await clock.advance(1_000);
    world.endpoint.answerNext({ status: 500 });
    expect(await rejection(one.forceRefresh())).toMatchObject({ status: 500 });
    await two.forceRefresh();
    expect(world.endpoint.tokenRequests).toBe(5);
  });

  it.each([-DAY_MS, DAY_MS])(
    'processes on one store that forgets nothing are held back no longer by one whose clock is off by %d ms',
    async (skewMs) => {
      const [first] = start(1, { clock: new FakeClock({ now: clock.now() + skewMs }) }) as [TokenManager];
      const [other] = start(1) as [TokenManager];
      world.endpoint.answerNext(retryAfter(60));
      await rejection(first.getToken());
      await other.getToken().catch(() => undefined);
      await clock.advance(60_000);
      await other.getToken();
      expect(world.endpoint.tokenRequests).toBe(2);
    },
  );

  it('processes on one store that forgets nothing are held back by one whose clock is ahead, for as long as that one is', async () => {
    const [first] = start(1, { clock: new FakeClock({ now: clock.now() + DAY_MS }) }) as [TokenManager];
    const [other] = start(1) as [TokenManager];
    world.endpoint.answerNext(retryAfter(60));
    await rejection(first.getToken());
    expect(await rejection(other.getToken())).toMatchObject(heldBack);
    await clock.advance(59_999);
    expect(await rejection(other.getToken())).toMatchObject(heldBack);
    expect(world.endpoint.tokenRequests).toBe(1);
  });

  describe.each([
    ['the endpoint', retryAfter(60)],
    ['the token', { status: 400, headers: { 'retry-after': '60' }, json: { error: 'invalid_request' } }],
  ])('processes on one store that forgets nothing that find a forged note of %s', (_whose, answer) => {
    /** Puts a note in place of one that a process has left. */
    const forge = async (aheadMs: number, failures: number, forMs: number): Promise<TokenManager> => {
      const [first, other] = start(2) as [TokenManager, TokenManager];
      world.endpoint.answerNext(answer);
      await rejection(first.getToken());
      const written = notes().filter((key) => store.values.get(key) !== '');
      expect(written).toHaveLength(1);
      store.values.set(written[0] as string, `${clock.now() + aheadMs} ${failures} ${forMs}`);
      return other;
    };

    it.each([
      ['a millisecond longer than any Retry-After', HOUR_MS + 1, HOUR_MS + 1],
      ['a day', DAY_MS, DAY_MS],
      ['an hour from now, and a day by itself', HOUR_MS, DAY_MS],
      ['the longest that it can say', 1e14, 9_999_999_999],
    ])('processes on one store that forgets nothing are not held back by one for %s', async (_what, aheadMs, forMs) => {
      await (await forge(aheadMs, 3, forMs)).getToken();
      expect(world.endpoint.tokenRequests).toBe(2);
    });

    it.each([
      ['an hour', HOUR_MS, HOUR_MS, HOUR_MS],
      ['an hour, by a clock that is a day ahead', DAY_MS, HOUR_MS, HOUR_MS],
      ['a minute, by a clock that is an hour ahead', HOUR_MS, 60_000, 60_000],
    ])(
      'processes on one store that forgets nothing are held back by one for %s, and not a millisecond longer',
      async (_what, aheadMs, forMs, heldMs) => {
        const other = await forge(aheadMs, 999_999, forMs);
        expect(await rejection(other.getToken())).toMatchObject({ ...heldBack, retryAfterMs: heldMs });
        await clock.advance(heldMs - 1);
        expect(await rejection(other.getToken())).toMatchObject(heldBack);
        expect(world.endpoint.tokenRequests).toBe(1);
        await clock.advance(1);
        await other.getToken();
        expect(world.endpoint.tokenRequests).toBe(2);
      },
    );
  });

  it.each([
    ['in the clear', (note: string) => note],
    ['under another key', (note: string, key: string) => new TokenEncryption(keys('b')).encrypt(key, note)],
    ['for another place', (note: string) => new TokenEncryption(keys('a')).encrypt('elsewhere', note)],
  ])(
    'processes on one store, which is encrypted, are not held back by a note that was written %s',
    async (_how, seal) => {
      const [first, other] = start(2, { encryption: keys('a') }) as [TokenManager, TokenManager];
      world.endpoint.answerNext(retryAfter(60));
      await rejection(first.getToken());
      expect(await rejection(other.getToken())).toMatchObject(heldBack);
      const [late] = start(1, { encryption: keys('a') }) as [TokenManager];
      const place = notes()[0] as string;
      store.values.set(place, seal(`${clock.now() + HOUR_MS} 3 ${HOUR_MS}`, place));
      await late.getToken();
      expect(world.endpoint.tokenRequests).toBe(2);
    },
  );

  it.each(STRANGE)(
    'processes on one store that forgets nothing are not held back by a note that reads as %s',
    async (_what, text) => {
      const [first, other] = start(2) as [TokenManager, TokenManager];
      world.endpoint.answerNext(retryAfter(60));
      await rejection(first.getToken());
      store.values.set(notes()[0] as string, text);
      await other.getToken();
      expect(world.endpoint.tokenRequests).toBe(2);
    },
  );
});

/** Each with a connection of its own, and patience with a busy machine. */
async function onRedis(count: number): Promise<{ managers: TokenManager[]; notes: () => Promise<string[]> }> {
  const redis = await startRedis();
  world.closeLater({ close: () => redis.stop() });
  const provider = world.provider({ retry: new NoRetryStrategy() });
  const managers = times(count, () => {
    const client = new Redis(redis.url);
    world.closeLater({ close: async () => void (await client.quit()) });
    return world.manager({ provider, storage: new RedisTokenStorage(client, { deadlineMs: 5_000 }) });
  });
  return { managers, notes: async () => (await redis.command('KEYS', '*:backoff')) as string[] };
}

describe('processes on one Redis', () => {
  it('observes a Retry-After given to one process in all of them, then sends one probe', async () => {
    const { managers, notes } = await onRedis(4);
    world.endpoint.answerNext(retryAfter(11), retryAfter(1));
    expect(await rejection((managers[0] as TokenManager).getToken())).toMatchObject({ status: 429 });
    for (const manager of managers) expect(await rejection(manager.getToken())).toMatchObject(heldBack);
    expect(world.endpoint.tokenRequests).toBe(1);
    const got = until(() => world.endpoint.tokenRequests === 2, 'the time is over', 20_000);
    const impatient = managers.map(async (manager) => {
      for (;;) {
        try {
          return await manager.getToken();
        } catch {
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      }
    });
    await got;
    expect(new Set((await Promise.all(impatient)).map(({ accessToken }) => accessToken)).size).toBe(1);
    const [first, second, third] = world.endpoint.server.requests.map(({ at }) => at) as [number, number, number];
    expect(second - first).toBeGreaterThanOrEqual(10_990);
    expect(third - second).toBeGreaterThanOrEqual(990);
    expect(world.endpoint.tokenRequests).toBe(3);
    while ((await notes()).length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  });

  it('counts failures of all processes together: the second in a row starts the backoff for all', async () => {
    const { managers } = await onRedis(4);
    world.endpoint.configure({ respond: () => ({ status: 500 }) });
    const errors: unknown[] = [];
    for (const manager of managers) errors.push(await rejection(manager.getToken()));
    expect(errors).toMatchObject([{ status: 500 }, { status: 500 }, heldBack, heldBack]);
    expect(world.endpoint.tokenRequests).toBe(2);
  });
});
