import { TimeoutError } from '../errors.js';
import { type ForgeAuthEvent, Observers } from '../observer.js';
import { FakeClock } from '../testing/fake-clock.js';
import { isAboutValue, isValueRefused, missingPermission, outageReason, refusalOf } from './outage-reason.js';
import { StorageObserver } from './storage-observer.js';

describe('the reason of an outage', () => {
  it.each(
    'BUSY CLUSTERDOWN LOADING MASTERDOWN MISCONF NOAUTH NOPERM NOREPLICAS OOM READONLY WRONGPASS WRONGTYPE'.split(' '),
  )('the reason of an outage is the word of Redis: %s', (word) => {
    expect(refusalOf(new Error(`${word} and its details`))).toBe(word);
    expect(outageReason(new Error(`${word} and its details`), 250)).toBe(word);
  });

  it.each<[unknown, string]>([
    [new TimeoutError('x'), 'no answer within 250 ms'],
    [new Error("NOPERM User u has no permissions to run the 'SET' command"), 'NOPERM: SET'],
    [Object.assign(new Error('secret'), { code: 'ECONNREFUSED' }), 'Error (ECONNREFUSED)'],
    [new Error('READONLYISH secret'), 'Error'],
    ['OOM', 'string'],
  ])('the reason of an outage by %p is %p', (error, reason) => {
    expect(outageReason(error, 250)).toBe(reason);
  });

  it.each([
    ["NOPERM User u has no permissions to run the 'getrange' command", 'NOPERM: GETRANGE'],
    ["NOPERM 'del, time' command", 'NOPERM: DEL, TIME'],
    ["NOPERM 'hgetall, del' command", 'NOPERM: DEL'],
    ["NOPERM 'secret' command", 'NOPERM'],
    ['NOPERM No permissions to access a key', 'NOPERM'],
    ['no permission', 'NOPERM'],
    ["ERR unknown 'del' command", undefined],
  ])('the permission that %j misses is %p', (message, missing) => {
    expect(missingPermission(new Error(message))).toBe(missing);
    expect(missingPermission(message)).toBeUndefined();
  });

  it.each('eval get getrange set del type pttl pexpire time publish subscribe'.split(' '))(
    'the permission to %s is named',
    (command) => {
      expect(missingPermission(new Error(`NOPERM '${command}' command`))).toBe(`NOPERM: ${command.toUpperCase()}`);
    },
  );

  it.each<[unknown, boolean]>([
    [new Error('WRONGTYPE Operation against a key'), true],
    [new SyntaxError('JSON'), true],
    [Object.assign(new Error('x'), { code: 'Z_DATA_ERROR' }), true],
    [Object.assign(new Error('x'), { code: 'ECONNRESET' }), false],
    [Object.assign(new Error('x'), { code: 5 }), false],
    [new Error('OOM'), false],
    [undefined, false],
    [null, false],
  ])('a read that failed by %p is about its value: %p', (error, about) => {
    expect(isAboutValue(error)).toBe(about);
  });

  it.each<[unknown, boolean]>([
    [new Error("ERR invalid expire time in 'set' command"), true],
    [new Error('string exceeds maximum allowed size'), true],
    [new Error('value exceed the maximum'), true],
    [new Error('object too large for cache'), true],
    [new Error('line too long'), true],
    [new Error('ERR value is not an integer or out of range'), true],
    [new RangeError('x'), true],
    [new Error('READONLY'), false],
    ['too large', false],
  ])('a write that failed by %p was refused for its value: %p', (error, refused) => {
    expect(isValueRefused(error)).toBe(refused);
  });
});

describe('the events of a storage', () => {
  const clock = new FakeClock();
  const observing = (): { readonly events: ForgeAuthEvent[]; readonly observer: StorageObserver } => {
    const [observers, events]: [Observers, ForgeAuthEvent[]] = [new Observers(), []];
    observers.add({ event: (event) => void events.push(event) });
    return { events, observer: new StorageObserver(clock, observers) };
  };

  it.each<['get' | 'set', unknown, string]>([
    ['get', undefined, 'miss'],
    ['get', null, 'miss'],
    ['get', '', 'hit'],
    ['get', false, 'hit'],
    ['set', false, 'refused'],
    ['set', undefined, 'ok'],
    ['set', true, 'ok'],
  ])('the events of a storage say what became of a %s that is answered with %p: %s', (command, answer, outcome) => {
    const { events, observer } = observing();
    observer.answered(command, answer, clock.monotonic() - 7);
    expect(events).toEqual([{ type: 'storage', at: clock.now(), service: undefined, command, outcome, durationMs: 7 }]);
  });

  it.each<[Error, string]>([
    [new TimeoutError('x'), 'timeout'],
    [new Error('OOM'), 'refused'],
    [new Error('x'), 'failed'],
  ])('the events of a storage say what became of a command that failed by %p: %s', (error, outcome) => {
    const { events, observer } = observing();
    observer.failed('set', error, clock.monotonic());
    expect(events).toMatchObject([{ type: 'storage', command: 'set', outcome, durationMs: 0 }]);
  });

  it('the events of a storage say how a lock was answered, and whether the storage is up', () => {
    const { events, observer } = observing();
    observer.lock('busy', clock.monotonic() - 3);
    observer.state('down');
    expect(events).toEqual([
      { type: 'lock', at: clock.now(), service: undefined, outcome: 'busy', durationMs: 3 },
      { type: 'storage_state', at: clock.now(), service: undefined, state: 'down' },
    ]);
  });

  it.each([-3_600_000, 3_600_000])(
    'the events of a storage count no time by which a clock was set: %d',
    async (setMs) => {
      const { events, observer } = observing();
      const startedAt = clock.monotonic();
      await clock.advance(5);
      clock.jump(setMs);
      observer.answered('get', 'x', startedAt);
      observer.lock('acquired', startedAt);
      observer.failed('set', new Error('x'), startedAt);
      clock.jump(-setMs);
      expect(events).toMatchObject([{ durationMs: 5 }, { durationMs: 5 }, { durationMs: 5 }]);
    },
  );

  it('the events of a storage are made for nobody where nobody listens', () => {
    for (const observers of [undefined, new Observers()]) {
      const observer = new StorageObserver({ ...clock, now: () => Number.NaN } as never, observers);
      expect(() => {
        observer.answered('get', 'x', 0);
        observer.lock('busy', 0);
        observer.state('up');
      }).not.toThrow();
    }
  });
});
