import {
  allowInsecureRequests,
  type ClientAuth,
  Configuration,
  customFetch,
  genericGrantRequest,
  type ServerMetadata,
  tokenIntrospection,
  tokenRevocation,
} from 'openid-client';
import { AuthenticationError, ConfigurationError } from '../errors.js';
import { ForgeResponse } from '../http/forge-response.js';
import type { HttpHeaders, HttpRequest } from '../http/http-request.js';
import type { HttpRequester } from '../http/http-requester.js';
import { tokenFailure } from '../token/token-failure.js';
import { Token } from '../token/token.js';
import type { ComplianceResponse, RequestMend, ResponseMend } from './compliance.js';
import { assertSecureUrl } from './grant-options.js';
import { complianceResponse, credentialsIn, readTokenAnswer } from './token-answer.js';

/** One request to the issuer: who asks, how, and what becomes of the answer. */
export interface IssuerRequest {
  readonly server: ServerMetadata;
  readonly clientId: string;
  readonly authentication: ClientAuth;
  readonly http: HttpRequester;
  readonly signal: AbortSignal;
  readonly now: () => number;
  /** For messages: `"payments"`. */
  readonly owner: string;
  readonly serviceName: string | undefined;
  readonly allowInsecure: boolean;
  readonly mendRequest: RequestMend | undefined;
  readonly mendResponse: ResponseMend | undefined;
}

/** What `openid-client` hands to its `fetch`. */
interface FetchOptions {
  method: string;
  headers: Record<string, string>;
  body?: unknown;
}

/**
 * Sends one token request and reads its answer.
 * @throws {AuthenticationError} when there is no token in it
 */
export async function requestToken(
  request: IssuerRequest,
  grantType: string,
  parameters: URLSearchParams,
): Promise<Token> {
  const requestedAt = request.now();
  const answer = await exchange(request, 'Token request', (configuration) =>
    genericGrantRequest(configuration, grantType, parameters),
  );
  return Token.fromResponse(answer, { requestedAt });
}

/** Revokes a token. @see [RFC 7009](https://www.rfc-editor.org/rfc/rfc7009) */
export async function revokeToken(request: IssuerRequest, token: Token): Promise<void> {
  needEndpoint(request, 'revocation_endpoint');
  const value = token.refreshToken ?? token.accessToken;
  const hint = token.refreshToken === undefined ? 'access_token' : 'refresh_token';
  await exchange(
    request,
    'Revocation',
    (configuration) => tokenRevocation(configuration, value, { token_type_hint: hint }),
    true,
  );
}

/** Asks the issuer about a token. @see [RFC 7662](https://www.rfc-editor.org/rfc/rfc7662) */
export async function introspectToken(request: IssuerRequest, token: Token): Promise<Record<string, unknown>> {
  needEndpoint(request, 'introspection_endpoint');
  const parameters = { token_type_hint: 'access_token' };
  return exchange(request, 'Introspection', (configuration) =>
    tokenIntrospection(configuration, token.accessToken, parameters),
  );
}

/** @throws {ConfigurationError} when it is not known where to ask */
function needEndpoint(
  { server, owner, serviceName }: IssuerRequest,
  name: 'revocation_endpoint' | 'introspection_endpoint',
): void {
  if (server[name] !== undefined) return;
  throw new ConfigurationError(
    `Token provider of ${owner}: no ${name} is known. Give issuer instead of tokenUrl, so that it is discovered.`,
    serviceName === undefined ? {} : { serviceName },
  );
}

/**
 * Lets `openid-client` write the request and check the answer, over a transport of ours.
 *
 * The answer is read by us first: it throws on a 401 with `WWW-Authenticate` before the body, insists on `token_type`
 * and on status 200, and its errors quote bodies. One `Configuration` per request, since it takes no signal.
 */
async function exchange(
  request: IssuerRequest,
  verb: string,
  perform: (configuration: Configuration) => Promise<unknown>,
  mayBeEmpty = false,
): Promise<Record<string, unknown>> {
  const what = `${verb} for ${request.owner}`;
  let answer: Record<string, unknown> = {};
  let failure: unknown;
  const configuration = new Configuration(request.server, request.clientId, undefined, request.authentication);
  allowEveryProtocol(configuration);
  configuration[customFetch] = async (url, options) => {
    try {
      const { response, said } = await send(request, url, options as unknown as FetchOptions);
      const mended = (await request.mendResponse?.(response)) ?? response;
      const empty = mayBeEmpty && mended.status >= 200 && mended.status < 300;
      answer = empty ? {} : readTokenAnswer(mended, what, request.now(), said);
      return new Response(JSON.stringify(acceptable(answer)), {
        status: 200,
        headers: { 'content-type': 'application/json' },
      });
    } catch (error) {
      failure = error;
      throw error;
    }
  };
  try {
    await perform(configuration);
  } catch (error) {
    if (request.signal.aborted) throw request.signal.reason;
    if (failure !== undefined) throw tokenFailure(failure, request.owner, request.serviceName);
    throw new AuthenticationError(`${what} failed: the answer is not what the protocol says it should be.`, {
      code: 'FORGE_AUTH_TOKEN_RESPONSE_INVALID',
      cause: error,
    });
  }
  return answer;
}

async function send(
  request: IssuerRequest,
  url: string,
  options: FetchOptions,
): Promise<{ response: ComplianceResponse; said: string }> {
  const body = new URLSearchParams(options.body as URLSearchParams);
  const written = { method: options.method, url, headers: lowerCase(options.headers), body };
  const mended = (await request.mendRequest?.(written)) ?? written;
  assertSecureUrl(mended.url, 'the endpoint', `Service ${request.owner}`, request.allowInsecure);
  const sent: HttpRequest = {
    method: mended.method,
    url: mended.method === 'GET' ? `${mended.url}${mended.url.includes('?') ? '&' : '?'}${mended.body}` : mended.url,
    headers: mended.headers as HttpHeaders,
    body: mended.method === 'GET' ? undefined : mended.body.toString(),
    responseType: 'json',
    signal: request.signal,
  };
  const response = complianceResponse(new ForgeResponse(sent, await request.http.send(sent)));
  return { response, said: `${mended.url} ${mended.body} ${credentialsIn(mended.headers)}` };
}

function lowerCase(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

/** Which URLs may be plain http is checked by {@link assertSecureUrl}, which knows this machine from others. */
const allowEveryProtocol: (configuration: Configuration) => void = allowInsecureRequests;

/** Members that issuers write in ways of their own; {@link Token.fromResponse} understands or refuses them. */
const READ_BY_US: ReadonlySet<string> = new Set(['expires_in', 'refresh_token', 'scope', 'id_token']);

/** What `openid-client` needs to see: it is stricter than issuers are. The token is made of the answer itself. */
function acceptable(answer: Record<string, unknown>): Record<string, unknown> {
  const { token_type: type } = answer;
  const dpop = typeof type === 'string' && type.toLowerCase() === 'dpop';
  const seen = { ...answer, token_type: dpop ? 'dpop' : 'bearer' };
  return Object.fromEntries(Object.entries(seen).filter(([name, value]) => value !== null && !READ_BY_US.has(name)));
}
