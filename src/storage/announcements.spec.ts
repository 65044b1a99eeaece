import type { TokenSignal } from '../lock/token-lock.js';
import { FakeClock } from '../testing/fake-clock.js';
import { Announcements } from './announcements.js';
import { GetSetTokenStorage, storageOf } from './get-set.token-storage.js';
import { TOKEN_STORAGE } from './token-storage.js';

let clock: FakeClock;
let sent: string[];
let hear: (message: string) => void;
let state: (up: boolean) => void;
let failures: Error[];
let ended: number;
const signal: TokenSignal = {
  publish: async (channel, message) => void sent.push(`${channel} ${message}`),
  subscribe: async (_channel, listener, onStateChange) => {
    const failure = failures.shift();
    if (failure !== undefined) throw failure;
    [hear, state] = [listener, onStateChange as typeof state];
    return () => void (ended += 1);
  },
};

beforeEach(() => {
  clock = new FakeClock();
  [sent, failures, ended] = [[], [], 0];
});

/** Announcements that are listened to under `key`, and how often that was called. */
async function listening(key: string, onFailure?: (error: unknown) => void) {
  const announcements = new Announcements(signal, clock, undefined, onFailure);
  const heard = { count: 0 };
  const end = announcements.onChange(key, () => (heard.count += 1));
  await clock.advance(0);
  return { announcements, heard, end };
}

describe('an announcement', () => {
  it('an announcement goes over one channel, with who says it and the key, spaces and all', async () => {
    const { announcements, heard } = await listening('a key');
    announcements.announce('a key');
    expect(sent).toEqual([expect.stringMatching(/^forge-auth:changes [\da-f-]{36} a key$/)]);
    expect(heard.count).toBe(1);
    const own = (sent[0] ?? '').slice('forge-auth:changes '.length);
    hear(own);
    expect(heard.count).toBe(1);
    hear('somebody a key');
    hear('somebody a');
    hear('a key');
    hear(' a key');
    expect(heard.count).toBe(3);
  });

  it('an announcement is heard by nobody who has ended, by all others under the key, and by those who come later', async () => {
    const { announcements, heard, end } = await listening('key');
    let other = 0;
    const endOther = announcements.onChange('key', () => (other += 1));
    end();
    hear('somebody key');
    expect([heard.count, other]).toEqual([0, 1]);
    endOther();
    announcements.onChange('key', () => (other += 1));
    endOther();
    hear('somebody key');
    expect(other).toBe(2);
  });

  it('an announcement can be relied on from when the channel says so, once for each change', async () => {
    const { announcements, heard } = await listening('key');
    state(true);
    state(true);
    expect([announcements.up, heard.count]).toEqual([true, 1]);
    state(false);
    expect([announcements.up, heard.count]).toEqual([false, 2]);
    await announcements.close();
    state(true);
    expect([announcements.up, heard.count, ended]).toEqual([false, 2, 1]);
  });

  it('an announcement whose channel cannot be listened to says why, each time, and is tried every 5 s until it is closed', async () => {
    failures = [new Error('one'), new Error('two'), new Error('three')];
    const why: unknown[] = [];
    const { announcements } = await listening('key', (error) => why.push(error));
    expect(why).toEqual([new Error('one')]);
    await clock.advance(4_999);
    expect(why).toHaveLength(1);
    await clock.advance(1);
    expect(why).toHaveLength(2);
    await announcements.close();
    await clock.advance(60_000);
    expect([why.length, clock.pending]).toEqual([2, 0]);
  });
});

describe('an object with get and set', () => {
  const plain = { get: () => undefined, set: () => undefined };

  it('an object with get and set is shared, unless it is a Map', () => {
    expect([new GetSetTokenStorage(plain).shared, new GetSetTokenStorage(new Map()).shared]).toEqual([true, false]);
    expect(new GetSetTokenStorage(plain)[TOKEN_STORAGE]).toBe(true);
  });

  it('an object with get and set has one lock for all of this process', () => {
    const other = { ...plain };
    const lock = new GetSetTokenStorage(plain).createLock(clock);
    expect(new GetSetTokenStorage(plain).createLock(clock)).toBe(lock);
    expect(new GetSetTokenStorage(other).createLock(clock)).not.toBe(lock);
  });

  it('an object with get and set is waited for, and deletes by its own means where it has any', async () => {
    const done: string[] = [];
    const slow = (what: string) => async (): Promise<undefined> => {
      await new Promise(setImmediate);
      done.push(what);
      return undefined;
    };
    const storage = new GetSetTokenStorage({ get: slow('get'), set: slow('set'), delete: slow('delete') } as never);
    await storage.set('key', 'value');
    expect(done).toEqual(['set']);
    await storage.delete('key');
    expect(done).toEqual(['set', 'delete']);
    const overwriting = new GetSetTokenStorage({ get: slow('get'), set: slow('set') });
    await overwriting.delete('key');
    expect(done).toEqual(['set', 'delete', 'set']);
    const bytes = Buffer.from('x');
    expect(await new GetSetTokenStorage({ ...plain, get: () => bytes }).get('key')).toBe(bytes);
  });

  it.each(['delete', 'setIfNewer', 'createLock', 'createSignal', 'connect', 'release'])(
    'an object with get and set is no storage with a %s that is no function',
    (member) => {
      const given = { ...plain, [TOKEN_STORAGE]: true, [member]: 'text' };
      expect(() => storageOf(given as never, 'Service "x"')).toThrow(
        `Service "x": storage.${member} must be a function, as a TokenStorage has it.`,
      );
    },
  );

  it.each(['setIfNewer', 'createLock', 'createSignal'])(
    'an object with get and set is a storage by its %s',
    (member) => {
      const given = { ...plain, [member]: () => undefined };
      expect(storageOf(given as never, 'x')).toBe(given);
    },
  );

  it.each([
    [2, GetSetTokenStorage],
    [3, Object],
    [4, Object],
  ])('an object with get and set that declares %d arguments is a %p', (count, kind) => {
    const set = Object.defineProperty(() => undefined, 'length', { value: count });
    expect(storageOf({ get: () => undefined, set } as never, 'x').constructor).toBe(kind);
  });
});
