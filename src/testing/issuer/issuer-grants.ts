import { decodeJwt, type JWTPayload } from 'jose';
import type { Authorization } from './issuer-authorizations.js';
import type { IssuerState } from './issuer-state.js';
import { type IssuerRequest, isMissing } from './issuer-request.js';
import { type IssuerAnswer, refusal } from './issuer-script.js';
import type { IssuedToken } from './issuer-tokens.js';

/** Outcome of a grant: a token for somebody, or an OAuth `error` code. */
type Granted =
  | string
  | (Pick<IssuedToken, 'subject' | 'scope'> & {
      /** True when a person is behind it. */
      readonly person: boolean;
      readonly nonce?: string | undefined;
      /** The refresh token that stays good. */
      readonly refreshToken?: string | undefined;
      readonly issuedTokenType?: string;
    });

/** Decides what is granted to an authenticated client. */
type GrantHandler = (form: IssuerRequest['form'], clientId: string, state: IssuerState) => Granted;

const ACCESS_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:access_token';

/** Grants by `grant_type`. */
const GRANTS: Readonly<Record<string, GrantHandler>> = {
  client_credentials: (form, clientId) => ({ subject: clientId, scope: form['scope'], person: false }),
  password: (form, _clientId, { options }) => {
    const { username = '', password, scope } = form;
    const known =
      options.users === undefined || (Object.hasOwn(options.users, username) && options.users[username] === password);
    return known ? { subject: username, scope, person: true } : 'invalid_grant';
  },
  refresh_token: (form, _clientId, { tokens, options }) => {
    const given = form['refresh_token'] ?? '';
    const token = tokens.useRefreshToken(given, options.rotateRefreshTokens);
    if (token === undefined) return 'invalid_grant';
    const kept = options.rotateRefreshTokens ? undefined : given;
    return { subject: token.subject, scope: form['scope'] ?? token.scope, person: true, refreshToken: kept };
  },
  authorization_code: (form, clientId, { authorizations }) =>
    agreed(authorizations.exchangeCode(form) ?? 'invalid_grant', clientId),
  'urn:ietf:params:oauth:grant-type:device_code': (form, clientId, { authorizations }) =>
    agreed(authorizations.exchangeDeviceCode(form['device_code'] ?? ''), clientId),
  'urn:ietf:params:oauth:grant-type:jwt-bearer': (form) => {
    const claims = claimsOf(form['assertion']);
    const subject = claims?.sub ?? claims?.iss;
    return subject === undefined ? 'invalid_grant' : { subject, scope: form['scope'], person: false };
  },
  'urn:ietf:params:oauth:grant-type:token-exchange': (form, _clientId, { tokens }) => {
    const given = form['subject_token'] ?? '';
    const subject = tokens.find(given)?.subject ?? claimsOf(given)?.sub ?? given;
    const issuedTokenType = form['requested_token_type'] ?? ACCESS_TOKEN_TYPE;
    return { subject, scope: form['scope'], person: false, issuedTokenType };
  },
};

/** Parameters that a grant cannot do without, by `grant_type`. */
const REQUIRED: Readonly<Record<string, readonly string[]>> = {
  password: ['username', 'password'],
  refresh_token: ['refresh_token'],
  authorization_code: ['code'],
  'urn:ietf:params:oauth:grant-type:device_code': ['device_code'],
  'urn:ietf:params:oauth:grant-type:jwt-bearer': ['assertion'],
  'urn:ietf:params:oauth:grant-type:token-exchange': ['subject_token'],
};

/** The `grant_type`s that an issuer knows. */
export const GRANT_TYPES: readonly string[] = Object.freeze(Object.keys(GRANTS));

/** Answers a token request of an authenticated client. @see [RFC 6749 §5](https://www.rfc-editor.org/rfc/rfc6749#section-5) */
export async function grantToken(request: IssuerRequest, clientId: string, state: IssuerState): Promise<IssuerAnswer> {
  const { form, grantType = '' } = request;
  const handler = Object.hasOwn(GRANTS, grantType) ? GRANTS[grantType] : undefined;
  if (isMissing(grantType)) return refusal('invalid_request', 'grant_type is missing.');
  if (handler === undefined) return refusal('unsupported_grant_type');
  const missing = REQUIRED[grantType]?.find((name) => isMissing(form[name]));
  if (missing !== undefined) return refusal('invalid_request', `${missing} is missing.`);
  const granted = handler(form, clientId, state);
  if (typeof granted === 'string') return refusal(granted);
  const { options, tokens, keys, issuer } = state;
  const audience = form['audience'] ?? form['resource'];
  const { subject, scope, person } = granted;
  const now = Math.floor(options.clock.now() / 1000);
  const lifetime = options.expiresInMs / 1000;
  const common = {
    iss: issuer,
    sub: subject,
    iat: now,
    exp: now + Math.floor(lifetime),
    jti: `${tokens.issued.length}-${now}`,
  };
  const jwt = options.jwtAccessTokens
    ? await keys.sign({ ...common, aud: audience ?? issuer, client_id: clientId, ...(scope && { scope }) }, 'at+jwt')
    : undefined;
  const refresh = granted.refreshToken ?? options.refreshTokens ?? person;
  const issued = tokens.issue({ clientId, subject, scope, audience, grantType }, options.expiresInMs, refresh, jwt);
  const wantsIdToken = person && (scope ?? '').split(' ').includes('openid');
  const nonce = granted.nonce === undefined ? undefined : { nonce: granted.nonce };
  return {
    json: {
      access_token: issued.accessToken,
      token_type: request.headers['dpop'] === undefined ? 'Bearer' : 'DPoP',
      expires_in: lifetime,
      refresh_token: issued.refreshToken,
      scope,
      issued_token_type: granted.issuedTokenType,
      ...(wantsIdToken && {
        id_token: await keys.sign({ ...options.claims(subject), ...common, aud: clientId, ...nonce }),
      }),
      ...options.extra,
    },
  };
}

function agreed(authorization: Authorization | string, clientId: string): Granted {
  if (typeof authorization === 'string') return authorization;
  const { subject, scope, nonce } = authorization;
  return authorization.clientId === clientId ? { subject, scope, nonce, person: true } : 'invalid_grant';
}

function claimsOf(jwt: string | undefined): JWTPayload | undefined {
  try {
    return decodeJwt(jwt ?? '');
  } catch {
    return undefined;
  }
}
