import type { Attributes, Histogram } from '@opentelemetry/api';

/** Durations that are kept before they are recorded. */
const SIZE = 128;

/**
 * Durations of what happens on every call, recorded many at a time: at each collection, and as soon as there are 128.
 * The SDK hashes the attributes of each record, which is cheap in a row and costs many times as much amid a call.
 *
 * Every duration is recorded, one by one and in order; none is counted twice or left out.
 */
export class DurationBatch {
  readonly #histogram: Histogram;
  readonly #seconds = new Float64Array(SIZE);
  readonly #attributes: Attributes[] = [];

  constructor(histogram: Histogram) {
    this.#histogram = histogram;
  }

  add(durationMs: number, attributes: Attributes): void {
    this.#seconds[this.#attributes.length] = durationMs / 1000;
    if (this.#attributes.push(attributes) === SIZE) this.flush();
  }

  /** Records what was added since the last time. */
  flush(): void {
    const added = this.#attributes.splice(0);
    for (const [index, attributes] of added.entries())
      this.#histogram.record(this.#seconds[index] as number, attributes);
  }
}
