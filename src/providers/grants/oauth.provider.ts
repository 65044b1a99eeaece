import { isRecord, type OptionRules } from '../../option-check.js';
import type { ServiceScope } from '../../token/runtime.js';
import { standaloneScope } from '../../token/standalone.js';
import type { BindableTokenProvider, BoundTokenProvider, TokenRequestContext } from '../../token/token-provider.js';
import type { Token } from '../../token/token.js';
import { BoundOAuthProvider } from './bound.oauth-provider.js';
import type { Grant } from './grant.js';
import { checkGrantOptions, type GrantOptions } from '../grant-options.js';
import { ownOptions } from '../../own-options.js';

/** A grant at an OAuth 2 token endpoint: a definition, bound to a service before it is used. */
export abstract class OAuthTokenProvider<O extends GrantOptions> implements BindableTokenProvider {
  readonly #options: O;
  #unbound: BoundOAuthProvider | undefined;

  constructor(options: O) {
    this.#options = isRecord(options) ? ownOptions(options) : options;
  }

  bind(environment: ServiceScope): BoundTokenProvider {
    return this.#bind(environment);
  }

  /** Gets one token. Outside a module the provider binds itself; nothing is cached or shared. */
  fetchToken(context?: TokenRequestContext): Promise<Token> {
    return this.#own().fetchToken(context);
  }

  refreshToken(current: Token, context?: TokenRequestContext): Promise<Token> {
    return this.#own().refreshToken(current, context);
  }

  /** Every option that the grant has. */
  protected abstract readonly rules: OptionRules<O>;

  /** The grant of these options. @throws {ConfigurationError} when an option of the grant's own is wrong */
  protected abstract grantOf(options: O, owner: string): Grant;

  #own(): BoundOAuthProvider {
    return (this.#unbound ??= this.#bind(standaloneScope({}, this.constructor.name, 'token')));
  }

  #bind(environment: ServiceScope): BoundOAuthProvider {
    const service = environment.serviceName === undefined ? '' : `Service "${environment.serviceName}": `;
    const owner = `${service}${this.constructor.name}`;
    checkGrantOptions(this.#options, this.rules, owner, (problem) => environment.logger.warn(`${owner}: ${problem}`));
    if (this.#options.http?.tls?.rejectUnauthorized === false) {
      environment.logger.warn(
        `${owner}: http.tls.rejectUnauthorized is false: anybody can pose as the token endpoint.`,
      );
    }
    return new BoundOAuthProvider(this.#options, this.grantOf(this.#options, owner), environment, owner);
  }
}
