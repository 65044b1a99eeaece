import { askFor } from '../option-check/at-once.js';
import { challengeWith } from '../challenges.js';
import {
  checkOptions,
  definitionPlace,
  hasMethods,
  isClassWith,
  type OptionRules,
} from '../option-check/option-check.js';
import { oneOf, RULES } from '../option-check/option-rules.js';
import { ConfigurationError } from '../errors.js';
import type { ForgeResponse } from '../http/forge-response.js';
import { spellingOf } from '../http/axios/spelled-headers.js';
import type { AuthRetryStrategy } from '../retry/auth-retry.strategy.js';
import type { TokenManager } from '../token/token-manager.js';
import { scopes } from '../token/token-key.js';
import type { TokenRequest } from '../token/token-provider.js';
import type { TokenPresenter } from '../token/token-presenter.js';
import type { Replacement, TokenHandle, TokenSource } from '../token/token-source.js';
import type { Token } from '../token/token.js';
import type { AuthenticatedRequest, Authenticator, CredentialParameters, CredentialVerdict } from './authenticator.js';
import { BearerPresenter, PARAMETERS_OF_PLACEMENT } from './bearer.presenter.js';
import { DEFAULT_RETRY, mayReplay, waitBeforeReplay } from './credential-verdict.js';
import { checkHeaderName } from './credential.js';
import { callDeclared, ownOptions } from '../option-check/own-options.js';

/** Way in which a token is put on requests. */
export interface TokenAuthPlacement {
  /** Decides when a call is sent again whose token was rejected. @default `SimpleAuthRetryStrategy`: once, on 401 */
  retry?: AuthRetryStrategy;
  /** Header that carries the token. @default 'Authorization' */
  headerName?: string;
  /** Takes the place of the token's own type before the token; `''` sends the bare token. */
  scheme?: string;
  /**
   * Place of the token: a header, a form body's or the query's `access_token`.
   * @default 'header'
   * @see [RFC 6750 §2](https://www.rfc-editor.org/rfc/rfc6750#section-2)
   */
  placement?: 'header' | 'body' | 'uri';
  /**
   * Scopes that a service may ask for by an `insufficient_scope` challenge: the call is sent again, once, with a token of
   * the scopes that the challenge names, if each of them is in this list.
   * @default none
   * @see [RFC 6750 §3.1](https://www.rfc-editor.org/rfc/rfc6750#section-3.1)
   */
  stepUpScopes?: readonly string[];
}

/** Rejection of the token of a call. */
interface Rejection {
  /** An answer with the same status is one, too, even where the strategy looks at first answers only. */
  readonly status: number;
  readonly replacement?: Replacement;
}

/** The options of {@link TokenAuthPlacement}. */
export const PLACEMENT_RULES: OptionRules<TokenAuthPlacement> = Object.freeze({
  retry: {
    accepts: (value) => typeof value === 'object' && hasMethods(value, 'shouldRetry'),
    what: 'an auth retry strategy, such as new SimpleAuthRetryStrategy()',
    cure: cureOfAuthRetry,
  },
  headerName: RULES.text,
  scheme: {
    accepts: (value) => typeof value === 'string' && /^[\x21-\x7e]*$/.test(value),
    what: 'one word, or empty',
  },
  placement: oneOf('header', 'body', 'uri'),
  stepUpScopes: RULES.texts,
});

function cureOfAuthRetry(retry: unknown): string | undefined {
  if (typeof retry === 'number')
    return `auth.retry must be a strategy, not a number. Use auth: { retry: new SimpleAuthRetryStrategy({ maxRetries: ${retry} }) }.`;
  if (hasMethods(retry, 'nextDelayMs'))
    return 'auth.retry must be a strategy for rejected credentials, not one for transient failures, which is given as retry of the service, beside auth.';
  if (isClassWith(retry, 'shouldRetry'))
    return 'auth.retry must be an instance, not a class: auth: { retry: new SimpleAuthRetryStrategy() }.';
  return undefined;
}

