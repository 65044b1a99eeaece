import { AuthenticationError } from '../../errors.js';
import { FakeClock } from '../../testing/fake-clock.js';
import type { ServiceScope } from '../runtime.js';
import { Token } from '../token.js';
import type { SlotAttempt, SlotBackoff } from './slot-backoff.js';
import type { FlightReport } from './slot-observer.js';
import type { StoredToken } from './stored-token.js';
import { type RenewalRequest, type Renewed, TokenRenewal } from './token-renewal.js';
import type { TokenStore } from './token-store.js';
import type { TokenWork } from './token-work.js';

const HOUR_MS = 3_600_000;

/** A renewal, with all around it written down in the order in which it is asked. */
class World {
  readonly clock = new FakeClock();
  readonly log: string[] = [];
  readonly caller = new AbortController();
  /** What the reads answer, one after the other; then the last again. */
  stored: (StoredToken | undefined)[] = [undefined];
  /** What is answered to whoever wants the lease; then a lease. */
  admissions: ('down' | 'held')[] = [];
  readonly exclusive: boolean[] = [];
  readonly waits: unknown[] = [];
  readonly puts: StoredToken[] = [];
  outcome: 'written' | 'superseded' | 'failed' = 'written';
  changes = 0;
  shared = true;
  troubled = false;
  leaseIsLost = false;
  generation = 100;
  work: Partial<TokenWork> = {};
  previous: (Token | undefined)[] = [];
  answer: () => Promise<Token> = async () => this.token('new');
  good: (stored: StoredToken) => boolean = () => true;
  overtaken = false;
  failure: unknown;
  heldBack: Error | undefined;

  token(accessToken: string, refreshToken?: string): Token {
    const expiresAt = this.clock.now() + HOUR_MS;
    return new Token({ accessToken, expiresAt, ...(refreshToken !== undefined && { refreshToken }) });
  }

  of(
    accessToken: string,
    generation: number,
    more: Partial<StoredToken> & { refreshToken?: string } = {},
  ): StoredToken {
    const { refreshToken, ...rest } = more;
    return { token: this.token(accessToken, refreshToken), obtainedAt: 7, generation, ...rest };
  }

  run(more: Partial<RenewalRequest> = {}): Promise<Renewed> {
    return this.#renewal().run({
      signal: this.caller.signal,
      forced: false,
      report: {} as FlightReport,
      current: undefined,
      acceptable: (stored) => this.good(stored),
      lastResort: (stored) => void this.log.push(`last resort ${stored.token.accessToken}`),
      overtaken: () => this.overtaken,
      isRejected: () => false,
      dropped: () => void this.log.push('dropped'),
      ...more,
    });
  }

  #renewal(): TokenRenewal {
    const later = async (what: string): Promise<void> => {
      for (let turns = 0; turns < 20; turns += 1) await Promise.resolve();
      this.log.push(what);
    };
    const attempt: SlotAttempt = {
      succeeded: () => later('succeeded'),
      failed: (error) => ((this.failure = error), later('failed')),
      abandoned: () => void this.log.push('abandoned'),
    };
    const backoff = {
      check: async () => {
        await later('check');
        if (this.heldBack !== undefined) throw this.heldBack;
      },
      begin: async (signal: AbortSignal) => (this.log.push(`begin ${signal === this.caller.signal}`), attempt),
      succeededElsewhere: (obtainedAt: number) => void this.log.push(`elsewhere ${obtainedAt}`),
    } as unknown as SlotBackoff;
    const lease = {
      generation: this.generation,
      extend: async () => !this.leaseIsLost,
      release: async () => void this.log.push('release'),
    };
    const store = {
      read: async () => {
        this.log.push('read');
        return this.stored.length > 1 ? this.stored.shift() : this.stored[0];
      },
      acquire: async (ttlMs: number, signal: AbortSignal, exclusive: boolean) => {
        this.log.push(`acquire ${ttlMs} ${signal === this.caller.signal}`);
        this.exclusive.push(exclusive);
        return this.admissions.shift() ?? lease;
      },
      changed: async (since: number, atMostMs: number, signal: AbortSignal) => {
        this.waits.push([since, atMostMs, signal === this.caller.signal]);
        await later('changed');
        this.changes += 2;
      },
      put: async (stored: StoredToken) => {
        await Promise.resolve();
        this.log.push('put');
        this.puts.push(stored);
        return this.outcome;
      },
      announce: () => void this.log.push('announce'),
    };
    Object.defineProperties(store, {
      changes: { get: () => this.changes },
      shared: { get: () => this.shared },
      troubled: { get: () => this.troubled },
    });
    const scope = {
      clock: this.clock,
      owner: '"orders"',
      serviceName: 'orders',
      settings: { defaultTtlMs: undefined },
    } as unknown as ServiceScope;
    const work = {
      obtain: async (previous: Token | undefined) => {
        this.log.push('obtain');
        this.previous.push(previous);
        return this.answer();
      },
      ...this.work,
    } as unknown as TokenWork;
    return new TokenRenewal(scope, work, store as unknown as TokenStore, backoff);
  }
}

