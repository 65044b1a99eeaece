import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type Attributes,
  context,
  isSpanContextValid,
  ProxyTracerProvider,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
  type TracerProvider,
} from '@opentelemetry/api';
import { ContextUnderWay, type UnderWay } from './context-under-way.js';
import { addressAttributes, methodAttribute, OTHER_METHOD } from './http-attributes.js';
import { Kept } from './kept.js';
import { SCOPE } from './scope.js';
import type { ForgeAuthEvent, ObservedScope } from '../observer.js';

/** Kinds of calls that are remembered: by service, method and origin. */
const MAX_KINDS = 1_000;
/** Flights whose spans can still be linked to. */
const MAX_FLIGHTS = 1_000;

/**
 * Spans of calls and of token flights.
 *
 * A call's span is named as the HTTP conventions say, and stands around all its attempts: it is `INTERNAL`, because the
 * HTTP instrumentation makes the `CLIENT` span of each request below it. A flight's span starts in the context of the
 * caller that caused it, whose own span need not wait for it; calls that waited for it are linked to it.
 */
export class ForgeSpans {
  readonly #tracer: Tracer;
  readonly #provider: TracerProvider;
  #traced = false;
  /** Key, in OpenTelemetry's context, of what is under way. Of each instance: an application may have two. */
  readonly #key = Symbol('nestjs-forge-auth under way');
  /** Carries what is under way where no context manager does: a second async storage would cost every promise. */
  readonly #underWay = new AsyncLocalStorage<UnderWay>();
  readonly #callSpans = new Kept<CallSpan>(MAX_KINDS);
  /** Spans of flights, by their number. */
  readonly #flights = new Map<number, Span>();

  constructor(provider: TracerProvider) {
    this.#provider = provider;
    this.#tracer = provider.getTracer(SCOPE);
  }

  around<T>(scope: ObservedScope, work: () => Promise<T>): Promise<T> {
    if (!this.#isTraced) return work();
    const span = this.#start(scope);
    if (span.isRecording()) return this.#record(scope, span, work);
    // Not sampled: what is below hears of it. A tracer that does nothing has nothing to say.
    if (!isSpanContextValid(span.spanContext())) return work();
    return context.with(trace.setSpan(context.active(), span), work);
  }

  /** Follows nothing any more: an async storage that is left enabled costs the whole process. */
  close(): void {
    this.#underWay.disable();
    this.#flights.clear();
  }

  record(event: ForgeAuthEvent): void {
    if (!this.#isTraced) return;
    if (event.type === 'call') this.#endCall(event);
    else if (event.type === 'token_request') this.#endFlight(event);
    else if (event.type === 'retry') this.#attempted('call', event);
    else if (event.type === 'token_attempt') this.#attempted('token_request', event);
    else if (event.type === 'token_wait') this.#link(event);
  }

  /**
   * Checks whether anybody makes spans. The global provider may be set after us; until then what stands for it makes spans of
   * nothing, which cost every call a good part of real ones.
   */
  get #isTraced(): boolean {
    this.#traced ||=
      !(this.#provider instanceof ProxyTracerProvider) || this.#provider.getDelegateTracer(SCOPE) !== undefined;
    return this.#traced;
  }

  /** No async function: where contexts are followed, each promise costs a good part of a span. */
  #record<T>({ kind, flight }: ObservedScope, span: Span, work: () => Promise<T>): Promise<T> {
    // That of a flight ends with its event: what comes after its work (a token that is kept) belongs to it.
    const end = flight === undefined ? endOf(span) : undefined;
    if (flight !== undefined) this.#remember(flight, span);
    try {
      const working = this.#within({ kind, span }, work);
      if (end !== undefined) working.then(end, end);
      return working;
    } catch (error) {
      end?.();
      return Promise.reject(error as Error);
    }
  }

  #within<T>(underWay: UnderWay, work: () => Promise<T>): Promise<T> {
    const own = new ContextUnderWay(trace.setSpan(context.active(), underWay.span), this.#key, underWay);
    return context.with(own, () => (context.active() === own ? work() : this.#underWay.run(underWay, work)));
  }

  /** Call or token request that is under way where an event happens. */
  #current(): UnderWay | undefined {
    return (context.active().getValue(this.#key) as UnderWay | undefined) ?? this.#underWay.getStore();
  }

  #start(scope: ObservedScope): Span {
    const { kind, service, method, origin, cause, grant, step } = scope;
    if (kind === 'call') {
      const { name, attributes } = this.#callSpans.get([service, method, origin], () => callSpanOf(scope));
      return this.#tracer.startSpan(name, { kind: SpanKind.INTERNAL, attributes });
    }
    return this.#tracer.startSpan('forge_auth.token_request', {
      kind: SpanKind.INTERNAL,
      attributes: {
        ...serviceAttribute(service),
        ...(cause === undefined ? undefined : { 'forge_auth.cause': cause }),
        ...(grant === undefined ? undefined : { 'forge_auth.grant': grant }),
        ...(step === undefined ? undefined : { 'forge_auth.step': step }),
      },
    });
  }

  #endCall({ status, outcome, code, sent }: Extract<ForgeAuthEvent, { type: 'call' }>): void {
    const span = this.#spanOf('call');
    if (span === undefined || !span.isRecording()) return;
    if (status !== undefined) span.setAttribute('http.response.status_code', status);
    if (sent > 1) span.setAttribute('http.request.resend_count', sent - 1);
    if (outcome === 'ok') return;
    span.setAttribute('error.type', outcome === 'status' ? String(status) : (code ?? outcome));
    span.setStatus({ code: SpanStatusCode.ERROR });
  }

