import { AuthenticationError, ClientClosedError } from '../../errors.js';
import type { Lease, TokenLock, TokenSignal } from '../../lock/token-lock.js';
import { type ForgeAuthEvent, Observers } from '../../observer.js';
import { GuardedStorage } from '../../storage/guarded-storage.js';
import type { TokenStorage } from '../../storage/token-storage.js';
import { FakeClock } from '../../testing/fake-clock.js';
import type { ServiceScope } from '../runtime.js';
import { Token } from '../token.js';
import type { SlotEvents } from './slot-events.js';
import { TokenSlot } from './token-slot.js';
import type { TokenWork } from './token-work.js';

const HOUR_MS = 3_600_000;
/** Ages of a token of an hour. */
const [DUE_MS, LEEWAY_MS] = [HOUR_MS - 120_000, HOUR_MS - 30_000];

/** One store, lock and signal of many processes, in virtual time. */
class Fleet {
  readonly clock = new FakeClock();
  processes = 0;
  readonly values = new Map<string, string>();
  readonly holders = new Map<string, object>();
  /** Listeners miss what is announced. */
  deaf = false;
  /** Reads wait for it. */
  turn: Promise<void> | undefined;
  reads = 0;
  lockIsDown = false;
  releaseFails = false;
  /** Writes take the place of older ones alone. */
  fenced = false;
  /** Writes of no later generation are refused, as by a store whose clock is ahead. */
  ahead = 0;
  takesWrites = true;
  readonly #listeners = new Set<(message: string) => void>();
  #generation = 0;