let world: World;
beforeEach(() => {
  world = new World();
});

const nameOf = ({ stored, fetched }: Renewed): unknown[] => [stored.token.accessToken, fetched];
const errorOf = async (work: Promise<unknown>): Promise<AuthenticationError> =>
  work.then(
    () => new AuthenticationError('It did not fail.'),
    (error: AuthenticationError) => error,
  );

describe('a renewal', () => {
  it('a renewal takes what is stored where that will do, and asks nobody', async () => {
    world.stored = [world.of('stored', 5)];
    expect(nameOf(await world.run())).toEqual(['stored', false]);
    expect(world.log).toEqual(['read', 'elsewhere 7']);
  });

  it('a renewal fetches under a lease, writes, counts as a success, and then announces and gives the lease back', async () => {
    const renewed = await world.run();
    expect(nameOf(renewed)).toEqual(['new', true]);
    expect(world.log).toEqual([
      'read',
      'check',
      'acquire 5000 true',
      'read',
      'begin true',
      'obtain',
      'put',
      'succeeded',
      'announce',
      'release',
      'abandoned',
    ]);
    expect(world.puts).toEqual([renewed.stored]);
    expect(renewed.stored).toMatchObject({ obtainedAt: world.clock.now(), generation: 100 });
  });

  it('a renewal looks again once it has the lease: what has come meanwhile is taken, and not announced again', async () => {
    world.stored = [undefined, world.of('theirs', 5)];
    expect(nameOf(await world.run())).toEqual(['theirs', false]);
    expect(world.log).toEqual(['read', 'check', 'acquire 5000 true', 'read', 'elsewhere 7', 'release']);
  });

  it('a renewal fetches without a lease where none is to be had, and does not look again', async () => {
    world.admissions = ['down'];
    expect(nameOf(await world.run())).toEqual(['new', true]);
    expect(world.log.filter((line) => line === 'read' || line === 'release')).toEqual(['read']);
    expect(world.puts[0]?.generation).toBe(world.clock.now());
  });

  it('a renewal puts its token after the one before it and no earlier than its lease', async () => {
    world.good = () => false;
    for (const [generation, expected] of [
      [99, 100],
      [100, 101],
      [500, 501],
    ] as const) {
      world.stored = [world.of('old', generation)];
      await world.run();
      expect(world.puts.at(-1)?.generation).toBe(expected);
    }
  });

  it('a renewal that waits for another process looks at each change, 250 to 375 ms apart at most', async () => {
    world.admissions = ['held', 'held', 'held'];
    world.stored = [undefined, undefined, undefined, world.of('theirs', 5)];
    expect(nameOf(await world.run())).toEqual(['theirs', false]);
    const atMost = 250 * (1 + 0.5 * world.clock.random());
    expect(world.waits).toEqual([0, 2, 4].map((since) => [since, atMost, true]));
    expect(world.log.slice(0, 4)).toEqual(['read', 'check', 'acquire 5000 true', 'changed']);
    expect(world.log.filter((line) => line === 'check')).toHaveLength(3);
    expect([world.log.at(-1), world.previous]).toEqual(['elsewhere 7', []]);
  });

  it('a renewal that waits hears of what was announced since it looked first', async () => {
    world.changes = 3;
    world.admissions = ['held'];
    const running = world.run();
    world.changes = 9;
    await running;
    expect(world.waits).toEqual([[3, expect.any(Number), true]]);
  });

  it('a renewal offers what will not do as a last resort, before it asks', async () => {
    world.stored = [world.of('old', 5)];
    world.good = () => false;
    await world.run();
    expect(world.log.slice(0, 3)).toEqual(['read', 'last resort old', 'check']);
  });
});

