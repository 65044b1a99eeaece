import type { Attributes, Histogram } from '@opentelemetry/api';

/** Durations that are kept before they are recorded. */
const SIZE = 128;

/**
 * Durations of what happens on every call, recorded many at a time: at each collection, and as soon as there are 128.
 * Attributes are looked up, and the SDK hashes them, once for each record: cheap in a row, and many times as much amid a
 * call.
 *
 * Every duration is recorded, one by one and in order; none is counted twice or left out.
 */
export class DurationBatch<T extends { readonly durationMs: number }> {
  readonly #histogram: Histogram;
  readonly #attributesOf: (measured: T) => Attributes;
  #measured: T[] = [];

  constructor(histogram: Histogram, attributesOf: (measured: T) => Attributes) {
    this.#histogram = histogram;
    this.#attributesOf = attributesOf;
  }

  add(measured: T): void {
    if (this.#measured.push(measured) === SIZE) this.flush();
  }

  /** Records what was added since the last time. */
  flush(): void {
    const added = this.#measured;
    this.#measured = [];
    for (const measured of added) this.#histogram.record(measured.durationMs / 1000, this.#attributesOf(measured));
  }
}
