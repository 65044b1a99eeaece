import { FakeClock } from '../../testing/fake-clock.js';
import type { ServiceScope } from '../runtime.js';
import { Token } from '../token.js';
import { type CachedToken, supersedes } from './cached-token.js';
import type { SlotParts } from './slot-parts.js';
import { SlotTokens } from './slot-tokens.js';
import type { StoredToken } from './stored-token.js';

const clock = new FakeClock();
const NOW = clock.now();
/** Of an hour: due after 48 minutes, in its leeway for the last 30 seconds. */
const LIFETIME_MS = 3_600_000;
const settings = { refreshWindowMs: 720_000, expiryLeewayMs: 30_000, nearCacheTtlMs: 5_000 };

function tokens(nextLook = Infinity): { tokens: SlotTokens; log: unknown[][] } {
  const log: unknown[][] = [];
  const parts = {
    store: { nextLook: (intervalMs: number) => (log.push(['nextLook', intervalMs]), nextLook) },
    rejections: { begin: (next: StoredToken, last?: Token) => log.push(['begin', next.token, last]) },
    events: { invalidated: (token: Token) => log.push(['dropped', token]) },
    observer: { invalidated: () => log.push(['invalidated']) },
  } as unknown as SlotParts;
  return { tokens: new SlotTokens({ clock, settings, jitter: 0 } as unknown as ServiceScope, parts), log };
}

function storedOf(accessToken: string, more: Partial<StoredToken> & { age?: number } = {}): StoredToken {
  const { age = 0, ...rest } = more;
  const obtainedAt = NOW - age;
  const token = new Token({ accessToken, expiresAt: obtainedAt + LIFETIME_MS });
  return { token, obtainedAt, generation: obtainedAt, ...rest };
}

function using(stored: StoredToken): { tokens: SlotTokens; cached: CachedToken; log: unknown[][] } {
  const made = tokens();
  const cached = made.tokens.toCached(stored);
  made.tokens.use(cached);
  made.log.length = 0;
  return { ...made, cached };
}

it('the token in use is shown until it expires, and not then', () => {
  expect(tokens().tokens.peek()).toBeUndefined();
  expect(using(storedOf('a', { age: LIFETIME_MS - 1 })).tokens.peek()?.accessToken).toBe('a');
  expect(using(storedOf('a', { age: LIFETIME_MS })).tokens.peek()).toBeUndefined();
});

describe('the newest token known', () => {
  it('the newest token known is the one in use, unless storage has a later one', () => {
    const { tokens: slot } = using(storedOf('a'));
    expect(slot.newest()?.accessToken).toBe('a');
    expect(slot.newest(storedOf('b'))?.accessToken).toBe('a');
    expect(slot.newest(storedOf('b', { generation: NOW + 1 }))?.accessToken).toBe('b');
  });

  it('the newest token known is the last one where none is in use, else what storage has', () => {
    const { tokens: slot, cached } = using(storedOf('a'));
    slot.drop(cached);
    expect(slot.newest()?.accessToken).toBe('a');
    slot.clear();
    expect(slot.newest()).toBeUndefined();
    expect(slot.newest(storedOf('b'))?.accessToken).toBe('b');
  });

  it('the newest token known is none when it is rejected or has run out, unless it has a refresh token', () => {
    const { tokens: slot } = tokens();
    const dead = [storedOf('a', { rejected: true }), storedOf('a', { age: LIFETIME_MS })];
    for (const stored of dead) {
      expect(slot.newest(stored)).toBeUndefined();
      expect(slot.newest({ ...stored, token: stored.token.with({ refreshToken: 'r' }) })?.accessToken).toBe('a');
    }
    expect(slot.newest(storedOf('a', { age: LIFETIME_MS - 1 }))?.accessToken).toBe('a');
    expect(slot.newest({ ...storedOf('a'), token: new Token({ accessToken: 'endless' }) })?.accessToken).toBe(
      'endless',
    );
  });
});

it('a token is asked for because none is known, it is due, it has run out, or it was rejected', () => {
  expect(tokens().tokens.cause()).toBe('missing');
  expect(using(storedOf('a', { age: LIFETIME_MS - 30_001 })).tokens.cause()).toBe('window');
  expect(using(storedOf('a', { age: LIFETIME_MS - 30_000 })).tokens.cause()).toBe('expired');
  const { tokens: slot, cached } = using(storedOf('a'));
  slot.drop(cached);
  expect(slot.cause()).toBe('rejection');
  slot.rejected = undefined;
  expect(slot.cause()).toBe('missing');
});

