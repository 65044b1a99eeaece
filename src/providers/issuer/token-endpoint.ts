import { AuthenticationError } from '../../errors.js';
import { Token } from '../../token/token.js';
import type { RequestComplianceHook, ResponseComplianceHook } from '../compliance.js';
import { namesInstead, saysAnything } from './answer-members.js';
import type { IssuerExchange } from './issuer-exchange.js';

/** Hooks that adjust one request and its answer. */
export interface ComplianceHooks {
  readonly requestHook?: RequestComplianceHook | undefined;
  readonly responseHook?: ResponseComplianceHook | undefined;
}

/** Sends one token request and reads its answer. @throws {AuthenticationError} when there is no token in it */
export async function requestToken(
  exchange: IssuerExchange,
  grantType: string,
  parameters: URLSearchParams,
  hooks: ComplianceHooks,
): Promise<Token> {
  const { genericGrantRequest } = await import('openid-client');
  await exchange.issuer.endpoint('token_endpoint');
  const requestedAt = exchange.issuer.instant();
  const { answer } = await exchange.send({
    verb: 'Token request',
    perform: (configuration) => genericGrantRequest(configuration, grantType, parameters),
    check: (json) => checkAccessToken(json, exchange.issuer.label),
    ...hooks,
  });
  return Token.fromResponse(answer, { requestedAt: requestedAt.epochMs });
}

/** @throws {AuthenticationError} naming what was there in place of an access token */
function checkAccessToken(answer: Readonly<Record<string, unknown>>, label: string): void {
  const { access_token: accessToken } = answer;
  if (typeof accessToken === 'string' && accessToken !== '') return;
  const names = namesInstead(answer);
  const found = names.length === 0 ? '' : `, but ${names.join(', ')}: compliance.tokenResponse may rename it`;
  const missing = saysAnything(accessToken) ? 'an access_token that is no text' : 'no access_token';
  throw new AuthenticationError(`Token request for ${label} failed: the answer has ${missing}${found}.`, {
    code: 'FORGE_AUTH_TOKEN_RESPONSE_INVALID',
    transient: true,
  });
}

/** Revokes a token. @see [RFC 7009](https://www.rfc-editor.org/rfc/rfc7009) */
export async function revokeToken(exchange: IssuerExchange, token: Token): Promise<void> {
  const { tokenRevocation } = await import('openid-client');
  await exchange.issuer.endpoint('revocation_endpoint');
  const value = token.refreshToken ?? token.accessToken;
  const hint = token.refreshToken === undefined ? 'access_token' : 'refresh_token';
  await exchange.send({
    verb: 'Revocation',
    endpoint: 'revocation',
    option: 'revocationUrl',
    perform: (configuration) => tokenRevocation(configuration, value, { token_type_hint: hint }),
    requestHook: exchange.issuer.compliance.revokeRequest,
    mayBeEmpty: true,
  });
}

/** Asks the issuer about a token. @see [RFC 7662](https://www.rfc-editor.org/rfc/rfc7662) */
export async function introspectToken(exchange: IssuerExchange, token: Token): Promise<Record<string, unknown>> {
  const { tokenIntrospection } = await import('openid-client');
  await exchange.issuer.endpoint('introspection_endpoint');
  const { answer } = await exchange.send({
    verb: 'Introspection',
    endpoint: 'introspection',
    option: 'introspectionUrl',
    perform: (configuration) =>
      tokenIntrospection(configuration, token.accessToken, { token_type_hint: 'access_token' }),
    requestHook: exchange.issuer.compliance.introspectRequest,
  });
  return answer;
}