  readonly #lock: TokenLock = {
    acquire: async (key) => {
      if (this.lockIsDown) throw new Error('down');
      return this.#acquire(key);
    },
  };

  readonly #signal: TokenSignal = {
    publish: async (_channel, message) => {
      if (!this.deaf) for (const listener of this.#listeners) listener(message);
    },
    subscribe: async (_channel, listener, onStateChange) => {
      this.#listeners.add(listener);
      onStateChange?.(true);
      return () => void this.#listeners.delete(listener);
    },
  };

  /** A process of the fleet. @param announces whether changes are announced to it */
  process(work: Partial<TokenWork> = {}, { announces = true, locked = true } = {}): Process {
    this.processes += 1;
    const storage: TokenStorage = {
      get: async (key) => {
        if (key === 'key') this.reads += 1;
        const value = this.values.get(key);
        await this.turn;
        return value;
      },
      set: async (key, value) => {
        if (!this.takesWrites) throw new Error('down');
        if (value === '') this.values.delete(key);
        else this.values.set(key, value);
      },
      ...(this.fenced && { setIfNewer: (key, value, _ttlMs, generation) => this.#setIfNewer(key, value, generation) }),
      ...(announces && { createSignal: () => this.#signal }),
    };
    return new Process(this, storage, locked ? this.#lock : undefined, work);
  }

  /** Announces that something has changed, as a stranger does. */
  announce(): void {
    for (const listener of this.#listeners) listener('stranger key');
  }

  async #setIfNewer(key: string, value: string, generation: number): Promise<boolean> {
    const stands = JSON.parse(this.values.get(key) ?? '{"generation":0}') as { generation: number };
    if (generation <= Math.max(stands.generation, this.ahead)) return false;
    this.values.set(key, value);
    return true;
  }

  #acquire(key: string): Lease | null {
    if (this.holders.has(key)) return null;
    const holder = {};
    this.holders.set(key, holder);
    this.#generation = Math.max(this.#generation + 1, this.clock.now());
    return {
      generation: this.#generation,
      extend: async () => this.holders.get(key) === holder,
      release: async () => {
        if (this.holders.get(key) === holder) this.holders.delete(key);
        if (this.releaseFails) throw new Error('not allowed');
      },
    };
  }
}

type Obtain = (count: number, ...args: Parameters<TokenWork['obtain']>) => Promise<Token>;

class Process {
  readonly slot: TokenSlot;
  /** What each request was sent with. */
  readonly asked: (Token | undefined)[] = [];
  readonly lines: string[] = [];
  readonly events: ForgeAuthEvent[] = [];
  readonly reported: string[] = [];
  readonly observer = new Observers();
  answer: Obtain = async (count) => this.token(`${this.#name}-${count}`);
  readonly #fleet: Fleet;
  readonly #name: string;

  constructor(fleet: Fleet, store: TokenStorage, lock: TokenLock | undefined, work: Partial<TokenWork>) {
    this.#fleet = fleet;
    this.#name = fleet.processes === 1 ? 'token' : `token-of-${fleet.processes}`;
    const { clock } = fleet;
    const log = (line: string): void => void this.lines.push(line);
    const logger = { debug: log, log, warn: log, error: log };
    const storage = new GuardedStorage(store, { clock, logger, lock, encryption: undefined });
    const scope = {
      clock,
      logger,
      observer: this.observer,
      owner: '"orders"',
      serviceName: 'orders',
      storage: () => storage,
      jitter: 0,
      revealCauses: false,
      settings: {
        refreshWindowMs: 120_000,
        expiryLeewayMs: 30_000,
        defaultTtlMs: undefined,
        deadlineMs: 10_000,
        nearCacheTtlMs: 5_000,
      },
    } as unknown as ServiceScope;
    const events: SlotEvents = {
      refreshed: (token, previous) =>
        void this.reported.push(`refreshed ${token.accessToken} ${previous?.accessToken}`),
      invalidated: (token) => void this.reported.push(`invalidated ${token.accessToken}`),
      failed: (error) => void this.reported.push(`failed ${(error as Error).message}`),
    };
    this.slot = new TokenSlot(
      scope,
      {
        key: () => 'key',
        endpoint: undefined,
        ttlMs: undefined,
        obtain: async (previous, signal, claim, report) => {
          this.asked.push(previous);
          return this.answer(this.asked.length, previous, signal, claim, report);
        },
        revoke: async () => undefined,
        introspect: async () => ({ active: true }),
        ...work,
      },
      events,
    );
  }

  token(accessToken: string, lasts = HOUR_MS, refreshToken?: string): Token {
    const expiresAt = this.#fleet.clock.now() + lasts;
    return new Token({ accessToken, expiresAt, ...(refreshToken !== undefined && { refreshToken }) });
  }

  observe(): void {
    this.observer.add({ event: (event) => void this.events.push(event) });
  }

  eventsOf(type: ForgeAuthEvent['type']): ForgeAuthEvent[] {
    return this.events.filter((event) => event.type === type);
  }

  async get(signal?: AbortSignal): Promise<string> {
    return (await this.slot.get(signal)).accessToken;
  }

  async force(): Promise<string> {
    return (await this.slot.forceRefresh()).accessToken;
  }

  fails(): void {
    this.answer = async () => {
      throw new AuthenticationError('It is down.');
    };
  }

  works(): void {
    this.answer = async (count) => this.token(`${this.#name}-${count}`);
  }
}

/** A gate that work waits at, and how it is opened. */
function gate(): { readonly passed: Promise<void>; readonly open: () => void } {
  const controller = new AbortController();
  const passed = new Promise<void>((resolve) => controller.signal.addEventListener('abort', () => resolve()));
  return { passed, open: () => controller.abort() };
}

async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  return work.then(
    () => undefined,
    (error: AuthenticationError) => error.code,
  );
}

let fleet: Fleet;
let one: Process;
beforeEach(() => {
  fleet = new Fleet();
  one = fleet.process();
});

describe('a token in use', () => {
  it('a token in use is answered until it is due, then as well while one new one is asked for', async () => {
    expect(await one.get()).toBe('token-1');
    await fleet.clock.advance(DUE_MS - 1);
    one.observe();
    expect(one.slot.peekFresh()?.accessToken).toBe('token-1');
    expect(await one.get()).toBe('token-1');
    expect(one.eventsOf('token_served')).toMatchObject([{ age: 'fresh' }, { age: 'fresh' }]);
    await fleet.clock.advance(1);
    const { passed, open } = gate();
    one.answer = async () => (await passed, one.token('token-2'));
    expect(one.slot.peekFresh()).toBeUndefined();
    expect(await Promise.all([one.get(), one.get()])).toEqual(['token-1', 'token-1']);
    expect(one.eventsOf('token_served').at(-1)).toMatchObject({ age: 'due' });
    await fleet.clock.advance(0);
    open();
    await fleet.clock.advance(0);
    expect([await one.get(), one.asked.length]).toEqual(['token-2', 2]);
    expect(one.reported).toEqual(['refreshed token-1 undefined', 'refreshed token-2 token-1']);
    expect(one.eventsOf('token_request')).toMatchObject([{ cause: 'window', outcome: 'obtained', shared: false }]);
  });

  it('a token in use is waited for in its leeway, and used after all while no new one comes', async () => {
    await one.get();
    one.fails();
    await fleet.clock.advance(LEEWAY_MS);
    one.observe();
    expect(await one.get()).toBe('token-1');
    expect(one.eventsOf('token_served')).toMatchObject([{ age: 'leeway' }]);
    expect(one.eventsOf('token_wait')).toHaveLength(1);
    await fleet.clock.advance(30_000);
    expect(await codeOf(one.get())).toBe('FORGE_AUTH_TOKEN_REQUEST_FAILED');
    one.works();
    await fleet.clock.advance(1_000);
    expect(await one.get()).toBe('token-4');
  });

  it('a token in its leeway is nothing to a caller that left', async () => {
    await one.get();
    await fleet.clock.advance(LEEWAY_MS);
    one.answer = () => new Promise(() => undefined);
    const caller = new AbortController();
    const getting = one.get(caller.signal);
    await fleet.clock.advance(0);
    caller.abort(new Error('I left'));
    await expect(getting).rejects.toThrow('I left');
  });

  it('a token in use is renewed no sooner than its endpoint is left alone for', async () => {
    await one.get();
    one.fails();
    for (let failures = 0; failures < 2; failures += 1) await codeOf(one.force());
    await fleet.clock.advance(DUE_MS);
    for (let failures = 0; failures < 2; failures += 1) {
      await one.get();
      await fleet.clock.advance(0);
    }
    const asked = one.asked.length;
    await fleet.clock.advance(1_799);
    await one.get();
    await fleet.clock.advance(0);
    expect(one.asked).toHaveLength(asked);
    await fleet.clock.advance(1_801);
    await one.get();
    await fleet.clock.advance(0);
    expect(one.asked).toHaveLength(asked + 1);
  });
});

it('a token whose endpoint is to be left alone for longer is not fresh in its leeway', async () => {
  await one.get();
  await fleet.clock.advance(DUE_MS);
  one.answer = async () => {
    throw new AuthenticationError('It is down.', { retryAfterMs: 600_000 });
  };
  await one.get();
  await fleet.clock.advance(0);
  await one.get();
  await fleet.clock.advance(LEEWAY_MS - DUE_MS - 1);
  expect(one.slot.peekFresh()?.accessToken).toBe('token-1');
  await fleet.clock.advance(1);
  expect([one.slot.peekFresh(), await one.get(), one.asked.length]).toEqual([undefined, 'token-1', 2]);
});

describe('a forced renewal', () => {
  it('a forced renewal asks for a new token though the current one is fresh, and reports how long that took', async () => {
    await one.get();
    one.observe();
    one.answer = async () => {
      await new Promise<void>((resolve) => fleet.clock.after(40, resolve));
      return one.token('new');
    };
    const forced = one.force();
    await fleet.clock.advance(40);
    expect(await forced).toBe('new');
    expect(one.eventsOf('token_request')).toMatchObject([{ cause: 'forced' }]);
    expect(one.eventsOf('token_wait')).toMatchObject([{ durationMs: 40 }]);
  });
});

describe('a rejected token', () => {
  it('a rejected token is replaced by one that was obtained for it, and by none while that one is rejected, too', async () => {
    one.observe();
    const first = await one.slot.get();
    const replaced = await one.slot.replace(first);
    expect(replaced).toMatchObject({ token: { accessToken: 'token-2' }, obtainedAfterRejection: true });
    expect(one.slot.reject(first)).toBe(true);
    expect(one.eventsOf('token_rejected')).toHaveLength(1);
    const second = replaced?.token as Token;
    expect(one.slot.reject(second)).toBe(false);
    expect(await one.slot.replace(second)).toBeUndefined();
    expect([await one.get(), one.asked.length, one.eventsOf('token_rejected').length]).toEqual(['token-2', 2, 3]);
    one.slot.recordOutcome(second, true);
    expect(one.slot.reject(second)).toBe(true);
  });

  it('a rejected token is replaced though renewal pauses once it is known that it was revoked', async () => {
    const first = await one.slot.get();
    const second = (await one.slot.replace(first))?.token as Token;
    expect(await one.slot.replace(second)).toBeUndefined();
    one.slot.resume(first);
    expect(await one.slot.replace(second)).toBeUndefined();
    one.slot.resume(second);
    expect((await one.slot.replace(second))?.token.accessToken).toBe('token-3');
  });

  it('a rejected token is waited for no longer than its caller stays', async () => {
    const token = await one.slot.get();
    one.answer = () => new Promise(() => undefined);
    const caller = new AbortController();
    const replacing = one.slot.replace(token, caller.signal);
    await fleet.clock.advance(0);
    caller.abort(new Error('I left'));
    await expect(replacing).rejects.toThrow('I left');
  });

  it('a rejected token that the issuer answers again is not asked for a third time', async () => {
    const same = one.token('same');
    one.answer = async () => same;
    await one.get();
    expect(await one.slot.replace(same)).toBeUndefined();
    expect(one.slot.reject(same)).toBe(false);
    expect(one.asked).toHaveLength(2);
  });

  it('a rejected token whose renewal fails is marked in storage: no other process takes it', async () => {
    const other = fleet.process();
    const token = await one.slot.get();
    one.fails();
    one.slot.reject(token);
    await codeOf(one.get());
    await fleet.clock.advance(0);
    expect(await other.get()).toBe('token-of-2-1');
    expect([other.asked.length, one.reported]).toEqual([
      1,
      ['refreshed token-1 undefined', 'invalidated token-1', 'failed It is down.'],
    ]);
  });
});

describe('a token that its issuer hands out until it runs out', () => {
  it.each([
    ['is used for the moment', false, 'same'],
    ['is not where a service has rejected it', true, 'FORGE_AUTH_TOKEN_EXPIRED_ON_ARRIVAL'],
  ])('a token that its issuer hands out until it runs out %s', async (_name, rejected, expected) => {
    const expiresAt = fleet.clock.now() + 2_000;
    one.answer = async () => new Token({ accessToken: 'same', expiresAt });
    const token = await one.slot.get();
    await fleet.clock.advance(1_900);
    if (rejected) one.slot.reject(token);
    const got = one.get().catch((error: AuthenticationError) => error.code);
    await fleet.clock.advance(1_200);
    expect(await got).toBe(expected);
  });
});

it('a token that is rejected again after the issuer answered it once more is renewed no more, for 30 s', async () => {
  const same = one.token('same');
  one.answer = async () => same;
  await one.get();
  await fleet.clock.advance(31_000);
  expect(await one.slot.replace(same)).toBeUndefined();
  expect([one.slot.reject(same), one.asked.length]).toEqual([false, 2]);
  await fleet.clock.advance(30_000);
  expect(one.slot.reject(same)).toBe(true);
});

it('a token that was accepted and is answered again after its rejection is not asked for once more, for 30 s', async () => {
  const same = one.token('same');
  one.answer = async () => same;
  await one.get();
  one.slot.recordOutcome(same, true);
  expect(await one.slot.replace(same)).toBeUndefined();
  expect([one.slot.reject(same), one.asked.length]).toEqual([false, 2]);
});

it('a caller who leaves ends the renewal that it forced, though the token is due and others use it', async () => {
  await one.get();
  await fleet.clock.advance(DUE_MS);
  let ended: AbortSignal | undefined;
  one.answer = (_count, _previous, signal) => {
    ended = signal;
    return new Promise(() => undefined);
  };
  const caller = new AbortController();
  const forced = codeOf(one.slot.forceRefresh(caller.signal));
  await fleet.clock.advance(0);
  expect(await one.get()).toBe('token-1');
  caller.abort(new Error('I left'));
  await forced;
  expect(ended?.aborted).toBe(true);
});

describe('a token whose key cannot be made any more', () => {
  it('a token whose key cannot be made any more fails its callers with the reason, and harms nobody else', async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown): void => void unhandled.push(error);
    process.on('unhandledRejection', note);
    let isUp = true;
    one = fleet.process({
      key: async () => {
        if (isUp) return 'key';
        throw new AuthenticationError('The secret is gone.');
      },
    });
    const token = await one.slot.get();
    isUp = false;
    fleet.announce();
    await fleet.clock.advance(0);
    one.slot.reject(token);
    await expect(one.slot.get()).rejects.toThrow('The secret is gone.');
    await fleet.clock.advance(0);
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', note);
    expect([unhandled, one.asked.length]).toEqual([[], 1]);
  });
});

