import { systemClock, type Clock } from '../clock.js';
import { AuthenticationError, ConfigurationError, ForgeAuthError } from '../errors.js';
import { ForgeResponse } from '../http/forge-response.js';
import type { HttpRequest } from '../http/http-request.js';
import { HttpRequester } from '../http/http-requester.js';
import { silentLogger } from '../logger.js';
import { redactUrl } from '../redact.js';
import { TokenEncryption } from '../storage/encryption.js';
import { storageOf } from '../storage/get-set.token-storage.js';
import { GuardedStorage } from '../storage/guarded-storage.js';
import { InMemoryTokenStorage } from '../storage/in-memory.token-storage.js';
import { DEFAULT_KEY_PREFIX } from '../token/standalone.js';
import { type OAuth1Callback, readCallback } from './oauth1/callback.js';
import { checkCallbackUrl, checkFlowOptions, type OAuth1FlowOptions } from './oauth1/flow-options.js';
import { oauthProblemOf } from './oauth1/oauth-problem.js';
import type { OAuth1Token } from './oauth1/oauth1-token.js';
import { RequestSigner } from './oauth1/request-signer.js';
import { RequestTokens } from './oauth1/request-tokens.js';
import { ServerTime } from './oauth1/server-time.js';
import { resolveSigning } from './oauth1/signing-options.js';
import { tokenIn } from './oauth1/token-answer.js';

/** What a call of {@link OAuth1Flow} may bring along. */
export interface OAuth1FlowCall {
  /** Further parameters, such as a scope: of a POST in its form, of a GET in its query. Signed. */
  extraParams?: Readonly<Record<string, string>>;
  signal?: AbortSignal;
}

const OWNER = 'OAuth1Flow';
/** Of so many open flows none is the only one, however many there are. */
const MOST_OPEN = 1_000;
const FORM_TYPE = 'application/x-www-form-urlencoded';

/**
 * The three legs of OAuth 1.0a: a request token, the user's consent, an access token.
 *
 * One instance serves any number of users at the same time, and with a shared `storage` any instance of a fleet takes the
 * callback of a flow that another one has begun.
 * @see [RFC 5849 §2](https://www.rfc-editor.org/rfc/rfc5849#section-2)
 */
export class OAuth1Flow {
  readonly #options: OAuth1FlowOptions;
  readonly #signer: RequestSigner;
  readonly #time: ServerTime;
  readonly #clock: Clock;
  readonly #http: HttpRequester;
  readonly #storage: GuardedStorage;
  readonly #pending: RequestTokens;
  /** Request tokens that were got or given here and not redeemed yet: with one alone, nobody need name it. */
  readonly #open = new Set<string>();
  #given: { readonly token: string; readonly tokenSecret: string } | undefined;

