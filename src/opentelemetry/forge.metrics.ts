import type { Attributes, Counter, Histogram, Meter, ObservableCallback, ObservableGauge } from '@opentelemetry/api';
import type { ForgeAuthState } from '../application/state.js';
import type { ForgeAuthEvent } from '../observer.js';
import { DurationBatch } from './duration-batch.js';
import { methodAttribute } from './http-attributes.js';
import { Kept } from './kept.js';
import { type MetricName, METRICS } from './metric-names.js';
import { Tally } from './tally.js';

/** Sets of attributes that are remembered. */
const MAX_KINDS = 1_000;
/** Bounds of histograms of seconds, as the HTTP conventions advise. */
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30];

const CIRCUIT_VALUE = Object.freeze({ closed: 0, 'half-open': 1, open: 2 });
const STORAGE_FAILURES: ReadonlySet<string> = new Set(['failed', 'timeout', 'skipped']);

/** An event, or a type of it. */
type EventOf<T extends ForgeAuthEvent['type']> = Extract<ForgeAuthEvent, { type: T }>;

/** Counts and measures what happens, under the names of {@link METRICS}. */
export class ForgeMetrics {
  readonly #counters = new Map<MetricName, Counter>();
  readonly #histograms = new Map<MetricName, Histogram>();
  readonly #gauges: readonly [ObservableGauge, ObservableCallback][];
  /** Attributes of calls, made once for each set of values. */
  readonly #attributes = new Kept<Attributes>(MAX_KINDS);
  /** Counters that every call with a cached token adds to. */
  readonly #served: Tally;
  /** Durations of calls, of which every call adds one. */
  readonly #calls: DurationBatch<EventOf<'call'>>;

  constructor(meter: Meter, describe: () => ForgeAuthState) {
    for (const [name, { kind, unit, description }] of Object.entries(METRICS) as [
      MetricName,
      (typeof METRICS)[MetricName],
    ][]) {
      if (kind === 'counter') this.#counters.set(name, meter.createCounter(name, { unit, description }));
      if (kind === 'histogram')
        this.#histograms.set(
          name,
          meter.createHistogram(name, { unit, description, advice: { explicitBucketBoundaries: SECONDS } }),
        );
    }
    this.#calls = new DurationBatch(this.#histograms.get('forge_auth.call.duration') as Histogram, (call) =>
      this.#attributesOfCall(call),
    );
    this.#served = new Tally((count, attributes) => this.#count('forge_auth.token.served', attributes, count));
    const gauge = (name: MetricName, callback: ObservableCallback): [ObservableGauge, ObservableCallback] => {
      const { unit, description } = METRICS[name];
      return [meter.createObservableGauge(name, { unit, description }), callback];
    };
    this.#gauges = [
      gauge('forge_auth.token.expires_in', (result) => {
        // The SDK asks observers before it collects what was counted and recorded.
        this.#flush();
        for (const { name, token } of describe().services)
          if (token?.expiresInMs !== undefined) result.observe(token.expiresInMs / 1000, { service: name });
      }),
      gauge('forge_auth.circuit.state', (result) => {
        for (const { name, circuit } of describe().services)
          if (circuit !== undefined) result.observe(CIRCUIT_VALUE[circuit], { service: name });
      }),
      gauge('forge_auth.storage.state', (result) => {
        for (const { kind, state } of describe().storages) result.observe(state === 'up' ? 1 : 0, { storage: kind });
      }),
    ];
    for (const [instrument, callback] of this.#gauges) instrument.addCallback(callback);
  }

  /** Counts and records what is left, and observes no more gauges. */
  close(): void {
    this.#flush();
    for (const [instrument, callback] of this.#gauges) instrument.removeCallback(callback);
  }

  record(event: ForgeAuthEvent): void {
    switch (event.type) {
      case 'call':
        this.#calls.add(event);
        break;
      case 'token_served':
        this.#served.count(event.service, event.age);
        break;
      case 'token_request':
        this.#tokenRequest(event);
        break;
      case 'token_attempt':
        this.#count('forge_auth.token.attempts', { ...serviceOf(event), grant: event.grant, ...statusOf(event) });
        break;
      case 'token_wait':
        this.#measure('forge_auth.token.wait.duration', event.durationMs, serviceOf(event));
        break;
      case 'token_rejected':
        this.#count('forge_auth.token.rejections', serviceOf(event));
        break;
      case 'token_invalidated':
        this.#count('forge_auth.token.invalidations', serviceOf(event));
        break;
      case 'backoff':
        this.#count('forge_auth.token.backoffs', serviceOf(event));
        break;
      case 'renewal_pause':
        // One without a length says that a pause is over.
        if (event.until > event.at) this.#count('forge_auth.token.renewal_pauses', serviceOf(event));
        break;
      case 'retry':
        this.#count('forge_auth.call.retries', { ...serviceOf(event), ...statusOf(event) });
        break;
      case 'storage':
        this.#storage(event);
        break;
      case 'lock':
        this.#measure('forge_auth.lock.wait.duration', event.durationMs, { outcome: event.outcome });
        break;
      // What the HTTP instrumentation measures, or what a gauge observes.
      case 'attempt':
      case 'circuit':
      case 'storage_state':
        break;
    }
  }

  #flush(): void {
    this.#served.flush();
    this.#calls.flush();
  }

  #tokenRequest(event: EventOf<'token_request'>): void {
    const { grant, cause, outcome, shared, step, code, durationMs } = event;
    const place = { ...serviceOf(event), ...(step === undefined ? undefined : { step }) };
    const failure = code === undefined ? undefined : { 'error.type': code };
    this.#count('forge_auth.token.requests', { ...place, grant, cause, outcome, shared, ...failure });
    this.#measure('forge_auth.token.request.duration', durationMs, { ...place, grant, outcome });
    if (outcome === 'obtained') this.#count('forge_auth.token.renewals', { ...place, cause });
  }

  #storage({ command, outcome, durationMs }: EventOf<'storage'>): void {
    if (outcome !== 'skipped') this.#measure('forge_auth.storage.command.duration', durationMs, { command, outcome });
    if (STORAGE_FAILURES.has(outcome)) this.#count('forge_auth.storage.failures', { command, outcome });
  }

  #attributesOfCall(event: EventOf<'call'>): Attributes {
    const { service, outcome, method, status, code } = event;
    return this.#attributes.get([service, outcome, method, status, code], () =>
      Object.freeze({
        // In the order of their names: the SDK sorts them at each record.
        ...(code === undefined ? undefined : { 'error.type': code }),
        'http.request.method': methodAttribute(method),
        ...statusOf(event),
        outcome,
        ...serviceOf(event),
      }),
    );
  }

  #count(name: MetricName, attributes: Attributes, count = 1): void {
    this.#counters.get(name)?.add(count, attributes);
  }

  #measure(name: MetricName, durationMs: number, attributes: Attributes): void {
    this.#histograms.get(name)?.record(durationMs / 1000, attributes);
  }
}

function serviceOf({ service }: ForgeAuthEvent): Attributes {
  return service === undefined ? {} : { service };
}

function statusOf({ status }: { readonly status?: number }): Attributes {
  return status === undefined ? {} : { 'http.response.status_code': status };
}
