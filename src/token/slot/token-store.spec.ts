import { getEventListeners } from 'node:events';
import { type Clock, monotonicNow, systemClock } from '../../clock.js';
import { silentLogger } from '../../logger.js';
import type { AcquireOptions, TokenSignal } from '../../lock/token-lock.js';
import { GuardedStorage } from '../../storage/guarded-storage.js';
import type { TokenStorage } from '../../storage/token-storage.js';
import type { ServiceScope } from '../runtime.js';
import { toCached } from './cached-token.js';
import type { StoredToken } from './stored-token.js';
import { TokenStore } from './token-store.js';
import { Token } from '../token.js';

const NOW = 1_000_000;
const clock: Clock = { now: () => NOW, random: () => 0.5, after: () => () => undefined };
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const CENTURY_MS = 100 * 365 * DAY_MS;

/** Records what is written; no other process sees it. */
class Store implements TokenStorage, TokenSignal {
  shared = false;
  readonly values = new Map<string, string>();
  readonly ttls: (number | undefined)[] = [];
  readonly log: string[] = [];
  readonly listeners = new Set<(message: string) => void>();
  /** Writes wait for it. */
  turn: Promise<void> = Promise.resolve();

  async get(key: string): Promise<string | undefined> {
    this.log.push('get');
    return this.values.get(key);
  }

  async set(key: string, value: string, ttlMs?: number): Promise<void> {
    await this.turn;
    this.log.push('set');
    this.ttls.push(ttlMs);
    this.values.set(key, value);
  }

  createSignal(): TokenSignal {
    return this;
  }

  async publish(_channel: string, message: string): Promise<void> {
    for (const listener of this.listeners) listener(message);
  }