  /** @throws {ConfigurationError} when an option is missing or malformed, or a URL would carry secrets in the clear */
  constructor(options: OAuth1FlowOptions) {
    checkFlowOptions(options, OWNER);
    const signing = resolveSigning(options, OWNER);
    const { clock = systemClock, logger = silentLogger, token, tokenSecret, encryption } = options;
    this.#options = { ...options };
    this.#clock = clock;
    this.#signer = new RequestSigner(signing);
    this.#time = new ServerTime(signing.timestamp);
    this.#http = new HttpRequester(options.http, clock);
    this.#storage = new GuardedStorage(storageOf(options.storage ?? new InMemoryTokenStorage({ clock }), OWNER), {
      clock,
      logger,
      encryption: encryption && new TokenEncryption(encryption),
    });
    this.#pending = new RequestTokens({
      storage: this.#storage,
      clock,
      keyPrefix: options.keyPrefix ?? DEFAULT_KEY_PREFIX,
      owner: [options.accessTokenUrl, typeof options.clientId === 'string' ? options.clientId : ''],
    });
    if (token === undefined || tokenSecret === undefined) return;
    this.#given = { token, tokenSecret };
    this.#open.add(token);
  }

  /**
   * The first leg: gets a request token, and keeps its secret until the user comes back.
   * @param call `callbackUrl` takes the place of the flow's own
   * @throws {AuthenticationError} when the server refuses, or answers no token
   */
  async requestToken(call: OAuth1FlowCall & { callbackUrl?: string } = {}): Promise<OAuth1Token> {
    const { callbackUrl = this.#options.callbackUrl ?? 'oob' } = call;
    checkCallbackUrl(callbackUrl, OWNER);
    const issued = await this.#send('requestTokenUrl', call, { parameters: { oauth_callback: callbackUrl } });
    await this.#begin(issued.token, issued.tokenSecret);
    return issued;
  }

  /**
   * Where the user is to be sent for the second leg.
   * @param token the request token; left out, the one of the only flow that is open here
   * @param params further parameters, such as a scope or a name
   * @throws {ConfigurationError} when no token is given and not exactly one flow is open
   */
  authorizationUrl(token?: string | Pick<OAuth1Token, 'token'>, params: Readonly<Record<string, string>> = {}): string {
    const url = new URL(this.#options.authorizationUrl);
    for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value);
    url.searchParams.set('oauth_token', this.#tokenOf(token));
    return url.href;
  }

  /**
   * The last leg: gets the access token.
   * @param grant what the callback has brought, or the verifier alone where exactly one flow is open here
   * @throws {AuthenticationError} when the request token is unknown, was used or is too old, or the server refuses
   */
  async accessToken(
    grant: string | { token?: string; verifier: string },
    call: OAuth1FlowCall = {},
  ): Promise<OAuth1Token> {
    const { token: named, verifier } = typeof grant === 'string' ? { token: undefined, verifier: grant } : grant;
    if (typeof verifier !== 'string' || verifier.trim() === '')
      throw new AuthenticationError(`${OWNER}: the verifier is missing: the user has not consented.`);
    const token = this.#tokenOf(named);
    const tokenSecret = await this.#take(token, call.signal);
    this.#open.delete(token);
    try {
      const parameters = { oauth_verifier: verifier.trim() };
      return await this.#send('accessTokenUrl', call, { token, tokenSecret, parameters });
    } catch (error) {
      // Nothing was decided: the user need not begin again.
      if (error instanceof AuthenticationError && error.transient) await this.#begin(token, tokenSecret);
      throw error;
    }
  }

  /**
   * The last leg, of what the server sends the browser back with: a URL, its query, or the query as Nest has parsed it.
   * @throws {AuthenticationError} when the user refused, and whenever {@link OAuth1Flow.accessToken} does
   */
  async handleCallback(callback: OAuth1Callback, call: OAuth1FlowCall = {}): Promise<OAuth1Token> {
    return this.accessToken(readCallback(callback, OWNER), call);
  }

  /** Closes connections, and lets go of the storage. */
  async close(): Promise<void> {
    await Promise.all([this.#http.close(), this.#storage.close()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #tokenOf(given: string | Pick<OAuth1Token, 'token'> | undefined): string {
    const token = typeof given === 'object' ? given.token : given;
    if (token !== undefined) return token;
    const [only, ...others] = this.#open;
    if (only !== undefined && others.length === 0) return only;
    throw new ConfigurationError(
      only === undefined
        ? `${OWNER}: there is no request token yet. Call requestToken() first, or give { token, tokenSecret }.`
        : `${OWNER}: ${others.length + 1} flows are open. Name the request token of yours.`,
    );
  }

  async #take(token: string, signal = new AbortController().signal): Promise<string> {
    const given = this.#given?.token === token ? this.#given.tokenSecret : undefined;
    if (given !== undefined) this.#given = undefined;
    const tokenSecret = given ?? (await this.#pending.take(token, signal));
    if (tokenSecret !== undefined) return tokenSecret;
    this.#open.delete(token);
    throw new AuthenticationError(
      `${OWNER}: the request token is unknown, was used before, or is older than ten minutes. Begin again with requestToken().`,
    );
  }

  async #begin(token: string, tokenSecret: string): Promise<void> {
    await this.#pending.put(token, tokenSecret);
    this.#open.add(token);
    const [oldest] = this.#open;
    if (oldest !== undefined && this.#open.size > MOST_OPEN) this.#open.delete(oldest);
  }

  async #send(
    endpoint: 'requestTokenUrl' | 'accessTokenUrl',
    { extraParams = {}, signal }: OAuth1FlowCall,
    signing: { token?: string; tokenSecret?: string; parameters: Readonly<Record<string, string>> },
  ): Promise<OAuth1Token> {
    const what = `${OWNER}: ${endpoint === 'requestTokenUrl' ? 'request token' : 'access token'} of ${redactUrl(this.#options[endpoint])}`;
    const call = {};
    for (;;) {
      const request = { ...this.#request(endpoint, extraParams, signal), call, clock: this.#clock };
      await this.#signer.sign(request, { clock: this.#clock, timestamp: this.#time.timestampFor(request), ...signing });
      const response = await this.#answerTo(request, what);
      const refused = oauthProblemOf(response) === 'timestamp_refused';
      const mayBeTime = refused || response.status === 401;
      if (mayBeTime && this.#time.correct(request, response.headers['date'], refused)) continue;
      if (response.isSuccess) this.#time.keep(request);
      return tokenIn(response, what, this.#clock.now());
    }
  }

  #request(
    endpoint: 'requestTokenUrl' | 'accessTokenUrl',
    extraParams: Readonly<Record<string, string>>,
    signal: AbortSignal | undefined,
  ): HttpRequest {
    const url = new URL(this.#options[endpoint]);
    const form = new URLSearchParams(extraParams).toString();
    const { method = 'POST' } = this.#options;
    const asQuery = method === 'GET' && form !== '';
    if (asQuery) url.search += `${url.search === '' ? '' : '&'}${form}`;
    return {
      method,
      url: url.href,
      headers: { accept: '*/*', ...(method === 'POST' ? { 'content-type': FORM_TYPE } : undefined) },
      ...(method === 'POST' ? { body: form } : undefined),
      responseType: 'text',
      signal,
    };
  }

  async #answerTo(request: HttpRequest, what: string): Promise<ForgeResponse> {
    try {
      return new ForgeResponse(request, await this.#http.send(request));
    } catch (cause) {
      if (request.signal?.aborted === true || !(cause instanceof ForgeAuthError)) throw cause;
      throw new AuthenticationError(`${what} failed: the server could not be reached.`, { cause, transient: true });
    }
  }
}
