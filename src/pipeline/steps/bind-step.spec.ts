import { ConfigurationError, ConnectionError } from '../../errors.js';
import { NoRetryStrategy } from '../../retry/no.retry.strategy.js';
import { FakeClock } from '../../testing/fake-clock.js';
import type { FlightReport } from '../../token/slot/slot-observer.js';
import { standaloneScope } from '../../token/standalone.js';
import type { BoundTokenProvider, TokenRequestContext } from '../../token/token-provider.js';
import { Token } from '../../token/token.js';
import { BodyTokenFetcher } from '../fetchers/body.fetcher.js';
import { StepContext } from '../fetchers/fetch-context.js';
import { bindStep } from './bind-step.js';
import type { GivenStep, PipelineStep, StepRequest } from './pipeline-step.js';
import type { TokenFetcher } from '../fetchers/token-fetcher.js';
import { loadStorageGuards } from '../../storage/storage-guards.js';
import { TOKEN_STORAGE } from '../../storage/token-storage.js';

beforeAll(loadStorageGuards);

const clock = new FakeClock();
const HOUR_MS = 3_600_000;

function world(storage?: object) {
  const lines: string[] = [];
  const log = (line: string): void => void lines.push(line);
  const logger = { debug: log, log, warn: log, error: log };
  const options = { name: 'orders', clock, logger, ...(storage && { storage: storage as never }) };
  const scope = { ...standaloneScope(options, 'owner', 'orders'), revealCauses: false, named: true };
  const bind = (given: unknown): Promise<PipelineStep> => bindStep(given as GivenStep, scope, 'The pipeline');
  return { lines, scope, bind };
}

function requestOf(more: Partial<StepRequest> = {}): StepRequest {
  const signal = more.signal ?? new AbortController().signal;
  const context = new StepContext(
    'app',
    new Map([['device', new Token({ accessToken: 'canary' })]]),
    new Set(['device']),
    signal,
    clock,
  );
  const deadline = clock.now() + 5_000;
  const report = { grant: 'custom' } as FlightReport;
  return { context, signal, deadline, previous: undefined, claim: async () => undefined, report, ...more };
}

/** A provider that records what it is asked with. */
function providerOf(more: Partial<BoundTokenProvider> = {}) {
  const asked: TokenRequestContext[] = [];
  const provider = {
    fetchToken: async (context: TokenRequestContext) => {
      asked.push(context);
      return new Token({ accessToken: 'a' });
    },
    ...more,
  } as BoundTokenProvider;
  return { asked, provider };
}

describe('a step that is a provider', () => {
  it('a step that is a provider is asked in its service’s name, within the deadline of its flight', async () => {
    const { asked, provider } = providerOf();
    const { bind, scope } = world();
    const request = requestOf();
    await (await bind({ name: 'app', provider })).obtain(request);
    const { signal, deadline } = request;
    expect(asked).toMatchObject([
      { signal, deadline, clock, logger: scope.logger, serviceName: 'orders', request: {} },
    ]);
  });

  it('a step that is a provider bounds its token’s life, and waits for nothing else', async () => {
    const { provider } = providerOf({ grantType: 'password' });
    const step = await world().bind({ name: 'app', provider, ttlMs: HOUR_MS });
    expect((await step.obtain(requestOf())).expiresAt).toBe(clock.now() + HOUR_MS);
    expect(step).toMatchObject({ name: 'app', dependsOn: [], ttlMs: HOUR_MS, grantType: 'password' });
    const dependent = await world().bind({ name: 'user', provider, dependsOn: ['app'] });
    expect(dependent).toMatchObject({ dependsOn: ['app'], ttlMs: undefined });
  });

  it('a step that is a provider is identified by its parts and by the identity that it returns', async () => {
    class Mine {
      async fetchToken(): Promise<Token> {
        return new Token({ accessToken: 'a' });
      }
    }
    const { bind } = world();
    const identityOf = async (provider: object) => (await bind({ name: 'app', provider })).identity();
    expect(await identityOf(new Mine())).toEqual(['Mine']);
    expect(await identityOf(Object.assign(new Mine(), { identity: ['acme'] }))).toEqual(['Mine', 'acme']);
    const parts = { keyParts: async () => ['part'], identity: ['acme'] };
    expect(await identityOf(Object.assign(new Mine(), parts))).toEqual(['part', 'acme']);
  });

  it.each([
    ['its last token, where the app wishes it', new Token({ accessToken: 'last' }), [['last', 10_000, {}]]],
    ['nothing where there is none', undefined, []],
  ])('a step that is a provider revokes at its end %s, and is closed', async (_name, last, expected) => {
    const revoked: unknown[] = [];
    let closed = 0;
    const { provider } = providerOf({
      revokeAtClose: async (token, { deadline, request }) => {
        await new Promise((resolve) => setImmediate(resolve));
        revoked.push([token.accessToken, deadline - clock.now(), request]);
      },
      close: async () => void (closed += revoked.length === expected.length ? 1 : 100),
    });
    const { bind, scope } = world();
    scope.storage();
    await (await bind({ name: 'app', provider })).close?.(last);
    expect([revoked, closed]).toEqual([expected, 1]);
  });

  it('a step that is a provider is refused by its name and the option that is wrong', async () => {
    const { provider } = providerOf();
    await expect(world().bind({ name: 'app', provider, ttlMs: -1 })).rejects.toThrow(ConfigurationError);
    await expect(world().bind({ name: 'app', provider, ttlMs: -1 })).rejects.toThrow(
      /^The pipeline: step "app": ttlMs/,
    );
    await expect(world().bind({ name: 'app', provider, dependsOn: [7] })).rejects.toThrow(
      /step "app": dependsOn must be a list of step names/,
    );
    await expect(world().bind({ name: 'app', provider, dependOn: [] })).rejects.toThrow(/step "app": dependOn/);
    for (const given of [
      { provider, name: 7 },
      { provider, name: 'app', ttlMs: 'x' },
    ])
      await expect(world().bind(given)).rejects.toThrow(ConfigurationError);
  });
});

