import type { Clock } from '../clock.js';
import type { ForgeLogger } from '../logger.js';
import type { HttpRequester } from '../http/http-requester.js';
import type { TokenPresenter } from './token-presenter.js';
import type { ServiceScope } from './runtime.js';
import type { Token } from './token.js';

/** Parameters of one call's token, beyond what the service is configured with. Each is part of the token's key. */
export interface TokenRequest {
  /** Scopes, separated by spaces, or a list. */
  scope?: string | readonly string[];
  audience?: string | readonly string[];
  /** Resource indicators. @see [RFC 8707](https://www.rfc-editor.org/rfc/rfc8707) */
  resource?: string | readonly string[];
  /**
   * User of the token, by a name of the app's choosing. Such a token is obtained by the user's consent, or set, and is
   * given to nobody else. Enters keys only hashed.
   */
  subject?: string;
  /** The token to be exchanged. @see [RFC 8693 §2.1](https://www.rfc-editor.org/rfc/rfc8693#section-2.1) */
  subjectToken?: string;
  /**
   * Claims that the token is to have: the `claims` parameter, as JSON text or as an object.
   * @see [OpenID Connect Core §5.5](https://openid.net/specs/openid-connect-core-1_0.html#ClaimsParameter)
   */
  claims?: string | Readonly<Record<string, unknown>>;
  /** Further parameters of the token request. */
  extraParams?: Readonly<Record<string, string>>;
}

/** Context of one token request, given to the provider. */
export interface TokenRequestContext {
  /** Name of the service the token is for. */
  readonly serviceName?: string;
  /** The provider's own way to the network: never the client that is waiting for the token. */
  readonly http: HttpRequester;
  /** Aborts when nobody waits for the token any more, or the flight's deadline is over. */
  readonly signal: AbortSignal;
  /** Instant at which the flight ends at the latest, epoch milliseconds: no use in waiting longer for anything. */
  readonly deadline: number;
  readonly clock: Clock;
  readonly logger: ForgeLogger;
  /** Parameters of the call. */
  readonly request: TokenRequest;
}

/**
 * Gets tokens from somewhere. One method is enough; caching, sharing, renewing and retrying are the manager's.
 *
 * `fetchToken` is called once however many callers wait, and must be safe to call again.
 */
export interface TokenProvider {
  /**
   * Gets a new token. The context is always given by a TokenManager.
   * @throws {AuthenticationError} when no token can be obtained
   */
  fetchToken(context?: TokenRequestContext): Promise<Token>;
  /**
   * Sends `current.refreshToken`. Called only where there is one. A refusal falls back to `fetchToken`; an answer
   * without a refresh token keeps the old one.
   * @throws {AuthenticationError} when the refresh token is refused, or nobody answers
   */
  refreshToken?(current: Token, context?: TokenRequestContext): Promise<Token>;
  /**
   * Parts that distinguish two instances (a tenant, an account, an endpoint). Hashed into the key of the token, so two
   * instances whose tokens differ must differ here when they serve one service name on one storage.
   */
  readonly identity?: readonly string[];
}

/** Store of a provider's tokens, by what is asked of them. */
export interface KeptTokens {
  for(request?: TokenRequest): {
    set(token: Token): Promise<void>;
    /** Drops the token in every process, if it is one of those that are meant. Returns whether it was. */
    forget(which?: (token: Token) => boolean): Promise<boolean>;
  };
}

/** A provider bound to one service: it may hold connections and documents, and knows its key. */
export interface BoundTokenProvider extends TokenProvider {
  /**
   * The parts of the token's key, secrets among them only as fingerprints. Asked before every token request, since a
   * secret may have been rotated.
   */
  keyParts?(): readonly string[] | Promise<readonly string[]>;
  /**
   * The parts of what is asked for: those of the key, without the way in which the client shows who it is. Two providers
   * with the same would get the same token. @default `keyParts`
   */
  requestParts?(): readonly string[] | Promise<readonly string[]>;
  /** The provider's own way to the network. */
  readonly http?: HttpRequester;
  /** Identity of the endpoint and the client: requests of all who name the same are held back together. */
  readonly endpoint?: readonly string[];
  /** The grant type of `fetchToken`, for observers. @default 'custom' */
  readonly grantType?: string;
  /** True when a new token can be obtained without a person; if not, it is never evicted from memory. @default true */
  readonly rerunnable?: boolean;
  /** Bounds one flight in place of the service's own deadline, in milliseconds. */
  readonly deadlineMs?: number | undefined;
  /**
   * Presenter of its tokens, where a header alone does not do it.
   * @param placement writes a bearer token where the service wants it
   */
  presenter?(placement: TokenPresenter): TokenPresenter;
  /**
   * Completes what a call asks for, in the call's own async context, before its token is looked for: whose token it is.
   * Left out, calls are taken as they are.
   */
  readonly prepare?: ((request: TokenRequest) => TokenRequest | Promise<TokenRequest>) | undefined;
  /** Tokens kept in memory for calls with parameters of their own; the least recently used goes first. @default 10_000 */
  readonly maxTokens?: number | undefined;
  /** Revokes the refresh token where there is one, else the access token. */
  revokeToken?(token: Token, context: TokenRequestContext): Promise<void>;
  introspectToken?(token: Token, context: TokenRequestContext): Promise<Record<string, unknown>>;
  /**
   * Revokes a token that ends with this process; undefined where the app does not wish it. Never asked about a token
   * that another process may use, unless {@link ownKey} says that none can.
   */
  readonly revokeAtClose?: ((token: Token, context: TokenRequestContext) => Promise<void>) | undefined;
  /** True when its tokens have a key that no other process knows, wherever they are stored. @default false */
  readonly ownKey?: boolean;
  /** Takes over where its tokens are kept: a provider that a person signs in to stores what came of it. */
  attach?(tokens: KeptTokens): void;
  close?(): void | Promise<void>;
}

/**
 * A provider that is a definition: it may be written once and used by several services or applications, each with
 * state of its own.
 */
export interface BindableTokenProvider extends TokenProvider {
  /** @throws {ConfigurationError} when its options are wrong; the error names the service */
  bind(scope: ServiceScope): BoundTokenProvider | Promise<BoundTokenProvider>;
}

/**
 * Binds a definition; anything else is taken as it is.
 * @throws {ConfigurationError} at once when its options are wrong
 */
export function bindProvider(
  provider: TokenProvider,
  scope: ServiceScope,
): BoundTokenProvider | Promise<BoundTokenProvider> {
  return isBindable(provider) ? provider.bind(scope) : provider;
}

function isBindable(provider: TokenProvider): provider is BindableTokenProvider {
  return typeof (provider as Partial<BindableTokenProvider>).bind === 'function';
}
