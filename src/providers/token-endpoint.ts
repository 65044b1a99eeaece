import { Token } from '../token/token.js';
import type { RequestMend, ResponseMend } from './compliance.js';
import type { IssuerExchange } from './issuer-exchange.js';

/** What mends one request and its answer. */
export interface Mends {
  readonly mendRequest?: RequestMend | undefined;
  readonly mendResponse?: ResponseMend | undefined;
}

/** Sends one token request and reads its answer. @throws {AuthenticationError} when there is no token in it */
export async function requestToken(
  exchange: IssuerExchange,
  grantType: string,
  parameters: URLSearchParams,
  mends: Mends,
): Promise<Token> {
  const { genericGrantRequest } = await import('openid-client');
  await exchange.issuer.endpoint('token_endpoint');
  const requestedAt = exchange.issuer.now();
  const { answer } = await exchange.send({
    verb: 'Token request',
    perform: (configuration) => genericGrantRequest(configuration, grantType, parameters),
    ...mends,
  });
  return Token.fromResponse(answer, { requestedAt });
}

/** Revokes a token. @see [RFC 7009](https://www.rfc-editor.org/rfc/rfc7009) */
export async function revokeToken(exchange: IssuerExchange, token: Token): Promise<void> {
  const { tokenRevocation } = await import('openid-client');
  await exchange.issuer.endpoint('revocation_endpoint');
  const value = token.refreshToken ?? token.accessToken;
  const hint = token.refreshToken === undefined ? 'access_token' : 'refresh_token';
  await exchange.send({
    verb: 'Revocation',
    perform: (configuration) => tokenRevocation(configuration, value, { token_type_hint: hint }),
    mendRequest: exchange.issuer.compliance.revokeRequest,
    mayBeEmpty: true,
  });
}

/** Asks the issuer about a token. @see [RFC 7662](https://www.rfc-editor.org/rfc/rfc7662) */
export async function introspectToken(exchange: IssuerExchange, token: Token): Promise<Record<string, unknown>> {
  const { tokenIntrospection } = await import('openid-client');
  await exchange.issuer.endpoint('introspection_endpoint');
  const { answer } = await exchange.send({
    verb: 'Introspection',
    perform: (configuration) =>
      tokenIntrospection(configuration, token.accessToken, { token_type_hint: 'access_token' }),
    mendRequest: exchange.issuer.compliance.introspectRequest,
  });
  return answer;
}
