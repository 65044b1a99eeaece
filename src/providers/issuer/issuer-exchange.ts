import type { Configuration, ServerMetadata } from 'openid-client';
import { AuthenticationError, ForgeAuthError } from '../../errors.js';
import { ForgeResponse } from '../../http/forge-response.js';
import type { HttpHeaders, HttpRequest } from '../../http/http-request.js';
import { concealedCause } from '../../redaction/own-cause.js';
import { tokenFailure } from '../../token/token-failure.js';
import type { Client } from '../client-authentication/client.js';
import type { ClientAuthEndpoint } from '../client-authentication/client-authentication.js';
import type {
  ComplianceResponse,
  AdjustedComplianceRequest,
  RequestComplianceHook,
  ResponseComplianceHook,
} from '../compliance.js';
import type { EndpointOptions } from './endpoints.js';
import type { DpopSigner } from '../dpop.js';
import type { Issuer } from './issuer.js';
import { saysAnything } from './answer-members.js';
import { complianceResponse, readTokenAnswer } from './token-response.js';
import { acceptable, asItCame } from './openid-answer.js';
import { ownOptions } from '../../option-check/own-options.js';

/** One request to the issuer, written and checked by `openid-client`. */
export interface ExchangeRequest<T> {
  /** For messages: `Token request`. */
  readonly verb: string;
  /** Endpoint that it is for, where that may want the client to authenticate in a way of its own. @default 'token' */
  readonly endpoint?: ClientAuthEndpoint;
  /** Option that says where to ask, for the message about an endpoint that has moved. @default 'tokenUrl' */
  readonly option?: keyof EndpointOptions;
  /** Calls one function of `openid-client`, once. */
  readonly perform: (configuration: Configuration) => Promise<T>;
  readonly requestHook?: RequestComplianceHook | undefined;
  readonly responseHook?: ResponseComplianceHook | undefined;
  /** Looks at a successful answer first. Throws what is wrong with it. */
  readonly check?: (answer: Readonly<Record<string, unknown>>) => void;
  /** True when a success needs no body. @default false */
  readonly mayBeEmpty?: boolean;
  /**
   * Hands `openid-client` the answer as it came, errors included, to read it by itself. Left out, the answer
   * is read by us first, and an error in it is thrown as `AuthenticationError`.
   * @default false
   */
  readonly raw?: boolean;
}

/** Result of an {@link ExchangeRequest}. */
export interface ExchangeResult<T> {
  /** Result that `openid-client` made of it. */
  readonly result: T;
  /** The JSON of the answer; empty where there is none. */
  readonly answer: Record<string, unknown>;
  /** Status, headers and body as they came, adjusted by `compliance`. */
  readonly response: ComplianceResponse;
}

/** Options that `openid-client` hands to its `fetch`. */
interface FetchOptions {
  method: string;
  headers: Record<string, string>;
  body?: unknown;
}

/**
 * Requests of one flight to an issuer, each with the client's authentication.
 *
 * `openid-client` writes the request and checks the answer, over a transport of ours. The answer is read by us first: it
 * throws on a 401 with `WWW-Authenticate` before the body, insists on `token_type` and on status 200, and its errors
 * quote bodies. One `Configuration` per request, since it takes no signal.
 */
export class IssuerExchange {
  readonly issuer: Issuer;
  readonly client: Client;
  readonly signal: AbortSignal;

  readonly dpop: DpopSigner | undefined;

  /** @param dpop proves the possession of its key at the token endpoint */
  constructor(issuer: Issuer, client: Client, signal: AbortSignal, dpop?: DpopSigner) {
    this.dpop = dpop;
    this.issuer = issuer;
    this.client = client;
    this.signal = signal;
  }

  /** Sends one request. @throws {AuthenticationError} when the answer is an error, or not what the protocol says */
  async send<T>(request: ExchangeRequest<T>): Promise<ExchangeResult<T>> {
    try {
      return await this.#sendOnce(request);
    } catch (error) {
      // A nonce came with the answer: everything is made anew, the proof and the client's assertion. No renewal, no retry.
      const asked = error instanceof AuthenticationError && error.error === 'use_dpop_nonce';
      if (this.dpop === undefined || !asked) throw error;
      return this.#sendOnce(request);
    }
  }

