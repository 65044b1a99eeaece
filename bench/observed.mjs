/**
 * Calls an API without telemetry, with metrics, and with metrics and spans, in one process: given the origin of
 * the API, and the names of these ways in the order in which they are set up.
 */
import { ClientCredentialsTokenProvider, createForgeClient } from '../dist/index.js';
import { ForgeTelemetry } from '../dist/opentelemetry/opentelemetry.entry.js';
import { context } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { answerInTurn, blockOf } from './blocks.mjs';

const [origin, ways] = process.argv.slice(2);

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
  without: () => clientWith(),
  metrics: () => clientWith({ telemetry: new ForgeTelemetry({ meterProvider }) }),
  spans: () => clientWith({ telemetry: new ForgeTelemetry({ meterProvider, tracerProvider }) }),
};

const blocks = {};
for (const way of ways.split(',')) {
  const client = clients[way]();
  blocks[way] = blockOf(() => client.get('/orders/7'));
}
answerInTurn(blocks);
