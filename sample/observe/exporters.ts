import { context } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  type MetricData,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';

/** OpenTelemetry's SDK, with exporters that keep what they get: an app of yours sends it to a collector. */
export class Exporters {
  readonly #spans = new InMemorySpanExporter();
  readonly #metrics = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  readonly tracerProvider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(this.#spans)] });
  readonly meterProvider = new MeterProvider({
    readers: [new PeriodicExportingMetricReader({ exporter: this.#metrics, exportIntervalMillis: 3_600_000 })],
  });

  constructor() {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  }

  get spans(): readonly ReadableSpan[] {
    return this.#spans.getFinishedSpans();
  }

  /** Every metric so far. */
  async metrics(): Promise<MetricData[]> {
    await this.meterProvider.forceFlush();
    const last = this.#metrics.getMetrics().at(-1);
    return last?.scopeMetrics.flatMap(({ metrics }) => metrics) ?? [];
  }

  /** One line for each metric and set of attributes: its name, the attributes, and the value or number of values. */
  async metricLines(): Promise<string[]> {
    const metrics = await this.metrics();
    return metrics.flatMap(({ descriptor, dataPoints }) =>
      dataPoints.map(({ attributes, value }) => {
        const shown = Object.entries(attributes).map(([name, attribute]) => `${name}=${String(attribute)}`);
        return `${descriptor.name.padEnd(37)} ${valueOf(value).padStart(10)}  ${shown.join(' ')}`;
      }),
    );
  }

  /** One line for each span, in the order of their starts, below the span that it belongs to. */
  spanLines(): string[] {
    const below = (parent: string | undefined, depth: number): string[] =>
      this.spans
        .filter((span) => span.parentSpanContext?.spanId === parent)
        .toSorted((a, b) => a.startTime[0] - b.startTime[0] || a.startTime[1] - b.startTime[1])
        .flatMap((span) => [lineOf(span, depth), ...below(span.spanContext().spanId, depth + 1)]);
    return below(undefined, 0);
  }

  async close(): Promise<void> {
    await Promise.all([this.tracerProvider.shutdown(), this.meterProvider.shutdown()]);
  }
}

function valueOf(value: unknown): string {
  if (typeof value === 'number') return String(Math.round(value * 100) / 100);
  const { count, sum } = value as { count: number; sum?: number };
  return `${count} × ${Math.round(((sum ?? 0) / count) * 1000)} ms`;
}

function lineOf(span: ReadableSpan, depth: number): string {
  const ms = Math.round(span.duration[0] * 1000 + span.duration[1] / 1e6);
  const { attributes, links } = span;
  const shown = [
    'forge_auth.cause',
    'forge_auth.outcome',
    'http.response.status_code',
    'http.request.resend_count',
    'error.type',
  ]
    .filter((name) => attributes[name] !== undefined)
    .map((name) => `${name}=${String(attributes[name])}`);
  const linked = links.map(({ context: { spanId } }) => `→ ${spanId.slice(0, 6)}`);
  return `${'  '.repeat(depth)}${span.spanContext().spanId.slice(0, 6)} ${span.name} ${ms} ms  ${[...shown, ...linked].join(' ')}`;
}
