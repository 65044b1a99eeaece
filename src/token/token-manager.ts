import { EventEmitter } from 'node:events';
import { randomUUID } from 'node:crypto';
import { ClientClosedError, ConfigurationError } from '../errors.js';
import { ProviderTokenSource } from './provider.token-source.js';
import { isSourceProvider } from './source-provider.js';
import { standaloneEnvironment, type StandaloneOptions } from './standalone.js';
import { bindProvider, type TokenProvider, type TokenRequest } from './token-provider.js';
import type { SlotEvents } from './slot/slot-events.js';
import type { Replacement, TokenSource } from './token-source.js';
import type { Token } from './token.js';

/** Options of {@link TokenManager}. Durations are in milliseconds. */
export interface TokenManagerOptions extends StandaloneOptions {
  provider: TokenProvider;
}

/** What a manager tells: a new token, one that was dropped, a request for one that failed. */
export interface TokenManagerEvents {
  /** Listeners run while callers wait; one that throws is logged and disturbs nobody. */
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
  #source: TokenSource | undefined;
  #opening: Promise<TokenSource> | undefined;
  #closed = false;
  readonly #open: (events: SlotEvents) => TokenSource | Promise<TokenSource>;

  /** @throws {ConfigurationError} when an option is missing or malformed */
  constructor(options: TokenManagerOptions) {
    super();
    if (DEFERRED in options) {
      this.#open = (options as unknown as DeferredOptions)[DEFERRED];
      return;
    }
    const made = createSource(options, this.#events());
    if (made instanceof Promise)
      made.catch(() => undefined); // Told to whoever asks first.
    else this.#source = made;
    this.#open = () => made;
  }

  /**
   * A manager whose source is known only later: an application's services are wired up before their storage is.
   * @internal
   */
  static deferred(open: (events: SlotEvents) => TokenSource | Promise<TokenSource>): TokenManager {
    return new TokenManager({ [DEFERRED]: open } as unknown as TokenManagerOptions);
  }

  /**
   * A valid token: the current one, or a new one.
   * @param request what this token must be good for, beyond what the provider is configured with
   * @throws {AuthenticationError} when none can be had; `FORGE_AUTH_BACKOFF` while a failing endpoint is left alone
   */
  getToken(request?: TokenRequest): Promise<Token> {
    return this.#source === undefined ? this.acquire(request) : this.#source.get(request);
  }

  /**
   * As `getToken`, but gives up when `signal` aborts; other callers are not disturbed.
   * @internal
   */
  acquire(request?: TokenRequest, signal?: AbortSignal): Promise<Token> {
    if (this.#source !== undefined) return this.#source.get(request, signal);
    return (async () => (await this.ready()).get(request, signal))();
  }

  /** A new token, whatever the age of the current one: by the refresh grant where there is a refresh token. */
  async forceRefresh(request?: TokenRequest): Promise<Token> {
    return (await this.ready()).forceRefresh(request);
  }

  /**
   * Forgets the current token (all of them, where calls ask with parameters of their own).
   * @param rejected only if this is the current one: a late rejection never takes a newer token away
   */
  async invalidate(rejected?: Token): Promise<void> {
    await (await this.ready()).invalidate(rejected);
  }

  /** Takes a token that was obtained elsewhere, and shares it. */
  async setToken(token: Token, request?: TokenRequest): Promise<void> {
    await (await this.ready()).set(token, request);
  }

  /** The current token while it is valid; fetches nothing. */
  peek(request?: TokenRequest): Token | undefined {
    return this.#source?.peek(request);
  }

  /** Revokes the current token at the issuer and forgets it. @see [RFC 7009](https://www.rfc-editor.org/rfc/rfc7009) */
  async revoke(): Promise<void> {
    await (await this.ready()).revoke();
  }

  /** Asks the issuer about the current token. @see [RFC 7662](https://www.rfc-editor.org/rfc/rfc7662) */
  async introspect(): Promise<Record<string, unknown>> {
    return (await this.ready()).introspect();
  }

  /**
   * The current token while it is fresh, for callers that would rather not await one that is there.
   * @internal
   */
  peekFresh(request?: TokenRequest): Token | undefined {
    return this.#source?.peekFresh(request);
  }

  /**
   * A service rejected `rejected`, and its call cannot be sent again: the next one fetches a new token.
   * @internal
   */
  reject(rejected: Token, request?: TokenRequest): void {
    this.#source?.reject(rejected, request);
  }

  /**
   * A newer token than the one that a service rejected; undefined when there is none to be had.
   * @internal
   */
  async replace(rejected: Token, request?: TokenRequest, signal?: AbortSignal): Promise<Replacement | undefined> {
    return (await this.ready()).replace(rejected, request, signal);
  }

  /**
   * What a service thought of a token that was got for it.
   * @internal
   */
  judge(token: Token, accepted: boolean, request?: TokenRequest): void {
    this.#source?.judge(token, accepted, request);
  }

  /** Aborts what is under way and closes connections; every later call is refused. */
  async close(): Promise<void> {
    this.#closed = true;
    await (this.#source ?? (await this.#opening?.catch(() => undefined)))?.close();
    this.removeAllListeners();
  }

  /**
   * What the manager stands on, if it is open.
   * @internal
   */
  get source(): TokenSource | undefined {
    return this.#source;
  }

  /**
   * What the manager stands on, opened if need be.
   * @throws {ConfigurationError} when its options are wrong
   * @internal
   */
  async ready(): Promise<TokenSource> {
    return this.#source ?? (this.#opening ??= this.#openOnce());
  }

  async #openOnce(): Promise<TokenSource> {
    try {
      if (this.#closed) throw new ClientClosedError('The token manager was closed before it was used.');
      return (this.#source = await this.#open(this.#events()));
    } finally {
      this.#opening = undefined;
    }
  }

  #events(): SlotEvents {
    return {
      refreshed: (token, previous) => this.emit('refreshed', { token, previous }),
      invalidated: (token) => this.emit('invalidated', { token }),
      failed: (error) => this.emit('failed', { error }),
    };
  }
}

const DEFERRED: unique symbol = Symbol('deferred');

interface DeferredOptions {
  [DEFERRED]: (events: SlotEvents) => TokenSource | Promise<TokenSource>;
}

function createSource(options: TokenManagerOptions, events: SlotEvents): TokenSource | Promise<TokenSource> {
  const { name, provider } = options;
  const owner = name === undefined ? 'TokenManager' : `TokenManager "${name}"`;
  if (typeof (provider as Partial<TokenProvider> | undefined)?.fetchToken !== 'function') {
    throw new ConfigurationError(`${owner}: provider must have a method fetchToken().`);
  }
  const environment = standaloneEnvironment(options, owner, name ?? 'token', events);
  if (isSourceProvider(provider)) return provider.createSource(environment);
  const bound = bindProvider(provider, environment);
  const anonymous = name === undefined && bound.keyParts === undefined && bound.identity === undefined;
  return new ProviderTokenSource({
    ...environment,
    provider: bound,
    ...(anonymous ? { keyName: randomUUID() } : undefined),
  });
}