  async subscribe(
    _channel: string,
    listener: (message: string) => void,
    onStateChange?: (up: boolean) => void,
  ): Promise<() => void> {
    this.listeners.add(listener);
    onStateChange?.(true);
    return () => void this.listeners.delete(listener);
  }
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function start(store = new Store(), key: () => string = () => 'key') {
  const storage = new GuardedStorage(store, { clock, logger: silentLogger, lock: undefined, encryption: undefined });
  const heard = { times: 0 };
  const tokenStore = new TokenStore(
    () => storage,
    key,
    clock,
    () => void (heard.times += 1),
  );
  return { store, storage, tokenStore, heard };
}

function stored(accessToken: string, more: Partial<StoredToken> = {}): StoredToken {
  return { token: new Token({ accessToken, expiresAt: NOW + HOUR_MS }), obtainedAt: NOW, generation: NOW, ...more };
}

const withRefreshToken = (extra: Record<string, unknown> = {}): Token =>
  new Token({ accessToken: 'a', refreshToken: 'r', expiresAt: NOW + HOUR_MS, extra });

describe('TokenStore', () => {
  it('answers what was put, whole', async () => {
    const { tokenStore, store } = start();
    const put = stored('a', { token: withRefreshToken({ tenant: 7 }), claimed: true });
    expect(await tokenStore.put(put)).toBe('written');
    const read = await start(store).tokenStore.read();
    expect(read).toMatchObject({ obtainedAt: NOW, generation: NOW, claimed: true });
    expect(read?.token).toMatchObject({ accessToken: 'a', refreshToken: 'r', extra: { tenant: 7 } });
  });

  it('stores of a token in use what others need, and nothing of what this process computed of it', async () => {
    const { tokenStore, store } = start();
    const settings = { refreshWindowMs: 120_000, expiryLeewayMs: 30_000 };
    const scope = { settings, jitter: 0.5, clock: systemClock } as ServiceScope;
    const inUse = toCached(stored('a', { token: withRefreshToken() }), scope, Infinity);
    await tokenStore.put({ ...inUse, claimed: true });
    const [[, text]] = [...store.values] as [[string, string]];
    expect(JSON.parse(text)).toEqual({
      v: 1,
      token: { accessToken: 'a', tokenType: 'Bearer', refreshToken: 'r', expiresAt: NOW + HOUR_MS, extra: {} },
      obtainedAt: NOW,
      generation: NOW,
      claimed: true,
    });
  });

  it('TokenStore reads nothing that comes from a century ahead or more', async () => {
    const { tokenStore } = start();
    const near = stored('near', { generation: NOW + CENTURY_MS - 1 });
    await tokenStore.put(near);
    expect(await tokenStore.read()).toMatchObject({ generation: near.generation });
    await tokenStore.put(stored('far', { generation: NOW + CENTURY_MS }));
    expect(await tokenStore.read()).toBeUndefined();
  });

  it('keeps the refresh token to itself where others see what is stored, and no lock orders them', async () => {
    const store = new Store();
    store.shared = true;
    const { tokenStore } = start(store);
    await tokenStore.put(stored('a', { token: withRefreshToken() }));
    expect((await tokenStore.read())?.token.refreshToken).toBeUndefined();
  });

  it('TokenStore has nothing without a storage, and writes nothing', async () => {
    const tokenStore = new TokenStore(
      () => undefined,
      () => 'key',
      clock,
      () => undefined,
    );
    expect(await tokenStore.put(stored('a'))).toBe('failed');
    expect(await tokenStore.read()).toBeUndefined();
    expect(await tokenStore.acquire(1_000, new AbortController().signal, false)).toBe('down');
    expect(tokenStore.nextLook(5_000)).toBe(Infinity);
  });

  it('reads after every write that was made before', async () => {
    const { tokenStore, store } = start();
    const gate: (() => void)[] = [];
    store.turn = new Promise((resolve) => void gate.push(resolve));
    const writing = [tokenStore.put(stored('first')), tokenStore.put(stored('second'))];
    const reading = tokenStore.read();
    await settle();
    expect(store.log).toEqual([]);
    gate[0]?.();
    await Promise.all(writing);
    expect((await reading)?.token.accessToken).toBe('second');
    expect(store.log).toEqual(['set', 'set', 'get']);
  });

  it.each<[string, Token, number]>([
    ['as long as the access token is good', stored('a').token, HOUR_MS],
    ['for a day, where it has no end', new Token({ accessToken: 'a' }), DAY_MS],
    ['for 30 days, where there is a refresh token', withRefreshToken(), 30 * DAY_MS],
    ['as long as the issuer says of the refresh token', withRefreshToken({ refresh_expires_in: 7_200 }), 2 * HOUR_MS],
    ['no shorter than the access token is good', withRefreshToken({ refresh_token_expires_in: 60 }), HOUR_MS],
  ])('keeps a token %s', async (_name, token, ttlMs) => {
    const { tokenStore, store } = start();
    await tokenStore.put(stored('a', { token }));
    expect(store.ttls).toEqual([ttlMs]);
  });

  it('follows its key: a rotated secret moves the token', async () => {
    let key = 'before';
    const { tokenStore, store, heard } = start(new Store(), () => key);
    await tokenStore.put(stored('a'));
    key = 'after';
    expect(await tokenStore.read()).toBeUndefined();
    await tokenStore.put(stored('b'));
    expect([...store.values.keys()]).toEqual(['before', 'after']);
    await store.publish('', 'stranger before');
    expect(heard.times).toBe(0);
    await store.publish('', 'stranger after');
    expect(heard.times).toBe(1);
  });

  describe('marks as rejected', () => {
    it('the token given, and keeps its refresh token', async () => {
      const { tokenStore } = start();
      const { token } = stored('a', { token: withRefreshToken() });
      await tokenStore.put(stored('a', { token }));
      expect((await tokenStore.writeTombstone(token))?.fingerprint).toBe(token.fingerprint);
      const read = await tokenStore.read();
      expect(read).toMatchObject({ rejected: true, generation: NOW + 1 });
      expect(read?.token.refreshToken).toBe('r');
    });

    it('TokenStore follows a generation of a later time, whoever wrote that, and takes a lease of a second for it', async () => {
      const store = new Store();
      const leases: unknown[] = [];
      const lock = {
        acquire: async (_key: string, { ttlMs, longestMs }: AcquireOptions) => {
          leases.push({ ttlMs, longestMs });
          return { generation: 5, extend: async () => true, release: async () => undefined };
        },
      };
      const storage = new GuardedStorage(store, { clock, logger: silentLogger, lock, encryption: undefined });
      const tokenStore = new TokenStore(
        () => storage,
        () => 'key',
        clock,
        () => undefined,
      );
      for (const whole of [false, true]) {
        await tokenStore.put(stored('a', { generation: NOW + 500 }));
        await tokenStore.writeTombstone(undefined, whole);
        const read = await tokenStore.read();
        expect([whole, read?.rejected, read?.generation]).toEqual([whole, true, NOW + 501]);
        store.values.clear();
      }
      expect(leases).toEqual([{ ttlMs: 1_000, longestMs: 5_000 }]);
    });

    it('TokenStore marks as rejected its refresh token, too, when it was revoked', async () => {
      const { tokenStore } = start();
      await tokenStore.put(stored('a', { token: withRefreshToken() }));
      await tokenStore.writeTombstone(withRefreshToken(), true);
      expect((await tokenStore.read())?.token.refreshToken).toBeUndefined();
    });

    it('TokenStore marks as rejected for as long as its refresh token was good, when it was dropped, and without what else came with it', async () => {
      const { tokenStore, store } = start();
      const token = withRefreshToken({ refresh_expires_in: 7_200 });
      await tokenStore.put(stored('a', { token: token.with({ idToken: 'i', claims: { sub: 'ann' } }) }));
      await tokenStore.writeTombstone(token, true);
      expect(store.ttls).toEqual([2 * HOUR_MS, 2 * HOUR_MS]);
      const tombstone = (await tokenStore.read())?.token;
      expect([tombstone?.accessToken, tombstone?.idToken, tombstone?.claims, tombstone?.extra]).toEqual([
        'a',
        undefined,
        undefined,
        {},
      ]);
    });

    it('whatever is stored, where no token is given', async () => {
      const { tokenStore } = start();
      await tokenStore.put(stored('a'));
      expect((await tokenStore.writeTombstone(undefined))?.accessToken).toBe('a');
    });

    it.each<[string, StoredToken | undefined]>([
      ['a newer token', stored('newer')],
      ['what is rejected already', stored('a', { rejected: true })],
      ['nothing', undefined],
    ])('marks as rejected not %s', async (_name, before) => {
      const { tokenStore, store } = start();
      if (before !== undefined) await tokenStore.put(before);
      const values = [...store.values];
      expect(await tokenStore.writeTombstone(stored('a').token)).toBeUndefined();
      expect([...store.values]).toEqual(values);
    });
  });

  describe('hears of changes', () => {
    it('hears of changes that others announce, under its own key only', async () => {
      const { tokenStore, store, heard } = start();
      const other = start(store);
      await tokenStore.read();
      await other.tokenStore.read();
      await settle();
      other.tokenStore.announce();
      expect(heard.times).toBe(1);
      await store.publish('', 'stranger another-key');
      expect(heard.times).toBe(1);
    });

    it('hears of changes and need not look again while every change is announced', async () => {
      const { tokenStore } = start();
      expect(tokenStore.nextLook(5_000)).toBe(monotonicNow(clock) + 5_000);
      await tokenStore.read();
      await settle();
      expect(tokenStore.nextLook(5_000)).toBe(Infinity);
    });

    it('hears of changes and waits no longer for one that came before it began to wait', async () => {
      const { tokenStore, store } = start();
      await tokenStore.read();
      await settle();
      const since = tokenStore.changes;
      await store.publish('', 'stranger key');
      // No time passes here: whoever waited would wait for ever.
      await tokenStore.changed(since, 1_000, new AbortController().signal);
      const waiting = tokenStore.changed(tokenStore.changes, 1_000, new AbortController().signal);
      await settle();
      await store.publish('', 'stranger key');
      await expect(waiting).resolves.toBeUndefined();
    });

    it('hears of changes and lets go of its caller when it has waited', async () => {
      const { tokenStore, store } = start();
      await tokenStore.read();
      await settle();
      const { signal } = new AbortController();
      const waiting = tokenStore.changed(tokenStore.changes, 1_000, signal);
      await settle();
      expect(getEventListeners(signal, 'abort')).toHaveLength(1);
      await store.publish('', 'stranger key');
      await waiting;
      expect(getEventListeners(signal, 'abort')).toHaveLength(0);
      expect(store.listeners.size).toBe(1);
    });

    it('hears of changes and gives up waiting when its caller does', async () => {
      const { tokenStore } = start();
      const caller = new AbortController();
      const waiting = tokenStore.changed(tokenStore.changes, 1_000, caller.signal);
      caller.abort(new Error('I left'));
      await expect(waiting).rejects.toThrow('I left');
    });

    it('TokenStore hears of changes no longer when it is closed, however it is used afterwards', async () => {
      const { tokenStore, store, heard } = start();
      await tokenStore.read();
      await settle();
      tokenStore.close();
      await tokenStore.put(stored('a'));
      await tokenStore.read();
      await store.publish('', 'stranger key');
      expect(heard.times).toBe(0);
    });
  });

  it('leaves notes only where the lock is one for many processes', async () => {
    const alone = start();
    await alone.tokenStore.writeNote('text', 1_000);
    expect([await alone.tokenStore.readNote(), alone.store.values.size, alone.tokenStore.shared]).toEqual([
      undefined,
      0,
      false,
    ]);
  });

  it('leaves notes beside the token that they are of, and has left one when it is written', async () => {
    const store = new Store();
    const lock = { acquire: async () => null };
    const storage = new GuardedStorage(store, { clock, logger: silentLogger, lock, encryption: undefined });
    const of = (key: string): TokenStore =>
      new TokenStore(
        () => storage,
        () => key,
        clock,
        () => undefined,
      );
    await of('a').writeNote('text', 1_000);
    expect([...store.values.keys()]).toEqual(['a:backoff']);
    expect([await of('a').readNote(), await of('b').readNote(), await of('b').readNote('a:backoff')]).toEqual([
      'text',
      undefined,
      'text',
    ]);
    await of('b').writeNote('other', 1_000, 'shared');
    expect(store.values.get('shared')).toBe('other');
    expect([of('a').shared, store.ttls]).toEqual([true, [1_000, 1_000]]);
  });

  it('leaves no note where its key cannot be made, and fails nobody by that', async () => {
    const store = new Store();
    const lock = { acquire: async () => null };
    const storage = new GuardedStorage(store, { clock, logger: silentLogger, lock, encryption: undefined });
    const tokenStore = new TokenStore(
      () => storage,
      () => Promise.reject(new Error('The secret is gone.')),
      clock,
      () => undefined,
    );
    await tokenStore.writeNote('text', 1_000);
    expect(store.values.size).toBe(0);
    await expect(tokenStore.readNote()).rejects.toThrow('The secret is gone.');
    await tokenStore.writeNote('text', 1_000, 'shared');
    expect(await tokenStore.readNote('shared')).toBe('text');
  });

  it('takes what a stranger wrote for nothing', async () => {
    const { tokenStore, store } = start();
    for (const text of ['x', '{}', JSON.stringify({ v: 1, token: { accessToken: 'a\r\nb', tokenType: 'Bearer' } })]) {
      store.values.set('key', text);
      expect(await tokenStore.read()).toBeUndefined();
    }
  });
});
