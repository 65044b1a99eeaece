import type { Lease, TokenLock, TokenSignal, TokenStorage } from 'nestjs-forge-auth';
import { TokenEncryption } from '../../src/storage/encryption.js';
import { GuardedStorage, type GuardedStorageOptions } from '../../src/storage/guarded-storage.js';
import { FakeClock } from '../support/fake-clock.js';
import { expectNoSecrets } from '../support/secrets.js';
import { rejection, times } from '../support/async.js';
import { recordingLogger } from '../support/recording-logger.js';

const DEADLINE_MS = 250;
const HOUR_MS = 3_600_000;
const ACQUIRE = { ttlMs: 5_000, signal: new AbortController().signal };
const ENVELOPE =
  '{"v":1,"token":{"accessToken":"canary-access-token","tokenType":"Bearer"},"obtainedAt":1,"generation":7}';
const FENCED = { generation: 7 };

/** How a store behaves from now on. */
type Mood = 'well' | 'silent' | 'read-only' | 'refusing' | 'throwing at once';

class ReplyError extends Error {}

/** A store in memory that may be maltreated, and counts what it is asked. */
class Store implements TokenStorage {
  readonly values = new Map<string, string>();
  readonly calls = { get: 0, set: 0, publish: 0, acquire: 0 };
  mood: Mood = 'well';
  released = 0;
  /** Message of a refusal. */
  refusal = "READONLY You can't write against a read only replica: canary-of-redis";

  get(key: string): Promise<string | undefined> {
    this.calls.get += 1;
    return this.#answer(false, () => this.values.get(key));
  }

  set(key: string, value: string, _ttlMs?: number): Promise<unknown> {
    this.calls.set += 1;
    return this.#answer(true, () => this.values.set(key, value));
  }

  createLock(): TokenLock {
    const lease: Lease = { generation: 1, extend: async () => true, release: async () => void (this.released += 1) };
    return {
      acquire: () => {
        this.calls.acquire += 1;
        return this.#answer(true, () => lease);
      },
    };
  }

  createSignal(): TokenSignal {
    return {
      publish: async () => void (this.calls.publish += 1),
      subscribe: async () => () => undefined,
    };
  }

  #answer<T>(writing: boolean, work: () => T): Promise<T> {
    if (this.mood === 'throwing at once') throw new Error('canary-of-the-store');
    if (this.mood === 'silent') return new Promise(() => undefined);
    if (this.mood === 'refusing' || (this.mood === 'read-only' && writing))
      return Promise.reject(new ReplyError(this.refusal));
    return Promise.resolve(work());
  }
}

let store: Store;
let clock: FakeClock;
let logger: ReturnType<typeof recordingLogger>;

beforeEach(() => {
  store = new Store();
  clock = new FakeClock();
  logger = recordingLogger();
});

function guard(options: Partial<GuardedStorageOptions> = {}, storage: TokenStorage = store): GuardedStorage {
  return new GuardedStorage(storage, { clock, logger, ...options });
}

/** Returns the result of work that waits for the deadline. */
async function afterDeadline<T>(work: Promise<T>): Promise<T> {
  await clock.advance(DEADLINE_MS);
  return work;
}

const gone = (why: string): string =>
  `Token storage is not answering (${why}). Tokens are not shared until it is back; calls go on.`;
const refuses = (why: string): string =>
  `Token storage takes no writes (${why}). Tokens are not shared until it is back; calls go on.`;
const BACK = 'Token storage is back.';

