import { ConfigurationError } from '../errors.js';
import { InMemoryTokenStorage } from '../storage/in-memory.token-storage.js';
import { FakeClock } from '../testing/fake-clock.js';
import { standaloneScope } from '../token/standalone.js';
import { Token } from '../token/token.js';
import type { BoundPipeline } from './bound-pipeline.js';
import { PipelineTokenProvider } from './pipeline.provider.js';
import { PipelineTokenSource } from './pipeline.token-source.js';
import type { PipelineStepOption, TokenFetchPipelineOptions } from './pipeline-options.js';
import { TokenFetchPipeline } from './token-fetch-pipeline.js';
import type { TokenFetcher } from './fetchers/token-fetcher.js';
import { loadStorageGuards } from '../storage/storage-guards.js';

beforeAll(loadStorageGuards);

class App implements TokenFetcher {
  readonly name = 'app';
  readonly dependsOn: readonly string[] = [];
  readonly identity = ['app'];
  asked = 0;

  async fetch(): Promise<Token> {
    this.asked += 1;
    return new Token({ accessToken: `app-${this.asked}` });
  }
}

const stepOf = (name: string, dependsOn: readonly string[] = []): TokenFetcher => ({
  name,
  dependsOn,
  identity: [name],
  fetch: async (context) =>
    new Token({ accessToken: [name, ...dependsOn.map((p) => context?.accessToken(p))].join('.') }),
});
const STEPS = [stepOf('app'), stepOf('user', ['app'])];
const pipelineOf = (more: Partial<TokenFetchPipelineOptions> = {}): TokenFetchPipeline =>
  new TokenFetchPipeline({ steps: STEPS, ...more });

describe('a pipeline is refused', () => {
  it.each<[string, object, string]>([
    ['without steps', { steps: undefined }, 'steps must be a list of fetchers.'],
    ['with steps that are no list', { steps: 'app' }, 'steps must be a list'],
    ['with an empty list', { steps: [] }, 'there are no steps. Give at least one.'],
    [
      'with a step that is not there',
      { steps: [STEPS[0], undefined] },
      'step 2 is undefined. Is its file part of a circular import?',
    ],
    ['with a step that is null', { steps: [null] }, 'step 1 is null. Is its file part of a circular import?'],
    ['with a result that is no step', { steps: STEPS, resultStep: 'users' }, 'resultStep "users" is no step'],
    ['with a lifetime of nothing', { steps: [{ ...STEPS[0], ttlMs: 0 }] }, 'ttlMs of step "app"'],
  ])('a pipeline is refused %s', (_name, options, problem) => {
    const make = (): unknown => new TokenFetchPipeline(options as TokenFetchPipelineOptions);
    expect(make).toThrow(ConfigurationError);
    expect(make).toThrow(`TokenFetchPipeline: ${problem}`);
  });

  it('a pipeline is refused by its service where a class turns out to be wrong', async () => {
    class Wrong extends App {
      override readonly dependsOn = ['nobody'];
    }
    const pipeline = pipelineOf({ steps: [Wrong] });
    await expect(pipeline.execute()).rejects.toThrow('TokenFetchPipeline: step "app" depends on "nobody"');
    const scope = standaloneScope({ name: 'orders' }, 'owner', 'orders');
    await expect(pipelineOf({ steps: [Wrong] }).ready(scope)).rejects.toThrow(
      'Service "orders": the pipeline: step "app" depends on "nobody"',
    );
  });
});

it('a pipeline on its own runs its steps once, and anew when it is asked to', async () => {
  const app = new App();
  const pipeline = pipelineOf({ steps: [app] });
  expect([(await pipeline.execute()).accessToken, (await pipeline.execute()).accessToken]).toEqual(['app-1', 'app-1']);
  expect((await pipeline.execute({ forceRefresh: true })).accessToken).toBe('app-2');
  await pipeline.invalidateStep('app');
  await pipeline.execute();
  await pipeline.invalidateAll();
  expect([(await pipeline.execute()).accessToken, app.asked]).toEqual(['app-4', 4]);
  const left = pipeline.execute({ forceRefresh: true, signal: AbortSignal.abort(new Error('I left')) });
  await expect(left).rejects.toThrow('I left');
});