describe('invalidation', () => {
  it('invalidation of a token that is not the current one changes nothing', async () => {
    await one.get();
    await one.slot.invalidate(new Token({ accessToken: 'other' }));
    expect([await one.get(), one.asked.length, one.reported.length]).toEqual(['token-1', 1, 1]);
  });

  it('invalidation reaches every process, and is reported', async () => {
    const other = fleet.process();
    await one.get();
    expect(await other.get()).toBe('token-1');
    one.observe();
    await one.slot.invalidate();
    await fleet.clock.advance(0);
    expect([one.slot.peek(), other.slot.peek()]).toEqual([undefined, undefined]);
    expect(one.eventsOf('token_invalidated')).toHaveLength(1);
    expect(other.reported).toEqual(['invalidated token-1']);
  });

  it.each([
    ['the lock is up', false],
    ['no lock can be obtained', true],
  ])(
    'invalidation, and what is forgotten, reaches every process where %s and writes are fenced',
    async (_name, down) => {
      fleet.fenced = true;
      fleet.lockIsDown = down;
      const [here, there] = [fleet.process(), fleet.process()];
      for (const drop of ['invalidate', 'forget'] as const) {
        await here.slot.set(here.token(drop));
        expect(await there.get()).toBe(drop);
        await here.slot[drop]();
        await fleet.clock.advance(0);
        expect([there.slot.peek(), there.reported.at(-1)]).toEqual([undefined, `invalidated ${drop}`]);
        await fleet.clock.advance(1_000);
      }
      expect(there.asked).toEqual([]);
    },
  );

  it('what is forgotten is so though the clock of the store is ahead', async () => {
    fleet.fenced = true;
    one = fleet.process();
    await one.get();
    fleet.ahead = fleet.clock.now() + 900;
    await one.slot.forget();
    expect(await fleet.process().slot.has()).toBe(false);
  });

  it.each(['forget', 'discard'] as const)(
    'a process that holds nothing and is to %s the stored token uses it no more, though the store takes no writes',
    async (drop) => {
      await one.get();
      const other = fleet.process();
      fleet.takesWrites = false;
      await other.slot[drop]();
      expect([await other.get(), other.asked.length]).toEqual(['token-of-2-1', 1]);
    },
  );

  it('invalidation in a process that holds nothing keeps it from the stored token, though the store takes no writes', async () => {
    await one.get();
    const other = fleet.process();
    fleet.takesWrites = false;
    await other.slot.invalidate();
    expect([await other.get(), other.asked.length]).toEqual(['token-of-2-1', 1]);
  });

  it('the discarding of a token takes a newer one of another process with it', async () => {
    const other = fleet.process({}, { announces: false });
    await other.get();
    one.answer = async () => one.token('newer');
    await one.force();
    await other.slot.discard();
    expect(other.slot.peek()).toBeUndefined();
    other.answer = async () => other.token('newest');
    expect([await other.get(), other.asked.length]).toEqual(['newest', 2]);
    expect(other.reported).toContain('invalidated token-of-2-1');
  });

  it('a token that is forgotten is gone with its refresh token, here and elsewhere; of others nothing is', async () => {
    one.answer = async () => one.token('a', HOUR_MS, 'r');
    await one.get();
    expect(await one.slot.forget((token) => token.accessToken === 'b')).toBe(false);
    expect([await one.slot.has(), await fleet.process().slot.has()]).toEqual([true, true]);
    expect(await one.slot.forget()).toBe(true);
    expect([await one.slot.has(), await fleet.process().slot.has(), one.slot.last]).toEqual([false, false, undefined]);
    await one.get();
    expect(one.asked.map((previous) => previous?.refreshToken)).toEqual([undefined, undefined]);
  });

  it.each([
    [undefined, ['a', 'r'], undefined],
    ['refresh_token', ['a', 'r'], undefined],
    ['access_token', ['a', undefined], 'r'],
  ] as const)('the revocation of %s is asked for what it names, and leaves the rest', async (kind, revoked, left) => {
    const asked: unknown[] = [];
    one = fleet.process({ revoke: async (token) => void asked.push([token.accessToken, token.refreshToken]) });
    one.answer = async () => one.token('a', HOUR_MS, 'r');
    await one.get();
    await one.slot.revoke(kind);
    expect([asked, one.slot.peek(), one.slot.last?.refreshToken]).toEqual([[revoked], undefined, left]);
    expect(await fleet.process().slot.has()).toBe(left !== undefined);
  });

  it('the revocation of a refresh token that there is not is refused, and of nothing changes nothing', async () => {
    await one.slot.revoke('refresh_token');
    await one.get();
    await expect(one.slot.revoke('refresh_token')).rejects.toThrow(
      'The token of "orders" has no refresh token to revoke.',
    );
    expect(one.slot.peek()?.accessToken).toBe('token-1');
  });
});

