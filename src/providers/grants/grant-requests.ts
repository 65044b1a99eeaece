import { callDeclared, ownOptions } from '../../option-check/own-options.js';
import type { TokenRequestContext } from '../../token/token-provider.js';
import type { Token } from '../../token/token.js';
import type { Compliance } from '../compliance.js';
import type { GrantOptions } from '../grant-options.js';
import type { Issuer } from '../issuer/issuer.js';
import type { IssuerExchange } from '../issuer/issuer-exchange.js';
import { type ComplianceHooks, requestToken } from '../issuer/token-endpoint.js';
import type { Grant, GrantContext, GrantParameters } from './grant.js';
import { tokenParameters } from './token-parameters.js';

/** Token requests of one grant: what is sent, and which refresh tokens are spent by that. */
export class GrantRequests {
  readonly #options: GrantOptions;
  readonly #grant: Grant;
  readonly #issuer: Issuer;
  readonly #exchange: (signal: AbortSignal) => IssuerExchange;

  /** @param exchange makes the requests of one flight, with the client's authentication */
  constructor(options: GrantOptions, grant: Grant, issuer: Issuer, exchange: (signal: AbortSignal) => IssuerExchange) {
    this.#options = options;
    this.#grant = grant;
    this.#issuer = issuer;
    this.#exchange = exchange;
  }

  /** Name of the grant, as it is sent. */
  get grantType(): string {
    return ownOptions(this.#options.extraParams)['grant_type'] ?? this.#options.grantType ?? this.#grant.grantType;
  }

  #about({ request, clock, logger, signal }: TokenRequestContext): GrantContext {
    return { request, clock, logger, signal, issuer: this.#issuer };
  }

  /** Obtains a token in the way of the grant. */
  async run(context: TokenRequestContext): Promise<Token> {
    const grant = this.#grant;
    const about = this.#about(context);
    if (grant.obtain !== undefined) {
      return grant.obtain({
        ...about,
        exchange: this.#exchange(context.signal),
        requestToken: (parameters) => this.#request(context, parameters),
      });
    }
    const parameters = await grant.parameters(about);
    const token = await this.#request(context, parameters);
    this.noteRotation(String(parameters['refresh_token'] ?? ''), token);
    return token;
  }

  async #request({ request, signal }: TokenRequestContext, own: GrantParameters): Promise<Token> {
    const { grant_type: given = this.grantType, ...parameters } = ownOptions(own);
    const grantType = String(given);
    const named = await this.#issuer.resource();
    const options = named === undefined ? this.#options : ownOptions({ resource: named.resource, ...this.#options });
    const written = tokenParameters(parameters, options, request);
    return requestToken(this.#exchange(signal), grantType, written, hooksOf(this.#issuer.compliance, grantType));
  }

  /** Sends a refresh token. */
  refresh(refreshToken: string, context: TokenRequestContext): Promise<Token> {
    return this.#request(context, { grant_type: 'refresh_token', refresh_token: refreshToken });
  }

  /** A refresh token that was answered with another one is used up. */
  noteRotation(sent: string, { refreshToken }: Token): void {
    if (sent !== '' && refreshToken !== undefined && refreshToken !== sent) this.spent(sent);
  }

  /** A refresh token was exchanged for another one, or refused. */
  spent(refreshToken: string): void {
    callDeclared(this.#grant, 'onRefreshTokenSpent', refreshToken);
  }
}

function hooksOf(compliance: Compliance, grantType: string): ComplianceHooks {
  const { tokenRequest, tokenResponse, refreshRequest, refreshResponse } = compliance;
  return grantType === 'refresh_token'
    ? { requestHook: refreshRequest, responseHook: refreshResponse }
    : { requestHook: tokenRequest, responseHook: tokenResponse };
}