it('a pipeline is known before it is used, but for the classes in it', async () => {
  const plain = pipelineOf();
  expect([plain.stepNames, plain.hasClasses, plain.getStep('user'), plain.getStep('users')]).toEqual([
    ['app', 'user'],
    false,
    STEPS[1],
    undefined,
  ]);
  expect(plain.toMermaid()).toContain('s0 --> s1');
  expect(plain.describe()).toEqual([
    { name: 'app', dependsOn: [], cached: false },
    { name: 'user', dependsOn: ['app'], cached: false },
  ]);
  const provider = { fetchToken: async () => new Token({ accessToken: 'a' }) };
  const bare = pipelineOf({ steps: [{ name: 'app', provider }] });
  expect([bare.describe(), bare.toMermaid()]).toEqual([
    [{ name: 'app', dependsOn: [], cached: false }],
    'flowchart LR\n  s0["app"]',
  ]);
  const classes = pipelineOf({ steps: [App, STEPS[1]] as PipelineStepOption[] });
  expect(classes.describe()).toEqual([{ name: 'user', dependsOn: ['app'], cached: false }]);
  expect([classes.stepNames, classes.hasClasses, classes.getStep('app')]).toEqual([['user'], true, undefined]);
  expect(() => classes.toMermaid()).toThrow('The steps of the pipeline are not known before it is first used.');
  await classes.execute();
  expect([classes.stepNames, classes.hasClasses]).toEqual([['app', 'user'], false]);
  expect(classes.getStep('app')).toBeInstanceOf(App);
  expect(classes.toMermaid()).toContain('s0["app"]');
  expect(classes.describe().map(({ cached }) => cached)).toEqual([true, true]);
});

it('a pipeline that is bound elsewhere shows what is defined there, and works on it once it is there', async () => {
  const definition = pipelineOf();
  let bound: BoundPipeline | undefined;
  let opened = 0;
  const scope = standaloneScope({ name: 'orders' }, 'owner', 'orders');
  const pipeline = TokenFetchPipeline.deferred({
    openPipeline: async () => ((opened += 1), (bound = await definition.bind(scope))),
    boundPipeline: () => bound,
    pipelineDefinition: () => definition,
  });
  expect([pipeline.stepNames, pipeline.hasClasses, pipeline.getStep('user')]).toEqual([
    ['app', 'user'],
    false,
    STEPS[1],
  ]);
  expect(pipeline.toMermaid()).toContain('s0 --> s1');
  expect(pipeline.describe().map(({ cached }) => cached)).toEqual([false, false]);
  expect([(await pipeline.execute()).accessToken, (await pipeline.execute()).accessToken, opened]).toEqual([
    'user.app',
    'user.app',
    1,
  ]);
  expect(pipeline.describe().map(({ cached }) => cached)).toEqual([true, true]);
  await pipeline.close();
  await expect(pipeline.execute()).rejects.toMatchObject({ code: 'FORGE_AUTH_CLIENT_CLOSED' });
});

it('a pipeline whose definition is not there yet shows nothing, and says so', () => {
  const pipeline = TokenFetchPipeline.deferred({
    openPipeline: () => Promise.reject(new Error('unused')),
    boundPipeline: () => undefined,
    pipelineDefinition: () => undefined,
  });
  expect([pipeline.stepNames, pipeline.hasClasses, pipeline.getStep('app'), pipeline.describe()]).toEqual([
    [],
    false,
    undefined,
    [],
  ]);
  expect(() => pipeline.toMermaid()).toThrow('The steps of the pipeline are not known before it is first used.');
});

it('a pipeline that is closed refuses what follows, used before or not', async () => {
  const [used, unused] = [pipelineOf(), pipelineOf()];
  await used.execute();
  for (const pipeline of [used, unused]) {
    await pipeline.close();
    await expect(pipeline.execute()).rejects.toMatchObject({ code: 'FORGE_AUTH_CLIENT_CLOSED' });
  }
});

/** The keys that the pipelines write. */
async function keysOf(...options: Partial<TokenFetchPipelineOptions>[]): Promise<string[]> {
  const keys = new Set<string>();
  for (const more of options) {
    const storage = { get: async () => undefined, set: async (key: string) => void keys.add(key) };
    await pipelineOf({ storage, ...more }).execute();
  }
  return [...keys].map((key) => key.split(':').slice(0, 2).join(':'));
}

