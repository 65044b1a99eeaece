import { EventEmitter } from 'node:events';
import { randomUUID } from 'node:crypto';
import { ClientClosedError, ConfigurationError, InvalidRequestError } from '../errors.js';
import { Deferred, Lazy } from '../lazy.js';
import { guardedLogger } from '../logger.js';
import { isSourceProvider } from './source-provider.js';
import { checkOptions, type OptionRules } from '../option-check/option-check.js';
import { RULES } from '../option-check/option-rules.js';
import { loadStorageGuards } from '../storage/storage-guards.js';
import { STANDALONE_RULES, standaloneScope, type StandaloneOptions } from './standalone.js';
import { bindProvider, type TokenProvider, type TokenRequest } from './token-provider.js';
import { callEach, type ReportFailure, type SlotEvents } from './slot/slot-events.js';
import type { TokenHandle, TokenKind, TokenSource } from './token-source.js';
import { SubjectTokens } from './subject-tokens.js';
import type { Token } from './token.js';
import { ownOptions } from '../option-check/own-options.js';

/** Options of {@link TokenManager}. Durations are in milliseconds. */
export interface TokenManagerOptions extends StandaloneOptions {
  /** Provider of the tokens. */
  provider: TokenProvider;
}

/** Options of {@link TokenManager.revoke}: the token of a call's parameters is revoked. */
export interface RevokeOptions extends TokenRequest {
  /**
   * Kind of the credential that is revoked. Revoking the access token alone keeps the refresh token.
   * @default the refresh token where there is one
   */
  token?: TokenKind;
}

const MANAGER_RULES: OptionRules<TokenManagerOptions> = Object.freeze({ ...STANDALONE_RULES, provider: RULES.any });

/** Events of a manager: a new token, one that was dropped, a request for one that failed. */
export interface TokenManagerEvents {
  /** Listeners run while callers wait; one that throws, or whose promise rejects, is logged and disturbs nobody. */
  refreshed: [event: { token: Token; previous: Token | undefined }];
  invalidated: [event: { token: Token }];
  failed: [event: { error: unknown }];
}

/**
 * Keeps a valid token at hand: acquires it once however many callers wait, shares it, renews it before it expires, and
 * replaces it when a service rejects it.
 *
 * Safe for any number of concurrent callers. While a token is fresh `getToken()` does no I/O and sets no timer.
 */
export class TokenManager extends EventEmitter<TokenManagerEvents> {
  readonly #source: Lazy<TokenSource>;

  /** @throws {ConfigurationError} when an option is missing or malformed */
  constructor(options: TokenManagerOptions);
  /** @internal */
  constructor(deferred: Deferred<OpenSource>);
  constructor(given: TokenManagerOptions | Deferred<OpenSource>) {
    super();
    if (given instanceof Deferred) {
      this.#source = new Lazy(() => given.how(this.#events()));
      return;
    }
    this.#source = new Lazy(sourceOf(ownOptions(given), this.#events()));
  }

  /**
   * A manager whose source is known only later: an application's services are wired up before their storage is.
   * @internal
   */
  static deferred(open: OpenSource): TokenManager {
    return new TokenManager(new Deferred(open));
  }

  /**
   * A valid token: the current one, or a new one.
   * @param request what this token must be good for, beyond what the provider is configured with
   * @throws {AuthenticationError} when none is available; `FORGE_AUTH_BACKOFF` while a failing endpoint is left alone
   */
  getToken(request?: TokenRequest): Promise<Token> {
    const source = this.#source.value;
    if (request === undefined && source !== undefined && source.prepare === undefined) return source.for().get();
    return this.#with(request, (handle) => handle.get());
  }

  /** A new token, whatever the age of the current one: by the refresh grant where there is a refresh token. */
  forceRefresh(request?: TokenRequest): Promise<Token> {
    return this.#with(request, (handle) => handle.forceRefresh());
  }

  /**
   * Forgets the current token (all of them, where calls ask with parameters of their own).
   * @param rejected only if this is the current one: a late rejection never takes a newer token away
   * @param request only the token of these parameters
   */
  async invalidate(rejected?: Token, request?: TokenRequest): Promise<void> {
    const source = await this.ready();
    await (request === undefined ? source : source.for(request)).invalidate(rejected);
  }

  /** Takes a token that was obtained elsewhere, and shares it. */
  setToken(token: Token, request?: TokenRequest): Promise<void> {
    return this.#with(request, (handle) => handle.set(token));
  }

  /** The current token while it is valid; fetches nothing. */
  peek(request?: TokenRequest): Token | undefined {
    return this.#source.value?.for(request).peek();
  }

