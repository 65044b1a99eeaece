import {
  AuthenticationError,
  BodyTokenFetcher,
  ConfigurationError,
  type FetchContext,
  HttpTokenFetcher,
  InMemoryTokenStorage,
  type PipelineStepOption,
  type Token,
  TokenFetchPipeline,
} from 'nestjs-forge-auth';
import { captureEverything } from '../support/capture.js';
import { json } from '../support/answer.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';
import { render, renderError } from '../support/render.js';
import { expectNoSecrets } from '../support/secrets.js';

let server: RecordingServer;
let delayMs = 0;

beforeEach(async () => {
  delayMs = 0;
  server = await startServer(async (request, response) => {
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    const serial = server.count(request.path);
    json(response, 200, { access_token: `${request.path.slice(1)}-${serial}` });
  });
});
afterEach(() => server.close());

function step(
  name: string,
  dependsOn: readonly string[] = [],
  more: Partial<ConstructorParameters<typeof BodyTokenFetcher>[0]> = {},
): BodyTokenFetcher {
  const requestHeaders = (context: FetchContext): Record<string, string> =>
    Object.fromEntries(dependsOn.map((dependency) => [`x-${dependency}`, context.accessToken(dependency)]));
  return new BodyTokenFetcher({ name, baseUrl: server.origin, endpoint: name, dependsOn, requestHeaders, ...more });
}

/** a → b, c → d → e, with b and c side by side. */
function diamond(): PipelineStepOption[] {
  return [step('e', ['d']), step('d', ['b', 'c']), step('c', ['a']), step('b', ['a']), step('a')];
}

it('runs each step of a diamond once for 1,000 cold callers, independent branches at the same time', async () => {
  delayMs = 40;
  const pipeline = new TokenFetchPipeline({ steps: diamond() });
  const tokens = await Promise.all(Array.from({ length: 1_000 }, () => pipeline.execute()));
  expect(new Set(tokens.map(({ accessToken }) => accessToken))).toEqual(new Set(['e-1']));
  expect(server.requests.map(({ path }) => path).toSorted()).toEqual(['/a', '/b', '/c', '/d', '/e']);
  expect(server.maxConcurrent()).toBe(2);
  const [b, c] = ['/b', '/c'].map((path) => server.requests.find((request) => request.path === path));
  expect(Math.max(b?.startedAt ?? 0, c?.startedAt ?? 0)).toBeLessThan(Math.min(b?.endedAt ?? 0, c?.endedAt ?? 0));
});

it('keeps what earlier steps obtained when a step fails, and goes on there', async () => {
  server.handler = (request, response) =>
    request.path === '/c' && server.count('/c') === 1
      ? json(response, 400, { error: 'invalid_request' })
      : json(response, 200, { access_token: request.path.slice(1) });
  const pipeline = new TokenFetchPipeline({ steps: diamond() });
  await expect(pipeline.execute()).rejects.toMatchObject({ step: 'c', error: 'invalid_request' });
  await pipeline.execute();
  expect(server.requests.map(({ path }) => path).toSorted()).toEqual(['/a', '/b', '/c', '/c', '/d', '/e']);
});

it('ends a step that hangs at its own deadline', async () => {
  server.handler = (request, response) =>
    request.path === '/b' ? undefined : json(response, 200, { access_token: 'x' });
  const pipeline = new TokenFetchPipeline({ steps: [step('a'), step('b', ['a'], { deadlineMs: 150 })] });
  await expect(pipeline.execute()).rejects.toMatchObject({ step: 'b', code: 'FORGE_AUTH_TOKEN_DEADLINE' });
});

it('lets a cancelled caller go alone', async () => {
  delayMs = 50;
  const pipeline = new TokenFetchPipeline({ steps: [step('a'), step('b', ['a'])] });
  const controller = new AbortController();
  const cancelled = pipeline.execute({ signal: controller.signal });
  const other = pipeline.execute();
  controller.abort();
  await expect(cancelled).rejects.toMatchObject({ name: 'AbortError' });
  expect((await other).accessToken).toBe('b-1');
  expect(server.requests.length).toBe(2);
});