describe('a forced renewal', () => {
  it.each([
    ['of the generation that is known', 5, 'new'],
    ['of a later generation', 6, 'theirs'],
  ])('a forced renewal takes a token %s for what it is', async (_name, generation, expected) => {
    for (const current of [undefined, world.of('old', 5)]) {
      world.stored = [current === undefined ? world.of('old', 5) : undefined, world.of('theirs', generation)];
      expect((await world.run({ forced: true, current })).stored.token.accessToken).toBe(expected);
    }
  });

  it('a forced renewal takes whatever another process has fetched where nothing was known', async () => {
    world.admissions = ['held'];
    world.stored = [undefined, world.of('theirs', 1)];
    expect(nameOf(await world.run({ forced: true }))).toEqual(['theirs', false]);
    expect(world.previous).toEqual([]);
  });

  it('a forced renewal takes nothing that will not do, however new', async () => {
    world.stored = [undefined, world.of('theirs', 9)];
    world.good = () => false;
    expect(nameOf(await world.run({ forced: true }))).toEqual(['new', true]);
  });

  it('a forced renewal does not take what it found first', async () => {
    world.stored = [world.of('stored', 5)];
    expect(nameOf(await world.run({ forced: true }))).toEqual(['new', true]);
    expect(world.log).toContain('last resort stored');
  });
});

describe('the lease of a renewal', () => {
  it.each<[string, Partial<TokenWork>, { refreshToken?: string }, boolean]>([
    ['that another fetch can take the place of', {}, { refreshToken: 'r' }, false],
    ['of a user, with a refresh token', { rerunnable: false }, { refreshToken: 'r' }, true],
    ['of a user, without one', { rerunnable: false, grantType: 'authorization_code' }, {}, false],
    ['of the refresh-token grant itself', { rerunnable: false, grantType: 'refresh_token' }, {}, true],
    ['of a refresh-token grant that may be run again', { grantType: 'refresh_token' }, {}, false],
  ])('the lease of a renewal %s is exclusive where it must be', async (_name, work, token, exclusive) => {
    world.good = () => false;
    for (const [stored, current] of [
      [world.of('old', 5, token), undefined],
      [undefined, world.of('old', 5, token)],
      [world.of('older', 4), world.of('old', 5, token)],
      [world.of('old', 5, token), world.of('older', 4)],
      [world.of('old', 5, token), world.of('older', 5)],
    ]) {
      world.stored = [stored];
      world.work = work;
      await errorOf(world.run({ current }));
    }
    expect(world.exclusive).toEqual(Array(5).fill(exclusive));
  });

  it('the lease of a renewal that fails is given back, then its end is announced', async () => {
    world.answer = async () => {
      throw new AuthenticationError('It is down.');
    };
    const error = await errorOf(world.run());
    await world.clock.advance(0);
    expect([error.message, world.failure]).toEqual(['It is down.', error]);
    expect(world.log.slice(-4)).toEqual(['failed', 'release', 'abandoned', 'announce']);
  });

  it('the lease of a renewal that was lost has it look for what has come, before it writes', async () => {
    world.answer = async () => {
      await world.clock.advance(5_000);
      return world.token('late');
    };
    world.leaseIsLost = true;
    world.stored = [undefined, undefined, world.of('theirs', Number.MAX_SAFE_INTEGER)];
    expect(nameOf(await world.run())).toEqual(['theirs', true]);
    expect(world.puts).toEqual([]);
    world.stored = [undefined, undefined, world.of('older', 1)];
    expect(nameOf(await world.run())).toEqual(['late', true]);
    expect(world.puts).toHaveLength(1);
  });
});

