import { timeoutSignal } from '../../clock.js';
import type { HttpRequester } from '../../http/http-requester.js';
import { ownOptions } from '../../option-check/own-options.js';
import { ownCause, revealing } from '../../redaction/own-cause.js';
import { outcomeIsKnown, isTransient } from '../../token/token-failure.js';
import type { ServiceScope } from '../../token/runtime.js';
import type { BoundTokenProvider, TokenRequestContext } from '../../token/token-provider.js';
import type { TokenPresenter } from '../../token/token-presenter.js';
import type { Token } from '../../token/token.js';
import type { Client } from '../client-authentication/client.js';
import { DpopPresenter, DpopSigner } from '../dpop.js';
import type { GrantOptions } from '../grant-options.js';
import { OpenIdConnect } from '../oidc/openid-connect.js';
import { FreshSecrets } from '../fresh-secrets.js';
import type { SigningKey } from '../keys/signing-key.js';
import { IssuerExchange } from '../issuer/issuer-exchange.js';
import { Issuer } from '../issuer/issuer.js';
import { ObservedAttempts } from '../issuer/observed-attempts.js';
import { CompliancePresenter } from '../compliance.presenter.js';
import { requestKeyParts } from '../request-key-parts.js';
import { introspectToken, revokeToken } from '../issuer/token-endpoint.js';
import { TokenRequestRetry } from '../issuer/token-request-retry.js';
import type { Grant } from './grant.js';
import { GrantRequests } from './grant-requests.js';

/** Parts that a bound provider is made of. */
export interface BoundOAuthProviderParts {
  readonly options: GrantOptions;
  readonly grant: Grant;
  readonly scope: ServiceScope;
  /** For messages about configuration. */
  readonly owner: string;
  readonly http: HttpRequester;
  readonly client: Client;
  /** Signs proofs of possession, where tokens are bound to a key. */
  readonly dpopKey: SigningKey | undefined;
  /** Further parts that distinguish its tokens from those of another one with the same options. */
  readonly identity: readonly string[];
  /** True when no other process knows that identity. @default false */
  readonly ownIdentity?: boolean;
}

/** A grant, a client and an issuer, bound to one service of one application. */
export class BoundOAuthProvider implements BoundTokenProvider {
  readonly issuer: Issuer;
  readonly client: Client;
  /** Signs proofs of possession, where tokens are bound to a key. */
  readonly dpop: DpopSigner | undefined;
  readonly #options: GrantOptions;
  readonly #grant: Grant;
  readonly #scope: ServiceScope;
  readonly #identity: readonly string[];
  readonly #ownIdentity: boolean;
  readonly #requests: GrantRequests;
  readonly #retry: TokenRequestRetry;
  readonly #freshSecrets: FreshSecrets;
  #openid: OpenIdConnect | undefined;

  constructor(parts: BoundOAuthProviderParts) {
    const { options, grant, scope, owner, identity, ownIdentity = false, dpopKey } = parts;
    this.#options = options;
    this.#grant = ownOptions(grant);
    this.#scope = scope;
    this.#identity = identity;
    this.#ownIdentity = ownIdentity;
    this.issuer = new Issuer(options, scope, owner, parts.http);
    this.client = parts.client;
    this.dpop = dpopKey && new DpopSigner(dpopKey, this.issuer.clock);
    this.#requests = new GrantRequests(options, this.#grant, this.issuer, (signal) => this.exchange(signal));
    this.#retry = new TokenRequestRetry(options.retry);
    this.#freshSecrets = new FreshSecrets(this.issuer, this.client, this.#grant, this.dpop !== undefined);
  }

  /** Made when it is first asked for: most tokens are no user's. */
  get openid(): OpenIdConnect {
    const { clock } = this.#scope;
    return (this.#openid ??= new OpenIdConnect(this.issuer, this.#options, clock, this.dpop));
  }

  get http(): HttpRequester {
    return this.issuer.http;
  }

  /** True when a new token can be obtained without a person. */
  get rerunnable(): boolean {
    return this.#grant.rerunnable ?? true;
  }

  /** Bounds one flight in place of the service's own deadline, in milliseconds. */
  get deadlineMs(): number | undefined {
    return this.#grant.deadlineMs;
  }

  /** Tokens kept in memory for calls with parameters of their own. */
  get maxTokens(): number | undefined {
    return this.#grant.maxTokens;
  }

  /** Completes what a call asks for; undefined where there is nothing to complete. */
  get prepare(): Grant['prepare'] {
    return this.#grant.prepare;
  }

  async fetchToken(context = this.standalone()): Promise<Token> {
    const prepared = { ...context, request: (await this.prepare?.(context.request)) ?? context.request };
    return this.#obtain(undefined, prepared, () => this.#requests.run(prepared));
  }

  async refreshToken(current: Token, context = this.standalone()): Promise<Token> {
    const { refreshToken = '' } = current;
    const token = await this.#obtain(current, context, () => this.#requests.refresh(refreshToken, context)).catch(
      (error: unknown) => {
        if (!isTransient(error)) this.#requests.spent(refreshToken);
        throw error;
      },
    );
    this.#requests.noteRotation(refreshToken, token);
    return token;
  }