describe('a storage that is silent', () => {
  beforeEach(() => {
    store.mood = 'silent';
  });

  it('costs its deadline once, and nothing while it is left alone', async () => {
    const guarded = guard();
    await expect(afterDeadline(guarded.readText('key'))).resolves.toBeUndefined();
    // The clock stands still: whatever waited for it would never end.
    for (let call = 0; call < 10; call += 1) {
      expect(await guarded.readText('key')).toBeUndefined();
      expect(await guarded.writeText('key', ENVELOPE, HOUR_MS, FENCED)).toBe('failed');
      expect(await guarded.acquire('key', ACQUIRE)).toBe('down');
      guarded.announcements?.announce('key');
    }
    expect(store.calls).toEqual({ get: 1, set: 0, publish: 0, acquire: 0 });
    expect(logger.warnings).toEqual([gone('no answer within 250 ms')]);
  });

  it.each<[string, (guarded: GuardedStorage) => Promise<unknown>]>([
    ['read', (guarded) => guarded.readText('key')],
    ['write', (guarded) => guarded.writeText('key', ENVELOPE, HOUR_MS, FENCED)],
    ['lease', (guarded) => guarded.acquire('key', ACQUIRE)],
  ])('a storage that is silent is left alone in everything after a %s that was not answered', async (_what, first) => {
    const guarded = guard();
    await afterDeadline(first(guarded));
    const before = { ...store.calls };
    await guarded.readText('key');
    await guarded.writeText('key', ENVELOPE, HOUR_MS, FENCED);
    await guarded.acquire('key', ACQUIRE);
    expect(store.calls).toEqual(before);
    expect(logger.warnings).toEqual([gone('no answer within 250 ms')]);
  });

  it('logs a silent storage once however many calls were under way, and probes it by one of them', async () => {
    const guarded = guard();
    await afterDeadline(Promise.all(times(50, () => guarded.readText('key'))));
    await clock.advance(500);
    await afterDeadline(Promise.all(times(50, () => guarded.readText('key'))));
    expect([store.calls.get, logger.warnings.length]).toEqual([51, 1]);
  });

  it('reports a silent storage back by the probe that is answered, once', async () => {
    const guarded = guard();
    await afterDeadline(guarded.readText('key'));
    store.mood = 'well';
    expect(await guarded.readText('key')).toBeUndefined();
    expect([store.calls.get, logger.lines]).toEqual([1, []]);
    await clock.advance(500);
    for (let call = 0; call < 3; call += 1) await guarded.readText('key');
    expect(await guarded.writeText('key', ENVELOPE, HOUR_MS, FENCED)).toBe('written');
    expect([logger.lines, logger.warnings.length, store.calls.get]).toEqual([[BACK], 1, 4]);
  });

  it('logs a silent storage again when it goes again', async () => {
    const guarded = guard();
    await afterDeadline(guarded.readText('key'));
    store.mood = 'well';
    await clock.advance(500);
    await guarded.readText('key');
    store.mood = 'silent';
    await afterDeadline(guarded.readText('key'));
    expect([logger.warnings.length, logger.lines]).toEqual([2, [BACK]]);
  });

  it('a storage that is silent has the deadline that it asks for', async () => {
    const reading = guard({}, Object.assign(store, { deadlineMs: 1_000 })).readText('key');
    await clock.advance(999);
    expect(logger.warnings).toEqual([]);
    await clock.advance(1);
    await expect(reading).resolves.toBeUndefined();
    expect(logger.warnings).toEqual([gone('no answer within 1000 ms')]);
  });
});

describe('a storage that refuses writes', () => {
  beforeEach(() => {
    store.mood = 'read-only';
    store.values.set('other', ENVELOPE);
  });

  it('a storage that refuses writes is read all the same, and not written to for a while', async () => {
    const guarded = guard();
    for (let call = 0; call < 5; call += 1) {
      expect(await guarded.writeText('key', ENVELOPE, HOUR_MS, FENCED)).toBe('failed');
      expect(await guarded.acquire('key', ACQUIRE)).toBe('down');
      expect(await guarded.readText('other')).toBe(ENVELOPE);
    }
    expect(store.calls).toEqual({ get: 5, set: 1, publish: 0, acquire: 1 });
    expect(logger.warnings).toEqual([refuses('READONLY')]);
    expect(guarded.failing).toBe(false);
  });

  it('a storage that refuses writes is back when it takes a write, not when it is read', async () => {
    const guarded = guard();
    await guarded.writeText('key', ENVELOPE, HOUR_MS, FENCED);
    store.mood = 'well';
    await clock.advance(500);
    await guarded.readText('other');
    expect(logger.lines).toEqual([]);
    expect(await guarded.writeText('key', ENVELOPE, HOUR_MS, FENCED)).toBe('written');
    expect(logger.lines).toEqual([BACK]);
  });

  it('a storage that refuses writes and then all else is back when it answers: nobody knows of writes any more', async () => {
    const guarded = guard();
    await guarded.writeText('key', ENVELOPE, HOUR_MS, FENCED);
    store.mood = 'silent';
    await afterDeadline(guarded.readText('key'));
    store.mood = 'well';
    await clock.advance(500);
    await guarded.readText('key');
    expect([logger.warnings, logger.lines]).toEqual([[refuses('READONLY')], [BACK]]);
  });
});

it.each([
  ['OOM command not allowed when used memory > maxmemory.', 'OOM'],
  ['NOREPLICAS Not enough good replicas to write.', 'NOREPLICAS'],
  ['MISCONF Redis is configured to save RDB snapshots.', 'MISCONF'],
])('a refusal of a write is logged by its word alone: %s', async (refusal, word) => {
  store.mood = 'read-only';
  store.refusal = refusal;
  await guard().writeText('key', ENVELOPE, HOUR_MS, FENCED);
  expect(logger.warnings).toEqual([refuses(word)]);
});