describe('a write that comes too late', () => {
  it.each([
    ['later', 101, true, 'theirs'],
    ['as late', 100, true, 'new'],
    ['later and no good', 101, false, 'new'],
  ])('a write that comes too late gives way to one that is %s', async (_name, generation, good, expected) => {
    world.outcome = 'superseded';
    world.stored = [undefined, undefined, world.of('theirs', generation)];
    world.good = () => good;
    expect(nameOf(await world.run())).toEqual([expected, true]);
  });

  it('a write that is refused for another reason leaves the token in use', async () => {
    world.outcome = 'failed';
    world.stored = [undefined, undefined, world.of('theirs', 101)];
    expect(nameOf(await world.run())).toEqual(['new', true]);
  });
});

describe('a renewal that fails', () => {
  it.each<[string, Error, Partial<TokenWork>, string[]]>([
    ['of its own', new AuthenticationError('x'), {}, ['failed', 'abandoned']],
    ['by its own word', new AuthenticationError('x'), { isOwnFailure: () => true }, ['failed', 'abandoned']],
    ['for another’s sake', new AuthenticationError('x'), { isOwnFailure: () => false }, ['abandoned', 'abandoned']],
    [
      'as it is held back',
      new AuthenticationError('x', { code: 'FORGE_AUTH_BACKOFF' }),
      {},
      ['abandoned', 'abandoned'],
    ],
  ])('a renewal that fails %s counts for what it is', async (_name, error, work, expected) => {
    world.work = work;
    world.answer = async () => {
      throw error;
    };
    expect(await errorOf(world.run())).toBe(error);
    expect(world.log.filter((line) => ['failed', 'abandoned'].includes(line))).toEqual(expected);
  });

  it('a renewal that is held back asks for no lease', async () => {
    world.heldBack = new AuthenticationError('Wait.', { code: 'FORGE_AUTH_BACKOFF' });
    expect([await errorOf(world.run()), world.log]).toEqual([world.heldBack, ['read', 'check']]);
  });

  it('a renewal that fails by a foreign error is reported by a message of ours that names the service', async () => {
    world.answer = async () => {
      throw new TypeError('canary');
    };
    const error = await errorOf(world.run());
    expect(error).toMatchObject({ serviceName: 'orders', transient: true, code: 'FORGE_AUTH_TOKEN_REQUEST_FAILED' });
    expect(error.message).toContain('"orders"');
  });

  it('a renewal that nobody waits for any more ends with their reason, and is no failure', async () => {
    const reason = new Error('I left');
    for (const token of [world.token('late'), undefined]) {
      world = new World();
      world.answer = async () => {
        world.caller.abort(reason);
        if (token === undefined) throw new AuthenticationError('It is down.');
        return token;
      };
      expect(await errorOf(world.run())).toBe(reason);
      expect([world.failure, world.puts]).toEqual([undefined, []]);
      expect(world.log).toContain('release');
    }
  });

  it('a renewal that nobody waits for any more before it asks takes no lease', async () => {
    world.caller.abort(new Error('I left'));
    expect((await errorOf(world.run())).message).toBe('I left');
    expect(world.log).toEqual(['read']);
  });

  it.each([
    ['keeps', false, 1],
    ['drops', true, 0],
  ])(
    'a renewal that nobody waits for any more %s what a refresh token was spent for',
    async (_name, overtaken, puts) => {
      world.overtaken = overtaken;
      world.answer = async () => {
        world.caller.abort(new Error('I left'));
        return world.token('late', 'r2');
      };
      await errorOf(world.run());
      expect(world.puts).toHaveLength(puts);
    },
  );
});

const current = (): StoredToken => world.of('old', 5, { refreshToken: 'r' });

