/**
 * Metrics and spans over OpenTelemetry.
 * @module nestjs-forge-auth/opentelemetry
 */
export { ForgeTelemetry, type ForgeTelemetryOptions } from './forge.telemetry.js';
export { ForgeTelemetryModule } from './forge-telemetry.module.js';
export { type MetricFacts, type MetricName, METRICS } from './metric-names.js';
