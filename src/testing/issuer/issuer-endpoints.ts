import { authenticateClient, authenticatesTwice } from './issuer-clients.js';
import { GRANT_TYPES, grantToken } from './issuer-grants.js';
import { isMissing } from './issuer-request.js';
import type { IssuerRequest } from './issuer-request.js';
import { type IssuerAnswer, refusal } from './issuer-script.js';
import type { IssuerState } from './issuer-state.js';

type Endpoint = (request: IssuerRequest, state: IssuerState) => IssuerAnswer | Promise<IssuerAnswer>;

/** Paths of the endpoints. */
export const PATHS = Object.freeze({
  token: '/token',
  jwks: '/jwks',
  revocation: '/revoke',
  introspection: '/introspect',
  userInfo: '/userinfo',
  authorization: '/authorize',
  deviceAuthorization: '/device_authorization',
  verification: '/device',
});

const ENDPOINTS: Readonly<Record<string, Endpoint>> = {
  '/.well-known/openid-configuration': (_request, { issuer }) => ({ json: metadataOf(issuer) }),
  '/.well-known/oauth-authorization-server': (_request, { issuer }) => ({ json: metadataOf(issuer) }),
  [PATHS.jwks]: async (_request, { keys }) => ({ json: await keys.jwks() }),
  [PATHS.authorization]: (request, { authorizations, issuer, options }) =>
    authorizations.authorize(request, issuer, options.subject),
  [PATHS.userInfo]: ({ headers }, { tokens, options }) => {
    const token = tokens.find(headers['authorization']?.replace(/^\S+\s+/, '') ?? '');
    if (token === undefined)
      return {
        ...refusal('invalid_token', undefined, 401),
        headers: { 'www-authenticate': 'Bearer error="invalid_token"' },
      };
    return { json: { ...options.claims(token.subject), sub: token.subject } };
  },
  [PATHS.token]: (request, state) => state.script.take() ?? authenticated(request, state, grantToken),
  [PATHS.revocation]: (request, state) =>
    authenticated(request, state, ({ form }, _clientId, { tokens }) => {
      if (isMissing(form['token'])) return refusal('invalid_request', 'token is missing.');
      tokens.revoke(form['token']);
      return {};
    }),
  [PATHS.introspection]: (request, state) =>
    authenticated(request, state, ({ form }, _clientId, { tokens, issuer }) => {
      if (isMissing(form['token'])) return refusal('invalid_request', 'token is missing.');
      const token = tokens.find(form['token']);
      if (token === undefined) return { json: { active: false } };
      const { subject: sub, scope, clientId, expiresAt, issuedAt, audience: aud } = token;
      const times = { exp: Math.floor(expiresAt / 1000), iat: Math.floor(issuedAt / 1000) };
      return {
        json: { active: true, iss: issuer, sub, scope, client_id: clientId, aud, token_type: 'Bearer', ...times },
      };
    }),
  [PATHS.deviceAuthorization]: (request, state) =>
    authenticated(request, state, ({ form }, clientId, { authorizations, issuer, options }) =>
      authorizations.startDevice(
        { clientId, subject: options.subject, scope: form['scope'] },
        issuer + PATHS.verification,
        options.approveDevices,
      ),
    ),
};

/** Answers a request to an issuer. */
export function answerRequest(request: IssuerRequest, state: IssuerState): IssuerAnswer | Promise<IssuerAnswer> {
  const endpoint = Object.hasOwn(ENDPOINTS, request.path) ? ENDPOINTS[request.path] : undefined;
  return endpoint?.(request, state) ?? { status: 404, json: { error: 'not_found' } };
}

async function authenticated(
  request: IssuerRequest,
  state: IssuerState,
  endpoint: (request: IssuerRequest, clientId: string, state: IssuerState) => IssuerAnswer | Promise<IssuerAnswer>,
): Promise<IssuerAnswer> {
  if (request.method !== 'POST')
    return { ...refusal('invalid_request', 'The method is not POST.', 405), headers: { allow: 'POST' } };
  if (request.malformed !== undefined) return refusal('invalid_request', request.malformed);
  if (authenticatesTwice(request)) return refusal('invalid_request', 'The client authenticates in more than one way.');
  const clientId = await authenticateClient(request, state.options.clients);
  return clientId === undefined ? refusal('invalid_client') : endpoint(request, clientId, state);
}

/** @see [RFC 8414 §2](https://www.rfc-editor.org/rfc/rfc8414#section-2) */
function metadataOf(issuer: string): Record<string, unknown> {
  return {
    issuer,
    token_endpoint: issuer + PATHS.token,
    jwks_uri: issuer + PATHS.jwks,
    revocation_endpoint: issuer + PATHS.revocation,
    introspection_endpoint: issuer + PATHS.introspection,
    userinfo_endpoint: issuer + PATHS.userInfo,
    authorization_endpoint: issuer + PATHS.authorization,
    device_authorization_endpoint: issuer + PATHS.deviceAuthorization,
    grant_types_supported: GRANT_TYPES,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
    token_endpoint_auth_methods_supported: [
      'client_secret_basic',
      'client_secret_post',
      'client_secret_jwt',
      'private_key_jwt',
      'none',
    ],
    token_endpoint_auth_signing_alg_values_supported: ['RS256', 'PS256', 'ES256', 'EdDSA', 'HS256'],
    dpop_signing_alg_values_supported: ['RS256', 'ES256', 'EdDSA'],
  };
}
