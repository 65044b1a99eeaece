import { AuthenticationError, Token, type TokenLock, TokenManager, type TokenProvider } from 'nestjs-forge-auth';
import { OneStore } from '../fleet/one-store.js';
import { FakeClock } from '../support/fake-clock.js';

const SEEDS = 1_000;
const OPERATIONS = 25;
const PROCESSES = 3;
const LIFETIME_MS = 100_000;
/** How long a change elsewhere may go unseen where nothing announces it, by default. */
const NEAR_CACHE_MS = 5_000;

/** An issuer that knows each token it gave, and counts refresh tokens that are sent twice. */
class Issuer {
  readonly #clock: FakeClock;
  readonly issued = new Map<string, { readonly expiresAt: number }>();
  readonly #spent = new Set<string>();
  reuses = 0;
  requests = 0;
  failing = false;
  /** True while the answers to refreshes are lost: the refresh token is spent all the same. */
  losing = false;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  issue(): Token {
    const index = this.issued.size + 1;
    const accessToken = `access-${index}`;
    const expiresAt = this.#clock.now() + LIFETIME_MS;
    this.issued.set(accessToken, { expiresAt });
    return new Token({ accessToken, expiresAt, refreshToken: `refresh-${index}` });
  }

  readonly provider: TokenProvider = {
    fetchToken: async () => this.#answer(),
    refreshToken: async (current) => {
      const token = this.losing ? undefined : this.#answer();
      if (this.#spent.has(current.refreshToken ?? '')) this.reuses += 1;
      this.#spent.add(current.refreshToken ?? '');
      if (token === undefined) throw new Error('No answer came.');
      return token;
    },
    identity: ['the model'],
  };

  #answer(): Token {
    this.requests += 1;
    if (this.failing) throw new AuthenticationError('HTTP 503', { status: 503 });
    return this.issue();
  }
}

/** Processes on one store, and what each of them must not use any more. */
class Model {
  readonly clock: FakeClock;
  readonly store = new OneStore();
  readonly issuer: Issuer;
  readonly managers: TokenManager[];
  readonly #banned = Array.from({ length: PROCESSES }, () => new Set<string>());
  #generation = 0;
  readonly #newest = Array.from({ length: PROCESSES }, () => 0);

  /** True where changes are announced to the other processes. */
  readonly announces: boolean;

