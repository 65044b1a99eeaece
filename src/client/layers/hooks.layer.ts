import { type Clock, millisecondsSince, withDeadline } from '../../clock.js';
import { ownOptions } from '../../option-check/own-options.js';
import type { Runtime } from '../../token/runtime.js';
import { ForgeAuthError } from '../../errors.js';
import { ForgeResponse } from '../../http/forge-response.js';
import type { HttpHeaders, HttpResponse } from '../../http/http-request.js';
import { ownCause } from '../../redaction/own-cause.js';
import { type Call, type CallRequest, discard, secretsOfCall } from '../request/call-request.js';
import type { Layer } from './layer.js';
import { spellingOf } from '../../http/axios/spelled-headers.js';
import { headersOf } from '../request/request-headers.js';

/** A call as hooks see it: one object for all its hooks and attempts. */
export interface HookedCall {
  readonly serviceName: string;
  /** Upper-case. */
  readonly method: string;
  /** Absolute. The credential is not in it. */
  readonly url: string;
  /** Names are lower-case. A request hook may change them; a credential that it writes wins over the service's. */
  readonly headers: HttpHeaders;
  /** Data that hooks of this call share with each other. */
  readonly metadata: Record<string, unknown>;
}

/** Runs before a call is sent, once for all its attempts. */
export type BeforeRequestHook = (call: HookedCall) => void | Promise<void>;

/** Runs when a call was answered, whatever the status; not for answers that were retried, or redirects followed. */
export type AfterResponseHook = (response: ForgeResponse, call: HookedCall) => void | Promise<void>;

/** Runs when a call fails: with what its caller is about to get. */
export type OnErrorHook = (error: unknown, call: HookedCall) => void | Promise<void>;

/** An object, or an injectable class, that is a request hook. */
export interface RequestHook {
  /** Runs before a call is sent, once for all its attempts. */
  beforeRequest: BeforeRequestHook;
}

/** An object, or an injectable class, that is a response hook. */
export interface ResponseHook {
  /** Runs when a call was answered, whatever the status. */
  afterResponse: AfterResponseHook;
}

/** An object, or an injectable class, that is an error hook. */
export interface ErrorHook {
  /** Runs when a call fails, with what its caller is about to get. */
  onError: OnErrorHook;
}

/** A hook that is ready to run. */
export interface NamedHook<Run> {
  /** For the log. */
  readonly name: string;
  readonly run: Run;
}

/** A service's hooks, in the order in which they run. */
export interface HookList {
  readonly beforeRequest: readonly NamedHook<BeforeRequestHook>[];
  readonly afterResponse: readonly NamedHook<AfterResponseHook>[];
  readonly onError: readonly NamedHook<OnErrorHook>[];
}

/** Details of the service that its hooks need. */
export interface HookOwner extends Pick<Runtime, 'clock' | 'logger' | 'revealCauses'> {
  readonly serviceName: string;
}

/** Runs a service's hooks. A failure is logged; only a {@link ForgeAuthError} that a hook throws fails the call. */
export class Hooks {
  readonly #list: HookList;
  readonly #owner: HookOwner;
  readonly #calls = new WeakMap<Call, HookedCall>();

  constructor(list: HookList, owner: HookOwner) {
    this.#list = list;
    this.#owner = owner;
  }

  /** A request whose headers hooks may change. */
  open(request: CallRequest): CallRequest {
    const { method, url, call } = request;
    const headers: HttpHeaders = ownOptions(request.headers as HttpHeaders);
    this.#calls.set(call, { serviceName: this.#owner.serviceName, method, url, headers, metadata: {} });
    return { ...request, headers };
  }

  /** The outermost layer: request hooks on the way down, response hooks on the way up. */
  readonly layer: Layer = async (request, next) => {
    const call = this.#callOf(request);
    await this.#runAll(this.#list.beforeRequest, (run) => run(call), request);
    const written = Object.entries(call.headers).filter(([name]) => name !== name.toLowerCase());
    const spelling = spellingOf(request.spelling, Object.fromEntries(written));
    replace(call.headers, headersOf({}, call.headers));
    const response = await next({ ...request, spelling });
    if (this.#list.afterResponse.length > 0) {
      const view = viewOf(request, response, this.#owner.clock);
      try {
        await this.#runAll(this.#list.afterResponse, (run) => run(view, call), request, view);
      } catch (error) {
        discard(response);
        throw error;
      }
    }
    return response;
  };

  /**
   * Runs error hooks. Returns what the caller gets: the error, unless a hook throws a typed one in its place. One that
   * is not done within the timeout of an attempt is waited for no longer.
   */
  async failed(error: unknown, request: CallRequest): Promise<unknown> {
    const { clock, logger, serviceName } = this.#owner;
    const { timeoutMs } = request.call;
    const leave = (): Error => {
      logger.warn(`An error hook of service "${serviceName}" is not done after ${timeoutMs} ms: no longer waited for.`);
      return error as Error;
    };
    try {
      const call = this.#callOf(request);
      const running = this.#runAll(this.#list.onError, (run) => run(error, call), request);
      await withDeadline(clock, running, timeoutMs, leave);
      return error;
    } catch (replacement) {
      return replacement;
    }
  }

  #callOf(request: CallRequest): HookedCall {
    return this.#calls.get(request.call) as HookedCall;
  }

  async #runAll<Run>(
    hooks: readonly NamedHook<Run>[],
    start: (run: Run) => void | Promise<void>,
    request: CallRequest,
    view?: ViewedResponse,
  ): Promise<void> {
    for (const { name, run } of hooks) {
      try {
        await start(run);
      } catch (error) {
        if (error instanceof ForgeAuthError && view?.failedWith(error) !== true) throw error;
        const secrets = secretsOfCall(request);
        const { summary, frames } = ownCause(error, { reveal: this.#owner.revealCauses, secrets });
        const { serviceName, logger } = this.#owner;
        try {
          logger.warn(`A hook of service "${serviceName}" failed, the call goes on: ${name}: ${summary}.${frames}`);
        } catch {
          // A logger that fails, fails no call.
        }
      }
    }
  }
}

/** In place: the request and its hooks share the object. */
function replace(headers: HttpHeaders, checked: Readonly<HttpHeaders>): void {
  for (const name of Object.keys(headers)) delete headers[name];
  Object.assign(headers, checked);
}

/** An answer as hooks see it. What they cannot read of it is their own failure, not the call's. */
class ViewedResponse extends ForgeResponse {
  readonly #failures = new WeakSet<object>();

  failedWith(error: object): boolean {
    return this.#failures.has(error);
  }

  override get data(): unknown {
    return this.#noting(() => super.data);
  }

  override json<J = unknown>(): J {
    return this.#noting(() => super.json<J>());
  }

  override text(): string {
    return this.#noting(() => super.text());
  }

  #noting<R>(read: () => R): R {
    try {
      return read();
    } catch (error) {
      this.#failures.add(error as object);
      throw error;
    }
  }
}

function viewOf(request: CallRequest, response: HttpResponse, clock: Clock): ViewedResponse {
  const { method, url, headers, responseType, call } = request;
  // A face reads bytes and decodes them itself; a hook would rather see JSON.
  const type = responseType === 'arraybuffer' ? 'json' : responseType;
  return new ViewedResponse({ method, url: response.requestedUrl ?? url, headers, responseType: type }, response, {
    elapsedMs: millisecondsSince(clock, call.startedAt),
    attempts: call.attempts,
  });
}