describe('a token that is set', () => {
  it('a token that is set is used here and elsewhere, though it was rejected before', async () => {
    const other = fleet.process();
    const token = await one.slot.get();
    await other.get();
    await one.slot.invalidate(token);
    const set = one.token('set');
    await one.slot.set(set);
    await fleet.clock.advance(0);
    expect([one.slot.peek(), other.slot.peek()?.accessToken]).toEqual([set, undefined]);
    expect([await other.get(), other.asked.length]).toEqual(['set', 0]);
    await one.slot.invalidate(set);
    await one.slot.set(set);
    expect([await one.get(), one.asked.length]).toEqual(['set', 1]);
  });

  it('a token that is set takes the place of the one in use elsewhere', async () => {
    const other = fleet.process();
    await one.get();
    await other.get();
    await one.slot.set(one.token('set'));
    await fleet.clock.advance(0);
    expect(other.slot.peek()?.accessToken).toBe('set');
  });
});

it('a token that is set again after its rejection is found good in storage, too', async () => {
  one = fleet.process({}, { announces: false });
  const set = one.token('set');
  await one.slot.set(set);
  one.slot.reject(set);
  await one.slot.set(set);
  await fleet.clock.advance(5_000);
  await one.get();
  await fleet.clock.advance(0);
  one.slot.release();
  expect([await one.get(), one.asked.length]).toEqual(['set', 0]);
  one.slot.close();
  expect(await fleet.process().get()).toBe('set');
});