it.each([
  ['NOAUTH Authentication required.', 'NOAUTH'],
  ['LOADING Redis is loading the dataset in memory', 'LOADING'],
  ['READONLYish canary-of-redis', 'ReplyError'],
  ['Get canary-of-redis at redis://user:canary@host', 'ReplyError'],
])('a refusal of a read is logged without what it quotes: %s', async (refusal, why) => {
  store.mood = 'refusing';
  store.refusal = refusal;
  expect(await guard().readText('key')).toBeUndefined();
  expect(logger.warnings).toEqual([gone(why)]);
});

it('a storage that throws at once is one that fails, and what it says is not repeated', async () => {
  store.mood = 'throwing at once';
  const guarded = guard();
  expect(await guarded.readText('key')).toBeUndefined();
  expect(await guarded.writeText('key', ENVELOPE, HOUR_MS, FENCED)).toBe('failed');
  expect(logger.warnings).toEqual([gone('Error')]);
  expectNoSecrets(logger.warnings.join(), ['canary-of-the-store']);
});

it.each<[string, () => unknown]>([
  ['of another type', () => new ReplyError('WRONGTYPE Operation against a key holding the wrong kind of value')],
  ['no JSON', () => new SyntaxError('Unexpected token c in JSON: "canary-value"')],
  ['not compressed', () => Object.assign(new Error('incorrect header check'), { code: 'Z_DATA_ERROR' })],
])('a value that is %s is a miss that is written over, not held against the storage', async (_what, error) => {
  const values = new Map<string, string>();
  const storage: TokenStorage = {
    get: async (key) => values.get(key) ?? Promise.reject(error()),
    set: async (key, value, _ttlMs) => values.set(key, value),
  };
  const guarded = guard({}, storage);
  expect(await guarded.readText('key')).toBeUndefined();
  expect(await guarded.writeText('key', ENVELOPE, HOUR_MS, FENCED)).toBe('written');
  expect(await guarded.readText('key')).toBe(ENVELOPE);
  expect([logger.warnings, logger.lines]).toEqual([[], []]);
});

describe('a lock of its own', () => {
  it.each<[string, string[]]>([
    ['ERR Error running script', []],
    [
      "NOPERM User forge has no permissions to run the 'time' command script: 0123, on @user_script:6.",
      [
        'Token lock is refused by the storage (NOPERM: TIME). Each process asks for its own tokens until it is allowed.',
      ],
    ],
  ])(
    'a lock of its own that fails with %j while the storage answers is left alone, and what it lacks is logged once',
    async (message, lines) => {
      const lock = { acquire: () => Promise.reject(new Error(message)) };
      const guarded = guard({}, Object.assign(store, { createLock: () => lock }));
      expect(await guarded.acquire('key', ACQUIRE)).toBe('down');
      expect(await guarded.writeText('key', ENVELOPE, HOUR_MS, FENCED)).toBe('written');
      expect(await guarded.acquire('key', ACQUIRE)).toBe('down');
      expect(logger.warnings).toEqual(lines);
    },
  );

  it('a lock of its own that grants after its time is given the lease back', async () => {
    let grant!: (lease: Lease) => void;
    let released = 0;
    const granting = new Promise<Lease>((resolve) => (grant = resolve));
    const guarded = guard({}, Object.assign(store, { createLock: () => ({ acquire: () => granting }) }));
    expect(await afterDeadline(guarded.acquire('key', ACQUIRE))).toBe('down');
    grant({ generation: 1, extend: async () => true, release: async () => void (released += 1) });
    await clock.advance(0);
    expect(released).toBe(1);
  });
});

