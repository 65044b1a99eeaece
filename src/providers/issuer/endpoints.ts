import type { ServerMetadata } from 'openid-client';
import type { OptionRules } from '../../option-check/option-check.js';
import { RULES } from '../../option-check/option-rules.js';

/** Endpoints of an issuer, where they are not discovered, or are elsewhere than its document says. */
export interface EndpointOptions {
  /**
   * URL of the token endpoint. Left out: discovered.
   * @see [RFC 6749 §3.2](https://www.rfc-editor.org/rfc/rfc6749#section-3.2)
   */
  tokenUrl?: string;
  /** URL of the revocation endpoint. Left out: discovered. @see [RFC 7009](https://www.rfc-editor.org/rfc/rfc7009) */
  revocationUrl?: string;
  /**
   * URL of the introspection endpoint. Left out: discovered.
   * @see [RFC 7662](https://www.rfc-editor.org/rfc/rfc7662)
   */
  introspectionUrl?: string;
  /**
   * URL of the device authorization endpoint. Left out: discovered.
   * @see [RFC 8628](https://www.rfc-editor.org/rfc/rfc8628)
   */
  deviceAuthorizationUrl?: string;
  /**
   * URL of the authorization endpoint. Left out: discovered.
   * @see [RFC 6749 §3.1](https://www.rfc-editor.org/rfc/rfc6749#section-3.1)
   */
  authorizationUrl?: string;
  /**
   * URL of the pushed authorization request endpoint. Left out: discovered.
   * @see [RFC 9126](https://www.rfc-editor.org/rfc/rfc9126)
   */
  pushedAuthorizationRequestUrl?: string;
  /**
   * URL of the backchannel authentication endpoint. Left out: discovered.
   * @see [OpenID Connect
   * CIBA](https://openid.net/specs/openid-client-initiated-backchannel-authentication-core-1_0.html)
   */
  backchannelAuthenticationUrl?: string;
  /**
   * URL of the userinfo endpoint. Left out: discovered.
   * @see [OpenID Connect Core §5.3](https://openid.net/specs/openid-connect-core-1_0.html#UserInfo)
   */
  userInfoUrl?: string;
  /**
   * URL of the issuer's keys. Left out: discovered.
   * @see [RFC 7517 §5](https://www.rfc-editor.org/rfc/rfc7517#section-5)
   */
  jwksUrl?: string;
  /**
   * URL of the end session endpoint. Left out: discovered.
   * @see [OpenID Connect RP-Initiated Logout](https://openid.net/specs/openid-connect-rpinitiated-1_0.html)
   */
  endSessionUrl?: string;
}

/** Names in an issuer's metadata, by the option that gives the same. */
const METADATA_NAMES = Object.freeze({
  tokenUrl: 'token_endpoint',
  revocationUrl: 'revocation_endpoint',
  introspectionUrl: 'introspection_endpoint',
  deviceAuthorizationUrl: 'device_authorization_endpoint',
  authorizationUrl: 'authorization_endpoint',
  pushedAuthorizationRequestUrl: 'pushed_authorization_request_endpoint',
  backchannelAuthenticationUrl: 'backchannel_authentication_endpoint',
  userInfoUrl: 'userinfo_endpoint',
  jwksUrl: 'jwks_uri',
  endSessionUrl: 'end_session_endpoint',
} as const);

/** An endpoint by its name in an issuer's metadata. */
export type EndpointName = (typeof METADATA_NAMES)[keyof EndpointOptions];

/** Names of the options, with what they are called in an issuer's metadata. */
export const ENDPOINT_OPTIONS = Object.freeze(Object.entries(METADATA_NAMES)) as readonly (readonly [
  keyof EndpointOptions,
  EndpointName,
])[];

/** The options of {@link EndpointOptions}: each is checked as a URL with the grant. */
export const ENDPOINT_RULES = Object.freeze(
  Object.fromEntries(ENDPOINT_OPTIONS.map(([option]) => [option, RULES.any])),
) as unknown as OptionRules<EndpointOptions>;

/** The option that gives an endpoint: `revocationUrl`. */
export function endpointOption(endpoint: EndpointName): keyof EndpointOptions {
  return (ENDPOINT_OPTIONS.find(([, name]) => name === endpoint) as (typeof ENDPOINT_OPTIONS)[number])[0];
}

/** The endpoints that options give, as metadata. */
export function givenEndpoints(options: EndpointOptions): Partial<ServerMetadata> {
  return Object.fromEntries(
    ENDPOINT_OPTIONS.flatMap(([option, name]) => (options[option] === undefined ? [] : [[name, options[option]]])),
  );
}
