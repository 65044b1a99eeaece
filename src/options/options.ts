import type { AxiosInstance, AxiosRequestConfig } from 'axios';
import type { Authenticator } from '../auth/authenticator.js';
import type { CompositeAuth } from '../auth/composite.authenticator.js';
import type { TokenAuthPlacement } from '../auth/token.authenticator.js';
import type { LoggingOptions } from '../client/layers/log.layer.js';
import type { RequestHeaders } from '../client/request/request-config.js';
import type { ClassOf, HookOptions } from './hook-options.js';
import type { QueryParams } from '../http/query-params.js';
import type { PoolOptions } from '../http/axios/axios-transport-options.js';
import type { TlsSource } from '../http/tls-options.js';
import type { Transport } from '../http/transport.js';
import type { TokenFetchPipelineOptions } from '../pipeline/pipeline-options.js';
import type { TokenFetchPipeline } from '../pipeline/token-fetch-pipeline.js';
import type { RequestRetryStrategy } from '../retry/request-retry.strategy.js';
import type { TokenLock } from '../lock/token-lock.js';
import type { EncryptionOptions } from '../storage/encryption.js';
import type { GetSet, TokenStorage } from '../storage/token-storage.js';
import type { TokenManager } from '../token/token-manager.js';
import type { TokenProvider } from '../token/token-provider.js';
import type { TokenSettings } from '../token/token-settings.js';

/** Token of a provider of the app: a text, a symbol or a class. */
// oxlint-disable-next-line typescript/no-unsafe-function-type -- as Nest's own InjectionToken, which a class is
export type StorageToken = string | symbol | ClassOf<unknown> | Function;

/** A storage, any object with `get` and `set`, or the injection token of one. */
export type StorageOption = TokenStorage | GetSet | StorageToken;

/** A pipeline, or the options of one; `refreshFromStep`: where a rejection starts to renew. @see PipelineTokenProvider */
export type PipelineOption = TokenFetchPipeline | (TokenFetchPipelineOptions & { refreshFromStep?: string });

/** Options of the token that a service's calls carry. Give one of `provider`, `tokenManager` and `pipeline`. */
export interface TokenAuthOptions extends TokenAuthPlacement, TokenSettings {
  /**
   * Provider of the tokens: an instance, or a class that the app or the module creates. Left out with `tokenManager` or
   * `pipeline`.
   */
  provider?: TokenProvider | ClassOf<TokenProvider>;
  /**
   * A manager made elsewhere, or the name of the service whose manager is shared. Left out: the service has its own.
   */
  tokenManager?: TokenManager | string;
  /**
   * Several calls that build on each other: device token → app token → user token. Left out with `provider` or
   * `tokenManager`.
   */
  pipeline?: PipelineOption;
  /** Paths that are called without a credential. Added to the service's own. */
  excludedPaths?: Iterable<string>;
  /** Globs of such paths, added to the service's own. Left out: none. */
  excludedPathPatterns?: Iterable<string>;
  /** Gets a token when the application starts, so that the first call need not wait. @default false */
  warmUp?: boolean;
}

/** Authentication of a service's calls: an authenticator, its class, a function that makes one, or token options. */
export type AuthOption =
  | Authenticator
  | CompositeAuth<Authenticator | TokenAuthOptions>
  | ClassOf<Authenticator>
  | (() => Authenticator)
  | TokenAuthOptions;