  async #sendOnce<T>(request: ExchangeRequest<T>): Promise<ExchangeResult<T>> {
    const { issuer, signal } = this;
    const what = `${request.verb} for ${issuer.label}`;
    let failure: unknown;
    let seen: Omit<ExchangeResult<T>, 'result'> | undefined;
    // Loaded when first used: an app that needs no such issuer starts without it.
    const openid = await import('openid-client');
    const configuration = await this.#configuration(request.endpoint, (error) => (failure = error));
    configuration[openid.customFetch] = async (url, options) => {
      try {
        seen = await this.#fetch(url, options as unknown as FetchOptions, request, what);
        return request.raw === true ? asItCame(seen.response) : acceptable(seen.answer);
      } catch (error) {
        failure = error;
        throw error;
      }
    };
    try {
      const result = await request.perform(configuration);
      return { result, ...(seen as Omit<ExchangeResult<T>, 'result'>) };
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (failure !== undefined) throw tokenFailure(failure, issuer.label, issuer.serviceName);
      if (error instanceof AuthenticationError) throw error;
      throw new AuthenticationError(`${what} failed: the answer is not what the protocol says it should be.`, {
        code: 'FORGE_AUTH_TOKEN_RESPONSE_INVALID',
        cause: error,
      });
    }
  }

  /** @param onFailure learns what authenticating threw, which `openid-client` says nothing of */
  async #configuration(
    endpoint: ClientAuthEndpoint | undefined,
    onFailure: (error: unknown) => void,
  ): Promise<Configuration> {
    const { issuer, client } = this;
    const metadata = await issuer.metadata();
    const tokenEndpoint = metadata.token_endpoint ?? metadata.issuer;
    const authentication = client.authentication(issuer.discovers ? supportedBy(metadata) : undefined, endpoint);
    const { allowInsecureRequests, Configuration: ClientConfiguration } = await import('openid-client');
    const configuration = new ClientConfiguration(
      metadata,
      client.id || 'anonymous',
      undefined,
      async (_server, _client, body, headers) => {
        try {
          await authentication.apply({ url: tokenEndpoint, headers, body }, { tokenEndpoint, clock: issuer.clock });
        } catch (error) {
          onFailure(error);
          throw error;
        }
      },
    );
    // Which URLs may be plain http is checked by the issuer, which knows this machine from others.
    const allowEveryProtocol: (target: Configuration) => void = allowInsecureRequests;
    allowEveryProtocol(configuration);
    return configuration;
  }

  async #fetch(
    url: string,
    options: FetchOptions,
    request: ExchangeRequest<unknown>,
    what: string,
  ): Promise<{ response: ComplianceResponse; answer: Record<string, unknown> }> {
    const { requestHook, responseHook, mayBeEmpty = false, raw = false, check, option } = ownOptions(request);
    const body = new URLSearchParams(options.body as URLSearchParams);
    const written = { method: options.method, url, headers: lowerCase(options.headers), body };
    const sent = (await this.#ask(requestHook, written, what)) ?? written;
    const answered = await this.#transmit(sent);
    const response = (await this.#ask(responseHook, answered, what)) ?? answered;
    const answerOrError = objectOf(response.body);
    const isSuccess = response.status >= 200 && response.status < 300;
    const empty = mayBeEmpty && isSuccess && !saysAnything(answerOrError['error']);
    // A nonce that is asked for is no answer yet, whoever reads it: see send().
    const asksForNonce = this.dpop !== undefined && answerOrError['error'] === 'use_dpop_nonce';
    if ((raw && !asksForNonce) || empty) return { response, answer: answerOrError };
    const answer = readTokenAnswer(response, what, this.issuer.now(), option);
    check?.(answer);
    return { response, answer };
  }

  /** Asks a compliance hook. It is the app's own code: what it throws is shown as other errors of the app are. */
  async #ask<V, R>(hook: ((value: V) => R) | undefined, value: V, what: string): Promise<Awaited<R> | undefined> {
    try {
      return await hook?.(value);
    } catch (error) {
      if (error instanceof ForgeAuthError) throw error;
      const cause = concealedCause(error);
      const [name = 'hook'] = Object.entries(this.issuer.compliance).find(([, given]) => given === hook) ?? [];
      throw new AuthenticationError(`${what} failed: compliance.${name} threw ${cause.summary}.`, { cause });
    }
  }

  async #transmit(request: AdjustedComplianceRequest): Promise<ComplianceResponse> {
    const { issuer, signal } = this;
    const { method, url, headers, body } = request;
    issuer.assertSecure(url);
    if (this.dpop !== undefined) headers['dpop'] = await this.dpop.proof({ method, url });
    const sent: HttpRequest = {
      method,
      url: method === 'GET' ? `${url}${url.includes('?') ? '&' : '?'}${body}` : url,
      headers: headers as HttpHeaders,
      body: method === 'GET' ? undefined : body.toString(),
      responseType: 'json',
      signal,
    };
    const response = complianceResponse(new ForgeResponse(sent, await issuer.http.send(sent)));
    issuer.clock.observe(response.headers['date']);
    this.dpop?.observe(url, response.headers as HttpHeaders);
    return response;
  }
}

/** Returns an issuer's list for each endpoint. @see [RFC 8414 §2](https://www.rfc-editor.org/rfc/rfc8414#section-2) */
function supportedBy(metadata: ServerMetadata): Partial<Record<ClientAuthEndpoint, readonly string[]>> {
  const endpoints: readonly ClientAuthEndpoint[] = ['token', 'revocation', 'introspection'];
  const listed = endpoints.flatMap((endpoint) => {
    const methods: unknown = metadata[`${endpoint}_endpoint_auth_methods_supported`];
    return Array.isArray(methods) ? [[endpoint, methods as string[]] as const] : [];
  });
  return ownOptions(Object.fromEntries(listed));
}

function lowerCase(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function objectOf(body: unknown): Record<string, unknown> {
  return typeof body === 'object' && body !== null && !Array.isArray(body) ? (body as Record<string, unknown>) : {};
}