describe('a stored token is taken', () => {
  it('a stored token is taken up to its leeway', () => {
    const { tokens: slot } = tokens();
    expect(slot.accepts(storedOf('a', { age: LIFETIME_MS - 30_001 }), undefined)).toBe(true);
    expect(slot.accepts(storedOf('a', { age: LIFETIME_MS - 30_000 }), undefined)).toBe(false);
  });

  it('a stored token is not taken when it was rejected, here or elsewhere', () => {
    const { tokens: slot, cached } = using(storedOf('a'));
    expect(slot.accepts(storedOf('b', { rejected: true }), undefined)).toBe(false);
    slot.drop(cached);
    expect(slot.accepts(storedOf('a'), undefined)).toBe(false);
    expect(slot.accepts(storedOf('b'), undefined)).toBe(true);
  });

  it('a stored token is not taken when it is older than what was seen here, or a note of an older one', () => {
    const { tokens: slot } = using(storedOf('a'));
    expect(slot.accepts(storedOf('b', { generation: NOW - 1 }), undefined)).toBe(false);
    expect(slot.accepts(storedOf('b', { generation: NOW }), undefined)).toBe(true);
    expect(slot.accepts(storedOf('b', { age: 1, generation: NOW + 1, claimed: true }), undefined)).toBe(false);
    expect(slot.accepts(storedOf('b', { age: 1, generation: NOW + 1 }), undefined)).toBe(true);
    expect(slot.accepts(storedOf('b', { generation: NOW + 1, claimed: true }), undefined)).toBe(true);
  });

  it('a stored token is taken in place of another one that is no newer', () => {
    const replaced = storedOf('a');
    expect(supersedes(storedOf('b'), undefined)).toBe(true);
    expect(supersedes(storedOf('b'), replaced)).toBe(true);
    expect(supersedes(storedOf('b', { generation: NOW - 1 }), replaced)).toBe(false);
    expect(supersedes(storedOf('a', { generation: NOW + 1 }), replaced)).toBe(false);
    expect(tokens().tokens.accepts(storedOf('a'), tokens().tokens.toCached(replaced))).toBe(false);
  });
});

it('a stored token in its leeway is a last resort until it expires, where nothing else is in use or seen', () => {
  const { tokens: slot } = tokens();
  expect(slot.lastResort(storedOf('a', { age: LIFETIME_MS - 1 }))?.token.accessToken).toBe('a');
  expect(slot.lastResort(storedOf('a', { age: LIFETIME_MS }))).toBeUndefined();
  expect(slot.lastResort(storedOf('a', { rejected: true }))).toBeUndefined();
  expect(using(storedOf('a')).tokens.lastResort(storedOf('b', { generation: NOW + 1 }))).toBeUndefined();
});

it('a token in use is due before its end, and looked for in storage when that is worth a look', () => {
  const { tokens: slot, log } = tokens(7_000);
  expect(slot.toCached(storedOf('a'))).toMatchObject({ lookAt: 7_000, ages: { dueAt: NOW + LIFETIME_MS - 720_000 } });
  expect(log).toEqual([['nextLook', 5_000]]);
});

it('a token that takes the place of none is reported to those who judge rejections, with the last one', () => {
  const { tokens: slot, cached, log } = using(storedOf('a'));
  const next = slot.toCached(storedOf('b'));
  log.length = 0;
  slot.use(next);
  expect([log, slot.cached, slot.last]).toEqual([[], next, next]);
  slot.drop(next);
  slot.use(cached);
  expect(log).toEqual([
    ['dropped', next.token],
    ['begin', cached.token, next.token],
  ]);
});

it('a token that is dropped stays the last one, and takes no other with it', () => {
  const { tokens: slot, cached } = using(storedOf('a'));
  const other = slot.toCached(storedOf('b'));
  slot.drop(other);
  expect([slot.cached, slot.rejected]).toEqual([cached, other.token.fingerprint]);
  slot.drop(cached);
  expect([slot.cached, slot.last, slot.rejected]).toEqual([undefined, cached, cached.token.fingerprint]);
});

it('a token that its owner takes out of use is reported to observers, too', () => {
  const { tokens: slot, cached, log } = using(storedOf('a'));
  slot.invalidate(cached);
  expect(log).toEqual([['invalidated'], ['dropped', cached.token]]);
  expect(slot.cached).toBeUndefined();
});

/** A token in use of which two listeners hear. */
function hearing(age = 0) {
  const made = using(storedOf('a', { age }));
  const heard: unknown[][] = [];
  for (const listener of ['one', 'other'])
    made.tokens.onTakenOut((token, early) => heard.push([listener, token.accessToken, early]));
  return { ...made, heard };
}

describe('a token that is taken out of use', () => {
  it('a token that is taken out of use by a rejection or an invalidation is so early, whatever its age', () => {
    for (const drop of ['drop', 'invalidate'] as const) {
      const { tokens: slot, cached, heard } = hearing(LIFETIME_MS - 1);
      slot[drop](cached);
      expect(heard).toEqual([
        ['one', 'a', true],
        ['other', 'a', true],
      ]);
    }
  });

  it.each([
    [LIFETIME_MS - 720_001, true],
    [LIFETIME_MS - 720_000, false],
  ])('a token that is taken out of use at an age of %d ms by another one is so early: %s', (age, early) => {
    const { tokens: slot, heard } = hearing(age);
    slot.use(slot.toCached(storedOf('b')));
    expect(heard).toEqual([
      ['one', 'a', early],
      ['other', 'a', early],
    ]);
  });

  it('a token that is put to use once more, or comes first, takes none out of use', () => {
    const { tokens: slot, heard } = hearing();
    slot.use(slot.toCached(storedOf('a')));
    slot.clear();
    slot.use(slot.toCached(storedOf('b')));
    expect(heard).toEqual([]);
  });
});