it.each<[string, unknown]>([
  ['nothing of its own', { name: 'app' }],
  ['a provider that is none', { name: 'app', provider: {} }],
  ['no provider', { name: 'app', provider: null }],
])('a step with %s is refused by what it lacks', async (_name, given) => {
  await expect(world().bind(given)).rejects.toThrow(
    'The pipeline: a step must have a method fetch(), or be { name, provider }',
  );
});

it('a step of another service is refused where there are no services', async () => {
  await expect(world().bind({ name: 'app', tokenManager: 'users' })).rejects.toThrow(
    'The pipeline: step "app": tokenManager names a service, and there are none here.',
  );
});

const tokenOf = (accessToken: string): Token => new Token({ accessToken, refreshToken: 'canary' });

const listener = (): void => undefined;
const gone = (): Promise<never> => Promise.reject(new Error('gone'));

describe('a step of another service', () => {
  const signal = new AbortController().signal;

  /** A service whose token is `current`, and a step that shares it. */
  async function sharing(current: Token, replacement?: Token, more: object = {}) {
    const { scope } = world();
    const asked: unknown[] = [];
    const handle = {
      get: async (of: AbortSignal) => (asked.push(['get', of === signal]), current),
      replace: async (old: Token, of: AbortSignal) => {
        asked.push(['replace', old.accessToken, of === signal]);
        return replacement && { token: replacement };
      },
    };
    const sharedSource = (name: string) => async () => (asked.push(name), { for: () => handle });
    const given = { name: 'app', tokenManager: 'users', ...more } as GivenStep;
    return { asked, step: await bindStep(given, { ...scope, sharedSource } as never, 'The pipeline') };
  }

  it('a step of another service takes its token, and leaves its refresh token where it is', async () => {
    const { step, asked } = await sharing(tokenOf('current'));
    const got = await step.obtain(requestOf({ signal }));
    expect([got.accessToken, got.refreshToken, asked]).toEqual(['current', undefined, ['users', ['get', true]]]);
  });

  it.each([
    ['has one that was refused replaced there', 'rejection', 'refused', 'newer', 'newer', ['get', 'replace']],
    ['has one replaced there that is to be new', 'forced', 'refused', 'newer', 'newer', ['get', 'replace']],
    [
      'takes one that was refused where there is no better',
      'rejection',
      'refused',
      undefined,
      'refused',
      ['get', 'replace'],
    ],
    ['takes one that was replaced already', 'rejection', 'newer', 'newest', 'newer', ['get']],
    ['leaves one alone that is good, for its age', 'window', 'refused', 'newer', 'refused', ['get']],
    ['leaves one alone that is good, for its end', 'expired', 'refused', 'newer', 'refused', ['get']],
  ])('a step of another service %s', async (_name, cause, current, replacement, expected, calls) => {
    const { step, asked } = await sharing(
      tokenOf(current),
      replacement === undefined ? undefined : tokenOf(replacement),
    );
    const report = { grant: 'custom', cause } as FlightReport;
    const got = await step.obtain(requestOf({ signal, previous: tokenOf('refused'), report }));
    expect([got.accessToken, got.refreshToken]).toEqual([expected, undefined]);
    expect(asked.slice(1).map((call) => (call as string[])[0])).toEqual(calls);
  });

  it('a step of another service has no settings of its own but what it depends on, and is distinguished by the service', async () => {
    const { step } = await sharing(tokenOf('current'), undefined, { dependsOn: ['device'] });
    expect(step).toMatchObject({ name: 'app', dependsOn: ['device'], ttlMs: undefined, grantType: undefined });
    expect([await step.identity(), (await sharing(tokenOf('current'))).step.dependsOn]).toEqual([
      ['shared', 'users'],
      [],
    ]);
  });

  it('a step of another service hears of the tokens that are taken out of use there, where that is known', async () => {
    const listeners: unknown[] = [];
    const onTakenOut = (heard: unknown): void => void listeners.push(heard);
    for (const source of [async () => ({ for: () => ({ onTakenOut }) }), async () => ({ for: () => ({}) }), gone]) {
      const sharedSource = () => source;
      const scope = { ...world().scope, sharedSource };
      const step = await bindStep({ name: 'app', tokenManager: 'users' }, scope as never, 'The pipeline');
      step.onTakenOut?.(listener);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(listeners).toEqual([listener]);
  });

  it('a step of another service is refused by its name and the option that is wrong', async () => {
    await expect(sharing(tokenOf('current'), undefined, { dependsOn: 'device' })).rejects.toThrow(
      'The pipeline: step "app": dependsOn must be a list of step names',
    );
    await expect(sharing(tokenOf('current'), undefined, { ttlMs: 5 })).rejects.toThrow(
      'The pipeline: there is no option step "app": ttlMs. There are name, tokenManager, dependsOn.',
    );
  });
});

const fetcherOf = (more: Partial<TokenFetcher>): TokenFetcher => ({
  name: 'app',
  dependsOn: [],
  fetch: async () => new Token({ accessToken: 'a' }),
  ...more,
});

const broken = async (): Promise<Token> => {
  throw new TypeError('It broke on canary.');
};

const httpOf = (more: object): BodyTokenFetcher =>
  new BodyTokenFetcher({ name: 'app', baseUrl: 'https://issuer.example', ...more });

describe('a step that is a fetcher', () => {
  it('a step that is a fetcher has the settings that it says', async () => {
    const more = { dependsOn: ['device'], ttlMs: 1, deadlineMs: 2, refreshWindowMs: 3 };
    expect(await world().bind(fetcherOf(more))).toMatchObject({ name: 'app', ...more });
    expect(await world().bind({ ...fetcherOf({}), dependsOn: undefined })).toMatchObject({
      dependsOn: [],
      ttlMs: undefined,
    });
  });

  it('a step that is a fetcher is asked again after a failure that may pass, and its token counts from then', async () => {
    let asked = 0;
    const fetch = async (): Promise<Token> => {
      asked += 1;
      if (asked === 1) throw new TypeError('x');
      return new Token({ accessToken: 'a' });
    };
    const failing = async (): Promise<Token> => {
      asked += 1;
      if (asked === 1) throw new ConnectionError('x');
      return new Token({ accessToken: 'a' });
    };
    // An error that is not the network's is not tried again.
    await expect((await world().bind(fetcherOf({ fetch }))).obtain(requestOf())).rejects.toBeDefined();
    expect(asked).toBe(1);
    asked = 0;
    const start = clock.now();
    const timed = await world().bind(fetcherOf({ fetch: failing, ttlMs: HOUR_MS }));
    const obtaining = timed.obtain(requestOf());
    await clock.advance(4_000);
    expect([((await obtaining).expiresAt as number) > start + HOUR_MS, asked]).toEqual([true, 2]);
    asked = 0;
    const once = fetcherOf({ fetch: failing, retry: new NoRetryStrategy() });
    await expect((await world().bind(once)).obtain(requestOf())).rejects.toThrow('x');
    expect(asked).toBe(1);
  });

  it('an error of a fetcher’s own is shown in development, without a token that it was given', async () => {
    const { bind, scope } = world();
    scope.revealCauses = true;
    const step = await bind(fetcherOf({ fetch: broken, dependsOn: ['device', 'none'] }));
    const error = await step.obtain(requestOf()).catch((caught: unknown) => caught as { summary: string });
    expect(error).toMatchObject({ summary: expect.stringContaining('It broke on') });
    expect((error as { summary: string }).summary).not.toContain('canary');
  });

  it('an error of a fetcher’s own is thrown as it is when nobody waits any more', async () => {
    const error = new TypeError('x');
    const fetch = async (): Promise<Token> => {
      throw error;
    };
    const left = requestOf({ signal: AbortSignal.abort(new Error('I left')) });
    const step = await world().bind(fetcherOf({ fetch }));
    const thrown = await step.obtain(left).catch((caught: unknown) => caught);
    expect([error, left.signal.reason]).toContain(thrown);
  });

  it('a step whose transport may change the request says once that its tokens stay here, and how to share them', async () => {
    const transport = { send: () => Promise.reject(new Error('unused')) };
    const shared = { [TOKEN_STORAGE]: true, get: async () => undefined, set: async () => undefined };
    for (const [given, storage, expected] of [
      [httpOf({ transport }), shared, 1],
      [httpOf({ transport }), undefined, 0],
      [httpOf({ transport, identity: 'acme' }), shared, 0],
      [httpOf({}), shared, 0],
    ] as const) {
      const { bind, lines } = world(storage);
      await bind(given);
      expect(lines).toHaveLength(expected);
    }
    const { bind, lines } = world(shared);
    await bind(httpOf({ transport }));
    await bind(httpOf({ transport, axios: { paramsSerializer: () => '' } }));
    expect(lines).toEqual(
      ['transport', 'transport, axios.paramsSerializer'].map(
        (names) =>
          `The pipeline: step "app": ${names} may change what is asked for, so its tokens stay in this process. To share them, add identity: 'a name for what it does' to the fetcher's options.`,
      ),
    );
  });
});
