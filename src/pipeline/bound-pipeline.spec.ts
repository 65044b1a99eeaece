import { AuthenticationError } from '../errors.js';
import { type ForgeAuthEvent, Observers } from '../observer.js';
import { NoRetryStrategy } from '../retry/no.retry.strategy.js';
import { InMemoryTokenStorage } from '../storage/in-memory.token-storage.js';
import { FakeClock } from '../testing/fake-clock.js';
import type { ServiceScope } from '../token/runtime.js';
import type { TakenOutListener } from '../token/shared-tokens.js';
import { resolveTokenSettings } from '../token/token-settings.js';
import { standaloneScope } from '../token/standalone.js';
import { Token } from '../token/token.js';
import type { BoundPipeline } from './bound-pipeline.js';
import { PipelineTokenSource } from './pipeline.token-source.js';
import { TokenFetchPipeline } from './token-fetch-pipeline.js';
import type { FetchContext, TokenFetcher } from './fetchers/token-fetcher.js';
import { loadStorageGuards } from '../storage/storage-guards.js';

beforeAll(loadStorageGuards);

const CHAIN: Record<string, string[]> = { device: [], app: ['device'], user: ['app'] };
const HOUR_MS = 3_600_000;
const REFUSED = (): Error => new AuthenticationError('No.', { status: 401 });
const DOWN = (): Error => new AuthenticationError('It is down.', { status: 400 });

class World {
  readonly clock = new FakeClock();
  readonly lines: string[] = [];
  /** Names of the steps, as they were asked. */
  readonly asked: string[] = [];
  /** Failures of onFetchError. */
  readonly reported: string[] = [];
  /** What is done instead of answering a token, by step. */
  readonly instead = new Map<string, (context: FetchContext) => Promise<Token>>();
  readonly #counts = new Map<string, number>();
  readonly store = new InMemoryTokenStorage({ clock: this.clock });