/** A token that went out with a request. */
interface SentToken {
  readonly handle: TokenHandle;
  readonly token: Token;
}

/** Puts a manager's token on requests, and has it replaced when the service rejects it. */
export class TokenAuth implements Authenticator {
  readonly takesTokenRequest = true;
  /** Decides when a rejected call is sent again. @default `SimpleAuthRetryStrategy`: once, on 401 */
  readonly retry: AuthRetryStrategy;
  readonly credentialHeaders: readonly string[] | undefined;
  readonly credentialParameters: CredentialParameters | undefined;
  readonly #manager: TokenManager;
  /** Writes the token where the service wants it. */
  readonly #placement: TokenPresenter;
  #presenter: TokenPresenter | undefined;
  /** Token that went out with each request: a rejection names it, and the handle that it is from. */
  #sent: WeakMap<AuthenticatedRequest, SentToken> | undefined;
  readonly #stepUpScopes: readonly string[];
  /** Token requests of calls since their service named the scopes that it needs. */
  #stepUps: WeakMap<object, TokenRequest> | undefined;
  /** Calls that were rejected. */
  #rejections: WeakMap<object, Rejection> | undefined;

  /** @throws {ConfigurationError} when an option is malformed */
  constructor(manager: TokenManager, given: TokenAuthPlacement = {}) {
    checkOptions(given, PLACEMENT_RULES, definitionPlace(this));
    const options = ownOptions(given);
    const { headerName = 'Authorization', scheme, placement = 'header' } = options;
    if (typeof (manager as Partial<TokenManager> | undefined)?.getToken !== 'function') {
      throw new ConfigurationError('TokenAuth needs a TokenManager.');
    }
    this.#manager = manager;
    this.#stepUpScopes = options.stepUpScopes ?? [];
    this.retry = options.retry ?? DEFAULT_RETRY;
    const header = placement === 'header' ? checkHeaderName(headerName, 'TokenAuth: headerName') : undefined;
    const spelling = header === undefined ? undefined : spellingOf(undefined, { [options.headerName ?? header]: true });
    this.credentialHeaders = header === undefined ? undefined : [header];
    this.credentialParameters = PARAMETERS_OF_PLACEMENT[placement];
    this.#placement = new BearerPresenter({ headerName: header, spelling, scheme, placement });
  }

  /**
   * Manager of its tokens.
   * @internal
   */
  get manager(): TokenManager {
    return this.#manager;
  }

