// More than 250 lines: one short method for each option, and what they may not be combined with.
import type { TlsOptions } from '../http/tls-options.js';
import { ApiKeyAuth } from '../auth/api-key.authenticator.js';
import type { CredentialSource } from '../auth/authenticator.js';
import { type Authenticator, isAuthenticator } from '../auth/authenticator.js';
import { BasicAuth } from '../auth/basic.authenticator.js';
import { BearerAuth } from '../auth/bearer.authenticator.js';
import { CompositeAuth } from '../auth/composite.authenticator.js';
import type { AfterResponseHook, BeforeRequestHook, OnErrorHook } from '../client/layers/hooks.layer.js';
import type { LoggingOptions } from '../client/layers/log.layer.js';
import type { RequestHeaders } from '../client/request/request-config.js';
import { ConfigurationError } from '../errors.js';
import type { HookOptions } from './hook-options.js';
import type { AuthOption, ForgeServiceOptions, TokenAuthOptions } from './options.js';
import type { PoolOptions } from '../http/axios/axios-transport-options.js';
import type { Transport } from '../http/transport.js';
import { ExponentialBackoffRetryStrategy } from '../retry/exponential-backoff.retry.strategy.js';
import type { RequestRetryStrategy } from '../retry/request-retry.strategy.js';
import { TokenManager } from '../token/token-manager.js';
import type { TokenProvider } from '../token/token-provider.js';
import { declared } from '../option-check/own-options.js';
import { writtenBy } from '../auth/credential-headers.js';

/** Lists of one kind of hook, as options have them. */
type HooksOf<Kind extends keyof HookOptions> = NonNullable<HookOptions[Kind]>;

/** Auth method of the builder: what it stands for, and its name in an error. */
interface AuthPart {
  readonly method: string;
  readonly auth: AuthOption;
  /** Lower-case name of the header that it writes, where it is known. */
  readonly header: string | undefined;
}

const AUTHORIZATION = 'authorization';

/**
 * Puts a service's options together, one `with…` at a time; `build()` returns them frozen, for a module, a factory or
 * `createForgeClient`, as often as wanted.
 *
 * ```ts
 * new HttpClientConfigBuilder('orders').withBaseUrl('https://orders.example').withTokenAuth(provider).withRetry().build();
 * ```
 */
export class HttpClientConfigBuilder {
  readonly #name: string;
  readonly #options: Omit<ForgeServiceOptions, 'name' | 'auth' | 'headers' | 'hooks'> = {};
  readonly #headers: Record<string, RequestHeaders[string]> = {};
  readonly #hooks: Record<keyof HookOptions, unknown[]> = { beforeRequest: [], afterResponse: [], onError: [] };
  readonly #auth: AuthPart[] = [];
  #excludedPaths: string[] = [];
  #excludedPathPatterns: string[] = [];
  #retriedBy: string | undefined;

  /** @throws {ConfigurationError} when the name is empty */
  constructor(name: string) {
    if (typeof name !== 'string' || name === '') {
      throw new ConfigurationError(
        "HttpClientConfigBuilder needs the service's name: new HttpClientConfigBuilder('orders').",
      );
    }
    this.#name = name;
  }

  /** Sets the URL that relative URLs are below. */
  withBaseUrl(baseUrl: string): this {
    return this.#set({ baseUrl });
  }

  /** Milliseconds for each attempt. @throws {ConfigurationError} unless above zero */
  withTimeout(timeoutMs: number): this {
    if (!(timeoutMs > 0)) throw this.#refuse(`withTimeout(${timeoutMs}): give milliseconds above zero.`);
    return this.#set({ timeoutMs });
  }

  /**
   * Headers of every request, added to those given before.
   * @throws {ConfigurationError} when it is no object of headers
   */
  withHeaders(headers: RequestHeaders): this {
    if (typeof headers !== 'object' || headers === null)
      throw this.#refuse('withHeaders() takes an object of names and values.');
    for (const [name, value] of Object.entries(headers)) this.withHeader(name, value);
    return this;
  }