it('a valid child is used although the step before it has run out', async () => {
  const pipeline = new TokenFetchPipeline({ steps: [step('a', [], { ttlMs: 1_000 }), step('b', ['a'])] });
  await pipeline.execute();
  await new Promise((resolve) => setTimeout(resolve, 1_050));
  expect((await pipeline.execute()).accessToken).toBe('b-1');
  expect(server.requests.length).toBe(2);
});

it('a step with a 1-second token serves its dependents without a loop', async () => {
  const pipeline = new TokenFetchPipeline({
    steps: [step('a', [], { ttlMs: 1_000 }), step('b', ['a'], { ttlMs: 1_000 })],
  });
  const until = Date.now() + 2_500;
  const expired: Token[] = [];
  while (Date.now() < until) {
    const token = await pipeline.execute();
    if (token.isExpired()) expired.push(token);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect(expired).toEqual([]);
  expect(server.count('/b')).toBeLessThanOrEqual(5);
  expect(server.count('/a')).toBeLessThanOrEqual(5);
});

it('gives a step the tokens of indirect dependencies, fetched only when it asks for one that is gone', async () => {
  const third = step('third', ['second'], {
    requestHeaders: (context: FetchContext) => ({ 'x-first': context.accessToken('first') }),
  });
  const pipeline = new TokenFetchPipeline({
    steps: [step('first', [], { ttlMs: 1_000 }), step('second', ['first']), third],
  });
  await pipeline.execute();
  await new Promise((resolve) => setTimeout(resolve, 1_050));
  await pipeline.invalidateStep('third');
  await pipeline.execute();
  expect(server.requests.map(({ path }) => path)).toEqual(['/first', '/second', '/third', '/first', '/third']);
  expect(server.requests.at(-1)?.headers['x-first']).toBe('first-2');
});

it('a step that asks for a token it does not depend on fails with an error that names both', async () => {
  const pipeline = new TokenFetchPipeline({
    steps: [
      step('a'),
      step('b', [], { requestHeaders: (context: FetchContext) => ({ 'x-a': context.accessToken('a') }) }),
    ],
  });
  await expect(pipeline.execute()).rejects.toThrow(
    'Step "b" asks for the token of "a", which it does not depend on. Add it to dependsOn.',
  );
});

it('of several steps that nothing depends on all run, and the last listed is the result, or the one that is named', async () => {
  const steps = [step('a'), step('b', ['a']), step('c', ['a'])];
  expect((await new TokenFetchPipeline({ steps }).execute()).accessToken).toBe('c-1');
  expect((await new TokenFetchPipeline({ steps, resultStep: 'b' }).execute()).accessToken).toBe('b-2');
  expect(server.requests.length).toBe(6);
});

describe('keys are complete', () => {
  it.each([
    ['another secret', { requestData: { client_secret: 'two' } }],
    ['another user in a header', { requestHeaders: { 'x-user': 'two' } }],
    ['another secret from a function', { requestData: () => ({ client_secret: 'two' }) }],
    ['another endpoint', { endpoint: 'elsewhere' }],
    ['another identity', { identity: ['two'] }],
  ])('%s never reuses a token', async (_what, change) => {
    const shared = new InMemoryTokenStorage();
    const options = { requestData: { client_secret: 'one' }, requestHeaders: { 'x-user': 'one' } };
    for (const more of [options, { ...options, ...change }]) {
      await new TokenFetchPipeline({
        steps: [step('a', [], more), step('b', ['a'])],
        storage: shared,
        cacheKeyPrefix: 'same',
      }).execute();
    }
    expect(server.requests.length).toBe(4);
  });

  it('the same pipeline on the same storage does', async () => {
    const shared = new InMemoryTokenStorage();
    for (let run = 0; run < 3; run += 1) {
      await new TokenFetchPipeline({
        steps: [step('a'), step('b', ['a'])],
        storage: shared,
        cacheKeyPrefix: 'same',
      }).execute();
    }
    expect(server.requests.length).toBe(2);
  });

  it('pipelines without a prefix never collide on one storage', async () => {
    const shared = new InMemoryTokenStorage();
    for (let run = 0; run < 2; run += 1)
      await new TokenFetchPipeline({ steps: [step('a')], storage: shared }).execute();
    expect(server.requests.length).toBe(2);
  });
});

describe('wrong configuration', () => {
  it.each<[string, () => unknown, RegExp]>([
    [
      'a circle',
      () => new TokenFetchPipeline({ steps: [step('a', ['b']), step('b', ['a'])] }),
      /in a circle: a → b → a/,
    ],
    [
      'an unknown dependency',
      () => new TokenFetchPipeline({ steps: [step('a', ['x'])] }),
      /"a" depends on "x", which is no step. Steps: a/,
    ],
    ['a doubled name', () => new TokenFetchPipeline({ steps: [step('a'), step('a')] }), /two steps are named "a"/],
    ['no steps', () => new TokenFetchPipeline({ steps: [] }), /no steps/],
    ['a negative ttl', () => new TokenFetchPipeline({ steps: [step('a', [], { ttlMs: -1 })] }), /ttlMs .* not -1/],
    [
      'an unknown result',
      () => new TokenFetchPipeline({ steps: [step('a')], resultStep: 'x' }),
      /resultStep "x" is no step/,
    ],
    [
      'no base URL',
      () => new BodyTokenFetcher({ name: 'a', baseUrl: undefined as unknown as string }),
      /BodyTokenFetcher "a": baseUrl is undefined/,
    ],
    [
      'a plain-http base URL',
      () => new BodyTokenFetcher({ name: 'a', baseUrl: 'http://auth.example' }),
      /allowInsecure: true/,
    ],
  ])('%s is named', (_what, make, message) => {
    expect(make).toThrow(ConfigurationError);
    expect(make).toThrow(message);
  });
});

it('shows no secret of a step in production, whatever fails', async () => {
  const environment = process.env['NODE_ENV'];
  process.env['NODE_ENV'] = 'production';
  const secrets = ['canary-client-secret', 'canary-password', 'canary-header-value', 'canary-token-value'];
  const capture = captureEverything();
  const shown: string[] = [];
  try {
    const answers = [
      { status: 400, body: { error: 'invalid_client', error_description: secrets.join(' ') } },
      { status: 200, body: secrets.join(' ') },
      { status: 500, body: { echoed: secrets } },
      { status: 200, body: { access_token: 5, echo: secrets } },
    ];
    for (const { status, body } of answers) {
      server.handler = (_request, response) => json(response, status, body);
      class Failing extends HttpTokenFetcher {
        async fetch(): Promise<Token> {
          throw Object.assign(new Error(secrets.join(' ')), { config: { secrets } });
        }
      }
      const options = {
        requestData: { client_secret: secrets[0], password: secrets[1] },
        requestHeaders: { 'x-key': secrets[2] as string },
      };
      for (const steps of [
        [step('a', [], options)],
        [new Failing({ name: 'a', baseUrl: server.origin, ...options })],
      ]) {
        const pipeline = new TokenFetchPipeline({ steps });
        const error: unknown = await pipeline.execute().catch((reason: unknown) => reason);
        expect(error).toBeInstanceOf(AuthenticationError);
        shown.push(
          renderError(error),
          render(pipeline),
          render(steps),
          render(pipeline.describe()),
          pipeline.toMermaid(),
        );
      }
    }
  } finally {
    process.env['NODE_ENV'] = environment;
    capture.stop();
  }
  expectNoSecrets(shown.join('\n') + capture.text(), secrets);
});