it('a token that is set again after its rejection stays good for others when a renewal fails', async () => {
  const other = fleet.process();
  const set = one.token('set');
  await one.slot.set(set);
  one.slot.reject(set);
  await one.slot.set(set);
  one.fails();
  await codeOf(one.force());
  await fleet.clock.advance(0);
  expect([await other.get(), await one.get(), other.asked.length]).toEqual(['set', 'set', 0]);
});

it('a token that is set is stored with its refresh token where only a person could bring another, lock or none', async () => {
  for (const [rerunnable, isStored] of [
    [false, true],
    [true, false],
  ] as const) {
    fleet = new Fleet();
    one = fleet.process({ rerunnable }, { locked: false });
    await one.slot.set(one.token('set', HOUR_MS, 'r'));
    expect(fleet.values.get('key')?.includes('refreshToken')).toBe(isStored);
  }
});

it('what is announced during a renewal is looked at after it', async () => {
  const { passed, open } = gate();
  one.answer = async () => (await passed, one.token('new'));
  const getting = one.get();
  await fleet.clock.advance(1);
  expect(one.asked).toHaveLength(1);
  fleet.announce();
  await fleet.clock.advance(1);
  const { reads } = fleet;
  fleet.deaf = true;
  open();
  await getting;
  await fleet.clock.advance(1);
  expect(fleet.reads - reads).toBe(1);
});

