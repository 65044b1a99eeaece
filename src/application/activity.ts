import type { ForgeAuthEvent, Observer } from '../observer.js';
import type { FailureState, RenewalState } from './state.js';

/** Activity that is remembered of one service. */
export interface ServiceActivity {
  lastRenewal?: RenewalState;
  lastFailure?: FailureState;
  backoffUntil?: number;
  renewalPausedUntil?: number;
  rejections: number;
}

/** Remembers the last of what is rare, for each service. */
export class Activity implements Observer {
  readonly #services = new Map<string, ServiceActivity>();

  of(service: string): Readonly<ServiceActivity> {
    return this.#services.get(service) ?? { rejections: 0 };
  }

  event(event: ForgeAuthEvent): void {
    if (event.service === undefined) return;
    if (event.type === 'token_request' && event.perCall !== true) this.#tokenRequest(this.#open(event.service), event);
    else if (event.type === 'token_rejected') this.#open(event.service).rejections += 1;
    else if (event.type === 'backoff') this.#open(event.service).backoffUntil = event.until;
    else if (event.type === 'renewal_pause' && event.perCall !== true)
      this.#open(event.service).renewalPausedUntil = event.until;
  }

  #tokenRequest(service: ServiceActivity, event: Extract<ForgeAuthEvent, { type: 'token_request' }>): void {
    const { at, cause, grant, shared, durationMs, outcome, code } = event;
    if (outcome === 'obtained') {
      service.lastRenewal = { at, cause, grant, shared, durationMs };
      delete service.backoffUntil;
      if (service.lastFailure !== undefined) service.lastFailure = { ...service.lastFailure, recovered: true };
    } else if (outcome === 'failed') {
      service.lastFailure = { at, cause, ...(code === undefined ? undefined : { code }), recovered: false };
    }
  }

  #open(name: string): ServiceActivity {
    const known = this.#services.get(name);
    if (known !== undefined) return known;
    const service: ServiceActivity = { rejections: 0 };
    this.#services.set(name, service);
    return service;
  }
}