describe('a user’s token that is renewed', () => {
  beforeEach(() => {
    world.work = { rerunnable: false, subject: 'hash' };
  });

  it('a user’s token that is renewed and was dropped meanwhile is not written, and the endpoint has done no wrong', async () => {
    world.good = () => false;
    world.stored = [current(), current(), world.of('old', 101, { rejected: true })];
    expect(await errorOf(world.run())).toMatchObject({
      code: 'FORGE_AUTH_AUTHORIZATION_REQUIRED',
      subject: 'hash',
      serviceName: 'orders',
      transient: false,
    });
    expect(world.puts).toEqual([]);
    expect(world.log.filter((line) => ['succeeded', 'failed', 'dropped'].includes(line)).slice(0, 2)).toEqual([
      'succeeded',
      'dropped',
    ]);
  });

  it.each<[string, Partial<StoredToken> & { refreshToken?: string }, string, number[]]>([
    ['was replaced', {}, 'theirs', []],
    ['was rejected with its refresh token kept', { rejected: true, refreshToken: 'r' }, 'new', [102]],
  ])('a user’s token that is renewed and %s meanwhile', async (_name, more, expected, generations) => {
    world.good = (stored) => stored.generation > 5 && stored.rejected !== true;
    world.stored = [current(), current(), world.of('theirs', 101, more)];
    expect((await world.run()).stored.token.accessToken).toBe(expected);
    expect(world.puts.map(({ generation }) => generation)).toEqual(generations);
  });

  it('a user’s first token is written without another look', async () => {
    expect(nameOf(await world.run())).toEqual(['new', true]);
    expect(world.log.filter((line) => line === 'read')).toHaveLength(2);
  });

  it('a user’s token that is renewed is that of storage, not one that was dropped there', async () => {
    world.shared = false;
    world.good = () => false;
    world.stored = [world.of('old', 6)];
    await world.run({ current: world.of('old', 5, { refreshToken: 'r' }) });
    expect(world.previous[0]?.refreshToken).toBeUndefined();
  });
});

describe('a refresh token that this process keeps to itself', () => {
  it.each<[string, boolean, string, string | undefined, string | undefined, string | undefined]>([
    ['is sent with the token that storage has without it', false, 'old', undefined, 'r', 'r'],
    ['is not sent with another token', false, 'other', undefined, 'r', undefined],
    ['gives way to the one in storage', false, 'old', 'stored', 'r', 'stored'],
    ['is nothing where there is none', false, 'old', undefined, undefined, undefined],
    ['is not sent where others may have sent it', true, 'old', undefined, 'r', undefined],
  ])(
    'a refresh token that this process keeps to itself %s',
    async (_name, shared, accessToken, inStorage, own, expected) => {
      world.shared = shared;
      world.good = () => false;
      const stored = world.of(accessToken, 6, inStorage === undefined ? {} : { refreshToken: inStorage });
      world.stored = [stored];
      await world.run({ current: world.of('old', 5, own === undefined ? {} : { refreshToken: own }) });
      expect([world.previous[0]?.accessToken, world.previous[0]?.refreshToken]).toEqual([accessToken, expected]);
    },
  );
});

describe('a renewal that has lost sight of another process’s', () => {
  it.each<[string, Parameters<World['of']> | undefined, boolean, Partial<StoredToken>[]]>([
    [
      'puts back what that has sent where storage came back empty: whoever writes late goes over it',
      undefined,
      false,
      [{ generation: 100, claimed: true }],
    ],
    ['puts nothing over what stands there', ['older', 3, { refreshToken: 'q' }], false, []],
    ['puts nothing where storage may not have answered', undefined, true, []],
  ])('a renewal that has lost sight of another process’s %s', async (_what, found, troubled, puts) => {
    world.work = { rerunnable: false };
    world.admissions = ['held', 'down'];
    world.good = ({ token }) => token.accessToken === 'theirs';
    world.troubled = troubled;
    // At the start, twice while it waits, with the lease, and once it has waited for the outcome.
    world.stored = [undefined, undefined, undefined, found && world.of(...found), world.of('theirs', 101)];
    const renewed = world.run({ current: current() });
    await world.clock.advance(250);
    expect(nameOf(await renewed)).toEqual(['theirs', false]);
    expect(world.puts).toEqual(puts.map((put) => ({ ...current(), token: world.puts[0]?.token, ...put })));
    expect(world.puts.map(({ token }) => token.refreshToken)).toEqual(puts.map(() => 'r'));
  });
});