  #endFlight({ flight, outcome, shared, code }: Extract<ForgeAuthEvent, { type: 'token_request' }>): void {
    const span = flight === undefined ? undefined : this.#flights.get(flight);
    if (span === undefined || !span.isRecording()) return;
    span.setAttributes({ 'forge_auth.outcome': outcome, 'forge_auth.shared': shared });
    if (code !== undefined) span.setAttribute('error.type', code);
    if (outcome === 'failed') span.setStatus({ code: SpanStatusCode.ERROR });
    span.end();
  }

  #attempted(kind: ObservedScope['kind'], event: Extract<ForgeAuthEvent, { type: 'retry' | 'token_attempt' }>): void {
    this.#spanOf(kind)?.addEvent(event.type, {
      'forge_auth.attempt': event.attempt,
      ...(event.status === undefined ? undefined : { 'http.response.status_code': event.status }),
    });
  }

  #spanOf(kind: ObservedScope['kind']): Span | undefined {
    const underWay = this.#current();
    return underWay?.kind === kind ? underWay.span : undefined;
  }

  #link({ flight, durationMs }: Extract<ForgeAuthEvent, { type: 'token_wait' }>): void {
    const span = this.#spanOf('call');
    const waitedFor = flight === undefined ? undefined : this.#flights.get(flight);
    if (span === undefined) return;
    span.setAttribute('forge_auth.token_wait_ms', durationMs);
    if (waitedFor !== undefined) span.addLink?.({ context: waitedFor.spanContext() });
  }

  #remember(flight: number, span: Span): void {
    const [oldest] = this.#flights.keys();
    if (this.#flights.size >= MAX_FLIGHTS && oldest !== undefined) this.#flights.delete(oldest);
    this.#flights.set(flight, span);
  }
}

/** Ends a span: a processor of spans that fails is its own affair. */
function endOf(span: Span): () => void {
  return () => {
    try {
      span.end();
    } catch {
      // The call has an answer, or an error, of its own.
    }
  };
}

/** Options that the span of a call starts with. */
interface CallSpan {
  readonly name: string;
  readonly attributes: Attributes;
}

function callSpanOf({ service, method, origin }: ObservedScope): CallSpan {
  const known = methodAttribute(method);
  return {
    name: known === OTHER_METHOD ? 'HTTP' : known,
    attributes: Object.freeze({
      ...serviceAttribute(service),
      'http.request.method': known,
      ...addressAttributes(origin),
    }),
  };
}

function serviceAttribute(service: string | undefined): Attributes {
  return service === undefined ? {} : { 'forge_auth.service': service };
}
