import * as fc from 'fast-check';
import { BodyTokenFetcher, InMemoryTokenStorage, type Token } from 'nestjs-forge-auth';
import { silentLogger } from '../../src/logger.js';
import { ForgeAuthApplication } from '../../src/application/application.js';
import { json } from '../support/answer.js';
import { until } from '../support/async.js';
import { FakeClock } from '../support/fake-clock.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';

const SHORT_MS = 1_000_000;
const LONG_MS = 10_000_000_000;

/** A random graph: each step depends on some of those before it; the last one on all that nothing else depends on. */
interface Step {
  name: string;
  dependsOn: string[];
  ttlMs: number;
}

type Operation = { kind: 'execute' | 'force' | 'expire' | 'reject' } | { kind: 'invalidate' | 'fail'; step: number };

const graphs = fc.integer({ min: 1, max: 5 }).chain((size) =>
  fc
    .tuple(
      fc.array(fc.array(fc.boolean(), { minLength: size, maxLength: size }), { minLength: size, maxLength: size }),
      fc.array(fc.boolean(), { minLength: size, maxLength: size }),
    )
    .map(([edges, short]): Step[] => {
      const steps = edges.map((row, index): Step => ({
        name: `s${index}`,
        dependsOn: row.flatMap((edge, other) => (edge && other < index ? [`s${other}`] : [])),
        ttlMs: short[index] === true ? SHORT_MS : LONG_MS,
      }));
      const needed = new Set(steps.flatMap(({ dependsOn }) => dependsOn));
      const last = steps.at(-1) as Step;
      last.dependsOn = [
        ...new Set([
          ...last.dependsOn,
          ...steps
            .slice(0, -1)
            .map(({ name }) => name)
            .filter((name) => !needed.has(name)),
        ]),
      ];
      return steps;
    }),
);

const operations = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constantFrom<'execute' | 'force' | 'expire' | 'reject'>(
          'execute',
          'execute',
          'force',
          'expire',
          'reject',
        ),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constantFrom<'invalidate' | 'fail'>('invalidate', 'fail'),
        step: fc.nat({ max: 4 }),
      }),
    },
  ),
  { minLength: 1, maxLength: 9 },
) as fc.Arbitrary<Operation[]>;

/** Model of what must be fetched, as simple as it can be. */
class Model {
  readonly fetched: string[] = [];
  readonly #steps: Map<string, Step>;
  readonly #cached = new Set<string>();
  readonly failing = new Set<string>();

  constructor(readonly all: Step[]) {
    this.#steps = new Map(all.map((step) => [step.name, step]));
  }