  async authenticate(request: AuthenticatedRequest): Promise<void> {
    const source = this.#manager.source ?? (await this.#manager.ready());
    const { prepare } = source;
    const asked = this.#stepUps?.get(request.call) ?? request.tokenRequest;
    const handle = source.for(prepare === undefined ? asked : await prepare(asked));
    const token = handle.peekFresh() ?? (await handle.get(request.callSignal));
    (this.#sent ??= new WeakMap()).set(request, { handle, token });
    const written = this.#presenterOf(source).write(request, token);
    if (written !== undefined) await written;
  }

  onResponse(response: ForgeResponse, request: AuthenticatedRequest): CredentialVerdict | Promise<CredentialVerdict> {
    const sent = this.#sent?.get(request);
    if (sent === undefined) return 'accepted';
    const presenter = this.#presenter;
    const observed = presenter && callDeclared(presenter, 'observe', response, request);
    if (observed === 'resend' && request.replayable) return 'resend';
    if (this.#stepUpScopes.length > 0 && this.#stepsUp(response, request)) return 'resend';
    const rejected = askFor('auth.retry.shouldRetry()', () => this.retry.shouldRetry(response, request.replays));
    if (rejected === false && this.#rejections?.has(request.call) !== true) {
      if (isProof(response.status)) this.#accepted(sent, request);
      this.#sent?.delete(request); // Dear to leave to the garbage collector.
      return 'accepted';
    }
    return this.#judge(rejected, sent, response, request);
  }

  /** Checks whether the service named scopes that may be asked for: the call asks for a token of these from now on. */
  #stepsUp({ headers }: ForgeResponse, request: AuthenticatedRequest): boolean {
    const asked = challengeWith('insufficient_scope', headers['www-authenticate'])?.params['scope'];
    const wanted = scopes(asked ?? '');
    const allowed = wanted.length > 0 && wanted.every((scope) => this.#stepUpScopes.includes(scope));
    if (!allowed || !request.replayable || this.#stepUps?.has(request.call) === true) return false;
    (this.#stepUps ??= new WeakMap()).set(request.call, { ...request.tokenRequest, scope: wanted });
    return true;
  }

  async #judge(
    rejecting: boolean | Promise<boolean>,
    sent: SentToken,
    response: ForgeResponse,
    request: AuthenticatedRequest,
  ): Promise<CredentialVerdict> {
    const rejected = await rejecting;
    const before = this.#rejections?.get(request.call);
    if (!rejected && response.status !== before?.status) {
      if (isProof(response.status, before)) this.#accepted(sent, request);
      return 'accepted';
    }
    const { refusing } = sent.handle;
    const resource = resourceOf(request);
    const isFresh = before?.replacement?.obtainedAfterRejection === true;
    if (!isFresh && !refusing.mayRenew(resource)) return 'rejected';
    if (before === undefined && refusing.showsRevocation(resource)) sent.handle.resume(sent.token);
    const replays = rejected && mayReplay(this.retry, request);
    const verdict = replays ? await this.#replace(sent, response, request) : undefined;
    if (verdict !== undefined) return verdict;
    if (isFresh) {
      sent.handle.recordOutcome(sent.token, false);
      refusing.refusedFresh(resource);
    } else if (replays || refusing.suspect(resource)) {
      // The issuer has no other token, or the one that it returned was refused as the one before.
      refusing.refusedFresh(resource);
      sent.handle.recordOutcome(sent.token, false);
    } else {
      sent.handle.reject(sent.token);
    }
    return 'rejected';
  }

  #accepted({ handle, token }: SentToken, request: AuthenticatedRequest): void {
    handle.recordOutcome(token, true);
    handle.refusing.accepted(resourceOf(request));
  }

  /**
   * Renews once per call; and once more where the first replacement was at hand, and may have been revoked long ago.
   * @returns undefined where no other token can be obtained
   */
  async #replace(
    { handle, token }: SentToken,
    { status }: ForgeResponse,
    request: AuthenticatedRequest,
  ): Promise<CredentialVerdict | undefined> {
    await waitBeforeReplay(this.retry, request);
    const before = this.#rejections?.get(request.call)?.replacement;
    if (before?.obtainedAfterRejection === true) return 'replaced';
    const replacement = await handle.replace(token, request.callSignal);
    const rejections = (this.#rejections ??= new WeakMap());
    rejections.set(request.call, { status, ...(replacement && { replacement }) });
    if (replacement === undefined) return undefined;
    if (before !== undefined) {
      rejections.set(request.call, { status, replacement: { ...replacement, obtainedAfterRejection: true } });
      return 'replaced';
    }
    return replacement.obtainedAfterRejection ? 'replaced' : 'resend';
  }

  /** Presenter of the token's provider, over where the service wants it. */
  #presenterOf(source: TokenSource): TokenPresenter {
    return (this.#presenter ??= callDeclared(source, 'presenter', this.#placement) ?? this.#placement);
  }
}

/**
 * Checks whether an answer shows that the token was accepted. An error need not come from where tokens are read: only
 * after a rejection does it show that the next token fared better.
 */
function isProof(status: number, before?: Rejection): boolean {
  if ((status >= 200 && status < 300) || status === 304) return true;
  return before?.replacement !== undefined && status < 500 && status !== 429;
}

/** Returns the method and URL of a request, whatever its query says. */
function resourceOf({ method, url }: AuthenticatedRequest): string {
  return `${method} ${url.split('?', 1)[0] ?? ''}`;
}
