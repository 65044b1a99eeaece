import { type MeterProvider, metrics, trace, type TracerProvider } from '@opentelemetry/api';
import type { ObservedApplication, Telemetry } from '../application/telemetry.js';
import { ForgeMetrics } from './forge.metrics.js';
import { ForgeSpans } from './forge.spans.js';
import { SCOPE } from './scope.js';
import { ownOptions } from '../option-check/own-options.js';

/** Options of {@link ForgeTelemetry} and of `ForgeTelemetryModule.forRoot()`. */
export interface ForgeTelemetryOptions {
  /** Provider of the meter. @default the global one, as it is when the application starts */
  meterProvider?: MeterProvider;
  /** Provider of the tracer. @default the global one */
  tracerProvider?: TracerProvider;
}

/**
 * Measures and traces an application by OpenTelemetry. In Nest import `ForgeTelemetryModule`; outside of it
 * `createForgeClient(service, { telemetry: new ForgeTelemetry() })`.
 *
 * Metrics are named `forge_auth.*`; no metric, attribute or span holds a token, a secret, a subject or a URL's path.
 */
export class ForgeTelemetry implements Telemetry {
  readonly #options: ForgeTelemetryOptions;

  constructor(options: ForgeTelemetryOptions = {}) {
    this.#options = ownOptions(options);
  }

  attach(application: ObservedApplication): () => void {
    const { meterProvider = metrics, tracerProvider = trace.getTracerProvider() } = this.#options;
    const measured = new ForgeMetrics(meterProvider.getMeter(SCOPE), () => application.describe());
    const spans = new ForgeSpans(tracerProvider);
    const leave = application.observer.add({
      attempts: false,
      event: (event) => {
        measured.record(event);
        spans.record(event);
      },
      around: (scope, work) => spans.around(scope, work),
    });
    return () => {
      leave();
      measured.close();
      spans.close();
    };
  }
}
