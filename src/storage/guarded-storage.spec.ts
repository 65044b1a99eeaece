import { randomBytes, randomUUID } from 'node:crypto';
import { jest } from '@jest/globals';
import { ConfigurationError } from '../errors.js';
import type { Lease, TokenLock, TokenSignal } from '../lock/token-lock.js';
import { type ForgeAuthEvent, Observers } from '../observer.js';
import { FakeClock } from '../testing/fake-clock.js';
import { TokenEncryption } from './encryption.js';
import { GuardedStorage, type GuardedStorageOptions } from './guarded-storage.js';
import { InMemoryTokenStorage } from './in-memory.token-storage.js';
import type { TokenStorage } from './token-storage.js';

const YEAR_MS = 365 * 24 * 3_600_000;
const TERM = { ttlMs: 5_000, signal: new AbortController().signal };

const clock = new FakeClock();
const granted: Lease = { generation: 7, extend: async () => true, release: async () => undefined };

class FleetLock implements TokenLock {
  closed = 0;
  answer: () => Promise<Lease | null> = async () => granted;
  acquire(): Promise<Lease | null> {
    return this.answer();
  }
  close(): void {
    this.closed += 1;
  }
}

/** A storage that notes what it is asked, and does what the test says. */
class Store implements TokenStorage {
  readonly values = new Map<string, string | Uint8Array>();
  readonly sets: unknown[][] = [];
  failure: Error | undefined;

  async get(key: string): Promise<string | Uint8Array | undefined> {
    if (this.failure !== undefined) throw this.failure;
    return this.values.get(key);
  }

  async set(...args: [key: string, value: string, ttlMs?: number, options?: object]): Promise<unknown> {
    this.sets.push(args);
    if (this.failure !== undefined) throw this.failure;
    return this.values.set(args[0], args[1]);
  }
}

interface Guarded {
  readonly guarded: GuardedStorage;
  readonly warnings: string[];
  readonly lines: string[];
  readonly events: ForgeAuthEvent[];
}

function guard(storage: TokenStorage, options: Partial<GuardedStorageOptions> = {}): Guarded {
  const [warnings, lines, events]: [string[], string[], ForgeAuthEvent[]] = [[], [], []];
  const observer = new Observers();
  observer.add({ event: (event) => void events.push(event) });
  const warn = (line: string): void => void warnings.push(line);
  const log = (line: string): void => void lines.push(line);
  const logger = { debug: log, log, warn, error: warn };
  return { guarded: new GuardedStorage(storage, { clock, logger, observer, ...options }), warnings, lines, events };
}

let store: Store;
beforeEach(() => {
  store = new Store();
});

