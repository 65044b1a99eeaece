/**
 * Calls an API in turn without telemetry, with metrics, and with metrics and spans, in one process: told the origin of
 * the API. Answers a message with the CPU time of so many calls of each.
 */
import { ClientCredentialsTokenProvider, createForgeClient } from '../dist/index.js';
import { ForgeTelemetry } from '../dist/opentelemetry/opentelemetry.entry.js';
import { context } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';

const CONCURRENCY = 50;
/** What has just been attached runs at its own speed after so many calls. */
const WARM_UP = 500;
const [origin] = process.argv.slice(2);

/** Metrics are collected on demand, and never are. */
class ExportsNothing extends MetricReader {
  async onForceFlush() {}
  async onShutdown() {}
}

/** Attaches a telemetry, and lets go of it again, as often as one likes. */
class Switch {
  #telemetry;
  #application;
  #leave;

  attach(application) {
    this.#application = application;
    return () => this.off();
  }

  on(telemetry) {
    this.off();
    this.#telemetry = telemetry;
    this.#leave = this.#telemetry.attach(this.#application);
  }

  off() {
    this.#leave?.();
    this.#leave = undefined;
  }
}

const meterProvider = new MeterProvider({ readers: [new ExportsNothing()] });
const exporter = { export: (_spans, done) => done({ code: 0 }), shutdown: async () => undefined };
const tracerProvider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] });
// As an application that is traced has it: each promise is followed, with our telemetry or without.
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
const telemetry = new Switch();
const provider = new ClientCredentialsTokenProvider({
  tokenUrl: `${origin}/token`,
  clientId: 'bench',
  clientSecret: 'secret',
});
const client = createForgeClient({ name: 'orders', baseUrl: origin, auth: { provider } }, { telemetry });

const ways = {
  without: () => telemetry.off(),
  metrics: () => telemetry.on(new ForgeTelemetry({ meterProvider })),
  spans: () => telemetry.on(new ForgeTelemetry({ meterProvider, tracerProvider })),
};

async function measure(count) {
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

process.on('message', async ({ way, count }) => {
  ways[way]();
  await measure(WARM_UP);
  process.send(await measure(count));
});
process.on('disconnect', () => process.exit());
process.send('ready');