/** Options that a service may take from `defaults`. Durations are in milliseconds. */
export interface ForgeServiceDefaults {
  /** Authentication of calls. Left out: none. */
  auth?: AuthOption;
  /**
   * Paths below the base URL that are called without a credential, whatever `auth` is: exact but for one trailing
   * slash, case-sensitive, without query; percent-encoding is decoded once, and `%2F` is no slash.
   * @default []
   */
  excludedPaths?: Iterable<string>;
  /**
   * Globs of such paths, as Python's fnmatch reads them: `*` crosses slashes, and `/public/*` does not match `/public`.
   * @default []
   */
  excludedPathPatterns?: Iterable<string>;
  /** Headers of every request to the service's own origins. */
  headers?: RequestHeaders;
  /** Query parameters of every request to the service's own origins. */
  params?: QueryParams;
  /** Milliseconds for an attempt, to the end of the body (to the headers of a stream). @default 30_000 */
  timeoutMs?: number;
  /** Milliseconds for a whole call, waiting for a token included. Left out: no limit beyond those of its parts. */
  totalTimeoutMs?: number;
  /** Decides when a call is sent again after a transient failure. @default `NoRetryStrategy` */
  retry?: RequestRetryStrategy;
  /** Hooks that run around each call. */
  hooks?: HookOptions;
  /** One redacted line for each request that is sent; headers and bodies, redacted too, on demand. @default false */
  logging?: boolean | LoggingOptions;
  /** Takes the place of axios. */
  transport?: Transport;
  /**
   * Agents, proxy, limits: an axios config, or the HttpService of another module. Its `baseURL`, `headers`, `params`,
   * `timeout`, `maxRedirects` and `validateStatus` stand below the options beside it; its interceptors and transforms are
   * not run.
   */
  axios?: AxiosRequestConfig | { readonly axiosRef: AxiosInstance };
  /**
   * Takes off a credential header that a call brings, and puts the service's own in its place: for libraries
   * that insist on a credential of their own, such as SDKs over `client.fetch`. Otherwise such a header wins for its
   * call, and one warning names the first.
   * @default false
   */
  replaceCredential?: boolean;
  /** Further origins that may see the service's credential. @default [] */
  allowedOrigins?: readonly string[];
  /** Number of redirects followed; 0 answers them as they are. @default 10 */
  maxRedirects?: number;
  /**
   * Bytes of a body, unpacked, after which it is given up; `Infinity`: no limit. Left out, a body that is handed over as a
   * stream has none: it need not be in memory.
   * @default 104_857_600
   */
  maxContentLength?: number;
  /** TLS of the service. A token endpoint has its own: nothing is inherited. */
  tls?: TlsSource;
  /** The connections that are kept for the service, unless `axios` brings agents. */
  pool?: PoolOptions;
  /** Decides which statuses are an answer; any other throws an `HttpStatusError`. @default 2xx */
  validateStatus?: (status: number) => boolean;
  /** Store of the service's tokens. @default the module's */
  storage?: StorageOption;
  /** Makes one process of many ask for a token. @default on the storage's Redis, else in this process */
  lock?: TokenLock;
}

/** One service that the app calls. */
export interface ForgeServiceOptions extends ForgeServiceDefaults {
  /** Names the service in `@InjectForgeClient(name)`, in errors and in keys. */
  name: string;
  /** URL that relative URLs are below. Needed unless calls give absolute URLs, or only tokens are wanted. */
  baseUrl?: string;
  /**
   * Lets modules that import this `forFeature()` inject the service's `httpService` as their `HttpService`: code that
   * uses one is authenticated unchanged. Not for `forRoot()`, which would take the `HttpService` of everybody.
   * @default false
   */
  provideHttpService?: boolean;
}

/** Options of `ForgeAuthModule.forRoot()`. */
export interface ForgeAuthOptions {
  /** Services that the app calls. Left out: those of `forFeature()` alone. */
  services?: readonly ForgeServiceOptions[];
  /** Taken by every service of the application that does not say otherwise; `headers` are merged, `hooks` concatenated. */
  defaults?: ForgeServiceDefaults;
  /** Store of the tokens. @default the last store of the app's CACHE_MANAGER, else bounded memory */
  storage?: StorageOption;
  /** Makes one process of many ask for a token. @default on the storage's Redis, else in this process */
  lock?: TokenLock;
  /** Encrypts what is stored. @default stored in the clear, which one log line says */
  encryption?: EncryptionOptions;
  /** First part of every storage key. @default 'forge-auth' */
  keyPrefix?: string;
  /** Longest time that a token is used without a look at shared storage, in milliseconds. @default 5_000 */
  nearCacheTtlMs?: number;
  /**
   * Milliseconds that calls under way may take to end when the application closes; then they are aborted. HTTP
   * applications wait for the requests that they are answering anyway; standalone contexts and microservices do not.
   * @default 0
   */
  shutdownGraceMs?: number;
  /**
   * Shows what a provider, a hook, a transport or a body function of the app's own throws with its message, known
   * secrets masked; else by name, code and stack alone.
   * @default `process.env.NODE_ENV !== 'production'`
   */
  revealCauses?: boolean;
  /** True when `ForgeRequestContext` knows the caller of every inbound HTTP request. Nest only. @default false */
  requestContext?: boolean | RequestContextOptions;
}

/** Options of how inbound requests are read. */
export interface RequestContextOptions {
  /**
   * The caller, as the app names its users. Asked when the subject is needed, so that guards have run by then; it
   * gets the request that guards and handlers get, Express's or Fastify's.
   */
  // The app knows what its guards put on a request: only it can type it.
  // oxlint-disable-next-line typescript/no-explicit-any -- as in Nest's own middleware
  subject?: (request: any) => string | undefined;
}
