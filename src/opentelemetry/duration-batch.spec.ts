import {
  AggregationTemporality,
  type DataPoint,
  type Histogram,
  MeterProvider,
  MetricReader,
} from '@opentelemetry/sdk-metrics';
import { DurationBatch } from './duration-batch.js';

/** Collects when it is asked. */
class OnDemand extends MetricReader {
  constructor() {
    super({ aggregationTemporalitySelector: () => AggregationTemporality.CUMULATIVE });
  }

  protected async onForceFlush(): Promise<void> {}
  protected async onShutdown(): Promise<void> {}
}

describe('DurationBatch', () => {
  it.each([1, 127, 128, 129, 300])('records %i durations one by one, under the attributes of each', async (count) => {
    const reader = new OnDemand();
    const meter = new MeterProvider({ readers: [reader] }).getMeter('test');
    const batch = new DurationBatch<{ durationMs: number; service: string }>(
      meter.createHistogram('durations'),
      ({ service }) => ({ service }),
    );
    for (let call = 0; call < count; call += 1)
      batch.add({ durationMs: 1_000 * call, service: call % 2 === 0 ? 'orders' : 'invoices' });
    batch.flush();
    batch.flush();
    const { resourceMetrics } = await reader.collect();
    const points = resourceMetrics.scopeMetrics
      .flatMap(({ metrics }) => metrics)
      .flatMap(({ dataPoints }) => dataPoints as DataPoint<Histogram>[]);
    const total = (of: string): number[] => {
      const value = points.find((point) => point.attributes['service'] === of)?.value;
      return [value?.count ?? 0, value?.sum ?? 0];
    };
    const half = Math.ceil(count / 2);
    expect([total('orders'), total('invoices')]).toEqual([
      [half, half * (half - 1)],
      [count - half, (count - half) ** 2],
    ]);
  });
});
