import { OptionThrew } from '../option-check/option-threw.js';
import { ClientClosedError, ForgeAuthError, HttpStatusError, InvalidRequestError, TimeoutError } from '../errors.js';
import type { ForgeResponse } from '../http/forge-response.js';
import type { HttpResponse } from '../http/http-request.js';
import { afterPatiently } from '../http/patient-timer.js';
import { callDeclared, ownOptions } from '../option-check/own-options.js';
import { ownCause } from '../redaction/own-cause.js';
import { redactUrl, shownValue } from '../redaction/redact.js';
import type { Circuit, CircuitState } from '../retry/request-retry.strategy.js';
import { type AbortLink, followAll, untilAborted } from './call-abort.js';
import { CallReport, reportCircuit } from './call-report.js';
import type { FaceRequest } from './faces/face-request.js';
import { judge } from './judged-answer.js';
import { Hooks } from './layers/hooks.layer.js';
import type { Next } from './layers/layer.js';
import { type CallRequest, discard, secretsOfCall } from './request/call-request.js';
import { CallScope } from './request/call-scope.js';
import { assertRequest } from './request/known-options.js';
import { buildRequest } from './request/request-builder.js';
import type { ForgeRequest } from './request/request-config.js';
import type { ResolvedService } from './resolved-service.js';
import { circuitOf } from './circuit-of.js';
import { chainOf } from './layers/chain.js';

/** Turns an answer into a face's own kind of response, or into an error. */
export type Conclude<R> = (request: CallRequest, answered: HttpResponse) => R | Promise<R>;

/** A service's chain of layers, and the calls that are under way in it. */
export class ClientCore {
  readonly service: ResolvedService;
  /** Holds calls back from a service that keeps failing; undefined where its retry strategy has none. */
  readonly circuit: Circuit | undefined;
  readonly #hooks: Hooks | undefined;
  readonly #handle: Next;
  readonly #inFlight = new Set<CallScope>();
  /** Whoever waits for the last call to end. */
  readonly #idle: (() => void)[] = [];
  #closed = false;

  constructor(service: ResolvedService) {
    this.service = service;
    const { name, hooks, clock, logger, observer } = service;
    const onState = observer && ((state: CircuitState) => reportCircuit(observer, name, clock, state));
    this.circuit = circuitOf(service, onState);
    this.#hooks = hooks && new Hooks(hooks, { serviceName: name, logger, clock, revealCauses: service.revealCauses });
    this.#handle = chainOf(service, this.#hooks, this.circuit);
  }

