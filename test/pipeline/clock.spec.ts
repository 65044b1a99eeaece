import {
  BodyTokenFetcher,
  type FetchContext,
  PipelineTokenProvider,
  Token,
  TokenFetchPipeline,
  TokenManager,
} from 'nestjs-forge-auth';
import { give } from '../support/answer.js';
import { FakeClock } from '../support/fake-clock.js';
import { type RecordingServer, startServer } from '../support/recording-server.js';

const UNDER_WAY_MS = 5_000;

let clock: FakeClock;
/** The time of day is set by so much while a step asks. */
let setMs: number;
let server: RecordingServer;
let manager: TokenManager | undefined;
beforeEach(async () => {
  clock = new FakeClock();
  setMs = 0;
  server = await startServer(async (_request, response) => {
    await clock.advance(UNDER_WAY_MS);
    clock.jump(setMs);
    give(response, { json: { access_token: 'a', expires_in: 100 } });
  });
});
afterEach(async () => {
  await manager?.close();
  await server.close();
});

function managerOf(pipeline: TokenFetchPipeline): TokenManager {
  return (manager = new TokenManager({ name: 'orders', provider: new PipelineTokenProvider({ pipeline }), clock }));
}

it.each([
  ['the issuer says', undefined, 100_000],
  ['ttlMs says, which is earlier', 60_000, 60_000],
])(
  'the life of a step’s token counts from its request, on the pipeline’s clock, where %s',
  async (_who, ttlMs, lifeMs) => {
    const step = new BodyTokenFetcher({
      name: 'app',
      baseUrl: server.origin,
      ...(ttlMs === undefined ? undefined : { ttlMs }),
    });
    const askedAt = clock.now();
    const { expiresAt } = await managerOf(new TokenFetchPipeline({ steps: [step] })).getToken();
    expect([clock.now() - askedAt, expiresAt]).toEqual([UNDER_WAY_MS, askedAt + lifeMs]);
  },
);

describe.each([-3_600_000, 3_600_000])('the time of day set by %d ms while a step asks', (byMs) => {
  it.each([
    ['the issuer says', undefined, 100_000],
    ['ttlMs says, which is earlier', 60_000, 60_000],
  ])('makes the life of its token no longer nor shorter than %s', async (_who, ttlMs, lifeMs) => {
    setMs = byMs;
    const step = new BodyTokenFetcher({
      name: 'app',
      baseUrl: server.origin,
      ...(ttlMs === undefined ? undefined : { ttlMs }),
    });
    const { expiresAt } = await managerOf(new TokenFetchPipeline({ steps: [step] })).getToken();
    expect((expiresAt ?? 0) - clock.now()).toBe(lifeMs - UNDER_WAY_MS);
  });
});

it('gives a fetcher of one’s own the pipeline’s clock, and the time at which its attempt began', async () => {
  const seen: Partial<FetchContext>[] = [];
  const step = {
    name: 'own',
    dependsOn: [],
    fetch: async (context?: FetchContext) => {
      seen.push({ ...context });
      return new Token({ accessToken: `own-${seen.length}` });
    },
  };
  const tokens = managerOf(new TokenFetchPipeline({ steps: [step] }));
  const first = clock.now();
  await tokens.getToken();
  await clock.advance(1_000);
  await tokens.forceRefresh();
  expect(seen.map((context) => context.clock)).toEqual([clock, clock]);
  expect(seen.map(({ requestedAt }) => requestedAt)).toEqual([first, first + 1_000]);
});
