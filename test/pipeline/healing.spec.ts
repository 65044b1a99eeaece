import * as fc from 'fast-check';
import {
  BodyTokenFetcher,
  createForgeClient,
  type FetchContext,
  type ForgeHttpClient,
  InMemoryTokenStorage,
} from 'nestjs-forge-auth';
import { type Answer, give } from '../support/answer.js';
import { type Api, startApi } from '../support/api.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';

/** Each step depends on some of those before it; the last one is the result. */
type Graph = readonly (readonly number[])[];

type Operation =
  { kind: 'call'; process: number } | { kind: 'revoke' | 'invalidate' | 'fail'; step: number; process: number };

const graphs: fc.Arbitrary<Graph> = fc
  .integer({ min: 1, max: 5 })
  .chain((size) => fc.tuple(...Array.from({ length: size }, (_, step) => fc.subarray([...Array(step).keys()]))));

const operations: fc.Arbitrary<Operation[]> = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('call' as const), process: fc.nat({ max: 1 }) }),
    fc.record({
      kind: fc.constantFrom('revoke' as const, 'invalidate' as const),
      step: fc.nat({ max: 4 }),
      process: fc.nat({ max: 1 }),
    }),
  ),
  { minLength: 1, maxLength: 8 },
);

/** An issuer that knows what each token was made of: what came of a revoked one is no good either. */
class LineageIssuer {
  readonly made = new Map<string, readonly string[]>();
  readonly revoked = new Set<string>();
  readonly latest = new Map<number, string[]>();

  answer(step: number, parents: readonly string[]): Answer {
    if (!parents.every((token) => this.isValid(token))) return { status: 401, json: { error: 'invalid_token' } };
    const token = `t${step}-${this.made.size}`;
    this.made.set(token, parents);
    this.latest.set(step, [...(this.latest.get(step) ?? []), token]);
    return { json: { access_token: token } };
  }

  isValid(token: string): boolean {
    const parents = this.made.get(token);
    return parents !== undefined && !this.revoked.has(token) && parents.every((parent) => this.isValid(parent));
  }

  revoke(step: number): void {
    for (const token of this.latest.get(step) ?? []) this.revoked.add(token);
  }
}

let issuer: LineageIssuer;
let server: RecordingServer;
let api: Api;

beforeAll(async () => {
  server = await startServer((request, response) => {
    const parents = Object.entries(request.headers).filter(([name]) => name.startsWith('x-parent-'));
    give(
      response,
      issuer.answer(
        Number(request.path.slice(2)),
        parents.map(([, token]) => String(token)),
      ),
    );
  });
  api = await startApi((token) => issuer.isValid(token));
});
afterAll(async () => {
  await api.close();
  await server.close();
});

function fetchers(graph: Graph): BodyTokenFetcher[] {
  return graph.map(
    (parents, step) =>
      new BodyTokenFetcher({
        name: `s${step}`,
        baseUrl: server.origin,
        endpoint: `s${step}`,
        identity: [`s${step}`],
        dependsOn: parents.map((parent) => `s${parent}`),
        requestHeaders: (context: FetchContext) =>
          Object.fromEntries(parents.map((parent) => [`x-parent-${parent}`, context.accessToken(`s${parent}`)])),
      }),
  );
}

it.each([['the result'], ['every step']])(
  'answers every call, whatever the issuer revoked, in two processes that share a storage, renewing %s',
  async (from) => {
    await fc.assert(
      fc.asyncProperty(graphs, operations, async (graph, ops) => {
        issuer = new LineageIssuer();
        const storage = new InMemoryTokenStorage();
        const result = graph.length - 1;
        const processes = [0, 1].map((): ForgeHttpClient => {
          const pipeline = {
            steps: fetchers(graph),
            resultStep: `s${result}`,
            ...(from === 'every step' ? undefined : { refreshFromStep: `s${result}` }),
          };
          const auth = { pipeline, nearCacheTtlMs: 0 };
          return createForgeClient({ name: 'orders', baseUrl: api.origin, auth }, { storage });
        });
        try {
          for (const op of ops) {
            const client = processes[op.process] as ForgeHttpClient;
            if (op.kind === 'call') await call(client);
            else if (op.kind === 'revoke') {
              issuer.revoke(op.step % graph.length);
            } else await client.pipeline?.invalidateStep(`s${op.step % graph.length}`);
          }
          // Twice: steps beside the result that were found out by the way are fetched by the next call.
          for (const client of [...processes, ...processes]) await call(client);
          const before = server.count();
          await Promise.all(processes.map((client) => call(client)));
          expect(server.count()).toBe(before);
        } finally {
          await Promise.all(processes.map((client) => client.close()));
        }
      }),
      { numRuns: Number(process.env['RUNS'] ?? 60) },
    );
  },
  120_000,
);

async function call(client: ForgeHttpClient): Promise<void> {
  expect((await client.get('/')).status).toBe(200);
}
