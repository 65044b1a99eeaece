import { type MeterProvider, metrics, trace, type TracerProvider } from '@opentelemetry/api';
import type { ObservedApplication, Telemetry } from '../application/telemetry.js';
import { ForgeMetrics } from './forge.metrics.js';
import { ForgeSpans } from './forge.spans.js';
import { SCOPE } from './scope.js';
import { checkOptions, definitionPlace, hasMethods, type OptionRules } from '../option-check/option-check.js';
import { ownOptions } from '../option-check/own-options.js';

/** Options of {@link ForgeTelemetry} and of `ForgeTelemetryModule.forRoot()`. */
export interface ForgeTelemetryOptions {
  /** Provider of the meter. @default the global one, as it is when the application starts */
  meterProvider?: MeterProvider;
  /** Provider of the tracer. @default the global one */
  tracerProvider?: TracerProvider;
}

const RULES_OF: OptionRules<ForgeTelemetryOptions> = Object.freeze({
  meterProvider: { accepts: (value) => hasMethods(value, 'getMeter'), what: 'a MeterProvider' },
  tracerProvider: { accepts: (value) => hasMethods(value, 'getTracer'), what: 'a TracerProvider' },
});

/**
 * Measures and traces an application by OpenTelemetry. In Nest import `ForgeTelemetryModule`; outside of it
 * `createForgeClient(service, { telemetry: new ForgeTelemetry() })`.
 *
 * Metrics are named `forge_auth.*`; no metric, attribute or span holds a token, a secret, a subject or a URL's path.
 */
export class ForgeTelemetry implements Telemetry {
  readonly #options: ForgeTelemetryOptions;

  /** @throws {ConfigurationError} when a provider is none, or an option unknown */
  constructor(options: ForgeTelemetryOptions = {}) {
    checkOptions(options, RULES_OF, definitionPlace(this));
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