describe('a storage that is guarded', () => {
  it('a storage that is guarded is described by its class and its lock, and by whether they answer', async () => {
    const { guarded } = guard(store);
    expect(guarded.describe()).toEqual({
      kind: 'Store',
      state: 'up',
      writeState: 'up',
      lock: 'InProcessTokenLock',
      lockState: 'up',
      encrypted: false,
    });
    const encryption = new TokenEncryption({ keys: [{ id: 'k', key: randomBytes(32) }] });
    const plain = { get: async () => undefined, set: async () => undefined };
    expect(guard(plain, { encryption, lock: new FleetLock() }).guarded.describe()).toMatchObject({
      kind: 'custom',
      lock: 'FleetLock',
      encrypted: true,
    });
    store.failure = new Error('down');
    await guarded.readText('key');
    expect(guarded.describe()).toMatchObject({ state: 'down', writeState: 'down', lockState: 'up' });
  });

  it('a storage that is guarded takes its lock down with it where that stands on it', async () => {
    const own = Object.assign(new Store(), { createLock: () => new FleetLock(), failure: new Error('down') });
    const { guarded } = guard(own);
    await guarded.readText('key');
    expect(guarded.describe().lockState).toBe('down');
    const apart = guard(Object.assign(new Store(), { failure: new Error('down') }), { lock: new FleetLock() }).guarded;
    await apart.readText('key');
    expect(apart.describe().lockState).toBe('up');
    const lock = new FleetLock();
    lock.answer = () => Promise.reject(new Error('down'));
    const troubled = guard(new Store(), { lock }).guarded;
    await troubled.acquire('key', TERM);
    expect(troubled.describe()).toMatchObject({ lockState: 'down', state: 'up' });
  });

  it.each(['a b', 'x'.repeat(65), ''])('a storage that is guarded is custom where its class is named %j', (name) => {
    const Odd = { [name]: class extends Store {} }[name] as typeof Store;
    expect(guard(new Odd()).guarded.describe().kind).toBe('custom');
    const named = { ['x'.repeat(64)]: class extends Store {} }['x'.repeat(64)] as typeof Store;
    expect(guard(new named()).guarded.describe().kind).toBe('x'.repeat(64));
    expect(
      guard(Object.assign(Object.create(null), { get: () => 0, set: () => 0 }) as never).guarded.describe().kind,
    ).toBe('custom');
  });

  it('a storage that is guarded knows who sees what is stored, and who is kept in order', async () => {
    const memory = new InMemoryTokenStorage();
    const first = guard(memory);
    expect([first.guarded.inProcess, first.guarded.unshared, first.guarded.sharedWithoutLock]).toEqual([
      true,
      true,
      false,
    ]);
    const second = guard(memory);
    expect([first.guarded.unshared, second.guarded.unshared]).toEqual([false, false]);
    await second.guarded.close();
    expect(first.guarded.unshared).toBe(true);
    expect(second.guarded.locksFleet).toBe(false);
    const shared = guard(store).guarded;
    expect([shared.inProcess, shared.unshared, shared.sharedWithoutLock]).toEqual([false, false, true]);
    expect(guard(Object.assign(new Store(), { shared: false })).guarded.sharedWithoutLock).toBe(false);
    const locked = guard(new Store(), { lock: new FleetLock() }).guarded;
    expect([locked.sharedWithoutLock, locked.locksFleet]).toEqual([false, true]);
  });

  it('a storage that is guarded twice for one application has one user', () => {
    const [memory, observer] = [new InMemoryTokenStorage(), new Observers()];
    const one = guard(memory, { observer }).guarded;
    guard(memory, { observer });
    expect([one.unshared, memory.users]).toEqual([true, 1]);
  });

  it('a storage that is guarded is connected before it is needed, for a moment; that it cannot be is no failure', async () => {
    let connected = 0;
    await guard(Object.assign(new Store(), { connect: async () => void (connected += 1) })).guarded.prepare();
    expect(connected).toBe(1);
    await guard(Object.assign(new Store(), { connect: () => Promise.reject(new Error('down')) })).guarded.prepare();
    await guard(new Store()).guarded.prepare();
    let ready = false;
    const silent = { connect: () => new Promise<void>(() => undefined), deadlineMs: 100 };
    const preparing = guard(Object.assign(new Store(), silent))
      .guarded.prepare()
      .then(() => (ready = true));
    await clock.advance(99);
    expect(ready).toBe(false);
    await clock.advance(1);
    await preparing;
  });
});

