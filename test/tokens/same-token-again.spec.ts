import {
  ClientCredentialsTokenProvider,
  createForgeClient,
  type ForgeHttpClient,
  TokenManager,
  type TokenManagerOptions,
  type Transport,
} from 'nestjs-forge-auth';
import { FakeClock } from '../support/fake-clock.js';
import { OneStore } from '../fleet/one-store.js';

const CALLS = 535;
/** Beyond the last failure that a clock of a flight could be the reason of. */
const STEP_MS = 50;

/** Members that an issuer answers for a token with so much time left. */
type Says = (leftMs: number) => Record<string, unknown>;

/** An issuer that hands out the same token until that runs out, and a service that believes it. By the time that passes. */
class World {
  readonly clock = new FakeClock();
  readonly #made: { close(): unknown }[] = [];
  readonly #lifeMs: number;
  readonly #says: Says;
  /** Asked again, it lets the token live on, so many times. */
  readonly #extensions: number;
  #extended = 0;
  #endAt = 0;
  issued = 0;
  requests = 0;
  unauthorized = 0;

  constructor({ lifeMs, says, extensions = 0 }: { lifeMs: number; says: Says; extensions?: number }) {
    this.#lifeMs = lifeMs;
    this.#says = says;
    this.#extensions = extensions;
  }

  readonly #issuer: Transport = {
    send: async ({ url }) => {
      this.requests += 1;
      const now = this.clock.monotonic();
      if (now >= this.#endAt) {
        this.issued += 1;
        this.#extended = 0;
        this.#endAt = now + this.#lifeMs;
      } else if (this.#extended < this.#extensions) {
        this.#extended += 1;
        this.#endAt = now + this.#lifeMs;
      }
      const answer = { access_token: `token-${this.issued}`, token_type: 'Bearer', ...this.#says(this.#endAt - now) };
      return {
        status: 200,
        headers: { 'content-type': 'application/json' },
        body: Buffer.from(JSON.stringify(answer)),
        url,
      };
    },
  };

  readonly #service: Transport = {
    send: async ({ url, headers }) => {
      const isGood = headers['authorization'] === `Bearer token-${this.issued}` && this.clock.monotonic() < this.#endAt;
      if (!isGood) this.unauthorized += 1;
      return { status: isGood ? 200 : 401, headers: {}, body: Buffer.from('{}'), url };
    },
  };

  /** A process whose clock is off by so much. */
  process(options: Partial<TokenManagerOptions> = {}, offMs = 0): ForgeHttpClient {
    const { clock } = this;
    const own = {
      now: () => clock.now() + offMs,
      monotonic: () => clock.monotonic(),
      random: () => clock.random(),
      after: (delayMs: number, task: () => void) => clock.after(delayMs, task),
    };
    const provider = new ClientCredentialsTokenProvider({
      tokenUrl: 'https://issuer.example/token',
      clientId: 'client',
      clientSecret: 'secret',
      http: { transport: this.#issuer },
    });
    const manager = new TokenManager({ name: 'orders', provider, clock: own, ...options });
    const client = createForgeClient({
      name: 'orders',
      baseUrl: 'https://orders.example',
      auth: { tokenManager: manager },
      transport: this.#service,
    });
    this.#made.push(client, manager);
    return client;
  }

  /** Calls the service while time passes. Answers whether it succeeded. */
  async call(client: ForgeHttpClient): Promise<unknown> {
    const state: { settled: boolean; error?: unknown } = { settled: false };
    const call = client
      .get('/')
      .catch((error: unknown) => (state.error = error))
      .finally(() => (state.settled = true));
    for (let turns = 0; turns < 20 && !state.settled; turns += 1) await new Promise((resolve) => setImmediate(resolve));
    while (!state.settled) await this.clock.advance(STEP_MS);
    await call;
    return state.error;
  }

  async close(): Promise<void> {
    for (const thing of this.#made.splice(0)) await thing.close();
  }
}

const seconds = (ms: number): number => ms / 1_000;
const SAYS: Record<string, Says> = {
  'rounds down': (leftMs) => ({ expires_in: Math.floor(seconds(leftMs)) }),
  'rounds up': (leftMs) => ({ expires_in: Math.ceil(seconds(leftMs)) }),
  'answers a text': (leftMs) => ({ expires_in: String(Math.floor(seconds(leftMs))) }),
  'answers a text with a fraction': (leftMs) => ({ expires_in: seconds(leftMs).toFixed(1) }),
  'answers 0 for the last part of its life': (leftMs) => ({
    expires_in: leftMs < 12_000 ? 0 : Math.floor(seconds(leftMs)),
  }),
  'answers "0" for the last part of its life': (leftMs) => ({
    expires_in: leftMs < 4_000 ? '0' : String(Math.floor(seconds(leftMs))),
  }),
  'answers less than nothing for the last part of its life': (leftMs) => ({
    expires_in: leftMs < 4_000 ? -3 : Math.floor(seconds(leftMs)),
  }),
};

const STORES: Record<string, (world: World) => ForgeHttpClient[]> = {
  'in one process': (world) => [world.process()],
  'in three processes that hear of changes': (world) => {
    const store = new OneStore();
    return [0, 0, 0].map(() => world.process({ storage: store.announcing }));
  },
  'in three processes that look for changes': (world) => {
    const store = new OneStore();
    return [0, 0, 0].map(() => world.process({ storage: store.storage, lock: store.lock, nearCacheTtlMs: 5_000 }));
  },
  'in three processes without a lock': (world) => {
    const store = new OneStore();
    return [0, 0, 0].map(() => world.process({ storage: store.storage }));
  },
  'in three processes whose clocks are two seconds off': (world) => {
    const store = new OneStore();
    return [-2_000, 0, 2_000].map((offMs) => world.process({ storage: store.announcing }, offMs));
  },
};

let world: World;
afterEach(() => world.close());

async function story(clients: readonly ForgeHttpClient[], overMs: number): Promise<unknown[]> {
  const errors: unknown[] = [];
  for (let made = 0; made < CALLS; made += 1) {
    const error = await world.call(clients[made % clients.length] as ForgeHttpClient);
    if (error !== undefined) errors.push(error);
    await world.clock.advance(overMs / CALLS);
  }
  return errors;
}

describe.each(Object.keys(STORES))('an issuer that hands out the same token until it runs out, %s,', (where) => {
  it.each(Object.keys(SAYS))('fails no call where it %s', async (how) => {
    const lifeMs = 60_500;
    world = new World({ lifeMs, says: SAYS[how] as Says });
    const clients = STORES[where]?.(world) as ForgeHttpClient[];
    expect(await story(clients, 3.3 * lifeMs)).toEqual([]);
    expect(world.issued).toBeGreaterThan(2);
  });

  it('fails no call where it lets the token live on when it is asked again', async () => {
    const lifeMs = 30_500;
    world = new World({ lifeMs, says: SAYS['rounds down'] as Says, extensions: 2 });
    const clients = STORES[where]?.(world) as ForgeHttpClient[];
    expect(await story(clients, 9 * lifeMs)).toEqual([]);
    expect(world.issued).toBeGreaterThan(2);
  });
});
