import { jest } from '@jest/globals';
import {
  type AuthenticationError,
  BodyTokenFetcher,
  InvalidRequestError,
  PipelineTokenProvider,
  Token,
  TokenFetchPipeline,
  type TokenFetcher,
  type TokenManager,
  type TokenManagerOptions,
  type TokenProvider,
  type TokenStorage,
} from 'nestjs-forge-auth';
import { OneStore } from '../fleet/one-store.js';
import { give } from '../support/answer.js';
import { FakeClock } from '../support/fake-clock.js';
import { Gate } from '../support/gate.js';
import { startServer } from '../support/recording-server.js';
import { rejection, until } from '../support/async.js';
import { World } from './world.js';

const world = new World();
let store: OneStore;
beforeEach(async () => {
  store = new OneStore();
  await world.start();
});
afterEach(() => world.close());

/** One process of a fleet on the store. */
const processOf = (more: Partial<TokenManagerOptions> = {}): TokenManager =>
  world.manager({ storage: store.announcing, provider: world.singleShot(), ...more });

describe('a manager that holds nothing', () => {
  it('uses no stored token that was invalidated, though the store takes no writes', async () => {
    const { accessToken } = await processOf().getToken();
    const other = processOf();
    store.down.writes = true;
    await other.invalidate();
    expect((await other.getToken()).accessToken).not.toBe(accessToken);
    expect(world.endpoint.tokenRequests).toBe(2);
  });

  it('takes what another process is fetching, though a new token was asked for by force', async () => {
    const [one, other] = [processOf(), processOf()];
    world.endpoint.hold();
    const [first, second] = [one.getToken(), other.forceRefresh()];
    await until(() => world.endpoint.held === 1, 'one of them asks');
    world.endpoint.release();
    expect((await second).accessToken).toBe((await first).accessToken);
    expect(world.endpoint.tokenRequests).toBe(1);
  });
});

it('a refresh token that is not shared for want of a lock outlives the access token that was forgotten', async () => {
  await world.close();
  await world.start({ refreshTokens: true });
  const manager = world.manager({ storage: store.storage, provider: world.passwordProvider() });
  await manager.getToken();
  expect([...store.values.values()].join()).not.toContain('refreshToken');
  await manager.invalidate();
  await manager.getToken();
  expect(world.endpoint.grantTypes).toEqual(['password', 'refresh_token']);
});

describe('revocation', () => {
  let revoked: string[];
  let issued: number;
  /** One process on a store that tells of nothing, with a provider that can revoke. */
  const revoking = (): TokenManager => {
    const provider: TokenProvider & { revokeToken(token: Token): Promise<void> } = {
      fetchToken: async () => new Token({ accessToken: `access-${(issued += 1)}` }),
      revokeToken: async (token) => void revoked.push(token.accessToken),
      identity: ['revocation'],
    };
    return processOf({ storage: store.storage, lock: store.lock, provider });
  };
  beforeEach(() => {
    revoked = [];
    issued = 0;
  });

  it('revocation is of the token that another process has renewed since', async () => {
    const [one, other] = [revoking(), revoking()];
    await one.getToken();
    await other.forceRefresh();
    await one.revoke();
    expect(revoked).toEqual(['access-2']);
  });

  it('revocation is of the token in hand where the store is behind', async () => {
    const one = revoking();
    await one.getToken();
    const before = [...store.values];
    await one.forceRefresh();
    for (const [key, value] of before) store.values.set(key, value);
    await one.revoke();
    expect(revoked).toEqual(['access-2']);
  });

  it('revocation is of the token in hand where the store has forgotten it', async () => {
    const one = revoking();
    await one.getToken();
    store.values.clear();
    await one.revoke();
    expect(revoked).toEqual(['access-1']);
  });

  it('revocation is of the stored token in a process that holds none, and of none where there is none', async () => {
    await revoking().revoke();
    expect(revoked).toEqual([]);
    await revoking().getToken();
    await revoking().revoke();
    expect(revoked).toEqual(['access-1']);
  });
});

it('what another process announces while a token is read is looked at, though nothing was in use yet', async () => {
  const { accessToken } = await processOf().getToken();
  const slow = new Gate();
  const storage: TokenStorage = {
    ...store.announcing,
    get: async (key) => {
      const value = await store.storage.get(key);
      await slow.pass();
      return value;
    },
  };
  const one = processOf({ storage });
  slow.hold();
  const reading = one.getToken();
  await until(() => slow.waiting === 1, 'it reads');
  const newer = await processOf().forceRefresh();
  slow.release();
  expect((await reading).accessToken).toBe(accessToken);
  await until(() => one.peek()?.accessToken === newer.accessToken, 'it has looked again');
});

