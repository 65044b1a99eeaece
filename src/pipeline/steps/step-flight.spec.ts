import { getEventListeners } from 'node:events';
import { AuthenticationError } from '../../errors.js';
import { FakeClock } from '../../testing/fake-clock.js';
import type { FlightReport } from '../../token/slot/slot-observer.js';
import { Token } from '../../token/token.js';
import type { FetchContext } from '../fetchers/token-fetcher.js';
import type { PipelineStep, StepRequest } from './pipeline-step.js';
import { flightDeadlines, type PipelineScope, StepFlight } from './step-flight.js';
import { StepGraph } from './step-graph.js';

const graphOf = (steps: Record<string, string[]>): StepGraph =>
  new StepGraph(
    Object.entries(steps).map(([name, dependsOn]) => ({ name, dependsOn })),
    undefined,
    'The pipeline',
  );

describe('the deadline of a flight', () => {
  it('the deadline of a flight has room for its own fetch and those of the slowest step before it, twice', () => {
    const graph = graphOf({ device: [], app: [], user: ['device', 'app'], session: ['user', 'app'] });
    const own: Record<string, number> = { device: 1_000, app: 5_000, user: 2_000, session: 3_000 };
    expect(Object.fromEntries(flightDeadlines(graph, (name) => own[name] as number))).toEqual({
      device: 2_000,
      app: 6_000,
      user: 16_000,
      session: 38_000,
    });
  });

  it('the deadline of a flight is reckoned once for each step, however many ways lead to it', () => {
    const steps: Record<string, string[]> = { a0: [], b0: [] };
    for (let level = 1; level <= 30; level += 1)
      steps[`a${level}`] = steps[`b${level}`] = [`a${level - 1}`, `b${level - 1}`];
    let asked = 0;
    flightDeadlines(graphOf(steps), () => (asked += 1));
    expect(asked).toBe(62);
  });
});

const REFUSED = (): Error => new AuthenticationError('No.', { status: 401, step: 'left' });

/** A flight of the step `left`, made of `app`, with all around it written down in the order in which it is asked. */
class World {
  readonly clock = new FakeClock();
  readonly log: string[] = [];
  readonly signals: (AbortSignal | undefined)[] = [];
  readonly caller = new AbortController();
  requests: StepRequest[] = [];
  /** What the fetches answer, one after the other; then a token. */
  answers: (() => Token | Error)[] = [];
  current = 'app';
  replacement: Token | undefined = new Token({ accessToken: 'replaced' });
  isNew = false;
  lineages = ['0'];
  onFetchError: ((error: unknown, context: FetchContext) => void) | undefined;

  async run(): Promise<Token> {
    const graph = graphOf({ app: [], left: ['app'], right: ['app'], both: ['left', 'right'] });
    const step = {
      name: 'left',
      dependsOn: ['app'],
      obtain: async (request: StepRequest) => {
        this.requests.push(request);
        this.log.push(`fetch with ${request.context.accessToken('app')}`);
        const answer = this.answers.shift()?.() ?? new Token({ accessToken: 'left' });
        if (answer instanceof Error) throw answer;
        return answer;
      },
      onFetchError: (error: unknown, context: FetchContext) => this.onFetchError?.(error, context),
    } as unknown as PipelineStep;
    const scope = {
      clock: this.clock,
      serviceName: 'orders',
      settings: { deadlineMs: 7_000 },
      graph,
      history: {
        fetches: 41,
        isNew: (_step: string, _token: Token, since: number) => this.isNew && since === 41,
        lineage: () => (this.lineages.length > 1 ? this.lineages.shift() : this.lineages[0]),
      },
      ownerOf: (name: string) => `"orders", step "${name}"`,
      get: async (name: string, signal: AbortSignal) => this.#asked(`get ${name}`, signal, this.#token()),
      slot: (name: string) => ({
        current: { token: new Token({ accessToken: this.current }) },
        replace: async (token: Token, signal: AbortSignal) =>
          this.#asked(`replace ${name} ${token.accessToken}`, signal, this.replacement && { token: this.replacement }),
        forceRefresh: async (signal: AbortSignal) => this.#asked(`force ${name}`, signal, this.replacement),
        recordOutcome: (token: Token, accepted: boolean) => this.log.push(`${token.accessToken} good: ${accepted}`),
      }),
      invalidate: async (names: readonly string[]) => {
        await this.clock.advance(1);
        this.log.push(`invalidate ${names.join(', ')}`);
      },
    } as unknown as PipelineScope;
    return new StepFlight(step, scope, this.caller.signal).run(undefined, async () => undefined, {} as FlightReport);
  }

  #token(): Token {
    return new Token({ accessToken: this.current });
  }

  #asked<T>(what: string, signal: AbortSignal | undefined, answer: T): T {
    this.log.push(what);
    this.signals.push(signal);
    return answer;
  }
}

