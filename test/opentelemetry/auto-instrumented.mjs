// Runs calls in a process that @opentelemetry/auto-instrumentations-node instruments, and prints its spans and metrics.
// Usage: node auto-instrumented.mjs <folder of the built package> <origin of the service> <URL of the token endpoint>
import { register } from 'node:module';
import { join } from 'node:path';
import { metrics } from '@opentelemetry/api';
import { getNodeAutoInstrumentations } from '@opentelemetry/auto-instrumentations-node';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';

const [folder, origin, tokenUrl] = process.argv.slice(2);
register('@opentelemetry/instrumentation/hook.mjs', import.meta.url);

const spans = new InMemorySpanExporter();
const tracerProvider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] });
tracerProvider.register();
const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
const meterProvider = new MeterProvider({ readers: [reader] });
metrics.setGlobalMeterProvider(meterProvider);
registerInstrumentations({
  tracerProvider,
  meterProvider,
  instrumentations: getNodeAutoInstrumentations({ '@opentelemetry/instrumentation-fs': { enabled: false } }),
});

const { ClientCredentialsTokenProvider, createForgeClient } = await import(join(folder, 'index.js'));
const { ForgeTelemetry } = await import(join(folder, 'opentelemetry/opentelemetry.entry.js'));
const client = createForgeClient(
  {
    name: 'orders',
    baseUrl: origin,
    auth: { provider: new ClientCredentialsTokenProvider({ tokenUrl, clientId: 'app', clientSecret: 'app-secret' }) },
  },
  { telemetry: new ForgeTelemetry() },
);
for (const path of ['/1', '/2', '/3']) await client.get(path);
await meterProvider.forceFlush();
await client.close();

const points = exporter
  .getMetrics()
  .at(-1)
  .scopeMetrics.flatMap((scope) => scope.metrics)
  .map(({ descriptor, dataPoints }) => [
    descriptor.name,
    dataPoints.reduce((total, { value }) => total + (value.count ?? value), 0),
  ]);
const seen = spans.getFinishedSpans().map((span) => ({
  name: span.name,
  kind: span.kind,
  scope: span.instrumentationScope.name,
  id: span.spanContext().spanId,
  parent: span.parentSpanContext?.spanId,
  trace: span.spanContext().traceId,
}));
process.stdout.write(`${JSON.stringify({ spans: seen, metrics: Object.fromEntries(points) })}\n`, () =>
  process.exit(0),
);