  /** @param more of each step */
  async bind(
    graph = CHAIN,
    more: Partial<TokenFetcher> = {},
    scope: Partial<ServiceScope> = {},
  ): Promise<BoundPipeline> {
    const steps = Object.entries(graph).map(([name, dependsOn]) => this.#step(name, dependsOn, more));
    const log = (line: string): void => void this.lines.push(line);
    const own = standaloneScope(
      { name: 'orders', clock: this.clock, storage: this.store, logger: { debug: log, log, warn: log, error: log } },
      'owner',
      'orders',
    );
    return new TokenFetchPipeline({ steps }).ready({ ...own, ...scope });
  }

  #step(name: string, dependsOn: string[], more: Partial<TokenFetcher>): TokenFetcher {
    return {
      name,
      dependsOn,
      identity: [name],
      retry: new NoRetryStrategy(),
      onFetchError: (error) => void this.reported.push(`${name}: ${(error as Error).message}`),
      fetch: async (context) => {
        this.asked.push(name);
        const given = context as FetchContext;
        const instead = this.instead.get(name);
        if (instead !== undefined) return instead(given);
        const made = dependsOn.map((parent) => given.accessToken(parent)).join('+');
        const count = (this.#counts.get(name) ?? 0) + 1;
        this.#counts.set(name, count);
        return new Token({ accessToken: `${name}${count}(${made})`, expiresAt: this.clock.now() + HOUR_MS });
      },
      ...more,
    };
  }

  /** What was asked since the last time. */
  get news(): string[] {
    return this.asked.splice(0);
  }

  fails(step: string, error: () => Error, times = Infinity): void {
    let left = times;
    this.instead.set(step, async () => {
      left -= 1;
      if (left <= 0) this.instead.delete(step);
      throw error();
    });
  }
}

let world: World;
beforeEach(() => {
  world = new World();
});

const textOf = async (token: Promise<Token>): Promise<string> => (await token).accessToken;

async function failure(work: Promise<unknown>): Promise<AuthenticationError> {
  return work.then(
    () => new AuthenticationError('It did not fail.'),
    (error: AuthenticationError) => error,
  );
}

describe('the result of a pipeline', () => {
  it('the result of a pipeline is made of the steps before it, each asked once', async () => {
    const pipeline = await world.bind();
    const texts = await Promise.all([textOf(pipeline.get()), textOf(pipeline.get())]);
    expect(texts).toEqual(Array(2).fill('user1(app1(device1()))'));
    expect([world.news, await textOf(pipeline.get()), world.news]).toEqual([['device', 'app', 'user'], texts[0], []]);
  });

  it('the result of a pipeline is asked for with every other step that nothing depends on', async () => {
    const pipeline = await world.bind({ audit: [], ...CHAIN });
    expect(await textOf(pipeline.get())).toBe('user1(app1(device1()))');
    expect(world.news.toSorted()).toEqual(['app', 'audit', 'device', 'user']);
    world.fails('audit', DOWN);
    await pipeline.invalidateStep('audit');
    expect(await failure(pipeline.get())).toMatchObject({ step: 'audit' });
  });
});

describe('a forced renewal of a pipeline', () => {
  it.each<[string | undefined, string[]]>([
    [undefined, ['device', 'app', 'user']],
    ['app', ['app', 'user']],
    ['user', ['user']],
  ])(
    'a forced renewal of a pipeline from %s asks it and its dependents, one after the other, once',
    async (from, steps) => {
      const pipeline = await world.bind();
      await pipeline.get();
      world.asked.length = 0;
      const first = pipeline.forceRefresh(from);
      expect(pipeline.forceRefresh(from)).toBe(first);
      await first;
      expect(world.news).toEqual(steps);
      await pipeline.forceRefresh(from);
      expect(world.news).toEqual(steps);
    },
  );

  it('a forced renewal of a pipeline that fails names the step, and leaves those after it alone', async () => {
    const pipeline = await world.bind();
    await pipeline.get();
    world.asked.length = 0;
    world.fails('app', DOWN, 1);
    expect(await failure(pipeline.forceRefresh())).toMatchObject({
      step: 'app',
      message: expect.stringContaining('It is down.'),
    });
    expect(world.news).toEqual(['device', 'app']);
    expect(await textOf(pipeline.forceRefresh())).toBe('user2(app2(device3()))');
  });

  it('a forced renewal of a pipeline from a step that there is not is refused', async () => {
    const pipeline = await world.bind();
    await expect(pipeline.forceRefresh('apps')).rejects.toThrow('The pipeline has no step "apps".');
    expect(world.news).toEqual([]);
  });
});

describe('invalidation in a pipeline', () => {
  it.each([
    ['device', ['device', 'app', 'user']],
    ['app', ['app', 'user']],
    ['user', ['user']],
  ])('invalidation in a pipeline of %s takes with it what is made of it', async (step, steps) => {
    const pipeline = await world.bind();
    await pipeline.get();
    world.asked.length = 0;
    await pipeline.invalidateStep(step);
    await pipeline.get();
    expect(world.news).toEqual(steps);
  });

  it('invalidation in a pipeline of all takes every token, and of an unknown step is refused', async () => {
    const pipeline = await world.bind();
    await pipeline.get();
    world.asked.length = 0;
    await pipeline.invalidateAll();
    await pipeline.get();
    expect(world.news).toEqual(['device', 'app', 'user']);
    await expect(pipeline.invalidateStep('apps')).rejects.toThrow(
      'The pipeline has no step "apps". Steps: device, app, user.',
    );
  });

  it('invalidation in a pipeline while a step is fetched makes it be fetched again', async () => {
    const pipeline = await world.bind();
    const invalidate = pipeline.invalidateStep.bind(pipeline);
    world.instead.set('user', async (context) => {
      world.instead.delete('user');
      const token = new Token({ accessToken: `stale(${context.accessToken('app')})` });
      await invalidate('app');
      return token;
    });
    expect(await textOf(pipeline.get())).toBe('user1(app2(device1()))');
    expect(world.news).toEqual(['device', 'app', 'user', 'app', 'user']);
  });

  it('invalidation in a pipeline of a token that is not the result’s changes nothing', async () => {
    const pipeline = await world.bind();
    await pipeline.get();
    world.asked.length = 0;
    await pipeline.invalidateToken(new Token({ accessToken: 'other' }), undefined);
    await pipeline.get();
    expect(world.news).toEqual([]);
  });

  it.each([
    [undefined, ['device', 'app', 'user']],
    ['app', ['app', 'user']],
    ['user', ['user']],
  ])(
    'invalidation in a pipeline of the result’s token takes what it was made from, back to %s',
    async (from, steps) => {
      const pipeline = await world.bind();
      const token = await pipeline.get();
      world.asked.length = 0;
      await pipeline.invalidateToken(token, from);
      await pipeline.get();
      expect(world.news).toEqual(steps);
    },
  );
});

describe('a rejected result', () => {
  it.each([
    [undefined, ['device', 'app', 'user']],
    ['user', ['user']],
  ])('a rejected result is replaced by one that is made anew, back to %s', async (from, steps) => {
    const pipeline = await world.bind();
    const token = await pipeline.get();
    world.asked.length = 0;
    const replaced = await pipeline.replace(token, from);
    expect([replaced?.token.fingerprint === token.fingerprint, replaced?.obtainedAfterRejection]).toEqual([
      false,
      true,
    ]);
    expect(world.news).toEqual(steps);
    expect(await textOf(pipeline.get())).toBe(replaced?.token.accessToken);
    // A call that is late with the same rejection gets what there is.
    expect((await pipeline.replace(token, from))?.token).toBe(replaced?.token);
    expect(world.news).toEqual([]);
  });

  it('a rejected result is made anew of what is new, however long storage takes to answer', async () => {
    const pipeline = await world.bind();
    const token = await pipeline.get();
    const get = world.store.get.bind(world.store);
    let answers = 0;
    world.store.get = async (key) => {
      answers += 1;
      for (let turns = answers === 1 ? 50 : 0; turns > 0; turns -= 1)
        await new Promise((resolve) => setImmediate(resolve));
      return get(key);
    };
    expect((await pipeline.replace(token, undefined))?.token.accessToken).toBe('user2(app2(device2()))');
  });

  it('a rejected result is not replaced while renewal pauses', async () => {
    const pipeline = await world.bind();
    const second = (await pipeline.replace(await pipeline.get(), undefined))?.token as Token;
    world.asked.length = 0;
    expect([await pipeline.replace(second, undefined), pipeline.reject(second, undefined)]).toEqual([undefined, false]);
    expect([await textOf(pipeline.get()), world.news]).toEqual([second.accessToken, []]);
  });

  it('a rejected result that cannot be replaced names the step that failed', async () => {
    const pipeline = await world.bind();
    const token = await pipeline.get();
    world.fails('device', DOWN);
    expect(await failure(pipeline.replace(token, undefined))).toMatchObject({ step: 'device' });
  });

  it('a rejected result that another process has replaced leaves the steps before it alone', async () => {
    const [here, there] = [await world.bind(), await world.bind()];
    const token = await here.get();
    await there.get();
    await there.forceRefresh('user');
    world.asked.length = 0;
    expect((await here.replace(token, undefined))?.token.accessToken).toBe('user2(app1(device1()))');
    expect(world.news).toEqual([]);
  });
});

describe('a step that is refused', () => {
  it('a step that is refused has its parent renewed, and is tried again', async () => {
    const pipeline = await world.bind();
    await pipeline.get();
    world.asked.length = 0;
    world.fails('user', REFUSED, 1);
    await pipeline.invalidateStep('user');
    expect(await textOf(pipeline.get())).toBe('user2(app2(device1()))');
    expect([world.news, world.reported]).toEqual([['user', 'app', 'user'], []]);
  });

  it('a step that is refused with tokens that are brand new fails at once, and its error is reported to it', async () => {
    const pipeline = await world.bind();
    world.fails('user', REFUSED);
    const error = await failure(pipeline.get());
    expect([error.step, error.status, error.chain]).toEqual(['user', 401, undefined]);
    expect([world.news, world.reported]).toEqual([['device', 'app', 'user'], ['user: No.']]);
  });

  it('a step that is refused again and again ends after its parents were renewed, and names what was tried', async () => {
    const pipeline = await world.bind();
    await pipeline.get();
    world.asked.length = 0;
    world.fails('user', REFUSED);
    await pipeline.invalidateStep('user');
    const error = await failure(pipeline.get());
    expect([error.step, error.status, error.chain]).toEqual(['user', 401, ['user', 'app']]);
    expect(error.message).toContain('Tried: user → app.');
    expect([world.news, world.reported.length]).toEqual([['user', 'app', 'user'], 1]);
  });

  it('a step that fails otherwise than by a refusal leaves its parents as they are', async () => {
    const pipeline = await world.bind();
    await pipeline.get();
    world.asked.length = 0;
    world.fails('user', DOWN);
    await pipeline.invalidateStep('user');
    expect((await failure(pipeline.get())).step).toBe('user');
    expect(world.news).toEqual(['user']);
  });

  it('a step that is refused takes the other dependents of its parent with it', async () => {
    const pipeline = await world.bind({ app: [], left: ['app'], right: ['app'], both: ['left', 'right'] });
    await pipeline.get();
    world.asked.length = 0;
    world.fails('left', REFUSED, 1);
    await pipeline.invalidateStep('left');
    expect(await textOf(pipeline.get())).toBe('both3(left2(app2())+right2(app2()))');
    expect(world.news.toSorted()).toEqual(['app', 'both', 'both', 'left', 'left', 'right']);
  });
});

const failingHook = async (): Promise<never> => {
  throw new TypeError('canary');
};

describe('errors of a pipeline', () => {
  it('errors of a pipeline are those of the step that failed, reported to it alone, and kept until it succeeds', async () => {
    const pipeline = await world.bind();
    world.fails('app', DOWN, 1);
    const error = await failure(pipeline.get());
    expect(error).toMatchObject({ step: 'app', serviceName: 'orders' });
    expect(world.reported).toEqual(['app: It is down.']);
    const states = pipeline.describe();
    expect(states.map(({ name, cached, lastError }) => [name, cached, lastError?.message])).toEqual([
      ['device', true, undefined],
      ['app', false, 'It is down.'],
      ['user', false, undefined],
    ]);
    expect(states[0]).toMatchObject({ dependsOn: [], secondsToExpiry: 3_600 });
    await pipeline.get();
    expect(pipeline.describe()[1]).not.toHaveProperty('lastError');
  });

  it('errors of a pipeline hold back the step that failed, and no other', async () => {
    const pipeline = await world.bind();
    world.fails('app', DOWN);
    for (let tries = 0; tries < 2; tries += 1) await failure(pipeline.get());
    expect(await failure(pipeline.get())).toMatchObject({ code: 'FORGE_AUTH_BACKOFF', step: 'app' });
    expect(await failure(pipeline.forceRefresh('app'))).toMatchObject({ code: 'FORGE_AUTH_BACKOFF', step: 'app' });
    expect(world.news).toEqual(['device', 'app', 'app']);
    world.instead.clear();
    await world.clock.advance(1_000);
    expect(await textOf(pipeline.get())).toBe('user1(app1(device1()))');
  });

  it('errors of a pipeline name the step that takes too long: it may be tried again', async () => {
    const pipeline = await world.bind(CHAIN, { deadlineMs: 500 });
    let signal: AbortSignal | undefined;
    world.instead.set('app', (context) => {
      signal = context.signal;
      return new Promise(() => undefined);
    });
    const failing = failure(pipeline.get());
    await world.clock.advance(499);
    expect(signal?.aborted).toBe(false);
    await world.clock.advance(1);
    expect(await failing).toMatchObject({
      code: 'FORGE_AUTH_TOKEN_DEADLINE',
      step: 'app',
      transient: true,
      message: expect.stringContaining('Token request for "orders", step "app" did not end within 500 ms.'),
    });
    expect([signal?.aborted, world.reported.length]).toEqual([true, 1]);
  });

  it('errors of a pipeline without a service name the step alone', async () => {
    const pipeline = await world.bind(CHAIN, {}, { serviceName: undefined });
    world.instead.set('device', async () => {
      throw new TypeError('x');
    });
    expect((await failure(pipeline.get())).message).toMatch(
      /^Token request for step "device" failed: the provider threw/,
    );
  });

  it('errors of a step’s own onFetchError are logged, and hide nothing', async () => {
    const pipeline = await world.bind(CHAIN, { onFetchError: failingHook }, { revealCauses: false });
    world.fails('device', DOWN);
    expect((await failure(pipeline.get())).message).toContain('It is down.');
    expect(world.lines.filter((line) => line.startsWith('onFetchError'))).toEqual([
      expect.stringMatching(/^onFetchError of "orders", step "device" failed: TypeError\./),
    ]);
  });

  it('errors of nobody are reported to no step when its callers have left', async () => {
    const pipeline = await world.bind();
    world.instead.set(
      'device',
      ({ signal }) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
    );
    const caller = new AbortController();
    const failing = failure(pipeline.get(caller.signal));
    await world.clock.advance(0);
    caller.abort(new Error('I left'));
    expect((await failing).message).toBe('I left');
    await world.clock.advance(0);
    expect([world.reported, world.asked]).toEqual([[], ['device']]);
  });
});

describe('a step', () => {
  it('a step reads the token of a step before those that it depends on, which is then got for it', async () => {
    const pipeline = await world.bind();
    world.instead.set('user', async (context) => new Token({ accessToken: context.accessToken('device') }));
    expect(await textOf(pipeline.get())).toBe('device1()');
    expect([world.news, world.reported]).toEqual([['device', 'app', 'user', 'user'], []]);
  });

  it('a step is renewed in its own window, and kept for its own lifetime', async () => {
    const pipeline = await world.bind({ app: [] }, { ttlMs: 600_000, refreshWindowMs: 60_000 });
    await pipeline.get();
    await world.clock.advance(539_999);
    await pipeline.get();
    await world.clock.advance(0);
    expect(world.asked).toHaveLength(1);
    await world.clock.advance(60_000);
    await pipeline.get();
    await world.clock.advance(0);
    expect(world.asked).toHaveLength(2);
  });

  it('a step may take as long as it says, though the service has less time', async () => {
    const pipeline = await world.bind({ app: [] }, { deadlineMs: 60_000 });
    world.instead.set('app', async () => {
      await new Promise<void>((resolve) => world.clock.after(59_000, resolve));
      return new Token({ accessToken: 'slow' });
    });
    const getting = textOf(pipeline.get());
    await world.clock.advance(59_000);
    expect(await getting).toBe('slow');
  });

  it('a step that never ends holds its callers no longer than the time that it says', async () => {
    const pipeline = await world.bind(
      { app: [] },
      { deadlineMs: 500 },
      { settings: resolveTokenSettings({ deadlineMs: 60_000 }) },
    );
    world.instead.set('app', () => new Promise(() => undefined));
    const failing = failure(pipeline.get());
    await world.clock.advance(1_500);
    expect(await failing).toMatchObject({ code: 'FORGE_AUTH_TOKEN_DEADLINE', step: 'app' });
  });

  it('a step is named in what is observed, with its grant where it has one', async () => {
    const observer = new Observers();
    const events: ForgeAuthEvent[] = [];
    observer.add({ event: (event) => void events.push(event) });
    const pipeline = await world.bind(CHAIN, {}, { observer });
    await pipeline.get();
    const requests = events.filter(({ type }) => type === 'token_request');
    expect(requests).toMatchObject([
      { step: 'device', service: 'orders', grant: 'custom' },
      { step: 'app' },
      { step: 'user' },
    ]);
  });

  it('a step is renewed by force once, however many steps are made of it', async () => {
    const observer = new Observers();
    const pipeline = await world.bind(
      { app: [], left: ['app'], right: ['app'], both: ['left', 'right'] },
      {},
      { observer },
    );
    const waits: unknown[] = [];
    observer.add({ event: (event) => void (event.type === 'token_wait' && waits.push(event)) });
    await pipeline.forceRefresh();
    expect(waits).toHaveLength(4);
    expect(world.news.toSorted()).toEqual(['app', 'both', 'left', 'right']);
  });

  it('a step’s token that a later one was made with is good: its refusal is a revocation, each time', async () => {
    const pipeline = await world.bind();
    await pipeline.get();
    for (const expected of ['user2(app2(device1()))', 'user3(app3(device1()))']) {
      world.fails('user', REFUSED, 1);
      await pipeline.invalidateStep('user');
      expect(await textOf(pipeline.get())).toBe(expected);
    }
  });
});

it('a pipeline that is closed has closed its steps with their last tokens, and then its storage', async () => {
  const log: unknown[] = [];
  const later = async (what: string): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve));
    log.push(what);
  };
  const onClose = (): Promise<void> => later('storage');
  const revokeAtClose = async (token: Token): Promise<void> => {
    await later('closing');
    await later(token.accessToken);
  };
  const provider = { fetchToken: async () => new Token({ accessToken: 'app' }), revokeAtClose };
  const steps = [{ name: 'app', provider }];
  const scope = standaloneScope({ name: 'orders', clock: world.clock }, 'owner', 'orders');
  const pipeline = await new TokenFetchPipeline({ steps }).bind({ ...scope, onClose });
  await pipeline.get();
  await pipeline.close();
  expect(log).toEqual(['closing', 'app', 'storage']);
});

