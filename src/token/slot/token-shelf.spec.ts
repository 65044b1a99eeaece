import type { Clock } from '../../clock.js';
import { silentLogger } from '../../logger.js';
import type { TokenSignal } from '../../lock/token-lock.js';
import { GuardedStorage } from '../../storage/guarded-storage.js';
import type { TokenStorage } from '../../storage/token-storage.js';
import { type ShelvedToken, TokenShelf } from './token-shelf.js';
import { Token } from '../token.js';

const NOW = 1_000_000;
const clock: Clock = { now: () => NOW, random: () => 0.5, after: () => () => undefined };
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** A store that notes what it is told. */
class Store implements TokenStorage, TokenSignal {
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
  const shelf = new TokenShelf(
    () => storage,
    key,
    clock,
    () => void (heard.times += 1),
  );
  return { store, storage, shelf, heard };
}

function shelved(accessToken: string, more: Partial<ShelvedToken> = {}): ShelvedToken {
  return { token: new Token({ accessToken, expiresAt: NOW + HOUR_MS }), obtainedAt: NOW, generation: NOW, ...more };
}

const withRefreshToken = (extra: Record<string, unknown> = {}): Token =>
  new Token({ accessToken: 'a', refreshToken: 'r', expiresAt: NOW + HOUR_MS, extra });

