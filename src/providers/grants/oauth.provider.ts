import { randomUUID } from 'node:crypto';
import { isRecord, type OptionRules } from '../../option-check/option-check.js';
import type { TlsOptions } from '../../http/tls-options.js';
import type { ServiceScope } from '../../token/runtime.js';
import { loadStorageGuards } from '../../storage/storage-guards.js';
import { standaloneScope } from '../../token/standalone.js';
import type { BindableTokenProvider, BoundTokenProvider, TokenRequestContext } from '../../token/token-provider.js';
import type { Token } from '../../token/token.js';
import { HttpRequester } from '../../http/http-requester.js';
import { loadedWhenCalled } from '../../lazy.js';
import { Client } from '../client-authentication/client.js';
import { dpopKey } from '../keys/dpop-key.js';
import type { BoundOAuthProvider, BoundOAuthProviderParts } from './bound.oauth-provider.js';
import { opaqueOptions } from '../opaque-parts.js';
import type { Grant } from './grant.js';
import { checkGrantOptions, type GrantOptions } from '../grant-options.js';
import { ownOptions } from '../../option-check/own-options.js';

const bindGrant = loadedWhenCalled(async () => {
  const { BoundOAuthProvider: Bound } = await import('./bound.oauth-provider.js');
  return async (parts: BoundOAuthProviderParts): Promise<BoundOAuthProvider> => new Bound(parts);
});

/** A grant at an OAuth 2 token endpoint: a definition, bound to a service before it is used. */
export abstract class OAuthTokenProvider<O extends GrantOptions> implements BindableTokenProvider {
  readonly #options: O;
  /** Stands for this definition in this process, in keys of tokens that are not to be shared. */
  #local: string | undefined;
  #unbound: Promise<BoundOAuthProvider> | undefined;

  constructor(options: O) {
    this.#options = isRecord(options) ? ownOptions(options) : options;
  }

  /**
   * Gives the provider to one service, which keeps its tokens. Its options are checked at once; what does its work is
   * loaded with the first.
   * @throws {ConfigurationError} when its options are wrong
   */
  bind(scope: ServiceScope): Promise<BoundTokenProvider> {
    return this.#bind(scope);
  }

  /**
   * Gets one token. Outside a module the provider binds itself; nothing is cached or shared.
   * @throws {AuthenticationError} when the issuer refuses, or cannot be reached
   */
  async fetchToken(context?: TokenRequestContext): Promise<Token> {
    return (await this.unbound()).fetchToken(context);
  }

  async refreshToken(current: Token, context?: TokenRequestContext): Promise<Token> {
    return (await this.unbound()).refreshToken(current, context);
  }

  /** Every option that the grant has. */
  protected abstract readonly rules: OptionRules<O>;

  /** The grant of these options. @throws {ConfigurationError} when an option of the grant's own is wrong */
  protected abstract grantOf(options: O, owner: string): Grant;

  /** True when the grant does without a client. */
  protected get clientIsOptional(): boolean {
    return false;
  }

  /**
   * Returns the provider bound to nothing but itself, for use outside of a module and without a manager.
   * @throws {ConfigurationError} when its options are wrong
   */
  protected unbound(): Promise<BoundOAuthProvider> {
    return (this.#unbound ??= this.#bind(standaloneScope({}, this.constructor.name, 'token')));
  }

  #bind(scope: ServiceScope): Promise<BoundOAuthProvider> {
    const service = scope.serviceName === undefined ? '' : `Service "${scope.serviceName}": `;
    const owner = `${service}${this.constructor.name}`;
    checkGrantOptions(this.#options, this.rules, owner, {
      warn: (problem) => scope.logger.warn(`${owner}: ${problem}`),
      clientIsOptional: this.clientIsOptional,
    });
    const { dpop, http } = this.#options;
    if (http !== undefined && (ownOptions(http).tls as TlsOptions | undefined)?.rejectUnauthorized === false) {
      scope.logger.warn(`${owner}: http.tls.rejectUnauthorized is false: anybody can pose as the token endpoint.`);
    }
    const grant = this.grantOf(this.#options, owner);
    const opaque = this.#options.identity === undefined ? opaqueOptions(this.#options, grant.unknown) : [];
    const parts: BoundOAuthProviderParts = {
      options: this.#options,
      grant,
      scope,
      owner,
      identity: this.#identityOf(opaque),
      ownIdentity: opaque.length > 0,
      http: new HttpRequester(http, scope.clock),
      client: new Client(this.#options, owner, scope.clock, (problem) => scope.logger.warn(problem)),
      dpopKey: dpop === undefined ? undefined : dpopKey(dpop, owner, scope.clock),
    };
    return this.#load(parts, opaque);
  }

  /** Returns further parts of the key: a token that cannot be distinguished from another stays in this process. */
  #identityOf(opaque: readonly string[]): readonly string[] {
    const { identity } = this.#options;
    if (identity !== undefined) return [identity].flat();
    return opaque.length === 0 ? [] : [(this.#local ??= `local ${randomUUID()}`)];
  }

  async #load(parts: BoundOAuthProviderParts, opaque: readonly string[]): Promise<BoundOAuthProvider> {
    await loadStorageGuards();
    const { logger, storage } = parts.scope;
    if (opaque.length > 0 && storage()?.inProcess !== true)
      logger.log(
        `${parts.owner}: ${opaque.join(', ')} may change what is asked for, so its tokens stay in this process. To share them, add identity: 'a name for what it does' to the provider's options.`,
      );
    return this.boundOf(parts);
  }

  /** Returns the bound provider of a grant: a grant that can do more than obtain tokens has one of its own. */
  protected boundOf(parts: BoundOAuthProviderParts): Promise<BoundOAuthProvider> {
    return bindGrant(parts);
  }
}