  /**
   * Makes one call.
   * @throws {ForgeAuthError} with the service's name
   */
  call<T>(config: ForgeRequest, follow?: AbortLink): Promise<ForgeResponse<T>> {
    try {
      assertRequest(config);
    } catch (error) {
      return Promise.reject(this.#namedError(error, new CallScope()) as Error);
    }
    return this.run(config, (request, answered) => judge<T>(this.service, request, answered, config), follow);
  }

  /**
   * Makes one call for a face, which says what becomes of the answer.
   * @param follow what else may abort the call
   * @throws {ForgeAuthError} with the service's name, or what `conclude` throws
   */
  run<R>(given: FaceRequest, conclude: Conclude<R>, follow?: AbortLink): Promise<R> {
    const { service } = this;
    let config: FaceRequest;
    try {
      config = this.#admit(given);
    } catch (error) {
      return Promise.reject(error as Error);
    }
    const scope = new CallScope();
    const unfollow = followAll(scope, config.signal, follow);
    this.#inFlight.add(scope);
    let cancelDeadline: (() => void) | undefined;
    const release = (): void => {
      this.#inFlight.delete(scope);
      if (this.#inFlight.size === 0) for (const idle of this.#idle.splice(0)) idle();
      unfollow?.();
      cancelDeadline?.();
    };
    let request: CallRequest;
    try {
      if (scope.aborted) throw scope.reason;
      request = buildRequest(service, config, scope);
    } catch (error) {
      release();
      return Promise.reject(this.#namedError(error, scope) as Error);
    }
    if (this.#hooks !== undefined) request = this.#hooks.open(request);
    const { call } = request;
    if (call.totalTimeoutMs !== Number.POSITIVE_INFINITY) {
      const timedOut = this.#timedOut.bind(this, request);
      cancelDeadline = afterPatiently(service.clock, call.totalTimeoutMs, () => scope.abort(timedOut()));
    }
    if (service.observer?.active !== true) return this.#perform(request, conclude, release);
    const report = new CallReport(service.observer, service, request);
    return report.around(() => this.#perform(request, conclude, release, report));
  }

  #admit(given: FaceRequest): FaceRequest {
    const { name } = this.service;
    if (this.#closed) throw this.#closedError();
    if (typeof given === 'object' && given !== null) return withSignal(ownOptions(given), name);
    throw new InvalidRequestError(`Service "${name}": a request must be an object such as { url: '/orders' }.`);
  }

  async #perform<R>(request: CallRequest, conclude: Conclude<R>, release: () => void, report?: CallReport): Promise<R> {
    const { scope } = request.call;
    let answered: HttpResponse | undefined;
    try {
      answered = await untilAborted(this.#handle(request), scope);
      const concluded = conclude(request, answered);
      const result = concluded instanceof Promise ? ((await concluded) as R) : concluded;
      if (scope.aborted) throw scope.reason;
      if (Buffer.isBuffer(answered.body)) release();
      else answered.body.on('close', release);
      report?.ended(answered);
      return result;
    } catch (thrown) {
      release();
      // Nobody will read what was answered, unless it hangs on the very error.
      if (answered !== undefined && !(thrown instanceof HttpStatusError)) discard(answered);
      const known = this.#namedError(thrown, scope, request);
      report?.failed(known, answered);
      if (this.#hooks === undefined) throw known;
      const error = await this.#hooks.failed(known, request);
      if (error instanceof ForgeAuthError) error.serviceName ??= this.service.name;
      throw error;
    }
  }

  /** Settles when no call is under way. */
  async idle(): Promise<void> {
    if (this.#inFlight.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** True when a call is under way. */
  get busy(): boolean {
    return this.#inFlight.size > 0;
  }

  /** True when every call is refused. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Refuses new calls, aborts those under way, and closes connections. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const scope of this.#inFlight) scope.abort(this.#closedError());
    const { transport, ownsTransport } = this.service;
    if (ownsTransport) await callDeclared(transport, 'close');
  }

  /** Returns the error of a failed call: the reason of its abort as it is, else an error that names the service. */
  #namedError(thrown: unknown, scope: CallScope, request?: CallRequest): unknown {
    const error = scope.aborted ? OptionThrew.original(thrown) : this.#ownError(thrown, request);
    if (error instanceof ForgeAuthError) error.serviceName ??= this.service.name;
    return error;
  }

  /** Wraps what a function of the app threw (a body, a strategy, a test of the status): it may quote anything. */
  #ownError(thrown: unknown, request: CallRequest | undefined): ForgeAuthError {
    if (thrown instanceof ForgeAuthError) return thrown;
    const secrets = request === undefined ? [] : secretsOfCall(request);
    const cause = ownCause(thrown, { reveal: this.service.revealCauses, secrets });
    const { name } = this.service;
    const whose = cause.option ?? 'a function that it was given';
    return new InvalidRequestError(`A call of service "${name}" failed: ${whose} threw ${cause.summary}.`, { cause });
  }

  #timedOut(request: CallRequest): TimeoutError {
    const { method, url, call } = request;
    const { totalTimeoutMs } = call;
    return new TimeoutError(`${method} ${redactUrl(url)} was not done within ${totalTimeoutMs} ms (totalTimeoutMs).`, {
      serviceName: this.service.name,
      limit: 'totalTimeoutMs',
      limitMs: totalTimeoutMs,
    });
  }

  #closedError(): ClientClosedError {
    const { name } = this.service;
    return new ClientClosedError(`The client of service "${name}" is closed.`, { serviceName: name });
  }
}

/** @throws {InvalidRequestError} when what is to abort the call is no signal */
function withSignal(config: FaceRequest, name: string): FaceRequest {
  const { signal } = config as { signal?: unknown };
  if (signal === undefined || signal instanceof EventTarget) return config;
  throw new InvalidRequestError(`Service "${name}": signal must be an AbortSignal, not ${shownValue(signal)}.`);
}
