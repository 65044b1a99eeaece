import { isPromise } from 'node:util/types';
import { declared } from './option-check/own-options.js';
import type { ForgeAuthErrorCode } from './errors.js';

/** Reason for which a token was asked for. */
export type TokenRequestCause = 'missing' | 'expired' | 'window' | 'rejection' | 'forced';

/**
 * One thing that happened, for whoever listens: logs, metrics, traces, `ForgeAuthEvents`.
 *
 * No event holds a token, a secret, a subject, a body or a URL. Durations are in milliseconds. `at` is `Clock.now()`,
 * epoch milliseconds, when the event ended. `service` is undefined for what stands alone, outside a module.
 */
export type ForgeAuthEvent = { readonly at: number; readonly service: string | undefined } & (
  | {
      /** One flight ended: a token was obtained from the issuer, or from another process that obtained it before. */
      readonly type: 'token_request';
      /** The flight's number, as its {@link ObservedScope} has it. */
      readonly flight?: number;
      readonly cause: TokenRequestCause;
      readonly outcome: 'obtained' | 'failed' | 'aborted';
      /** The grant type that obtained it, a registered name or `custom`. */
      readonly grant: string;
      /** Pipelines: the step's name. */
      readonly step?: string;
      /** True when a call asked with parameters of its own (a scope, a subject): not for the service's usual token. */
      readonly perCall?: boolean;
      /** True when another process obtained it. */
      readonly shared: boolean;
      readonly durationMs: number;
      readonly expiresAt?: number;
      readonly code?: ForgeAuthErrorCode;
    }
  | {
      /** One HTTP request of a flight to the token endpoint ended. */
      readonly type: 'token_attempt';
      readonly grant: string;
      readonly attempt: number;
      readonly status?: number;
      readonly durationMs: number;
    }
  /** A caller was served from what is held, without waiting. */
  | { readonly type: 'token_served'; readonly age: 'fresh' | 'due' | 'leeway' }
  | {
      /** A caller waited for a flight. */
      readonly type: 'token_wait';
      /** The flight's number, as its {@link ObservedScope} has it. */
      readonly flight?: number;
      readonly durationMs: number;
    }
  /** A service rejected a token. */
  | { readonly type: 'token_rejected' }
  | { readonly type: 'token_invalidated' }
  | {
      /** Token requests to an endpoint are held back until then, epoch milliseconds. */
      readonly type: 'backoff';
      readonly until: number;
    }
  | {
      /**
       * A service rejects even new tokens: its rejections cause no token request until then, epoch milliseconds. The
       * instant of the event itself when a token was accepted again.
       */
      readonly type: 'renewal_pause';
      readonly until: number;
      /** True when it is about tokens of calls with parameters of their own, not about the service's usual token. */
      readonly perCall?: boolean;
    }
  | {
      /** A call ended, all its attempts included. */
      readonly type: 'call';
      readonly method: string;
      readonly status?: number;
      readonly outcome: 'ok' | 'status' | 'failed' | 'aborted';
      readonly attempts: number;
      /** Number of requests that it took: attempts, replays with another token, redirects. */
      readonly sent: number;
      readonly durationMs: number;
      readonly code?: string;
    }
  /** One request of a call ended. */
  | {
      readonly type: 'attempt';
      readonly method: string;
      readonly status?: number;
      readonly attempt: number;
      readonly durationMs: number;
      readonly code?: string;
    }
  /** A call is sent again after `delayMs`. */
  | { readonly type: 'retry'; readonly attempt: number; readonly delayMs: number; readonly status?: number }
  | { readonly type: 'circuit'; readonly state: 'closed' | 'open' | 'half_open' }
  | {
      readonly type: 'storage';
      readonly command: 'get' | 'set' | 'delete';
      readonly outcome: 'hit' | 'miss' | 'ok' | 'refused' | 'failed' | 'timeout' | 'skipped';
      readonly durationMs: number;
    }
  | { readonly type: 'storage_state'; readonly state: 'up' | 'down' }
  | {
      readonly type: 'lock';
      readonly outcome: 'acquired' | 'busy' | 'failed';
      readonly durationMs: number;
    }
);