it('a token that is set takes the place of one whose lease was ahead of this clock', async () => {
  const ahead = Date.now() + 3_600_000;
  const lock = {
    acquire: async () => ({ generation: ahead, extend: async () => true, release: async () => undefined }),
  };
  const one = processOf({ lock });
  await one.getToken();
  await one.setToken(new Token({ accessToken: 'set-by-the-app' }));
  const stored = [...store.values.values()].map((text) => JSON.parse(text) as { generation: number });
  expect(stored).toEqual([expect.objectContaining({ generation: ahead + 1 })]);
  expect((await processOf({ lock }).getToken()).accessToken).toBe('set-by-the-app');
});

it('close() waits for what the storage is still writing', async () => {
  let written = false;
  const manager = world.manager({
    storage: {
      get: async () => undefined,
      set: async () => {
        await new Promise((resolve) => setTimeout(resolve, 100));
        written = true;
      },
    },
  });
  const getting = manager.getToken().catch(() => undefined);
  await until(() => world.endpoint.issued.length === 1, 'a token was issued');
  await getting;
  const setting = manager.setToken(new Token({ accessToken: 'last' })).catch(() => undefined);
  written = false;
  await new Promise((resolve) => setTimeout(resolve, 20));
  await manager.close();
  expect(written).toBe(true);
  await setting;
});

const managerOf = (pipeline: TokenFetchPipeline): TokenManager =>
  world.manager({ provider: new PipelineTokenProvider({ pipeline }) });

describe('a pipeline step', () => {
  it('a pipeline step whose answer has no token names the field, and is not asked again', async () => {
    const server = world.closeLater(await startServer((_request, response) => give(response, { json: { other: 1 } })));
    const step = new BodyTokenFetcher({ name: 'app', baseUrl: server.origin, tokenField: 'data.token' });
    const error = await rejection<AuthenticationError>(managerOf(new TokenFetchPipeline({ steps: [step] })).getToken());
    expect(error.message).toContain('the answer has no token in "data.token"');
    expect([error.step, error.transient, server.requests.length]).toEqual(['app', false, 1]);
  });

  it('a pipeline step that misses its own deadline may be asked again: its failure is transient', async () => {
    const server = world.closeLater(await startServer(() => undefined));
    const step = new BodyTokenFetcher({ name: 'app', baseUrl: server.origin, deadlineMs: 100 });
    const error = await rejection<AuthenticationError>(managerOf(new TokenFetchPipeline({ steps: [step] })).getToken());
    expect([error.code, error.step, error.transient]).toEqual(['FORGE_AUTH_TOKEN_DEADLINE', 'app', true]);
    expect(error.message).toContain('did not end within 100 ms');
  });

  it('a pipeline step that is neither a fetcher nor a provider is refused by what it lacks, and by its service', async () => {
    const pipeline = new TokenFetchPipeline({ steps: [{ name: 'app' } as never] });
    const client = world.client({ auth: { pipeline } });
    const error = await rejection(client.get('/'));
    expect(error.message).toMatch(
      /^Service "orders": .*a step must have a method fetch\(\), or be \{ name, provider \}/,
    );
  });

  it('a pipeline step is described before it was ever used', () => {
    const app = new BodyTokenFetcher({ name: 'app', baseUrl: 'https://issuer.example' });
    const user = new BodyTokenFetcher({ name: 'user', baseUrl: 'https://issuer.example', dependsOn: ['app'] });
    expect(new TokenFetchPipeline({ steps: [app, user] }).describe()).toEqual([
      { name: 'app', dependsOn: [], cached: false },
      { name: 'user', dependsOn: ['app'], cached: false },
    ]);
  });
});

/** A step that answers a token of half a second, then those of an hour. */
function stepOf(ttlMs?: number): { step: TokenFetcher; asked: () => number } {
  let asked = 0;
  const fetch = async (): Promise<Token> =>
    new Token({ accessToken: `token-${(asked += 1)}`, expiresAt: Date.now() + (asked === 1 ? 500 : 3_600_000) });
  return { step: { name: 'app', dependsOn: [], fetch, ttlMs }, asked: () => asked };
}