  constructor(seed: number, withLock: boolean) {
    this.announces = withLock && seed % 2 === 0;
    this.clock = new FakeClock({ random: { seed } });
    this.issuer = new Issuer(this.clock);
    this.managers = Array.from(
      { length: withLock ? PROCESSES : 1 },
      () =>
        new TokenManager({
          name: 'orders',
          provider: this.issuer.provider,
          clock: this.clock,
          storage: this.announces ? this.store.announcing : this.store.storage,
          ...(withLock ? { lock: this.#lock() } : undefined),
        }),
    );
  }

  /** The store's lock, whose generations follow the model's time as those of Redis follow its own. */
  #lock(): TokenLock {
    return {
      acquire: async (key, options) => {
        const lease = await this.store.lock.acquire(key, options);
        if (lease === null) return null;
        this.#generation = Math.max(this.#generation + 1, Math.ceil(this.clock.now()));
        return { ...lease, generation: this.#generation };
      },
    };
  }

  /** Lets time pass until `work` has settled; a minute must do. */
  async settle<T>(work: Promise<T>): Promise<T | undefined> {
    const state: { settled: boolean; value?: T } = { settled: false };
    const over = (value?: T): void => void Object.assign(state, { settled: true, value });
    work.then(over, () => over());
    for (let waitedMs = 0; !state.settled; waitedMs += 100) {
      if (waitedMs > 60_000) throw new Error('It hangs.');
      await new Promise((resolve) => setImmediate(resolve));
      if (!state.settled) await this.clock.advance(100);
    }
    return state.value;
  }

  async get(process: number): Promise<Token | undefined> {
    let usedAt = 0;
    const work = (this.managers[process] as TokenManager).getToken().finally(() => (usedAt = this.clock.now()));
    const token = await this.settle(work);
    if (token !== undefined) this.#check(process, token, usedAt);
    return token;
  }

  /** Makes the service of a process reject the token in use there, which it accepted before. */
  async reject(process: number): Promise<void> {
    const manager = this.managers[process] as TokenManager;
    const token = manager.peek();
    if (token === undefined) return;
    const handle = (await manager.ready()).for();
    handle.recordOutcome(token, true);
    this.#ban(process, token);
    await this.settle(handle.replace(token));
  }

  async invalidate(process: number): Promise<void> {
    const manager = this.managers[process] as TokenManager;
    this.#ban(process, manager.peek());
    await this.settle(manager.invalidate());
  }

  #ban(process: number, token: Token | undefined): void {
    if (token !== undefined) this.#banned[process]?.add(token.accessToken);
  }

  #check(process: number, { accessToken }: Token, usedAt: number): void {
    const known = this.issuer.issued.get(accessToken);
    if (known === undefined) throw new Error('A token that nobody issued.');
    if (usedAt >= known.expiresAt) throw new Error('An expired token.');
    if (this.#banned[process]?.has(accessToken) === true) throw new Error('A rejected token.');
    // What two processes without a storage in common obtained at the same time is of the same age.
    if (known.expiresAt < (this.#newest[process] ?? 0)) throw new Error('An older token.');
    this.#newest[process] = known.expiresAt;
  }
}

/** All ask at once for what has run out: whoever waits gets the token of the one that asks, though nobody tells. */
async function together(model: Model, loses: () => boolean): Promise<void> {
  const { clock, store, issuer, managers } = model;
  await clock.advance(LIFETIME_MS);
  store.expireLeases();
  store.loses = loses;
  const before = issuer.requests;
  const tokens = await Promise.all(managers.map((_manager, process) => model.get(process)));
  if (tokens.includes(undefined)) throw new Error('A waiter that was lost.');
  if (issuer.requests !== before + 1) throw new Error('More than one request, though there is a lock.');
}

/** One renews, then invalidates: the others follow when they hear of it, or with the first look after a while. */
async function follow(model: Model): Promise<void> {
  const { clock, store, managers, announces } = model;
  store.loses = () => false;
  const [first, ...others] = managers as [TokenManager, ...TokenManager[]];
  const followed = async (what: string): Promise<void> => {
    const expected = first.peek()?.accessToken;
    if (!announces) await clock.advance(NEAR_CACHE_MS);
    for (const other of others) {
      // A call looks in the background; nobody needs one where changes are announced.
      if (!announces) await model.settle(other.getToken());
      for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      if (other.peek()?.accessToken !== expected) throw new Error(`${what} of another process that was not followed.`);
    }
  };
  await model.settle(first.forceRefresh());
  await followed('A renewal');
  await model.settle(first.invalidate());
  await followed('An invalidation');
}

async function play(seed: number, withLock: boolean): Promise<void> {
  const model = new Model(seed, withLock);
  const { clock, store, issuer, managers } = model;
  const draw = (below: number): number => Math.floor(clock.random() * below);
  const operations: ((process: number) => unknown)[] = [
    (process) => model.get(process),
    (process) => model.get(process),
    (process) => Promise.all([model.get(process), model.get(draw(managers.length))]),
    (process) => model.reject(process),
    (process) => model.invalidate(process),
    (process) => model.settle((managers[process] as TokenManager).forceRefresh()),
    (process) => model.settle((managers[process] as TokenManager).setToken(issuer.issue())),
    () => clock.advance(draw(5_000)),
    () => clock.advance(draw(LIFETIME_MS)),
    () => (store.down = { reads: draw(2) === 0, writes: draw(2) === 0, lock: draw(2) === 0 }),
    () => (store.down = {}),
    () => (issuer.failing = draw(3) === 0),
    () => (issuer.losing = draw(3) === 0),
    () => store.expireLeases(),
    () => (store.loses = () => draw(2) === 0),
    () => (store.loses = () => false),
  ];
  for (let step = 0; step < OPERATIONS; step += 1) await operations[draw(operations.length)]?.(draw(managers.length));
  store.down = {};
  Object.assign(issuer, { failing: false, losing: false });
  await clock.advance(40_000);
  for (const [process] of managers.entries())
    if ((await model.get(process)) === undefined) throw new Error('No token, though all is well.');
  await clock.advance(1);
  const before = issuer.requests;
  for (let turn = 0; turn < 3; turn += 1)
    for (const [process, manager] of managers.entries()) {
      const due = (manager.peek()?.expiresAt ?? 0) - clock.now() < LIFETIME_MS / 4;
      if (!due) await model.get(process);
    }
  if (issuer.requests > before) throw new Error('A renewal without a cause.');
  await together(model, () => draw(2) === 0);
  await follow(model);
  if (issuer.reuses > 0) throw new Error('A refresh token was sent twice.');
  for (const manager of managers) await manager.close();
}

describe.each([
  ['three processes with a lock', true],
  ['one process without', false],
])('the model of %s', (_name, withLock) => {
  it('never uses an expired, rejected or older token, sends no refresh token twice, renews for a cause, follows the others, and never hangs', async () => {
    const failures: string[] = [];
    for (let seed = 1; seed <= SEEDS / 2 && failures.length < 5; seed += 1)
      await play(seed, withLock).catch((error: unknown) => failures.push(`seed ${seed}: ${(error as Error).message}`));
    expect(failures).toEqual([]);
  }, 120_000);
});