  /** One header of every request. @throws {ConfigurationError} when the name is missing */
  withHeader(name: string, value: RequestHeaders[string]): this {
    if (typeof name !== 'string' || name === '') throw this.#refuse("withHeader() takes the header's name first.");
    for (const known of Object.keys(this.#headers)) {
      if (known.toLowerCase() === name.toLowerCase()) delete this.#headers[known];
    }
    this.#headers[name] = value;
    return this;
  }

  /** A token that never changes, or a function that reads it. */
  withBearerToken(token: CredentialSource): this {
    return this.#authenticate('withBearerToken()', new BearerAuth(token), AUTHORIZATION);
  }

  /** A key in a header of its own; may stand beside token, bearer or basic authentication. */
  withApiKey(key: CredentialSource, options: { headerName?: string } = {}): this {
    const auth = new ApiKeyAuth(key, options);
    return this.#authenticate('withApiKey()', auth, auth.credentialHeaders?.[0]);
  }

  /** User name and password, which may be a function that reads it (RFC 7617). */
  withBasicAuth(username: string, password: ConstructorParameters<typeof BasicAuth>[1]): this {
    return this.#authenticate('withBasicAuth()', new BasicAuth(username, password), AUTHORIZATION);
  }

  /**
   * Tokens of a manager, of a provider, or as token options say; `options` are the rest of them.
   * @throws {ConfigurationError} when the source is none of them, or another credential is written in the same header
   */
  withTokenAuth(
    source: TokenManager | TokenProvider | TokenAuthOptions,
    options: Omit<TokenAuthOptions, 'provider' | 'tokenManager'> = {},
  ): this {
    if (typeof source !== 'object' || source === null)
      throw this.#refuse('withTokenAuth() needs a TokenManager, a token provider or token options.');
    const auth = { ...tokenOptionsOf(source), ...options } as TokenAuthOptions;
    const { excludedPaths, excludedPathPatterns, placement, headerName, ...rest } = auth;
    this.withExcludedPaths(excludedPaths ?? [], excludedPathPatterns ?? []);
    const header =
      placement === undefined || placement === 'header' ? (headerName ?? AUTHORIZATION).toLowerCase() : undefined;
    const placed = { ...(placement && { placement }), ...(headerName && { headerName }) };
    return this.#authenticate('withTokenAuth()', { ...rest, ...placed } as TokenAuthOptions, header);
  }

  /** Any other way to authenticate. */
  withAuth(auth: AuthOption): this {
    const header = isAuthenticator(auth) ? writtenBy(auth)[0] : undefined;
    return this.#authenticate('withAuth()', auth, header);
  }

  /**
   * Paths, and globs of paths, that are called without a credential.
   * @throws {ConfigurationError} when it is no list of texts
   */
  withExcludedPaths(paths: Iterable<string>, patterns: Iterable<string> = []): this {
    this.#excludedPaths.push(...this.#listOf(paths, 'paths'));
    this.#excludedPathPatterns.push(...this.#listOf(patterns, 'patterns'));
    return this;
  }

  /**
   * `false` switches certificate checks off, and is warned of at bootstrap.
   * @throws {ConfigurationError} when it is not true or false
   */
  withVerifySsl(verify: boolean): this {
    if (typeof verify !== 'boolean') throw this.#refuse('withVerifySsl() takes true or false.');
    return this.#set({ tls: { ...(this.#options.tls as TlsOptions | undefined), rejectUnauthorized: verify } });
  }

  /**
   * Sets whether redirects are followed, and how many in a row.
   * @throws {ConfigurationError} when it is not true or false, or the number is below zero
   */
  withRedirects(allow: boolean, max = 10): this {
    if (typeof allow !== 'boolean') throw this.#refuse('withRedirects() takes true or false first.');
    if (!(max >= 0)) throw this.#refuse(`withRedirects(${allow}, ${max}): the number must be zero or more.`);
    return this.#set({ maxRedirects: allow ? max : 0 });
  }

  /**
   * Sends calls again after transient failures, as the strategy decides.
   * @throws {ConfigurationError} when there is a strategy already
   */
  withRetryStrategy(retry: RequestRetryStrategy): this {
    return this.#retry('withRetryStrategy()', retry);
  }

  /**
   * Exponential backoff on transient failures.
   * @throws {ConfigurationError} when there is a strategy already, or an option is malformed
   */
  withRetry(options: { maxRetries?: number; baseDelayMs?: number; maxDelayMs?: number } = {}): this {
    return this.#retry('withRetry()', new ExponentialBackoffRetryStrategy(options));
  }

  /** Runs before each call, after the hooks given before. */
  withRequestHook(hook: Exclude<HooksOf<'beforeRequest'>, readonly unknown[]> | BeforeRequestHook): this {
    this.#hooks.beforeRequest.push(hook);
    return this;
  }

  /** Runs after each answered call, after the hooks given before. */
  withResponseHook(hook: Exclude<HooksOf<'afterResponse'>, readonly unknown[]> | AfterResponseHook): this {
    this.#hooks.afterResponse.push(hook);
    return this;
  }

  /** Runs after each failed call, after the hooks given before. */
  withErrorHook(hook: Exclude<HooksOf<'onError'>, readonly unknown[]> | OnErrorHook): this {
    this.#hooks.onError.push(hook);
    return this;
  }

  /** One redacted line for each request that is sent; headers and bodies on demand. */
  withLogging(logging: boolean | LoggingOptions = true): this {
    return this.#set({ logging });
  }

  /** Takes the place of axios. */
  withTransport(transport: Transport): this {
    return this.#set({ transport });
  }

  /** The connections that are kept for the service. */
  withPool(pool: PoolOptions): this {
    return this.#set({ pool });
  }

  /**
   * The options, frozen. What is given to the builder later does not change them.
   * @throws {ConfigurationError} when two parts write one header, or contradict each other
   */
  build(): Readonly<ForgeServiceOptions> {
    const { transport, pool } = this.#options;
    if (transport !== undefined && pool !== undefined) {
      throw this.#refuse(
        'withPool() and withTransport() contradict each other: a transport has connections of its own.',
      );
    }
    const auth = this.#combined();
    const hooks = Object.fromEntries(
      Object.entries(this.#hooks)
        .filter(([, list]) => list.length > 0)
        .map(([kind, list]) => [kind, Object.freeze([...list])]),
    ) as HookOptions;
    return Object.freeze({
      name: this.#name,
      ...this.#options,
      ...(Object.keys(this.#headers).length > 0 && { headers: Object.freeze({ ...this.#headers }) }),
      ...(Object.keys(hooks).length > 0 && { hooks: Object.freeze(hooks) }),
      ...(this.#excludedPaths.length > 0 && { excludedPaths: Object.freeze([...this.#excludedPaths]) }),
      ...(this.#excludedPathPatterns.length > 0 && {
        excludedPathPatterns: Object.freeze([...this.#excludedPathPatterns]),
      }),
      ...(auth !== undefined && { auth }),
    });
  }

  /** A text is iterable, too: letter by letter. */
  #listOf(values: Iterable<string>, what: string): Iterable<string> {
    if (typeof values === 'object' && values !== null && Symbol.iterator in values) return values;
    throw this.#refuse(`withExcludedPaths() takes a list of ${what}: ['/health'].`);
  }

  #set(options: Partial<ForgeServiceOptions>): this {
    Object.assign(this.#options, options);
    return this;
  }

  #retry(method: string, retry: RequestRetryStrategy): this {
    if (this.#retriedBy !== undefined && this.#retriedBy !== method) {
      throw this.#refuse(`${this.#retriedBy} and ${method} contradict each other. Leave one of them out.`);
    }
    this.#retriedBy = method;
    return this.#set({ retry });
  }

  #authenticate(method: string, auth: AuthOption, header: string | undefined): this {
    this.#auth.push({ method, auth, header });
    return this;
  }

  /** One credential as it is; an API key beside another as both. */
  #combined(): AuthOption | undefined {
    const [first, second, ...more] = this.#auth;
    this.#checkWriters();
    if (first === undefined || second === undefined) return first?.auth;
    const others = this.#auth.filter(({ method }) => method !== 'withApiKey()');
    const odd = others.some(({ method }) => method === 'withAuth()') || others.length > 1 || more.length > 1;
    if (odd) {
      const methods = [...new Set(this.#auth.map(({ method }) => method))].join(' and ');
      throw this.#refuse(`${methods} cannot be combined. Say how with withAuth(new CompositeAuth([…])).`);
    }
    const members = this.#auth.map(({ auth }) => auth as Authenticator | TokenAuthOptions);
    return new CompositeAuth(members, { strategy: 'all' });
  }

  #checkWriters(): void {
    const writers = [
      ...this.#auth.flatMap(({ method, header }) => (header === undefined ? [] : [{ by: method, header }])),
      ...Object.entries(this.#headers)
        .filter(([, value]) => value !== null)
        .map(([name]) => ({ by: `withHeader('${name}')`, header: name.toLowerCase() })),
    ];
    for (const [index, { by, header }] of writers.entries()) {
      const other = writers.slice(0, index).find((writer) => writer.header === header);
      if (other === undefined) continue;
      throw this.#refuse(
        `${other.by} and ${by} both write the header ${header}. Leave one of them out, or give one a header of its own.`,
      );
    }
  }

  #refuse(problem: string): ConfigurationError {
    return new ConfigurationError(`Service "${this.#name}": ${problem}`, { serviceName: this.#name });
  }
}

function tokenOptionsOf(source: TokenManager | TokenProvider | TokenAuthOptions): TokenAuthOptions {
  if (source instanceof TokenManager) return { tokenManager: source };
  return typeof declared(source as Partial<TokenProvider>, 'fetchToken') === 'function'
    ? { provider: source as TokenProvider }
    : (source as TokenAuthOptions);
}