  async revokeToken(token: Token, context: TokenRequestContext): Promise<void> {
    await this.#freshSecrets.run(() => revokeToken(this.exchange(context.signal), token));
  }

  get revokeAtClose(): BoundTokenProvider['revokeAtClose'] {
    if (this.#options.revokeOnClose !== true) return undefined;
    const keeps = this.#grant.keepsRefreshToken === true;
    return (token, context) => this.revokeToken(keeps ? token.with({ refreshToken: undefined }) : token, context);
  }

  /** Identified by what this process alone knows: a name of its own, a key that it made. */
  get ownKey(): boolean {
    const { dpop } = this.#options;
    return this.#ownIdentity || dpop === true || (dpop !== undefined && dpop.key === undefined);
  }

  async introspectToken(token: Token, context: TokenRequestContext): Promise<Record<string, unknown>> {
    return this.#freshSecrets.run(() => introspectToken(this.exchange(context.signal), token));
  }

  presenter(placement: TokenPresenter): TokenPresenter {
    const shown = this.dpop === undefined ? placement : new DpopPresenter(this.dpop, placement);
    const { protectedRequest } = this.issuer.compliance;
    return protectedRequest === undefined ? shown : new CompliancePresenter(protectedRequest, shown, this.issuer.label);
  }

  /** Requests to the issuer with the client's authentication, for what is no flight of its own: a callback, a push. */
  exchange(signal: AbortSignal): IssuerExchange {
    return new IssuerExchange(this.issuer, this.client, signal, this.dpop);
  }

  async keyParts(): Promise<readonly string[]> {
    return [...(await this.client.keyParts(this.#grant.secretInKey ?? true)), ...(await this.#otherParts())];
  }

  async requestParts(): Promise<readonly string[]> {
    return [...(await this.client.identityParts(this.#grant.secretInKey ?? true)), ...(await this.#otherParts())];
  }

  async #otherParts(): Promise<readonly string[]> {
    const { clock } = this.#scope;
    return [
      this.grantType,
      this.issuer.identity,
      ...(await requestKeyParts(this.#options, this.issuer.owner, clock)),
      ...(await this.#grant.keyParts()),
      ...(this.dpop === undefined ? [] : [await this.dpop.thumbprint()]),
      ...this.#identity,
    ];
  }

  async close(): Promise<void> {
    await this.issuer.close();
  }

  /** A context for a provider that nobody has bound to a manager. */
  standalone(): TokenRequestContext {
    const { clock, logger } = this.#scope;
    const deadlineMs = this.#grant.deadlineMs ?? 10_000;
    return {
      http: this.http,
      signal: timeoutSignal(clock, deadlineMs),
      deadline: clock.now() + deadlineMs,
      clock,
      logger,
      request: {},
    };
  }

  /** Does what is no token request with secrets that are read again when the issuer knows them no longer. */
  protected withFreshSecrets<T>(work: () => Promise<T>): Promise<T> {
    return this.#freshSecrets.run(work);
  }

  /** Shows what the app's own code throws, where no manager of tokens is asked. */
  protected shown<T>(work: Promise<T>): Promise<T> {
    return revealing(work, this.#scope.revealCauses);
  }

  /** Parts that requests to one endpoint as one client have in common: they are held back together. */
  get endpoint(): readonly string[] {
    return [this.issuer.identity, this.#options.clientId ?? ''];
  }

  get grantType(): string {
    return this.#requests.grantType;
  }

  async #obtain(
    current: Token | undefined,
    context: TokenRequestContext,
    attempt: () => Promise<Token>,
  ): Promise<Token> {
    // A grant may always be sent again. A one-time refresh token only if the issuer has certainly not taken it, or if
    // nothing can take its place: if it is spent, so is the only way on.
    const mayRepeat = (error: unknown): boolean =>
      current === undefined ? this.#grant.obtain === undefined : outcomeIsKnown(error) || !this.rerunnable;
    const grantType = current === undefined ? this.grantType : 'refresh_token';
    const received = await this.attempted(grantType, attempt, context, mayRepeat);
    const token =
      received.idToken === undefined ? received : await this.openid.accept(received, current, context.signal);
    await this.report(token, current, context);
    return token;
  }

  /** One token request and its retries, observed; with secrets that are read again when the issuer knows them no longer. */
  protected attempted(
    grantType: string,
    attempt: () => Promise<Token>,
    context: TokenRequestContext,
    mayRepeat: (error: unknown) => boolean,
  ): Promise<Token> {
    const attempts = new ObservedAttempts(this.#scope, grantType);
    return this.#freshSecrets.run(() => this.#retry.run(() => attempts.run(attempt), context, mayRepeat));
  }

  /** Calls `onToken` with a new token. */
  protected async report(token: Token, previous: Token | undefined, context: TokenRequestContext): Promise<void> {
    const { subject } = context.request;
    try {
      await this.#options.onToken?.(token, previous, subject === undefined ? {} : { subject });
    } catch (error) {
      const { summary, frames } = ownCause(error, { reveal: this.#scope.revealCauses });
      context.logger.warn(`onToken of ${this.issuer.label} failed: ${summary}.${frames}`);
    }
  }
}