describe('a value in a storage', () => {
  it('a value in a storage is text or bytes of 1 MB at most; null and undefined are none', async () => {
    const { guarded } = guard(store);
    store.values.set('long', 'x'.repeat(1_048_576)).set('longer', 'x'.repeat(1_048_577));
    store.values
      .set('bytes', Buffer.from('é'))
      .set('null', null as never)
      .set('number', 5 as never);
    const read = await Promise.all(['long', 'longer', 'bytes', 'null', 'none'].map((key) => guarded.readText(key)));
    expect(read.map((text) => text?.length)).toEqual([1_048_576, undefined, 1, undefined, undefined]);
  });

  it.each([
    [0, 1],
    [1.9, 1],
    [YEAR_MS, YEAR_MS],
    [YEAR_MS + 1, YEAR_MS],
    [Number.MAX_VALUE, YEAR_MS],
  ])('a value in a storage for %d ms is stored for %d ms', async (given, stored) => {
    await guard(store).guarded.writeText('key', 'text', given);
    expect(store.sets).toEqual([['key', 'text', stored]]);
  });

  it('a value in a storage that only a person can renew is marked as such', async () => {
    const { guarded } = guard(store);
    await guarded.writeText('key', 'text', 1_000, { generation: 1, irreplaceable: true });
    await guarded.writeText('key', 'text', 1_000, { generation: 1 });
    expect(store.sets.map(([, , , options]) => options)).toEqual([{ irreplaceable: true }, undefined]);
  });

  it('a value in a storage that fences is written only if nothing newer is; a text always', async () => {
    const fenced: unknown[][] = [];
    const setIfNewer = async (...args: unknown[]): Promise<boolean> => (fenced.push(args), fenced.length === 1);
    const { guarded } = guard(Object.assign(store, { setIfNewer }));
    expect(await guarded.writeText('key', 'text', 1_000, { generation: 5 })).toBe('written');
    expect(await guarded.writeText('key', 'text', 1_000, { generation: 5 })).toBe('superseded');
    expect(await guarded.writeText('note', 'text', 1_000)).toBe('written');
    expect(fenced.map(([key, , ttlMs, generation]) => [key, ttlMs, generation])).toEqual([
      ['key', 1_000, 5],
      ['key', 1_000, 5],
    ]);
    expect(store.sets).toEqual([['note', 'text', 1_000]]);
  });

  it('a value in a storage that is refused for itself alone says nothing of the storage', async () => {
    const { guarded, warnings, events } = guard(store);
    store.failure = new Error("ERR invalid expire time in 'set' command");
    expect(await guarded.writeText('key', 'text', 1_000)).toBe('failed');
    store.failure = undefined;
    expect(await guarded.writeText('key', 'text', 1_000)).toBe('written');
    expect(warnings).toEqual([]);
    expect(events).toMatchObject([
      { command: 'set', outcome: 'refused' },
      { command: 'set', outcome: 'ok' },
    ]);
  });

  it('a value in a storage that is refused for itself while the storage is tried again shows that it is back', async () => {
    const { guarded, events } = guard(store);
    store.failure = new Error('READONLY You cannot');
    await guarded.writeText('key', 'text', 1_000);
    await clock.advance(500);
    store.failure = new RangeError('too large');
    expect(await guarded.writeText('key', 'text', 1_000)).toBe('failed');
    store.failure = undefined;
    expect(await guarded.writeText('key', 'text', 1_000)).toBe('written');
    expect(events.flatMap((event) => (event.type === 'storage' ? event.outcome : []))).toEqual([
      'refused',
      'refused',
      'ok',
    ]);
  });

  it('a value in a storage that cannot be read is a miss, and says nothing of the storage', async () => {
    const { guarded, warnings } = guard(store);
    store.failure = new Error('WRONGTYPE Operation against a key holding the wrong kind of value');
    expect(await guarded.readText('key')).toBeUndefined();
    expect([guarded.failing, warnings]).toEqual([false, []]);
  });
});