describe('what another process stored', () => {
  it('what another process stored is adopted only where nothing is in use and it is good', async () => {
    const other = fleet.process();
    expect(await other.slot.adoptStored()).toBe(false);
    const token = await one.slot.get();
    expect([await other.slot.adoptStored(), other.slot.peek()?.accessToken]).toEqual([true, 'token-1']);
    expect(await other.slot.adoptStored()).toBe(false);
    other.slot.reject(token);
    expect([await other.slot.adoptStored(), other.slot.peek()]).toEqual([false, undefined]);
  });

  it('what another process stored is looked at every five seconds where nothing is announced, while its user goes on', async () => {
    const other = fleet.process({}, { announces: false });
    await one.get();
    await other.get();
    one.answer = async () => one.token('newer');
    await one.force();
    await fleet.clock.advance(4_999);
    const { reads } = fleet;
    await other.get();
    await fleet.clock.advance(0);
    expect([await other.get(), fleet.reads]).toEqual(['token-1', reads]);
    await fleet.clock.advance(1);
    expect(await other.get()).toBe('token-1');
    await fleet.clock.advance(0);
    expect([await other.get(), fleet.reads]).toEqual(['newer', reads + 1]);
    await one.slot.invalidate();
    await fleet.clock.advance(5_000);
    expect(await other.get()).toBe('newer');
    await fleet.clock.advance(0);
    expect([other.slot.peek(), other.reported]).toEqual([undefined, ['invalidated newer']]);
  });

  it('what another process stored is looked at once in five seconds, however many use the token', async () => {
    const other = fleet.process({}, { announces: false });
    await one.get();
    await other.get();
    const { reads } = fleet;
    for (const looks of [1, 2]) {
      await fleet.clock.advance(5_000);
      for (let uses = 0; uses < 3; uses += 1) {
        await other.get();
        await fleet.clock.advance(1_000);
      }
      expect(fleet.reads - reads).toBe(looks);
    }
  });

  it('what is announced while storage is looked at is looked at once more', async () => {
    const other = fleet.process();
    await one.get();
    await other.get();
    const slow = gate();
    fleet.turn = slow.passed;
    const { reads } = fleet;
    await one.slot.set(one.token('second')).catch(() => undefined);
    await fleet.clock.advance(0);
    await one.slot.set(one.token('third'));
    await fleet.clock.advance(0);
    // Each of the two processes has one look under way.
    expect(fleet.reads - reads).toBe(2);
    slow.open();
    await fleet.clock.advance(0);
    expect(fleet.reads - reads).toBe(4);
    expect(other.slot.peek()?.accessToken).toBe('third');
  });

  it('what another process stored in its leeway is used while no new one can be obtained', async () => {
    await one.get();
    await fleet.clock.advance(LEEWAY_MS);
    const other = fleet.process();
    other.fails();
    expect([await other.get(), other.asked.length]).toEqual(['token-1', 1]);
  });

  it('a renewal that finds what another process stored asks nobody, calls no listener, and reports it as shared', async () => {
    await one.get();
    const other = fleet.process();
    other.observe();
    expect(await other.get()).toBe('token-1');
    expect([other.asked, other.reported]).toEqual([[], []]);
    expect(other.eventsOf('token_request')).toMatchObject([{ shared: true, outcome: 'obtained', cause: 'missing' }]);
  });
});

async function both(): Promise<{ other: Process; open: () => void; got: Promise<string[]> }> {
  const other = fleet.process();
  const { passed, open } = gate();
  one.answer = async () => (await passed, one.token('shared'));
  other.answer = async () => other.token('other');
  const first = one.get();
  await fleet.clock.advance(0);
  const got = Promise.all([first.catch(String), other.get()]);
  await fleet.clock.advance(0);
  return { other, open, got };
}

describe('of two processes that need a token one asks', () => {
  it('of two processes that need a token one asks, and the other takes what it announces', async () => {
    const { other, open, got } = await both();
    open();
    await fleet.clock.advance(0);
    expect([await got, other.asked.length]).toEqual([['shared', 'shared'], 0]);
    expect(fleet.holders.size).toBe(0);
  });

  it('of two processes that need a token one asks, and the other finds it within 375 ms, announced or not', async () => {
    const { other, open, got } = await both();
    fleet.deaf = true;
    open();
    await fleet.clock.advance(0);
    const { reads } = fleet;
    await fleet.clock.advance(312);
    expect([other.slot.peek(), fleet.reads]).toEqual([undefined, reads]);
    await fleet.clock.advance(1);
    expect([await got, other.asked.length]).toEqual([['shared', 'shared'], 0]);
  });

  it('of two processes that need a token one asks, and the other asks as soon as that one has failed', async () => {
    const other = fleet.process();
    const slow = gate();
    one.answer = async () => {
      await slow.passed;
      throw new AuthenticationError('It is down.');
    };
    const forced = codeOf(one.force());
    await fleet.clock.advance(0);
    const waiting = other.force();
    await fleet.clock.advance(0);
    expect(other.asked).toHaveLength(0);
    slow.open();
    await fleet.clock.advance(0);
    expect([await forced, await waiting]).toEqual(['FORGE_AUTH_TOKEN_REQUEST_FAILED', 'token-of-2-1']);
  });

  it('of two processes that need a token the one that waits looks once for each announcement', async () => {
    const { open, got } = await both();
    const { reads } = fleet;
    for (const expected of [1, 2]) {
      fleet.announce();
      await fleet.clock.advance(10);
      expect(fleet.reads).toBe(reads + expected);
    }
    open();
    await fleet.clock.advance(0);
    expect(await got).toEqual(['shared', 'shared']);
  });

  it('of two processes that write a token at once the later one counts, in the store and for both', async () => {
    fleet.fenced = true;
    one = fleet.process();
    const other = fleet.process();
    const { passed, open } = gate();
    one.answer = async () => (await passed, one.token('late'));
    const getting = one.get();
    await fleet.clock.advance(5);
    await other.slot.set(other.token('set'));
    open();
    expect([await getting, await one.get(), await fleet.process().get()]).toEqual(Array(3).fill('set'));
  });

  it.each([
    ['its lease was lost', false],
    ['its write comes too late', true],
  ])('of two processes that renew a token all use the later one: %s', async (_name, fenced) => {
    fleet.fenced = fenced;
    one = fleet.process();
    const { other, open, got } = await both();
    fleet.holders.clear();
    fleet.announce();
    await fleet.clock.advance(2_000);
    expect(other.slot.peek()?.accessToken).toBe('other');
    open();
    expect([await got, await fleet.process().get()]).toEqual([['other', 'other'], 'other']);
  });

  it('a lease that cannot be given back harms nobody: neither who asked, nor the process', async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown): void => void unhandled.push(error);
    process.on('unhandledRejection', note);
    fleet.releaseFails = true;
    expect(await one.get()).toBe('token-1');
    await one.slot.invalidate();
    one.fails();
    expect(await codeOf(one.get())).toBe('FORGE_AUTH_TOKEN_REQUEST_FAILED');
    await fleet.clock.advance(1);
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });

  it('of two processes that need a token both ask where no lock can be obtained', async () => {
    fleet.lockIsDown = true;
    const { other, got, open } = await both();
    open();
    await got;
    expect([one.asked.length, other.asked.length]).toEqual([1, 1]);
  });

  it('of two processes that force a renewal one asks, though another token is stored', async () => {
    await one.get();
    const other = fleet.process();
    const { passed, open } = gate();
    one.answer = async () => (await passed, one.token('new'));
    const first = one.force();
    await fleet.clock.advance(0);
    const second = other.force();
    await fleet.clock.advance(1_000);
    open();
    await fleet.clock.advance(400);
    expect([await first, await second, other.asked.length]).toEqual(['new', 'new', 0]);
  });
});

