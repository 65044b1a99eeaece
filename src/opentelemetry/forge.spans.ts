import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type Attributes,
  context,
  isSpanContextValid,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from '@opentelemetry/api';
import type { ForgeAuthEvent, ObservedScope } from '../observer.js';

/** Methods of RFC 9110 and PATCH; others are `_OTHER`, so that names stay few. */
const KNOWN_METHODS: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'OPTIONS',
  'PATCH',
  'TRACE',
  'CONNECT',
]);

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
  /** What is under way where an event happens: known without a context manager, too. */
  readonly #underWay = new AsyncLocalStorage<{ readonly kind: ObservedScope['kind']; readonly span: Span }>();
  /** Spans of flights, by their number. */
  readonly #flights = new Map<number, Span>();

  constructor(tracer: Tracer) {
    this.#tracer = tracer;
  }

  around<T>(scope: ObservedScope, work: () => Promise<T>): Promise<T> {
    const span = this.#start(scope);
    const here = trace.setSpan(context.active(), span);
    if (span.isRecording()) return this.#record(scope, span, () => context.with(here, work));
    // Not sampled: what is below hears of it. Without a tracer there is nothing to hear.
    return isSpanContextValid(span.spanContext()) ? context.with(here, work) : work();
  }

  record(event: ForgeAuthEvent): void {
    if (event.type === 'call') this.#endCall(event);
    else if (event.type === 'token_request') this.#endFlight(event);
    else if (event.type === 'retry') this.#attempted('call', event);
    else if (event.type === 'token_attempt') this.#attempted('token_request', event);
    else if (event.type === 'token_wait') this.#link(event);
  }

  async #record<T>({ kind, flight }: ObservedScope, span: Span, work: () => Promise<T>): Promise<T> {
    if (flight !== undefined) this.#remember(flight, span);
    try {
      return await this.#underWay.run({ kind, span }, work);
    } finally {
      // That of a flight ends with its event: what comes after its work (a token that is kept) belongs to it.
      if (flight === undefined) span.end();
    }
  }

  #start(scope: ObservedScope): Span {
    const { kind, service, method, origin, cause, grant, step } = scope;
    const common: Attributes = service === undefined ? {} : { 'forge_auth.service': service };
    if (kind === 'call') {
      const known = method !== undefined && KNOWN_METHODS.has(method) ? method : '_OTHER';
      const attributes = { ...common, 'http.request.method': known, ...addressOf(origin) };
      return this.#tracer.startSpan(known === '_OTHER' ? 'HTTP' : known, { kind: SpanKind.INTERNAL, attributes });
    }
    return this.#tracer.startSpan('forge_auth.token_request', {
      kind: SpanKind.INTERNAL,
      attributes: {
        ...common,
        ...(cause === undefined ? undefined : { 'forge_auth.cause': cause }),
        ...(grant === undefined ? undefined : { 'forge_auth.grant': grant }),
        ...(step === undefined ? undefined : { 'forge_auth.step': step }),
      },
    });
  }

  #endCall({ status, attempts, outcome, code }: Extract<ForgeAuthEvent, { type: 'call' }>): void {
    const span = this.#spanOf('call');
    if (span === undefined || !span.isRecording()) return;
    if (status !== undefined) span.setAttribute('http.response.status_code', status);
    if (attempts > 1) span.setAttribute('http.request.resend_count', attempts - 1);
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
    const underWay = this.#underWay.getStore();
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

function addressOf(origin: string | undefined): Attributes {
  if (origin === undefined || !URL.canParse(origin)) return {};
  const { hostname, port, protocol } = new URL(origin);
  const scheme = protocol.slice(0, -1);
  return {
    'server.address': hostname,
    'server.port': port === '' ? (scheme === 'https' ? 443 : 80) : Number(port),
    'url.scheme': scheme,
  };
}
