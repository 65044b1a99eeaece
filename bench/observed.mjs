/**
 * Calls an API in turn without telemetry, with metrics, and with metrics and spans, in one process: given the origin of
 * the API. Answers a message with the CPU time, in microseconds, of so many blocks of calls of each.
 *
 * The blocks are short, and one way follows the other: whatever else the machine does slows down neighbours alike.
 */
import { ClientCredentialsTokenProvider, createForgeClient } from '../dist/index.js';
import { ForgeTelemetry } from '../dist/opentelemetry/opentelemetry.entry.js';
import { context } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';

const CONCURRENCY = 50;
const [origin] = process.argv.slice(2);

/** Metrics are collected on demand, and never are. */
class ExportsNothing extends MetricReader {
  async onForceFlush() {}
  async onShutdown() {}
}

const meterProvider = new MeterProvider({ readers: [new ExportsNothing()] });
const exporter = { export: (_spans, done) => done({ code: 0 }), shutdown: async () => undefined };
const tracerProvider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] });
// As an application that is traced has it: each promise is followed, with our telemetry or without.
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());

function clientWith(options) {
  const provider = new ClientCredentialsTokenProvider({
    tokenUrl: `${origin}/token`,
    clientId: 'bench',
    clientSecret: 'secret',
  });
  return createForgeClient({ name: 'orders', baseUrl: origin, auth: { provider } }, options);
}

const clients = {
  without: clientWith(),
  metrics: clientWith({ telemetry: new ForgeTelemetry({ meterProvider }) }),
  spans: clientWith({ telemetry: new ForgeTelemetry({ meterProvider, tracerProvider }) }),
};
const ways = Object.keys(clients);

async function measure(client, count) {
  const start = process.cpuUsage();
  let left = count;
  const worker = async () => {
    while (left > 0) {
      left -= 1;
      await client.get('/orders/7');
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  const { user, system } = process.cpuUsage(start);
  return user + system;
}

process.on('message', async ({ blocks, calls }) => {
  const measured = Object.fromEntries(ways.map((way) => [way, []]));
  for (let block = 0; block < blocks; block += 1) {
    for (let turn = 0; turn < ways.length; turn += 1) {
      const way = ways[(block + turn) % ways.length];
      measured[way].push(await measure(clients[way], calls));
    }
  }
  process.send(measured);
});
process.on('disconnect', () => process.exit());
process.send('ready');