describe('a flight that fails', () => {
  it('a flight that fails by an error that is not ours is a transient failure that names the service', async () => {
    one.answer = async () => {
      throw new TypeError('canary');
    };
    await expect(one.slot.get()).rejects.toMatchObject({
      code: 'FORGE_AUTH_TOKEN_REQUEST_FAILED',
      transient: true,
      serviceName: 'orders',
    });
  });

  it('a flight whose callers leave while storage is read asks nobody', async () => {
    one = fleet.process({}, { locked: false });
    const slow = gate();
    fleet.turn = slow.passed;
    const caller = new AbortController();
    const code = codeOf(one.get(caller.signal));
    await fleet.clock.advance(0);
    caller.abort(new Error('I left'));
    slow.open();
    await code;
    await fleet.clock.advance(0);
    expect(one.asked).toEqual([]);
  });

  it('a flight that fails after another process obtained a token is the first to fail again', async () => {
    const other = fleet.process();
    await other.get();
    other.fails();
    await codeOf(other.force());
    await fleet.clock.advance(1);
    await one.force();
    await fleet.clock.advance(0);
    expect(other.slot.peek()?.accessToken).toBe('token-1');
    await codeOf(other.force());
    expect(await codeOf(other.force())).toBe('FORGE_AUTH_TOKEN_REQUEST_FAILED');
  });

  it('a flight that takes too long fails by its deadline, and counts as a failure, though its work goes on', async () => {
    one = fleet.process({}, { locked: false });
    one.answer = () => new Promise(() => undefined);
    for (let flights = 0; flights < 2; flights += 1) {
      const code = codeOf(one.get());
      await fleet.clock.advance(10_000);
      expect(await code).toBe('FORGE_AUTH_TOKEN_DEADLINE');
    }
    expect(await codeOf(one.get())).toBe('FORGE_AUTH_BACKOFF');
    expect(one.reported).toHaveLength(2);
  });

  it('a flight that fails is reported once, however many fail, and so is its end; what is held back is not reported', async () => {
    one.fails();
    for (let flights = 0; flights < 3; flights += 1) await codeOf(one.get());
    expect(one.reported).toEqual(['failed It is down.', 'failed It is down.']);
    one.works();
    await fleet.clock.advance(1_000);
    await one.get();
    expect(one.lines).toEqual(['It is down.', 'Tokens for "orders" are available again.']);
  });

  it('a flight that fails while the current token is good says that it stays', async () => {
    await one.get();
    one.fails();
    await codeOf(one.force());
    expect(one.lines).toEqual(['It is down. The current token stays in use until it expires.']);
  });

  it('a flight that fails for another token’s sake holds nothing back, and is no outage of this one', async () => {
    one = fleet.process({ isOwnFailure: () => false });
    one.fails();
    for (let flights = 0; flights < 3; flights += 1) await codeOf(one.get());
    expect([one.asked.length, one.lines, one.reported.length]).toEqual([3, [], 3]);
  });

  it('a flight whose callers have left says nothing of its endpoint, and is reported to no listener', async () => {
    one.answer = (_count, _previous, signal) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
    for (let flights = 0; flights < 3; flights += 1) {
      const caller = new AbortController();
      const code = codeOf(one.get(caller.signal));
      await fleet.clock.advance(0);
      caller.abort(new Error('I left'));
      await code;
      await fleet.clock.advance(400);
    }
    one.works();
    expect([await one.get(), one.reported, one.lines]).toEqual(['token-4', ['refreshed token-4 undefined'], []]);
  });

  it('a lease is kept while a request lasts: nobody else asks meanwhile', async () => {
    one.answer = async () => {
      await new Promise<void>((resolve) => fleet.clock.after(9_000, resolve));
      return one.token('slow');
    };
    const first = one.get();
    await fleet.clock.advance(0);
    const other = fleet.process();
    const second = other.get();
    await fleet.clock.advance(9_400);
    expect([await first, await second, other.asked.length]).toEqual(['slow', 'slow', 0]);
  });
});