describe('a storage in trouble', () => {
  it('a storage in trouble is down once and up once, for those who observe it, too', async () => {
    const { guarded, events, lines } = guard(store);
    store.failure = new Error('down');
    await guarded.readText('key');
    await guarded.readText('key');
    await clock.advance(500);
    store.failure = undefined;
    await guarded.readText('key');
    await guarded.readText('key');
    expect(events.map((event) => ('state' in event ? event.state : 'outcome' in event && event.outcome))).toEqual([
      'down',
      'failed',
      'skipped',
      'up',
      'miss',
      'miss',
    ]);
    expect(lines).toEqual(['Token storage is back.']);
  });

  it('a storage in trouble with writes is read, and named so where it says why', async () => {
    const { guarded, warnings } = guard(store);
    await guarded.writeText('key', 'text', 1_000);
    store.failure = new Error('READONLY You cannot');
    expect(await guarded.writeText('key', 'other', 1_000)).toBe('failed');
    store.failure = undefined;
    expect([await guarded.readText('key'), await guarded.writeText('key', 'more', 1_000), guarded.failing]).toEqual([
      'text',
      'failed',
      false,
    ]);
    expect(warnings).toEqual([
      'Token storage takes no writes (READONLY). Tokens are not shared until it is back; calls go on.',
    ]);
    expect(guarded.describe()).toMatchObject({ state: 'up', writeState: 'down' });
  });

  it('a storage in trouble with reads does not take no writes', async () => {
    const { guarded, warnings } = guard(store);
    store.failure = new Error('LOADING Redis is loading');
    await guarded.readText('key');
    expect(warnings).toEqual([expect.stringMatching(/^Token storage is not answering \(LOADING\)/)]);
  });

  it('announcements that are refused are named once, and no other trouble with them', async () => {
    const failures = [
      new Error('gone'),
      new Error("NOPERM 'subscribe' command"),
      new Error("NOPERM 'publish' command"),
    ];
    const signal: TokenSignal = {
      publish: async () => undefined,
      subscribe: () => Promise.reject(failures.shift() ?? new Error('gone')),
    };
    const { guarded, warnings } = guard(Object.assign(store, { createSignal: () => signal }));
    guarded.announcements?.onChange('key', () => undefined);
    for (let tries = 0; tries < 4; tries += 1) await clock.advance(5_000);
    expect(warnings).toEqual([
      'Token announcements are refused by the storage (NOPERM: SUBSCRIBE). What other processes change is seen after nearCacheTtlMs.',
    ]);
    await guarded.close();
  });
});

const fail = (): never => {
  throw new Error('gone');
};

describe('a storage that is closed', () => {
  it('a storage that is closed closes its lock, its announcements and lets the store go, in this order, once', async () => {
    const order: string[] = [];
    const note = (what: string, turns: number) => async (): Promise<void> => {
      for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate);
      order.push(what);
    };
    const parts = {
      createLock: () => ({ acquire: async () => null, close: note('lock', 4) }),
      createSignal: () => ({
        publish: note('publish', 1),
        subscribe: async () => note('end', 3),
        close: note('signal', 2),
      }),
      release: note('store', 1),
    };
    const { guarded } = guard(Object.assign(store, parts));
    guarded.announcements?.onChange('key', () => undefined);
    await clock.advance(0);
    await Promise.all([guarded.close(), guarded.close()]);
    expect(order).toEqual(['lock', 'end', 'signal', 'store']);
  });

  it('a storage that is closed lets the store go though its lock and its announcements cannot be closed', async () => {
    let released = 0;
    const parts = {
      createLock: () => ({ acquire: async () => null, close: fail }),
      createSignal: () => ({ publish: async () => undefined, subscribe: async () => fail, close: fail }),
      release: () => void (released += 1),
    };
    const { guarded } = guard(Object.assign(store, parts as never));
    guarded.announcements?.onChange('key', () => undefined);
    await clock.advance(0);
    await guarded.close();
    expect(released).toBe(1);
  });

  it('a storage that is closed has ended its last command, within the deadline, and lets the store go only then', async () => {
    const log: string[] = [];
    let land!: () => void;
    const pending = new Promise<void>((resolve) => (land = resolve));
    const release = (): Promise<void> => {
      log.push('released');
      return Promise.reject(new Error('gone'));
    };
    const { guarded } = guard(Object.assign(store, { set: () => pending.then(() => log.push('written')), release }));
    const writing = guarded.writeText('key', 'text', 1_000);
    const closing = guarded.close().then(() => log.push('closed'));
    await clock.advance(1);
    expect(log).toEqual([]);
    land();
    await closing;
    expect([await writing, log]).toEqual(['written', ['written', 'released', 'closed']]);
    const silent = guard(
      Object.assign(new Store(), { get: () => new Promise(() => undefined), deadlineMs: 100 }),
    ).guarded;
    const reading = silent.readText('key');
    let closed = false;
    const ending = silent.close().then(() => (closed = true));
    await clock.advance(99);
    expect(closed).toBe(false);
    await clock.advance(1);
    expect([await ending, await reading]).toEqual([true, undefined]);
  });

  it('a storage that is closed is asked nothing any more', async () => {
    const { guarded, events } = guard(store);
    await guarded.close();
    expect([await guarded.readText('key'), await guarded.writeText('key', 'text', 1)]).toEqual([undefined, 'failed']);
    expect(store.sets).toEqual([]);
    expect(events).toMatchObject([{ outcome: 'skipped' }, { outcome: 'skipped' }]);
  });
});

