import type { TokenSignal } from '../lock/token-lock.js';
import { FakeClock } from '../testing/fake-clock.js';
import { Announcements } from './announcements.js';

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
  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('gone');
      },
    ],
    ['returns nothing', () => undefined],
  ])('an announcement over a signal that %s disturbs nobody', async (_what, publish) => {
    const announcements = new Announcements({ ...signal, publish: publish as TokenSignal['publish'] }, clock);
    const heard: string[] = [];
    announcements.onChange('key', () => heard.push('key'));
    announcements.announce('key');
    await clock.advance(0);
    expect(heard).toEqual(['key']);
  });

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

  it('an announcement is neither made nor heard once its channel is closed, which ends when all of it has', async () => {
    const order: string[] = [];
    const slow = (what: string, turns: number) => async (): Promise<void> => {
      for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate);
      order.push(what);
    };
    const own: TokenSignal = {
      publish: slow('publish', 1),
      subscribe: async () => slow('end', 3),
      close: slow('close', 2),
    };
    const announcements = new Announcements(own, clock);
    announcements.onChange('key', () => undefined);
    await clock.advance(0);
    await announcements.close();
    announcements.announce('key');
    expect(order).toEqual(['end', 'close']);
    await new Announcements(own, clock).close();
    expect(order).toEqual(['end', 'close', 'close']);
  });

  it('an announcement is not listened to where the channel was closed meanwhile, and no error is left over', async () => {
    const left: unknown[] = [];
    const note = (reason: unknown): void => void left.push(reason);
    process.on('unhandledRejection', note);
    const why: unknown[] = [];
    let subscribed!: (end: () => Promise<void>) => void;
    const own: TokenSignal = {
      publish: () => Promise.reject(new Error('publish')),
      subscribe: () => new Promise((resolve) => (subscribed = resolve)),
    };
    const announcements = new Announcements(own, clock, undefined, (error) => why.push(error));
    announcements.onChange('key', () => undefined);
    announcements.announce('key');
    await announcements.close();
    let ends = 0;
    subscribed(() => {
      ends += 1;
      return Promise.reject(new Error('end'));
    });
    for (let turns = 0; turns < 3; turns += 1) await new Promise(setImmediate);
    process.off('unhandledRejection', note);
    expect([ends, left, why, clock.pending]).toEqual([1, [], [], 0]);
  });

  it('an announcement is not made where it would only pile up, and is heard here all the same', async () => {
    let muted = true;
    const announcements = new Announcements(signal, clock, () => muted);
    let heard = 0;
    announcements.onChange('key', () => (heard += 1));
    announcements.announce('key');
    expect([sent.length, heard]).toEqual([0, 1]);
    muted = false;
    announcements.announce('key');
    announcements.announce('other');
    expect([sent.length, heard]).toEqual([2, 2]);
  });
});