describe('a step whose token is about to run out when it arrives', () => {
  it('a step whose token is about to run out when it arrives is asked again at once', async () => {
    const { step } = stepOf();
    const token = await managerOf(new TokenFetchPipeline({ steps: [step] })).getToken();
    expect(token.accessToken).toBe('token-2');
  });

  it('a step whose token is about to run out when it arrives is not where it says itself that its tokens live no longer', async () => {
    const { step, asked } = stepOf(500);
    const token = await managerOf(new TokenFetchPipeline({ steps: [step] })).getToken();
    expect([token.accessToken, asked()]).toEqual(['token-1', 1]);
  });
});

it.each(['', undefined, null, 7, {}])('%j is the name of no user', (subject) => {
  expect(() => processOf().forSubject(subject as string)).toThrow(InvalidRequestError);
});

describe('a provider receives the time until which its token is waited for', () => {
  const clock = new FakeClock();
  let left: number | undefined;
  const provider: TokenProvider = {
    fetchToken: async (context) => {
      left = (context?.deadline ?? 0) - clock.now();
      return new Token({ accessToken: 'a' });
    },
  };
  it.each<[string, () => TokenProvider]>([
    ['by itself', () => provider],
    [
      'as a step of a pipeline',
      () => new PipelineTokenProvider({ pipeline: new TokenFetchPipeline({ steps: [{ name: 'app', provider }] }) }),
    ],
  ])('%s', async (_name, providerOf) => {
    left = undefined;
    await world.manager({ clock, deadlineMs: 7_000, provider: providerOf() }).getToken();
    expect(left).toBe(7_000);
  });
});

it('a token that is set again after it was invalidated is good again, for all, and though a renewal fails', async () => {
  const one = processOf();
  const token = await one.getToken();
  await one.invalidate(token);
  await one.setToken(token);
  world.endpoint.answerNext({ status: 500, json: {} });
  await rejection(one.forceRefresh());
  await new Promise((resolve) => setTimeout(resolve, 20));
  const tokens = await Promise.all([one.getToken(), processOf().getToken()]);
  expect(tokens.map(({ accessToken }) => accessToken)).toEqual([token.accessToken, token.accessToken]);
  expect(world.endpoint.tokenRequests).toBe(2);
});

it.each(['delete', 'setIfNewer', 'createLock', 'createSignal', 'connect', 'release'])(
  'a storage whose %s is no function is refused by that name',
  async (name) => {
    const storage = { get: async () => undefined, set: async () => undefined, deadlineMs: 100, [name]: 7 };
    expect(() => world.manager({ storage: storage as unknown as TokenStorage })).toThrow(
      new RegExp(`storage\\.${name} must be a function`),
    );
  },
);

it('a step whose callers have all left learns that: what it does is aborted', async () => {
  let signal: AbortSignal | undefined;
  const step: TokenFetcher = {
    name: 'app',
    dependsOn: [],
    fetch: async (context) => {
      signal = context?.signal;
      return new Promise<never>(() => undefined);
    },
  };
  const client = world.client({ auth: { pipeline: { steps: [step] } } });
  const leaving = new AbortController();
  const call = rejection(client.get('/', { signal: leaving.signal }));
  await until(() => signal !== undefined, 'it was asked');
  expect(signal?.aborted).toBe(false);
  leaving.abort();
  await call;
  await until(() => signal?.aborted === true, 'it is aborted');
});

it('a manager that was closed shows no token', async () => {
  const manager = processOf();
  await manager.getToken();
  expect(manager.peek()).toBeDefined();
  await manager.close();
  expect(manager.peek()).toBeUndefined();
});

it('a token that is set where the clock of the store is ahead goes ahead of this clock no further than it must', async () => {
  const clock = new FakeClock();
  const storesAhead = clock.now() + 900;
  const generations: number[] = [];
  const storage: TokenStorage = {
    get: async () => undefined,
    set: async () => undefined,
    setIfNewer: async (_key, _value, _ttlMs, generation) => {
      generations.push(generation);
      return generation > storesAhead;
    },
  };
  await world.manager({ storage, clock }).setToken(new Token({ accessToken: 'set' }));
  expect(generations.map((generation) => generation - clock.now())).toEqual([0, 1_000]);
});

const at = (expiresAt: number): Token => new Token({ accessToken: 'a', expiresAt });

it('a token has run out exactly at its expiresAt, not before', () => {
  const now = jest.spyOn(Date, 'now').mockReturnValue(1_000_000);
  expect([at(1_000_000).isExpired(), at(1_000_001).isExpired(), at(1_000_001).isExpired(1)]).toEqual([
    true,
    false,
    true,
  ]);
  now.mockRestore();
});