/** What is done just within a deadline of a second. */
async function late<T>(work: () => T): Promise<T> {
  await new Promise((resolve) => void setTimeout(resolve, 990));
  return work();
}

describe('a lease that is exclusive', () => {
  it('a lease that is exclusive is claimed in a store that cannot lock, and in no other', async () => {
    const silent = Object.assign(new Store(), { deadlineMs: 1 });
    const { guarded } = guard(silent);
    const lease = (await guarded.acquire('key', { ...TERM, exclusive: true })) as Lease;
    expect(silent.sets.map(([key]) => key)).toEqual(['key:claim']);
    await lease.release();
    const plain = guard(Object.assign(new Store(), { deadlineMs: 1 }));
    await plain.guarded.acquire('key', TERM);
    const locked = new Store();
    expect(
      await guard(locked, { lock: new FleetLock() }).guarded.acquire('key', { ...TERM, exclusive: true }),
    ).toMatchObject({ generation: 7 });
    expect(locked.sets).toEqual([]);
  });

  it('a lease that is exclusive is held where another process has claimed it', async () => {
    const shared = Object.assign(new Store(), { deadlineMs: 1 });
    shared.values.set('key:claim', `${randomUUID()} 0`);
    expect(await guard(shared).guarded.acquire('key', { ...TERM, exclusive: true })).toBe('held');
  });

  it('a lease that is exclusive goes to the one of two that wrote last, though it reads and writes as slowly as it may', async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] });
    try {
      const quick = new Store();
      // What it reads is as old as the read is slow; what it writes stands there when the write ends.
      const slow: TokenStorage = {
        deadlineMs: 1_000,
        get: (key) => {
          const found = quick.values.get(key);
          return late(() => found);
        },
        set: (key, value) => late(() => quick.values.set(key, value)),
      };
      const [one, other] = [Object.assign(quick, { deadlineMs: 1_000 }), slow].map((storage) => guard(storage).guarded);
      const admissions = Promise.all(
        [one, other].map((guarded) => guarded?.acquire('key', { ...TERM, exclusive: true })),
      );
      await jest.advanceTimersByTimeAsync(10_000);
      const [first, second] = await admissions;
      expect(first).toBe('held');
      expect(second).not.toBe('held');
    } finally {
      jest.useRealTimers();
    }
  });
});

const make =
  (keys: unknown): (() => unknown) =>
  () =>
    new TokenEncryption({ keys } as never);

it('encryption names what is wrong with its keys', () => {
  const key = randomBytes(32);
  expect(make([{ id: 'a', key, other: 1 }])).toThrow(ConfigurationError);
  expect(make([{ id: 'a', key: randomBytes(33) }])).toThrow('encryption: key "a" is not of 32 bytes.');
  expect(make([{ id: '', key }])).toThrow('encryption: a key has no id of letters, digits, - and _.');
  expect(make([{ id: 'x'.repeat(65), key }])).toThrow(/no id of letters/);
  expect(make([{ id: 'x'.repeat(64), key }])).not.toThrow();
  expect(make(5)).toThrow('encryption: keys must be a list of at least one { id, key }.');
  expect(() => new TokenEncryption({ keys: [{ id: 'a', key }], rotate: true } as never)).toThrow('encryption.rotate');
});
