import { Test, type TestingModule } from '@nestjs/testing';
import {
  createForgeClient,
  ForgeAuthModule,
  ForgeAuthService,
  type ForgeServiceOptions,
  Token,
  type Transport,
} from 'nestjs-forge-auth';
import { ForgeTelemetry, ForgeTelemetryModule } from 'nestjs-forge-auth/opentelemetry';
import { OtelWorld } from './world.js';

const CALLS = 10_000;

let world: OtelWorld;
beforeEach(() => (world = new OtelWorld()));
afterEach(() => world.close());

/** Answers at once: what is measured here is what is counted. */
const transport: Transport = { send: async ({ url }) => ({ status: 200, headers: {}, body: Buffer.alloc(0), url }) };

function orders(): ForgeServiceOptions {
  let tokens = 0;
  return {
    name: 'orders',
    baseUrl: 'https://orders.example',
    transport,
    auth: {
      provider: {
        fetchToken: async () => new Token({ accessToken: `token-${(tokens += 1)}`, expiresAt: Date.now() + 3_600_000 }),
      },
    },
  };
}

/** Numbers of series by metric, and every value of an attribute. */
async function seriesOf(otel: OtelWorld) {
  const metrics = [...(await otel.points())];
  return {
    counts: metrics.map(([name, { points }]) => [name, points.length] as const),
    values: new Set(metrics.flatMap(([, { points }]) => points.flatMap(({ attributes }) => Object.values(attributes)))),
    calls: (await otel.points()).get('forge_auth.call.duration')?.points.reduce((sum, { value }) => sum + value, 0),
  };
}

it('series stay few over 10,000 subjects, URLs, hosts and methods, and every call is in them', async () => {
  const telemetry = new ForgeTelemetry({ meterProvider: world.meterProvider });
  await using client = createForgeClient(orders(), { telemetry });
  for (let call = 0; call < CALLS; call += 1) {
    await client.get(`/orders/id-${call}?key=${call}`, { auth: { scope: `scope-${call}` } });
    await client.request({
      url: `https://host-${call}.example:${1_024 + call}/x`,
      method: `M${call
        .toString(26)
        .replaceAll(/\d/g, (digit) => 'ABCDEFGHIJ'[Number(digit)] ?? '')
        .toUpperCase()}`,
      auth: false,
    });
  }
  const { counts, values, calls } = await seriesOf(world);
  expect(calls).toBe(2 * CALLS);
  expect(counts.filter(([, count]) => count > 5)).toEqual([]);
  expect([...values].filter((value) => /id-|scope-|host-|^M/.test(String(value)))).toEqual([]);
  expect([...values]).toEqual(expect.arrayContaining(['GET', '_OTHER', 'orders', 200]));
}, 60_000);

async function boot(otel: OtelWorld): Promise<TestingModule> {
  const app = await Test.createTestingModule({
    imports: [
      ForgeAuthModule.forRoot({ services: [orders()] }),
      ForgeTelemetryModule.forRoot({ meterProvider: otel.meterProvider, tracerProvider: otel.tracerProvider }),
    ],
  }).compile();
  return app.init();
}
async function callTimes(app: TestingModule, times: number): Promise<void> {
  for (let call = 0; call < times; call += 1) await app.get(ForgeAuthService).client('orders').get('/');
}
const gauges = async (otel: OtelWorld) => (await otel.points()).get('forge_auth.token.expires_in')?.points.length ?? 0;
const callSpans = (otel: OtelWorld) => otel.spans.filter(({ name }) => name === 'GET').length;

it('two applications of one process measure and trace each for itself, also after one was closed and opened again', async () => {
  const other = new OtelWorld();
  const [first, second] = [await boot(world), await boot(other)];
  await callTimes(first, 3);
  await callTimes(second, 5);
  expect([(await seriesOf(world)).calls, (await seriesOf(other)).calls]).toEqual([3, 5]);
  await first.close();
  await callTimes(second, 1);
  expect([(await seriesOf(world)).calls, (await seriesOf(other)).calls]).toEqual([3, 6]);
  expect([callSpans(world), callSpans(other)]).toEqual([3, 6]);

  const third = new OtelWorld();
  const again = await boot(third);
  await callTimes(again, 2);
  await second.close();
  await callTimes(again, 2);
  expect([await seriesOf(world), await seriesOf(other), await seriesOf(third)].map(({ calls }) => calls)).toEqual([
    3, 6, 4,
  ]);
  expect(callSpans(third)).toBe(4);
  await again.close();
  await Promise.all([other.close(), third.close()]);
});

it('on one meter provider a closed application leaves no gauge, and takes none from the others', async () => {
  const [first, second] = [await boot(world), await boot(world)];
  await callTimes(first, 1);
  await callTimes(second, 1);
  await first.close();
  expect(await gauges(world)).toBe(1);
  await second.close();
  const again = await boot(world);
  await callTimes(again, 1);
  expect(await gauges(world)).toBe(1);
  expect((await seriesOf(world)).calls).toBe(3);
  await again.close();
});

it('a meter provider that was shut down fails no call and no close', async () => {
  const app = await boot(world);
  await callTimes(app, 1);
  await world.meterProvider.shutdown();
  await callTimes(app, 200);
  await app.close();
  await using client = createForgeClient(orders(), {
    telemetry: new ForgeTelemetry({ meterProvider: world.meterProvider }),
  });
  expect((await client.get('/')).status).toBe(200);
});