describe('the tokens of a pipeline', () => {
  it('the tokens of a pipeline stand under its name, and are shared by all of that name', async () => {
    expect(await keysOf({ cacheKeyPrefix: 'chain' }, { cacheKeyPrefix: 'chain' })).toEqual(
      Array(2).fill('forge-auth:chain'),
    );
  });

  it('the tokens of a pipeline without a name are its own', async () => {
    const keys = await keysOf({}, {});
    expect(keys).toHaveLength(4);
    expect(new Set(keys).size).toBe(2);
    expect(keys.every((key) => key.startsWith('forge-auth:pipeline-'))).toBe(true);
  });

  it('the tokens of a pipeline stand under the name of its service', async () => {
    const keys: string[] = [];
    const storage = { get: async () => undefined, set: async (key: string) => void keys.push(key) };
    const scope = standaloneScope({ name: 'orders', storage }, 'owner', 'orders');
    await (await pipelineOf().ready(scope)).get();
    expect(keys.every((key) => key.startsWith('forge-auth:orders:'))).toBe(true);
  });

  it('the tokens of a pipeline are asked for under its lock, with a storage of its own or not', async () => {
    for (const more of [{}, { storage: new InMemoryTokenStorage() }]) {
      let leases = 0;
      const lock = {
        acquire: async () => ({
          generation: (leases += 1),
          extend: async () => true,
          release: async () => undefined,
        }),
      };
      const pipeline = pipelineOf({ lock, ...more });
      await pipeline.execute();
      expect(leases).toBe(2);
      await pipeline.close();
    }
  });

  it('the tokens of a pipeline have no lock of its own where its service stores them', async () => {
    const lock = { acquire: async () => null };
    const scope = {
      ...standaloneScope({ name: 'orders', clock: new FakeClock() }, 'owner', 'orders'),
      standalone: false,
    };
    await expect(pipelineOf({ lock }).bind(scope)).rejects.toThrow(
      'Service "orders": the pipeline: lock without storage. Give it both, or give the lock to the service.',
    );
  });
});

describe('a pipeline as a provider', () => {
  it('a pipeline as a provider answers its result', async () => {
    const pipeline = pipelineOf();
    const provider = new PipelineTokenProvider({ pipeline });
    expect([(await provider.fetchToken()).accessToken, provider.pipeline]).toEqual(['user.app', pipeline]);
  });

  it('a pipeline as a provider is renewed from a step that there is, as far as that is known', () => {
    const pipeline = pipelineOf();
    const make = (refreshFromStep: string, of = pipeline): unknown =>
      new PipelineTokenProvider({ pipeline: of, refreshFromStep });
    expect(() => make('app')).not.toThrow();
    expect(() => make('apps')).toThrow('PipelineTokenProvider: refreshFromStep "apps" is no step. Steps: app, user.');
    expect(() => make('apps', pipelineOf({ steps: [App] }))).not.toThrow();
    expect(() => make('apps', pipelineOf({ steps: [App, STEPS[1]] as PipelineStepOption[] }))).not.toThrow();
    expect(() => new PipelineTokenProvider({ pipeline: {} as never })).toThrow(
      'PipelineTokenProvider: pipeline must be a TokenFetchPipeline.',
    );
  });

  it('a pipeline as a provider has one state outside of services, and one for each service within them', async () => {
    const pipeline = pipelineOf();
    const provider = new PipelineTokenProvider({ pipeline });
    const reported: string[] = [];
    const events = {
      refreshed: (token: Token) => void reported.push(token.accessToken),
      invalidated: () => undefined,
      failed: () => undefined,
    };
    const alone = standaloneScope({ name: 'orders' }, 'owner', 'orders', events);
    const bound = async (standalone: boolean): Promise<unknown> => {
      const source = await provider.createSource({ ...alone, standalone });
      expect(source).toBeInstanceOf(PipelineTokenSource);
      return (source as PipelineTokenSource).pipeline;
    };
    expect(await bound(true)).toBe(await bound(true));
    expect(await bound(false)).not.toBe(await bound(false));
    expect(await bound(false)).not.toBe(await bound(true));
    await (await provider.createSource({ ...alone, standalone: false })).for().get();
    expect(reported).toEqual(['user.app']);
  });
});