  /**
   * Revokes the current token at the issuer and forgets it.
   * @param options which token: the one of a call's parameters, and of its two credentials the refresh token where there
   * is one, unless `token` says otherwise
   * @throws {AuthenticationError} when the issuer refuses, or the provider cannot revoke
   * @see [RFC 7009](https://www.rfc-editor.org/rfc/rfc7009)
   */
  revoke(options: RevokeOptions = {}): Promise<void> {
    const { token, ...request } = options;
    return this.#with(request, (handle) => handle.revoke(token));
  }

  /**
   * Asks the issuer about the current token.
   * @throws {AuthenticationError} when the issuer refuses, or the provider cannot ask
   * @see [RFC 7662](https://www.rfc-editor.org/rfc/rfc7662)
   */
  introspect(request?: TokenRequest): Promise<Record<string, unknown>> {
    return this.#with(request, (handle) => handle.introspect());
  }

  /**
   * The tokens of one user. Makes no request and keeps nothing.
   * @param subject the app's name for the user
   * @throws {InvalidRequestError} when it is no text, or empty
   */
  forSubject(subject: string): SubjectTokens {
    if (typeof subject !== 'string' || subject === '')
      throw new InvalidRequestError('forSubject: the subject must be a text that is not empty.');
    return new SubjectTokens((use) => this.#with({ subject }, use));
  }

  /** Aborts what is under way and closes connections; every later call is refused. */
  async close(): Promise<void> {
    await (await this.#source.close(closedUnused))?.close();
    this.removeAllListeners();
  }

  /**
   * Token source that the manager stands on, if it is open.
   * @internal
   */
  get source(): TokenSource | undefined {
    return this.#source.value;
  }

  /**
   * Returns the token source that the manager stands on, opened if need be.
   * @throws {ConfigurationError} when its options are wrong
   * @internal
   */
  ready(): Promise<TokenSource> {
    return this.#source.open();
  }

  async #with<T>(request: TokenRequest | undefined, use: (handle: TokenHandle) => Promise<T>): Promise<T> {
    const source = this.#source.value ?? (await this.#source.open());
    return use(source.for(source.prepare === undefined ? request : await source.prepare(request)));
  }

  #events(): SlotEvents {
    return {
      refreshed: (token, previous, report) => this.#emit('refreshed', { token, previous }, report),
      invalidated: (token, report) => this.#emit('invalidated', { token }, report),
      failed: (error, report) => this.#emit('failed', { error }, report),
    };
  }

  /** Calls the listeners of an event. `emit` would stop at the first that throws, and leave rejections to the process. */
  #emit<Name extends keyof TokenManagerEvents>(
    name: Name,
    event: TokenManagerEvents[Name][0],
    report: ReportFailure = () => undefined,
  ): void {
    const listeners = this.rawListeners(name) as ((this: TokenManager, event: unknown) => unknown)[];
    callEach(
      listeners.map((listener) => listener.bind(this)),
      event,
      report,
    );
  }
}

/** Opens what a manager stands on. @param events where it announces what happens */
type OpenSource = (events: SlotEvents) => TokenSource | Promise<TokenSource>;

function closedUnused(): ClientClosedError {
  return new ClientClosedError('The token manager was closed before it was used.');
}

/** Checks the options, and returns how their source is opened. */
function sourceOf(options: TokenManagerOptions, events: SlotEvents): () => Promise<TokenSource> {
  const { name, provider } = options;
  const named = typeof name === 'string' || typeof name === 'number';
  const owner = named ? `TokenManager "${name}"` : 'TokenManager';
  checkOptions(options, MANAGER_RULES, {
    refuse: (problem) => new ConfigurationError(`${owner}: ${problem}`),
    warn: (problem) => options.logger && guardedLogger(options.logger).warn(`${owner}: ${problem}`),
  });
  if (typeof (provider as Partial<TokenProvider> | undefined)?.fetchToken !== 'function') {
    throw new ConfigurationError(`${owner}: provider must have a method fetchToken().`);
  }
  const scope = standaloneScope(options, owner, name ?? 'token', events);
  if (isSourceProvider(provider)) {
    const made = provider.createSource(scope);
    made.catch(() => undefined); // Thrown to whoever asks first.
    return () => made;
  }
  const binding = Promise.resolve(bindProvider(provider, scope));
  binding.catch(() => undefined); // Thrown to whoever asks first.
  return async () => {
    const [bound, { ProviderTokenSource }] = await Promise.all([
      binding,
      import('./provider.token-source.js'),
      loadStorageGuards(),
    ]);
    const anonymous = name === undefined && bound.keyParts === undefined && bound.identity === undefined;
    const own = anonymous ? { ...scope, keyName: randomUUID() } : scope;
    return new ProviderTokenSource(own, bound, provider);
  };
}
