import { context, trace } from '@opentelemetry/api';
import { Exporters } from '../../sample/observe/exporters.js';

/** One point of a metric: its attributes, and its value, or the number and sum of a histogram. */
export interface Point {
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly value: number;
  readonly sum?: number;
}

/** The real SDK with exporters that keep what they get, for one test. */
export class OtelWorld extends Exporters {
  /** Every metric so far, by name: its unit and its points. */
  async points(): Promise<Map<string, { unit: string; points: Point[] }>> {
    return new Map(
      (await this.metrics()).map(({ descriptor, dataPoints }) => [
        descriptor.name,
        {
          unit: descriptor.unit,
          points: (
            dataPoints as readonly { attributes: object; value: number | { count: number; sum?: number } }[]
          ).map(({ attributes, value }): Point =>
            typeof value === 'number'
              ? { attributes: { ...attributes }, value }
              : { attributes: { ...attributes }, value: value.count, sum: value.sum ?? 0 },
          ),
        },
      ]),
    );
  }

  override async close(): Promise<void> {
    await super.close();
    context.disable();
    trace.disable();
  }
}