describe('what happens to the result', () => {
  it('what happens to the result is reported to those who listen, and not what happens to other steps', async () => {
    const pipeline = await world.bind();
    const events: unknown[] = [];
    pipeline.listen({
      refreshed: (token, previous) => events.push(['refreshed', token.accessToken, previous?.accessToken]),
      invalidated: (token) => events.push(['invalidated', token.accessToken]),
      failed: (error) => events.push(['failed', (error as AuthenticationError).step]),
    });
    await pipeline.get();
    await pipeline.forceRefresh('user');
    await pipeline.invalidateStep('user');
    world.fails('user', DOWN);
    await failure(pipeline.get());
    expect(events).toEqual([
      ['refreshed', 'user1(app1(device1()))', undefined],
      ['refreshed', 'user2(app1(device1()))', 'user1(app1(device1()))'],
      ['invalidated', 'user2(app1(device1()))'],
      ['failed', 'user'],
    ]);
  });
});

/** Has writes take a while. Returns how many have ended. */
function slowWrites(): () => number {
  let ended = 0;
  const { store } = world;
  const set = store.set.bind(store);
  store.set = async (...args) => {
    await new Promise((resolve) => setImmediate(resolve));
    await set(...args);
    ended += 1;
  };
  return () => ended;
}

describe('what is forgotten of a pipeline', () => {
  it.each([undefined, 'app', 'user'])(
    'what is forgotten of a pipeline is so for everybody when the promise resolves, from %s on',
    async (from) => {
      const source = await sourceOf(from);
      const ended = slowWrites();
      for (const forget of ['invalidate', 'invalidate of all', 'forget'] as const) {
        const token = await source.get();
        if (forget === 'forget') await source.forget();
        else await source.invalidate(forget === 'invalidate' ? token : undefined);
        const before = ended();
        for (let turns = 0; turns < 5; turns += 1) await new Promise((resolve) => setImmediate(resolve));
        expect([source.peek(), ended()]).toEqual([undefined, before]);
      }
    },
  );

  it('what is forgotten of a pipeline that another process has already made anew is that alone', async () => {
    const [here, there] = [await world.bind(), await world.bind()];
    const token = await here.get();
    await there.get();
    await there.forceRefresh();
    world.asked.length = 0;
    await here.invalidateToken(token, undefined);
    expect(await textOf(there.get())).toBe('user2(app2(device2()))');
    expect(world.news).toEqual([]);
  });
});