/** Work that runs inside an {@link Observer.around}. */
export interface ObservedScope {
  readonly kind: 'call' | 'token_request';
  readonly service: string | undefined;
  /** HTTP method of a call. */
  readonly method?: string;
  /** Origin of a call, without path: `https://orders.example`. */
  readonly origin?: string;
  readonly cause?: TokenRequestCause;
  readonly grant?: string;
  readonly step?: string;
  /** Number of a token flight, unique in the application: those who wait for it name it. */
  readonly flight?: number;
}

/** Listens to what happens in an application. It must not throw, and must not block. */
export interface Observer {
  /** Called with each event. */
  event?(event: ForgeAuthEvent): void;
  /** True when it listens to `attempt` events: false saves making one for each request. @default true */
  readonly attempts?: boolean;
  /**
   * Runs a call or a flight within a context of the observer's own, such as a span. Must run `work` once, at once, and
   * return what it returns.
   */
  around?<T>(scope: ObservedScope, work: () => Promise<T>): Promise<T>;
}

/**
 * The observers of one application. Costs nothing while nobody listens: callers ask `active` before they make an event
 * of what happens on every call. Rare events (a token request, a rejection, a state change) are reported unasked.
 */
export class Observers {
  #observers: readonly Observer[] = [];
  /** Those that are to hear of events. */
  #listeners: readonly Required<Pick<Observer, 'event'>>[] = [];
  /** Those with contexts of their own, the outermost first. */
  #surrounding: readonly Required<Pick<Observer, 'around'>>[] = [];
  readonly #watchers = new Set<Observer>();
  #flights = 0;
  /** True when anybody listens to what happens on every call. */
  active = false;
  /** True when anybody listens to each request of a call. */
  hearsAttempts = false;

  /** Adds an observer; returns a function that takes it off again. */
  add(observer: Observer): () => void {
    this.#set([...this.#observers, observer]);
    return () => {
      this.#watchers.delete(observer);
      this.#set(this.#observers.filter((other) => other !== observer));
    };
  }

  /** As `add`, for an observer of what is rare alone: calls cost no more for it. */
  watch(observer: Observer): () => void {
    this.#watchers.add(observer);
    return this.add(observer);
  }

  /** A number for a token flight, unique in the application. */
  nextFlight(): number {
    this.#flights += 1;
    return this.#flights;
  }

  /** Notifies every observer; one that throws, or whose promise rejects, disturbs nobody. */
  emit(event: ForgeAuthEvent): void {
    for (const listener of this.#listeners) {
      try {
        const result: unknown = listener.event(event);
        if (result !== undefined && isPromise(result)) result.catch(nothing);
      } catch {
        // An observer's failure is its own.
      }
    }
  }

  /** Runs `work` within every observer's context, the first one outermost. */
  around<T>(scope: ObservedScope, work: () => Promise<T>): Promise<T> {
    return this.#within(0, scope, work);
  }

  #within<T>(depth: number, scope: ObservedScope, work: () => Promise<T>): Promise<T> {
    const observer = this.#surrounding.at(depth);
    if (observer === undefined) return work();
    const isLast = depth === this.#surrounding.length - 1;
    return observer.around(scope, isLast ? work : () => this.#within(depth + 1, scope, work));
  }

  #set(observers: readonly Observer[]): void {
    this.#observers = observers;
    this.#listeners = observers.filter(listens);
    this.#surrounding = observers.filter(surrounds);
    const listening = observers.filter((observer) => !this.#watchers.has(observer));
    this.active = listening.length > 0;
    this.hearsAttempts = listening.some((observer) => declared(observer, 'attempts') ?? true);
  }
}

const nothing = (): void => undefined;

function listens(observer: Observer): observer is Observer & Required<Pick<Observer, 'event'>> {
  return declared(observer, 'event') !== undefined;
}

function surrounds(observer: Observer): observer is Observer & Required<Pick<Observer, 'around'>> {
  return declared(observer, 'around') !== undefined;
}