describe('a lock apart from the storage', () => {
  let down: boolean;
  let asked: number;
  let leave: AbortController | undefined;
  const lease: Lease = { generation: 1, extend: async () => true, release: async () => undefined };
  const lock: TokenLock = {
    acquire: async (_key, { signal }) => {
      asked += 1;
      leave?.abort(new Error('left'));
      signal.throwIfAborted();
      if (down) throw new Error('canary-of-the-lock');
      return lease;
    },
  };
  beforeEach(() => {
    [down, asked, leave] = [true, 0, undefined];
  });

  it('logs a lock once when it goes and once when it is back; the storage is used all the while', async () => {
    const guarded = guard({ lock });
    for (let call = 0; call < 3; call += 1) expect(await guarded.acquire('key', ACQUIRE)).toBe('down');
    expect([asked, await guarded.writeText('key', ENVELOPE, HOUR_MS, FENCED)]).toEqual([1, 'written']);
    await clock.advance(500);
    expect(await guarded.acquire('key', ACQUIRE)).toBe('down');
    down = false;
    await clock.advance(1_000);
    for (let call = 0; call < 3; call += 1)
      expect(await guarded.acquire('key', ACQUIRE)).toMatchObject({ generation: lease.generation });
    expect(logger.warnings).toEqual([
      'Token lock is not answering (Error). Each process asks for its own tokens until it is back.',
    ]);
    expect([logger.lines, store.calls.acquire]).toEqual([['Token lock is back.'], 0]);
  });

  it('a lock apart from the storage does not report a lock back for a caller that leaves before it is answered', async () => {
    const guarded = guard({ lock });
    await guarded.acquire('key', ACQUIRE);
    await clock.advance(500);
    leave = new AbortController();
    expect((await rejection(guarded.acquire('key', { ttlMs: 5_000, signal: leave.signal }))).message).toBe('left');
    leave = undefined;
    expect([await guarded.acquire('key', ACQUIRE), asked, logger.lines]).toEqual(['down', 3, []]);
  });

  it('a lock apart from the storage is not asked while the storage is down: there is nothing to share', async () => {
    down = false;
    store.mood = 'silent';
    const guarded = guard({ lock });
    await afterDeadline(guarded.readText('key'));
    expect([await guarded.acquire('key', ACQUIRE), asked]).toEqual(['down', 0]);
  });
});

describe('encrypted', () => {
  const encryption = new TokenEncryption({ keys: [{ id: 'one', key: Buffer.alloc(32, 1) }] });

  it('stands in no store in the clear, and is read back', async () => {
    const guarded = guard({ encryption });
    await guarded.writeText('key', ENVELOPE, HOUR_MS, FENCED);
    await guarded.writeText('note', 'canary-of-a-note', HOUR_MS);
    expectNoSecrets([...store.values.values()].join(), ['canary-access-token', 'canary-of-a-note']);
    expect([await guarded.readText('key'), await guarded.readText('note')]).toEqual([ENVELOPE, 'canary-of-a-note']);
  });

  it.each<[string, (sealed: string) => string]>([
    ['in the clear', () => ENVELOPE],
    ['of an unknown key', (sealed) => sealed.replace('.one.', '.two.')],
    ['cut', (sealed) => sealed.slice(0, -8)],
  ])('a value that is %s is a miss, and says nothing', async (_what, edit) => {
    const guarded = guard({ encryption });
    await guarded.writeText('key', ENVELOPE, HOUR_MS, FENCED);
    store.values.set('key', edit(store.values.get('key') ?? ''));
    expect(await guarded.readText('key')).toBeUndefined();
    expect(logger.warnings).toEqual([]);
  });

  it('a value that was moved to another key is a miss', async () => {
    const guarded = guard({ encryption });
    await guarded.writeText('key', ENVELOPE, HOUR_MS, FENCED);
    store.values.set('other', store.values.get('key') ?? '');
    expect([await guarded.readText('other'), await guarded.readText('key')]).toEqual([undefined, ENVELOPE]);
  });
});

it.each([
  [0.4, 1],
  [-5, 1],
  [1_500.9, 1_500],
])('hands a time of %p ms to the store as %p ms', async (ttlMs, expected) => {
  const handed: unknown[] = [];
  const storage: TokenStorage = {
    get: async () => undefined,
    set: async (_key, _value, ttl) => void handed.push(ttl),
  };
  await guard({}, storage).writeText('key', ENVELOPE, ttlMs, FENCED);
  expect(handed).toEqual([expected]);
});

describe('closed', () => {
  it('waits for what is under way, its deadline at most, and sends nothing any more', async () => {
    store.mood = 'silent';
    const guarded = guard();
    const reading = guarded.readText('key');
    let closed = false;
    const closing = guarded.close().then(() => (closed = true));
    await clock.advance(DEADLINE_MS - 1);
    expect(closed).toBe(false);
    await clock.advance(1);
    await Promise.all([reading, closing]);
    store.mood = 'well';
    await clock.advance(60_000);
    expect(await guarded.readText('key')).toBeUndefined();
    expect(await guarded.writeText('key', ENVELOPE, HOUR_MS, FENCED)).toBe('failed');
    expect(store.calls).toEqual({ get: 1, set: 0, publish: 0, acquire: 0 });
  });

  it('lets the storage go once, also where that fails', async () => {
    let released = 0;
    const release = (): Promise<never> => {
      released += 1;
      return Promise.reject(new Error('gone'));
    };
    const guarded = guard({}, Object.assign(store, { release }));
    await Promise.all([guarded.close(), guarded.close()]);
    expect(released).toBe(1);
  });
});