/** A pipeline of a step that another service shares with it, and of one that is made with it. */
async function sharing() {
  let heard: TakenOutListener | undefined;
  let shared = 1;
  const handle = {
    get: async () => new Token({ accessToken: `shared${shared}` }),
    replace: async () => undefined,
    onTakenOut: (listener: TakenOutListener) => void (heard = listener),
  };
  const own = standaloneScope({ name: 'orders', clock: world.clock, storage: world.store }, 'owner', 'orders');
  const scope = { ...own, sharedSource: () => async () => ({ for: () => handle }) } as unknown as ServiceScope;
  const bind = async (): Promise<BoundPipeline> => {
    const user: TokenFetcher = {
      name: 'user',
      dependsOn: ['app'],
      identity: ['user'],
      fetch: async (context) => {
        world.asked.push('user');
        return new Token({ accessToken: `user(${context?.accessToken('app')})` });
      },
    };
    return new TokenFetchPipeline({ steps: [{ name: 'app', tokenManager: 'users' }, user] }).bind(scope);
  };
  const takeOut = (early: boolean): void => {
    const token = new Token({ accessToken: `shared${shared}` });
    shared += 1;
    heard?.(token, early);
  };
  return { bind, takeOut };
}

describe('a step of another service', () => {
  it('a step of another service whose token is taken out early takes what was made with it along', async () => {
    const { bind, takeOut } = await sharing();
    const pipeline = await bind();
    expect(await textOf(pipeline.get())).toBe('user(shared1)');
    takeOut(true);
    await world.clock.advance(0);
    expect(await textOf(pipeline.get())).toBe('user(shared2)');
    expect(world.news).toEqual(['user', 'user']);
  });

  it('a step of another service whose token is taken out for its age leaves what was made with it', async () => {
    const { bind, takeOut } = await sharing();
    const pipeline = await bind();
    await pipeline.get();
    takeOut(false);
    await world.clock.advance(0);
    expect(await textOf(pipeline.get())).toBe('user(shared1)');
    await pipeline.invalidateStep('user');
    expect(await textOf(pipeline.get())).toBe('user(shared2)');
  });

  it('a step of another service whose token is taken out before this process has asked for it is looked up first', async () => {
    const { bind, takeOut } = await sharing();
    await (await bind()).get();
    const other = await bind();
    takeOut(true);
    expect(await textOf(other.get())).toBe('user(shared2)');
    expect(world.news).toEqual(['user', 'user']);
  });

  it('a step of another service is left alone where another token than its own is taken out', async () => {
    const { bind, takeOut } = await sharing();
    const pipeline = await bind();
    takeOut(true);
    await pipeline.get();
    world.asked.length = 0;
    const source = new PipelineTokenSource(pipeline, undefined);
    expect(source.peekFresh()?.accessToken).toBe('user(shared2)');
    expect([await textOf(pipeline.get()), world.news]).toEqual(['user(shared2)', []]);
  });
});

