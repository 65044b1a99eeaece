import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  MetricReader,
} from '@opentelemetry/sdk-metrics';

/** Collects when it is asked to, and at no other time. */
class OnDemand extends MetricReader {
  async onForceFlush() {}
  async onShutdown() {}
}

/** Of a counter its value, of a histogram how often it was recorded. */
const count = ({ value }) => (typeof value === 'number' ? value : value.count);

/** The figures of the soak, read from the metrics of `nestjs-forge-auth/opentelemetry`. */
export class Figures {
  #reader = new OnDemand({
    aggregationTemporalitySelector: () => AggregationTemporality.CUMULATIVE,
    exporter: new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE),
  });
  meterProvider = new MeterProvider({ readers: [this.#reader] });

  /** Counts since the start. */
  async read() {
    const { resourceMetrics } = await this.#reader.collect();
    const metrics = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
    const pointsOf = (name) => metrics.find(({ descriptor }) => descriptor.name === name)?.dataPoints ?? [];
    const sum = (name, matches = () => true) =>
      pointsOf(name)
        .filter(({ attributes }) => matches(attributes))
        .reduce((total, point) => total + count(point), 0);
    return {
      calls: sum('forge_auth.call.duration'),
      'answered as hoped': sum('forge_auth.call.duration', ({ outcome }) => outcome === 'ok'),
      'answered otherwise': sum('forge_auth.call.duration', ({ outcome }) => outcome === 'status'),
      failed: sum('forge_auth.call.duration', ({ outcome }) => outcome === 'failed'),
      aborted: sum('forge_auth.call.duration', ({ outcome }) => outcome === 'aborted'),
      retries: sum('forge_auth.call.retries'),
      'token requests': sum('forge_auth.token.requests'),
      '… because the window was reached': sum('forge_auth.token.requests', ({ cause }) => cause === 'window'),
      '… because a token was rejected': sum('forge_auth.token.requests', ({ cause }) => cause === 'rejection'),
      '… that failed': sum('forge_auth.token.requests', ({ outcome }) => outcome === 'failed'),
      rejections: sum('forge_auth.token.rejections'),
    };
  }

  close() {
    return this.meterProvider.shutdown();
  }
}