let world: World;
beforeEach(() => {
  world = new World();
});

const failureOf = async (work: Promise<unknown>): Promise<AuthenticationError> =>
  work.then(
    () => new AuthenticationError('It did not fail.'),
    (error: AuthenticationError) => error,
  );

describe('the flight of a step', () => {
  it('the flight of a step gets the tokens before it, fetches its own, and records that those are good', async () => {
    expect((await world.run()).accessToken).toBe('left');
    expect(world.log).toEqual(['get app', 'fetch with app', 'app good: true']);
  });

  it('the flight of a step gives its fetch the service’s deadline where it has none of its own, and a signal that ends with its own', async () => {
    await world.run();
    const [request] = world.requests;
    expect(request?.deadline).toBe(world.clock.now() + 7_000);
    expect(request?.context.signal).toBe(request?.signal);
    expect([request?.signal.aborted, getEventListeners(world.caller.signal, 'abort').length]).toEqual([false, 0]);
  });

  it('the flight of a step fetches again when a step before it was invalidated meanwhile', async () => {
    world.lineages = ['0', '1', '1', '1'];
    await world.run();
    expect(world.log.filter((line) => line.startsWith('fetch'))).toHaveLength(2);
  });

  it('the flight of a step that is refused invalidates what else is made of its parent, then replaces that', async () => {
    world.answers = [REFUSED];
    await world.run();
    expect(world.log).toEqual([
      'get app',
      'fetch with app',
      'invalidate right, both',
      'replace app app',
      'get app',
      'fetch with app',
      'app good: true',
    ]);
    expect(world.signals).toEqual(Array(3).fill(world.caller.signal));
  });

  it('the flight of a step that is refused leaves the others alone where its parent has been replaced already', async () => {
    world.answers = [() => ((world.current = 'newer'), REFUSED())];
    await world.run();
    expect(world.log.slice(2, 4)).toEqual(['replace app app', 'get app']);
  });

  it('the flight of a step that is refused takes another process’s parent once, then has it renewed, then ends', async () => {
    world.answers = [REFUSED, REFUSED, REFUSED];
    const failure = await failureOf(world.run());
    expect([failure.status, failure.chain]).toEqual([401, ['left', 'app']]);
    expect(world.log.filter((line) => /^(replace|force)/.test(line))).toEqual(['replace app app', 'force app']);
    expect(world.requests).toHaveLength(3);
  });

  it('the flight of a step that is refused with a parent that is brand new ends at once', async () => {
    world.isNew = true;
    world.answers = [REFUSED];
    const failure = await failureOf(world.run());
    expect([failure.status, failure.chain]).toEqual([401, undefined]);
    expect(world.log).toEqual(['get app', 'fetch with app']);
  });

  it('the flight of a step that is refused ends where its parent cannot be replaced', async () => {
    world.replacement = undefined;
    world.answers = [REFUSED];
    const failure = await failureOf(world.run());
    expect([failure.status, failure.chain, world.requests.length]).toEqual([401, undefined, 1]);
  });

  it('the flight of a step that nobody waits for any more ends its fetch, and replaces nothing', async () => {
    const reason = new Error('I left');
    let isEnded: boolean | undefined;
    world.answers = [
      () => {
        world.caller.abort(reason);
        isEnded = world.requests[0]?.signal.aborted;
        return REFUSED();
      },
    ];
    expect(await failureOf(world.run())).toMatchObject({ status: 401 });
    expect([isEnded, world.log]).toEqual([true, ['get app', 'fetch with app']]);
  });

  it('the flight of a step that fails for the sake of another step leaves that one’s name', async () => {
    world.answers = [() => new AuthenticationError('It is down.', { step: 'app' })];
    expect(await failureOf(world.run())).toMatchObject({ step: 'app' });
    expect(world.log).toEqual(['get app', 'fetch with app']);
  });

  it('the flight of a step that fails by an error without a name takes the step’s and the service’s', async () => {
    world.answers = [() => new AuthenticationError('It is down.', { status: 400 })];
    expect(await failureOf(world.run())).toMatchObject({ step: 'left', serviceName: 'orders', status: 400 });
    expect(world.requests[0]?.signal.aborted).toBe(true);
  });

  it('the flight of a step reports its failure to the step with the tokens that it was made with, and waits for it', async () => {
    const reported: unknown[] = [];
    world.onFetchError = (error, context) => {
      reported.push([(error as Error).message, context.accessToken('app'), context.has('right')]);
    };
    world.answers = [() => new AuthenticationError('It is down.', { status: 400 })];
    await failureOf(world.run());
    expect(reported).toEqual([['It is down.', 'app', false]]);
  });
});
