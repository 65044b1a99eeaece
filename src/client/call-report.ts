import type { Clock } from '../clock.js';
import { ForgeAuthError, HttpStatusError } from '../errors.js';
import type { HttpResponse } from '../http/http-request.js';
import { originOf } from '../http/url.js';
import type { Observers } from '../observer.js';
import type { CircuitState } from '../retry/request-retry.strategy.js';
import type { CallRequest } from './request/call-request.js';

/** Facts about a service that its calls are reported with. */
interface ReportingService {
  readonly name: string;
  readonly clock: Clock;
  readonly base: { readonly origin: string } | undefined;
}

/** Reports one call to whoever listens. Made only where somebody does. */
export class CallReport {
  readonly #observer: Observers;
  readonly #service: ReportingService;
  readonly #request: CallRequest;

  constructor(observer: Observers, service: ReportingService, request: CallRequest) {
    this.#observer = observer;
    this.#service = service;
    this.#request = request;
  }

  /** Runs the call within the contexts of the observers. */
  around<T>(work: () => Promise<T>): Promise<T> {
    const { method, url } = this.#request;
    const { name: service, base } = this.#service;
    // Nearly every call is of the service's own origin: no URL is parsed for it.
    const origin = base !== undefined && url.startsWith(`${base.origin}/`) ? base.origin : originOf(url);
    return this.#observer.around({ kind: 'call', service, method, origin }, work);
  }

  ended({ status }: HttpResponse): void {
    this.#emit('ok', { status });
  }

  /** @param answered what was answered, where the call failed with that or after it */
  failed(error: unknown, answered: HttpResponse | undefined): void {
    if (error instanceof ForgeAuthError && !(error instanceof HttpStatusError))
      return this.#emit('failed', { code: error.code });
    if (this.#request.call.scope.aborted) return this.#emit('aborted', {});
    this.#emit('status', answered === undefined ? {} : { status: answered.status });
  }

  #emit(outcome: 'ok' | 'status' | 'failed' | 'aborted', more: { status?: number; code?: string }): void {
    const { method, call } = this.#request;
    const at = this.#service.clock.now();
    this.#observer.emit({
      type: 'call',
      at,
      service: this.#service.name,
      method,
      outcome,
      attempts: call.attempts,
      sent: call.sent,
      durationMs: at - call.startedAt,
      ...more,
    });
  }
}

/** Tells whoever listens of the state that a service's circuit has entered. */
export function reportCircuit(observer: Observers, service: string, clock: Clock, state: CircuitState): void {
  if (!observer.active) return;
  observer.emit({ type: 'circuit', at: clock.now(), service, state: state === 'half-open' ? 'half_open' : state });
}