const sourceOf = async (from?: string, graph = CHAIN): Promise<PipelineTokenSource> =>
  new PipelineTokenSource(await world.bind(graph), from);

describe('a pipeline as a source of tokens', () => {
  it('a pipeline as a source of tokens takes no parameters of a call', async () => {
    const source = await sourceOf();
    expect([source.for(), source.for({})]).toEqual([source, source]);
    expect(() => source.for({ scope: 'a' })).toThrow('The tokens of a pipeline take no parameters of a call');
  });

  it('a pipeline as a source of tokens shows the fresh one, unless other steps have to be looked after', async () => {
    const source = await sourceOf();
    const token = await source.get();
    expect([source.peek(), source.peekFresh()]).toEqual([token, token]);
    const other = await sourceOf(undefined, { audit: [], ...CHAIN });
    await other.get();
    expect([other.peek()?.accessToken, other.peekFresh()]).toEqual([token.accessToken, undefined]);
  });

  it.each([
    [undefined, ['device', 'app', 'user']],
    ['app', ['app', 'user']],
  ])('a pipeline as a source of tokens renews, replaces and forgets from %s on', async (from, steps) => {
    const source = await sourceOf(from);
    let token = await source.get();
    world.asked.length = 0;
    token = await source.forceRefresh();
    expect(world.news).toEqual(steps);
    await source.invalidate();
    token = await source.get();
    expect(world.news).toEqual(steps);
    await source.invalidate(token);
    token = await source.get();
    expect(world.news).toEqual(steps);
    source.recordOutcome(token, true);
    source.reject(token);
    token = await source.get();
    expect(world.news).toEqual(steps);
    source.recordOutcome(token, true);
    expect((await source.replace(token))?.token).not.toBe(token);
    expect(world.news).toEqual(steps);
  });

  it('a pipeline as a source of tokens keeps no caller that leaves', async () => {
    const source = await sourceOf();
    const token = await source.get();
    world.instead.set('user', () => new Promise(() => undefined));
    const left = AbortSignal.abort(new Error('I left'));
    await expect(source.replace(token, left)).rejects.toThrow('I left');
    await expect(source.get(left)).rejects.toThrow('I left');
  });

  it('a pipeline as a source of tokens reports each of its own that is taken out of use', async () => {
    const source = await sourceOf();
    const heard: unknown[] = [];
    source.onTakenOut((token, early) => heard.push([token.accessToken, early]));
    await source.get();
    await source.forceRefresh();
    await source.invalidate();
    expect(heard).toEqual([
      ['user1(app1(device1()))', true],
      ['user2(app2(device2()))', true],
    ]);
  });

  it('a pipeline as a source of tokens takes one that is set, and forgets it', async () => {
    const source = await sourceOf();
    expect(await source.has()).toBe(false);
    const set = new Token({ accessToken: 'set' });
    await source.set(set);
    expect([await source.get(), await source.has()]).toEqual([set, true]);
    expect([await source.forget(), await source.has(), await source.forget()]).toEqual([true, false, false]);
  });

  it('a pipeline as a source of tokens knows nobody who revokes or introspects them', async () => {
    const source = await sourceOf();
    await source.get();
    await expect(source.revoke()).rejects.toThrow('The tokens of a pipeline cannot be revoked: nobody knows where.');
    await expect(source.introspect()).rejects.toThrow(
      'The tokens of a pipeline cannot be introspected: nobody knows where.',
    );
  });

  it('a pipeline as a source of tokens is refused where it is to be renewed from a step that there is not', async () => {
    await expect(sourceOf('apps')).rejects.toThrow('The pipeline has no step "apps". Steps: device, app, user.');
  });

  it('a pipeline as a source of tokens refuses whatever is asked after its end', async () => {
    let closed = 0;
    const source = new PipelineTokenSource(
      await world.bind(CHAIN, {}, { onClose: async () => void (closed += 1) }),
      undefined,
    );
    await source.get();
    await source.close();
    expect([source.peek(), closed]).toEqual([undefined, 1]);
    await expect(source.get()).rejects.toMatchObject({ code: 'FORGE_AUTH_CLIENT_CLOSED' });
  });
});
