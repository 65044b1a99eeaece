import { type Clock, millisecondsSince } from '../clock.js';
import { ForgeAuthError, HttpStatusError } from '../errors.js';
import type { HttpResponse } from '../http/http-request.js';
import { originOf } from '../http/origin.js';
import type { ForgeAuthEvent, Observers } from '../observer.js';
import type { CircuitState } from '../retry/request-retry.strategy.js';
import type { CallRequest } from './request/call-request.js';

/** Facts about a service that its calls are reported with. */
interface ReportingService {
  readonly name: string;
  readonly clock: Clock;
  readonly base: { readonly origin: string } | undefined;
}

type CallEnded = Extract<ForgeAuthEvent, { type: 'call' }>;
type Mutable<T> = { -readonly [K in keyof T]: T[K] };

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
    // Nearly every call is of the service's own origin: no URL is parsed for it, and no string made.
    const isOwn = base !== undefined && url.startsWith(base.origin) && url[base.origin.length] === '/';
    const origin = isOwn ? base.origin : originOf(url);
    return this.#observer.around({ kind: 'call', service, method, origin }, work);
  }

  ended({ status }: HttpResponse): void {
    this.#emit('ok', status);
  }

  /** @param answered what was answered, where the call failed with that or after it */
  failed(error: unknown, answered: HttpResponse | undefined): void {
    if (error instanceof ForgeAuthError && !(error instanceof HttpStatusError))
      this.#emit('failed', undefined, error.code);
    else if (this.#request.call.scope.aborted) this.#emit('aborted');
    else this.#emit('status', answered?.status);
  }

  #emit(outcome: CallEnded['outcome'], status?: number, code?: string): void {
    const { method, call } = this.#request;
    const { clock } = this.#service;
    const event: Mutable<CallEnded> = {
      type: 'call',
      at: clock.now(),
      service: this.#service.name,
      method,
      outcome,
      attempts: call.attempts,
      sent: call.sent,
      durationMs: millisecondsSince(clock, call.startedAt),
    };
    // Written afterwards: to spread them costs as much as all the rest, on every call.
    if (status !== undefined) event.status = status;
    if (code !== undefined) event.code = code;
    this.#observer.emit(event);
  }
}

/** Reports to observers the state that a service's circuit has entered. */
export function reportCircuit(observer: Observers, service: string, clock: Clock, state: CircuitState): void {
  if (!observer.active) return;
  observer.emit({ type: 'circuit', at: clock.now(), service, state: state === 'half-open' ? 'half_open' : state });
}
