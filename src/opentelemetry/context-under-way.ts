import type { Context, Span } from '@opentelemetry/api';
import type { ObservedScope } from '../observer.js';

/** A call or a flight whose span is open. */
export interface UnderWay {
  readonly kind: ObservedScope['kind'];
  readonly span: Span;
}

/**
 * A context with one value more, which is cheaper than to set it: OpenTelemetry's own copies all of the others each time.
 * Whatever is set on it keeps the value.
 */
export class ContextUnderWay implements Context {
  readonly #below: Context;
  readonly #key: symbol;
  readonly #underWay: UnderWay;

  /**
   * One below with the same key is left out, as its value is: calls may begin each other without end, each in the context
   * of the last. A stream that is opened again where it ends is one of these.
   */
  constructor(below: Context, key: symbol, underWay: UnderWay) {
    this.#below = below instanceof ContextUnderWay ? below.#without(key) : below;
    this.#key = key;
    this.#underWay = underWay;
  }

  #without(key: symbol): Context {
    if (key === this.#key) return this.#below;
    // That of another telemetry: there is one for each.
    return new ContextUnderWay(
      this.#below instanceof ContextUnderWay ? this.#below.#without(key) : this.#below,
      this.#key,
      this.#underWay,
    );
  }

  getValue(key: symbol): unknown {
    return key === this.#key ? this.#underWay : this.#below.getValue(key);
  }

  setValue(key: symbol, value: unknown): Context {
    return new ContextUnderWay(this.#below.setValue(key, value), this.#key, this.#underWay);
  }

  deleteValue(key: symbol): Context {
    return new ContextUnderWay(this.#below.deleteValue(key), this.#key, this.#underWay);
  }
}