describe('TokenShelf', () => {
  it('answers what was put, whole', async () => {
    const { shelf, store } = start();
    const put = shelved('a', { token: withRefreshToken({ tenant: 7 }), redeeming: true });
    expect(await shelf.put(put)).toBe('written');
    const read = await start(store).shelf.read();
    expect(read).toMatchObject({ obtainedAt: NOW, generation: NOW, redeeming: true });
    expect(read?.token).toMatchObject({ accessToken: 'a', refreshToken: 'r', extra: { tenant: 7 } });
  });

  it('has nothing without a storage, and writes nothing', async () => {
    const shelf = new TokenShelf(
      () => undefined,
      () => 'key',
      clock,
      () => undefined,
    );
    expect(await shelf.put(shelved('a'))).toBe('failed');
    expect(await shelf.read()).toBeUndefined();
    expect(await shelf.acquire(1_000, new AbortController().signal)).toBe('down');
    expect(shelf.nextLook(5_000)).toBe(Infinity);
  });

  it('reads after every write that was made before', async () => {
    const { shelf, store } = start();
    const gate: (() => void)[] = [];
    store.turn = new Promise((resolve) => void gate.push(resolve));
    const writing = [shelf.put(shelved('first')), shelf.put(shelved('second'))];
    const reading = shelf.read();
    await settle();
    expect(store.log).toEqual([]);
    gate[0]?.();
    await Promise.all(writing);
    expect((await reading)?.token.accessToken).toBe('second');
    expect(store.log).toEqual(['set', 'set', 'get']);
  });

  it.each<[string, Token, number]>([
    ['as long as the access token is good', shelved('a').token, HOUR_MS],
    ['for a day, where it has no end', new Token({ accessToken: 'a' }), DAY_MS],
    ['for 30 days, where there is a refresh token', withRefreshToken(), 30 * DAY_MS],
    ['as long as the issuer says of the refresh token', withRefreshToken({ refresh_expires_in: 7_200 }), 2 * HOUR_MS],
    ['no shorter than the access token is good', withRefreshToken({ refresh_token_expires_in: 60 }), HOUR_MS],
  ])('keeps a token %s', async (_name, token, ttlMs) => {
    const { shelf, store } = start();
    await shelf.put(shelved('a', { token }));
    expect(store.ttls).toEqual([ttlMs]);
  });

  it('follows its key: a rotated secret moves the token', async () => {
    let key = 'before';
    const { shelf, store, heard } = start(new Store(), () => key);
    await shelf.put(shelved('a'));
    key = 'after';
    expect(await shelf.read()).toBeUndefined();
    await shelf.put(shelved('b'));
    expect([...store.values.keys()]).toEqual(['before', 'after']);
    await store.publish('', 'stranger before');
    expect(heard.times).toBe(0);
    await store.publish('', 'stranger after');
    expect(heard.times).toBe(1);
  });

  describe('buries', () => {
    it('the token it is told, and keeps its refresh token', async () => {
      const { shelf } = start();
      const { token } = shelved('a', { token: withRefreshToken() });
      await shelf.put(shelved('a', { token }));
      expect((await shelf.bury(token))?.fingerprint).toBe(token.fingerprint);
      const stored = await shelf.read();
      expect(stored).toMatchObject({ rejected: true, generation: NOW + 1 });
      expect(stored?.token.refreshToken).toBe('r');
    });

    it('its refresh token, too, when it was revoked', async () => {
      const { shelf } = start();
      await shelf.put(shelved('a', { token: withRefreshToken() }));
      await shelf.bury(withRefreshToken(), true);
      expect((await shelf.read())?.token.refreshToken).toBeUndefined();
    });

    it('whatever there is, when it is told of none', async () => {
      const { shelf } = start();
      await shelf.put(shelved('a'));
      expect((await shelf.bury(undefined))?.accessToken).toBe('a');
    });

    it.each<[string, ShelvedToken | undefined]>([
      ['a newer token', shelved('newer')],
      ['what is buried already', shelved('a', { rejected: true })],
      ['nothing', undefined],
    ])('not %s', async (_name, stored) => {
      const { shelf, store } = start();
      if (stored !== undefined) await shelf.put(stored);
      const before = [...store.values];
      expect(await shelf.bury(shelved('a').token)).toBeUndefined();
      expect([...store.values]).toEqual(before);
    });
  });

  describe('hears of changes', () => {
    it('that others announce, under its own key only', async () => {
      const { shelf, store, heard } = start();
      const other = start(store);
      await shelf.read();
      await other.shelf.read();
      await settle();
      other.shelf.announce();
      expect(heard.times).toBe(1);
      await store.publish('', 'stranger another-key');
      expect(heard.times).toBe(1);
    });

    it('and need not look again while every change is announced', async () => {
      const { shelf } = start();
      expect(shelf.nextLook(5_000)).toBe(NOW + 5_000);
      await shelf.read();
      await settle();
      expect(shelf.nextLook(5_000)).toBe(Infinity);
    });

    it('and waits no longer for one that came before it began to wait', async () => {
      const { shelf, store } = start();
      await shelf.read();
      await settle();
      const since = shelf.changes;
      await store.publish('', 'stranger key');
      // No time passes here: whoever waited would wait for ever.
      await shelf.changed(since, 1_000, new AbortController().signal);
      const waiting = shelf.changed(shelf.changes, 1_000, new AbortController().signal);
      await settle();
      await store.publish('', 'stranger key');
      await expect(waiting).resolves.toBeUndefined();
    });

    it('and gives up waiting when its caller does', async () => {
      const { shelf } = start();
      const caller = new AbortController();
      const waiting = shelf.changed(shelf.changes, 1_000, caller.signal);
      caller.abort(new Error('I left'));
      await expect(waiting).rejects.toThrow('I left');
    });

    it('no longer when it is closed, however it is used afterwards', async () => {
      const { shelf, store, heard } = start();
      await shelf.read();
      await settle();
      shelf.close();
      await shelf.put(shelved('a'));
      await shelf.read();
      await store.publish('', 'stranger key');
      expect(heard.times).toBe(0);
    });
  });

  it('leaves notes only where the lock is one for many processes', async () => {
    const alone = start();
    await alone.shelf.writeNote('text', 1_000);
    expect([await alone.shelf.readNote(), alone.store.values.size, alone.shelf.shared]).toEqual([undefined, 0, false]);
  });

  it('takes what a stranger wrote for nothing', async () => {
    const { shelf, store } = start();
    for (const text of ['x', '{}', JSON.stringify({ v: 1, token: { accessToken: 'a\r\nb', tokenType: 'Bearer' } })]) {
      store.values.set('key', text);
      expect(await shelf.read()).toBeUndefined();
    }
  });
});