describe('a refresh token', () => {
  it('a refresh token that was spent for a token nobody waits for any more is not lost with it', async () => {
    one.answer = async () => one.token('a', HOUR_MS, 'r1');
    await one.get();
    const { passed, open } = gate();
    one.answer = async () => (await passed, one.token('b', HOUR_MS, 'r2'));
    const caller = new AbortController();
    const left = codeOf(one.slot.forceRefresh(caller.signal));
    await fleet.clock.advance(0);
    caller.abort(new Error('I left'));
    open();
    await left;
    await fleet.clock.advance(0);
    expect([await fleet.process().get()]).toEqual(['b']);
  });

  it('a token that nobody waits for any more is dropped where no refresh token was spent for it', async () => {
    const { passed, open } = gate();
    one.answer = async () => (await passed, one.token('a'));
    const caller = new AbortController();
    const left = codeOf(one.slot.get(caller.signal));
    await fleet.clock.advance(0);
    caller.abort(new Error('I left'));
    open();
    await left;
    await fleet.clock.advance(0);
    expect([one.slot.peek(), fleet.values.has('key')]).toEqual([undefined, false]);
  });

  it('a refresh token that storage does not show for want of a lock is sent all the same', async () => {
    one = fleet.process({}, { locked: false });
    one.answer = async () => one.token('a', HOUR_MS, 'r');
    await one.get();
    expect(fleet.values.get('key')).not.toContain('refreshToken');
    await one.force();
    expect(one.asked[1]).toMatchObject({ accessToken: 'a', refreshToken: 'r' });
  });

  it.each([
    ['it is reported', true],
    ['it finds out', false],
  ])(
    'a user’s token that was dropped while it was renewed is not taken, and the user must sign in: %s',
    async (_name, announces) => {
      const work = { rerunnable: false, subject: 'hash-of-the-user' };
      one = fleet.process(work, { announces });
      const other = fleet.process(work);
      await one.slot.set(one.token('a', HOUR_MS, 'r1'));
      await other.slot.has();
      const { passed, open } = gate();
      one.answer = async (_count, _previous, _signal, claim) => {
        await claim();
        await passed;
        return one.token('b', HOUR_MS, 'r2');
      };
      const renewing = one.slot.forceRefresh();
      renewing.catch(() => undefined);
      await fleet.clock.advance(0);
      await fleet.clock.advance(5);
      expect(await other.slot.forget()).toBe(true);
      open();
      await expect(renewing).rejects.toMatchObject({
        code: 'FORGE_AUTH_AUTHORIZATION_REQUIRED',
        transient: false,
        serviceName: 'orders',
        subject: 'hash-of-the-user',
        message: 'The token for "orders" was dropped while it was renewed: the user must sign in.',
      });
      expect([one.slot.peek(), one.slot.last, await one.slot.has()]).toEqual([undefined, undefined, false]);
      expect(one.reported.filter((line) => line.startsWith('invalidated'))).toEqual(['invalidated a']);
    },
  );

  it('a machine’s token that was dropped while it was renewed is taken all the same', async () => {
    await one.get();
    const other = fleet.process();
    const { passed, open } = gate();
    one.answer = async () => (await passed, one.token('b'));
    const renewing = one.force();
    await fleet.clock.advance(5);
    await other.slot.forget();
    open();
    expect([await renewing, await one.get()]).toEqual(['b', 'b']);
  });

  it('a user who signs in while the token is renewed keeps what came of that', async () => {
    const work = { rerunnable: false };
    one = fleet.process(work);
    const other = fleet.process(work);
    await one.slot.set(one.token('a', HOUR_MS, 'r1'));
    const { passed, open } = gate();
    one.answer = async () => (await passed, one.token('b', HOUR_MS, 'r2'));
    const renewing = one.force();
    await fleet.clock.advance(5);
    await other.slot.set(other.token('signed-in', HOUR_MS, 'r3'));
    open();
    expect([await renewing, await one.get(), await fleet.process(work).get()]).toEqual(Array(3).fill('signed-in'));
  });
});

describe('the end', () => {
  it('the end of a slot aborts what is under way, and refuses whatever comes after', async () => {
    await one.get();
    one.answer = () => new Promise(() => undefined);
    const forced = one.force();
    forced.catch(() => undefined);
    await fleet.clock.advance(0);
    expect(one.slot.busy).toBe(true);
    one.slot.close();
    await expect(forced).rejects.toBeInstanceOf(ClientClosedError);
    for (const late of [one.slot.get(), one.slot.forceRefresh()])
      await expect(late).rejects.toBeInstanceOf(ClientClosedError);
    expect([one.slot.peek(), one.slot.last, one.slot.busy, one.lines]).toEqual([undefined, undefined, false, []]);
    expect(one.reported).toEqual(['refreshed token-1 undefined']);
  });

  it('a slot that is released hears of nothing any more, and looks from time to time', async () => {
    const other = fleet.process();
    await one.get();
    await other.get();
    other.slot.release();
    await one.slot.set(one.token('set'));
    await fleet.clock.advance(4_999);
    expect(await other.get()).toBe('token-1');
    await fleet.clock.advance(1);
    await other.get();
    await fleet.clock.advance(0);
    expect(await other.get()).toBe('set');
  });
});

it('what the issuer says of a token is that of a valid one', async () => {
  const asked: string[] = [];
  one = fleet.process({ introspect: async (token) => (asked.push(token.accessToken), { active: true }) });
  expect([await one.slot.introspect(), asked]).toEqual([{ active: true }, ['token-of-2-1']]);
});
