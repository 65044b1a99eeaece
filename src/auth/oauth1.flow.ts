import { systemClock } from '../clock.js';
import { AuthenticationError, ConfigurationError } from '../errors.js';
import { HttpRequester } from '../http/http-requester.js';
import { Lazy } from '../lazy.js';
import { redactUrl } from '../redaction/redact.js';
import { TokenEncryption } from '../storage/encryption.js';
import { storageOf } from '../storage/get-set.token-storage.js';
import { InMemoryTokenStorage } from '../storage/in-memory.token-storage.js';
import { type OAuth1Callback, readCallback } from './oauth1/callback.js';
import { checkCallbackUrl, checkFlowOptions, type OAuth1FlowOptions } from './oauth1/flow-options.js';
import { OAuth1Token } from './oauth1/oauth1-token.js';
import type { FlowParts } from './oauth1/flow-parts.js';
import type { PendingToken } from './oauth1/request-tokens.js';
import { checkSubject } from './oauth1/subject.js';
import { resolveSigning } from './oauth1/signing-options.js';
import type { TokenAsk } from './oauth1/token-endpoint.js';
import type { OAuth1UserToken } from './oauth1/user-tokens.js';
import { ownOptions } from '../option-check/own-options.js';
import type { TokenStorage } from '../storage/token-storage.js';

/** Options of one call of {@link OAuth1Flow}. */
export interface OAuth1FlowCall {
  /** Further parameters, such as a scope: of a POST in its form, of a GET in its query. Signed. */
  extraParams?: Readonly<Record<string, string>>;
  signal?: AbortSignal;
}

const OWNER = 'OAuth1Flow';
/** Of so many open flows none is the only one, however many there are. */
const MOST_OPEN = 1_000;

/**
 * The three legs of OAuth 1.0a: a request token, the user's consent, an access token.
 *
 * One instance serves any number of users at the same time, and with a shared `storage` any instance of a fleet takes the
 * callback of a flow that another one has begun.
 * @see [RFC 5849 §2](https://www.rfc-editor.org/rfc/rfc5849#section-2)
 */
export class OAuth1Flow {
  readonly #options: OAuth1FlowOptions;
  readonly #http: HttpRequester;
  readonly #storage: TokenStorage;
  readonly #parts: Lazy<FlowParts>;
  /** Request tokens that were obtained or given here and not exchanged yet: with one alone, nobody need name it. */
  readonly #open = new Set<string>();
  #given: (PendingToken & { readonly token: string }) | undefined;

  /** @throws {ConfigurationError} when an option is missing or malformed, or a URL would carry secrets in the clear */
  constructor(given: OAuth1FlowOptions) {
    const options = ownOptions(given);
    checkFlowOptions(options, OWNER);
    const signing = resolveSigning(options, OWNER);
    const { clock = systemClock, token, tokenSecret, encryption } = options;
    this.#options = options;
    this.#http = new HttpRequester(options.http, clock);
    this.#storage = storageOf(options.storage ?? new InMemoryTokenStorage({ clock }), OWNER);
    const material = {
      options,
      signing,
      clock,
      http: this.#http,
      storage: this.#storage,
      encryption: encryption && new TokenEncryption(encryption),
    };
    this.#parts = new Lazy(async () => (await import('./oauth1/flow-parts.js')).flowParts(material));
    if (token === undefined || tokenSecret === undefined) return;
    this.#given = { token, tokenSecret };
    this.#open.add(token);
  }

  /**
   * The first leg: gets a request token, and keeps its secret until the user comes back.
   * @param call `callbackUrl` takes the place of the flow's own; `subject` names the user whose token it will be
   * @throws {AuthenticationError} when the server refuses, or answers no token
   */
  async requestToken(call: OAuth1FlowCall & { callbackUrl?: string; subject?: string } = {}): Promise<OAuth1Token> {
    const { callbackUrl = this.#options.callbackUrl ?? 'oob', subject } = ownOptions(call);
    if (subject !== undefined) checkSubject(subject);
    checkCallbackUrl(callbackUrl, OWNER);
    const issued = await this.#ask('requestTokenUrl', call, { parameters: { oauth_callback: callbackUrl } });
    await this.#begin(issued.token, { tokenSecret: issued.tokenSecret, subject });
    return issued;
  }

  /**
   * URL that the user is to be sent to for the second leg.
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
    const pending = await this.#take(token, call.signal);
    this.#open.delete(token);
    try {
      const { tokenSecret, subject } = pending;
      const parameters = { oauth_verifier: verifier.trim() };
      const issued = await this.#ask('accessTokenUrl', call, { token, tokenSecret, parameters });
      if (subject === undefined) return issued;
      await this.forSubject(subject).setToken(issued);
      return new OAuth1Token(issued.token, issued.tokenSecret, issued.extra, subject);
    } catch (error) {
      // Nothing was decided: the user need not begin again.
      if (error instanceof AuthenticationError && error.transient) await this.#begin(token, pending);
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

  /**
   * The token of one user, as `requestToken({ subject })` and the callback have left it, or `setToken` has.
   * @throws {InvalidRequestError} when the name is empty
   */
  forSubject(subject: string): OAuth1UserToken {
    checkSubject(subject);
    const token = async (): Promise<OAuth1UserToken> => (await this.#parts.open()).users.forSubject(subject);
    return {
      getToken: async () => (await token()).getToken(),
      setToken: async (given) => (await token()).setToken(given),
      has: async () => (await token()).has(),
      forget: async () => (await token()).forget(),
    };
  }

  /** Closes connections, and lets go of the storage. */
  async close(): Promise<void> {
    const storage = this.#parts.value?.storage.close() ?? this.#storage.release?.().catch(() => undefined);
    await Promise.all([this.#http.close(), storage]);
  }

  /** Closes with the application, where it is a provider of Nest's. */
  async onApplicationShutdown(): Promise<void> {
    await this.close();
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

  async #take(token: string, signal = new AbortController().signal): Promise<PendingToken> {
    const given = this.#given?.token === token ? this.#given : undefined;
    if (given !== undefined) this.#given = undefined;
    const pending = given ?? (await (await this.#parts.open()).pending.take(token, signal));
    if (pending !== undefined) return pending;
    this.#open.delete(token);
    throw new AuthenticationError(
      `${OWNER}: the request token is unknown, was used before, or is older than ten minutes. Begin again with requestToken().`,
    );
  }

  async #begin(token: string, pending: PendingToken): Promise<void> {
    await (await this.#parts.open()).pending.put(token, pending);
    this.#open.add(token);
    const [oldest] = this.#open;
    if (oldest !== undefined && this.#open.size > MOST_OPEN) this.#open.delete(oldest);
  }

  async #ask(
    endpoint: 'requestTokenUrl' | 'accessTokenUrl',
    { extraParams = {}, signal }: OAuth1FlowCall,
    signing: TokenAsk['signing'],
  ): Promise<OAuth1Token> {
    const url = this.#options[endpoint];
    const what = `${OWNER}: the ${endpoint === 'requestTokenUrl' ? 'request' : 'access'} token of ${redactUrl(url)}`;
    const { endpoint: asked } = await this.#parts.open();
    return asked.ask({ url, what, extraParams, signing, signal });
  }
}