  /** Returns true when there is a token in the end. */
  ensure(name: string): boolean {
    if (this.#cached.has(name)) return true;
    const step = this.#steps.get(name) as Step;
    const ready = step.dependsOn.map((parent) => this.ensure(parent));
    if (ready.includes(false)) return false;
    if (this.#attempted.has(name)) return false;
    this.fetched.push(name);
    if (this.failing.delete(name)) {
      this.#attempted.add(name);
      return false;
    }
    this.#cached.add(name);
    return true;
  }

  /** A flight that failed is shared by all that wait for it in one run. */
  readonly #attempted = new Set<string>();

  run(name: string): boolean {
    this.#attempted.clear();
    return this.ensure(name);
  }

  drop(names: Iterable<string>): void {
    for (const name of names) this.#cached.delete(name);
  }
}

let server: RecordingServer;
const failing = new Set<string>();
/** Each run has paths of its own, so that what a failed run left under way counts in no later one. */
let run = 0;

beforeAll(async () => {
  let serial = 0;
  server = await startServer((request, response) => {
    const [, ofRun, name] = request.path.split('/') as [string, string, string];
    if (Number(ofRun) === run && failing.delete(name)) return json(response, 400, { error: 'invalid_request' });
    return json(response, 200, { access_token: `${name}-${(serial += 1)}` });
  });
});
afterAll(() => server.close());

/** All that depend on a step, by following edges until nothing is new. */
function downstream(steps: Step[], from: string): string[] {
  const found = new Set([from]);
  for (const { name, dependsOn } of steps) if (dependsOn.some((parent) => found.has(parent))) found.add(name);
  return [...found];
}

it('fetches what a simple model fetches, and nothing else, whatever happens', async () => {
  await fc.assert(
    fc.asyncProperty(graphs, operations, fc.boolean(), async (steps, ops, named) => {
      run += 1;
      const clock = new FakeClock();
      const application = new ForgeAuthApplication({
        logger: silentLogger,
        clock,
        instantiate: async () => Promise.reject(new Error('no classes here')),
        storageOf: async () => new InMemoryTokenStorage(),
      });
      const fetchers = steps.map(
        (step) =>
          new BodyTokenFetcher({
            ...step,
            baseUrl: server.origin,
            endpoint: `${run}/${step.name}`,
            identity: [step.name],
          }),
      );
      const result = (steps.at(-1) as Step).name;
      const refreshFromStep = named ? (steps[0] as Step).name : undefined;
      const pipeline = { steps: fetchers, ...(refreshFromStep === undefined ? undefined : { refreshFromStep }) };
      application.configure({ services: [{ name: 'model', auth: { pipeline } }] });
      application.useStorage(new InMemoryTokenStorage());
      const model = new Model(steps);
      const real = application.pipeline('model');
      const manager = application.tokens('model');
      failing.clear();
      server.reset();
      let token: Token | undefined;
      try {
        for (const op of ops) {
          // Longer than a step is held back after failures, which the time of day does not change.
          await clock.advance(60_000);
          if (op.kind === 'fail') {
            const { name } = steps[op.step % steps.length] as Step;
            failing.add(name);
            model.failing.add(name);
          } else if (op.kind === 'invalidate') {
            const { name } = steps[op.step % steps.length] as Step;
            await real.invalidateStep(name);
            model.drop(downstream(steps, name));
          } else if (op.kind === 'expire') {
            clock.jump(2 * SHORT_MS);
            model.drop(steps.filter(({ ttlMs }) => ttlMs === SHORT_MS).map(({ name }) => name));
          } else if (op.kind === 'force') {
            if (model.failing.size > 0) continue;
            token = await real.execute({ forceRefresh: true });
            model.drop(steps.map(({ name }) => name));
            model.run(result);
          } else if (op.kind === 'reject') {
            const current = manager.peek();
            if (current === undefined || model.failing.size > 0) continue;
            const newer = await manager.source?.for().replace(current);
            if (newer === undefined || newer.token.fingerprint === current.fingerprint)
              throw new Error('The rejected token came back.');
            model.drop(
              refreshFromStep === undefined ? steps.map(({ name }) => name) : downstream(steps, refreshFromStep),
            );
            model.drop([result]);
            model.run(result);
          } else {
            token = await real.execute().catch(() => undefined);
            if ((token !== undefined) !== model.run(result))
              throw new Error('The model has a token where there is none, or the other way round.');
          }
          await quiet(model.fetched.length);
          expect(fetched().toSorted()).toEqual(model.fetched.toSorted());
        }
      } finally {
        await application.close();
      }
    }),
    { numRuns: 80 },
  );
}, 120_000);

/** Returns the steps that this run has requested, each as often as it was. */
function fetched(): string[] {
  return server.requests.flatMap(({ path }) => {
    const [, ofRun, name] = path.split('/') as [string, string, string];
    return Number(ofRun) === run ? [name] : [];
  });
}

/**
 * Branches that were under way when another one failed go on: they end before the next operation. Waits for as many
 * requests as are due, however slow the machine is, and then for more that are not.
 */
async function quiet(due: number): Promise<void> {
  await until(() => fetched().length >= due, `${due} requests`).catch(() => undefined);
  for (let seen = -1; seen !== server.requests.length;) {
    seen = server.requests.length;
    await new Promise((resolve) => setTimeout(resolve, 4));
    while (server.requests.some(({ endedAt }) => endedAt === undefined))
      await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
