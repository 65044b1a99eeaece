import { ClientClosedError, ForgeAuthError, HttpStatusError, TimeoutError } from '../errors.js';
import { ForgeResponse } from '../http/forge-response.js';
import type { HttpResponse } from '../http/http-request.js';
import { redactUrl } from '../redact.js';
import { authenticationHandler } from './auth.interceptor.js';
import { type CallRequest, compose, discard, type Handler, type Interceptor } from './call-request.js';
import { CallScope } from './call-scope.js';
import { collectBody } from './collect-body.js';
import { logged } from './log.js';
import { followRedirects } from './redirect.interceptor.js';
import { buildRequest } from './request-builder.js';
import type { ForgeRequest } from './request-config.js';
import type { ResolvedService } from './resolved-service.js';
import { retryInterceptor } from './retry.interceptor.js';
import { sender } from './send.js';

/** A service's chain of layers, and the calls that are under way in it. */
export class ClientCore {
  readonly service: ResolvedService;
  readonly #handle: Handler;
  readonly #inFlight = new Set<CallScope>();
  #closed = false;

  constructor(service: ResolvedService) {
    this.service = service;
    this.#handle = chainOf(service);
  }

  /**
   * Makes one call.
   * @throws {ForgeAuthError} with the service's name
   */
  async call<T>(config: ForgeRequest): Promise<ForgeResponse<T>> {
    const { service } = this;
    if (this.#closed) throw this.#closedError();
    const scope = new CallScope();
    const unfollow = config.signal === undefined ? undefined : scope.follow(config.signal);
    this.#inFlight.add(scope);
    let cancelDeadline: (() => void) | undefined;
    const release = (): void => {
      this.#inFlight.delete(scope);
      unfollow?.();
      cancelDeadline?.();
    };
    try {
      const request = buildRequest(service, config, scope);
      const { deadline, startedAt } = request.call;
      if (deadline !== Number.POSITIVE_INFINITY) {
        cancelDeadline = service.clock.after(deadline - startedAt, () => scope.abort(this.#timedOut(request)));
      }
      const raced = unfollow !== undefined || cancelDeadline !== undefined;
      const answered = await (raced ? untilAborted(this.#handle(request), scope) : this.#handle(request));
      const response = await this.#judge<T>(request, answered, config);
      if (Buffer.isBuffer(answered.body)) release();
      else answered.body.once('close', release);
      return response;
    } catch (error) {
      release();
      if (error instanceof ForgeAuthError) error.serviceName ??= service.name;
      throw error;
    }
  }

  /** Refuses new calls, aborts those under way, and closes connections. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const scope of this.#inFlight) scope.abort(this.#closedError());
    await this.service.transport.close?.();
  }

  async #judge<T>(request: CallRequest, answered: HttpResponse, config: ForgeRequest): Promise<ForgeResponse<T>> {
    const { name, clock, validateStatus } = this.service;
    const { call, url, method, responseType } = request;
    const valid = config.validateStatus === undefined ? validateStatus : (config.validateStatus ?? (() => true));
    const info = { elapsedMs: clock.now() - call.startedAt, attempts: call.attempts };
    const asked = { method, url: ownUrl(request, answered), headers: { ...request.headers }, responseType };
    if (valid(answered.status)) {
      const response = new ForgeResponse<T>(asked, answered, info);
      if (responseType === 'json') void response.data; // A body that is no JSON fails here, not where it is read.
      return response;
    }
    const read = { ...answered, body: await collectBody(answered.body) };
    const response = new ForgeResponse(
      { ...asked, responseType: responseType === 'stream' ? 'json' : responseType },
      read,
      info,
    );
    const data = responseType === 'arraybuffer' ? read.body : (response.jsonOrNull<unknown>() ?? response.text());
    const { status, headers } = response;
    const error = new HttpStatusError(`${method} ${redactUrl(url)} answered ${status} (service "${name}").`, {
      status,
      headers,
      data,
    });
    error.attempts = call.attempts;
    throw error;
  }

  #timedOut(request: CallRequest): TimeoutError {
    const totalMs = request.call.deadline - request.call.startedAt;
    return new TimeoutError(`${request.method} ${redactUrl(request.url)} was not done within ${totalMs} ms.`, {
      serviceName: this.service.name,
    });
  }

  #closedError(): ClientClosedError {
    const { name } = this.service;
    return new ClientClosedError(`The client of service "${name}" is closed.`, { serviceName: name });
  }
}

/** The URL that answered, without what an authenticator put into it: the one asked for, unless redirects led elsewhere. */
function ownUrl(request: CallRequest, answered: HttpResponse): string {
  return answered.askedUrl ?? request.url;
}

function chainOf(service: ResolvedService): Handler {
  const { name, base, origins, excluded, clock, retry, logger } = service;
  const bare = sender(service.transport, clock, name);
  const send = service.logging ? logged(bare, logger, clock) : bare;
  const interceptors: Interceptor[] = [];
  if (retry !== undefined) {
    const circuit = retry.createCircuit?.({ serviceName: name, clock });
    interceptors.push(retryInterceptor(retry, circuit, clock));
  }
  interceptors.push(followRedirects);
  return compose(interceptors, authenticationHandler({ serviceName: name, base, origins, excluded, clock }, send));
}

/** Settles as `work` does, or rejects as soon as the scope is aborted. What comes later is thrown away. */
function untilAborted(work: Promise<HttpResponse>, scope: CallScope): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    const release = scope.onAbort((reason) => {
      reject(reason as Error);
      work.then(discard, () => undefined);
    });
    work.then(resolve, reject).finally(release);
  });
}
