import type { Compliance } from '../providers/compliance.js';
import { host, jsonOf, preset, type Preset } from './preset.js';

/** Options of {@link apigee}. */
export interface ApigeePresetOptions {
  /** Host of the environment: `acme-prod.apigee.net`, or one of one's own. */
  domain: string;
  /** Path of the proxy with the OAuthV2 policy. @default '/oauth/client_credential/accesstoken' */
  path?: string;
}

const readable: NonNullable<Compliance['tokenResponse']> = (response) => {
  const body = jsonOf(response.body);
  const known = body?.['access_token'] ?? body?.['accessToken'];
  if (known === undefined) return response;
  return {
    ...response,
    body: {
      ...body,
      access_token: known,
      expires_in: body?.['expires_in'] ?? body?.['expiresIn'],
      token_type: 'Bearer',
    },
  };
};

/**
 * A proxy of Apigee with the OAuthV2 policy: `token_type` is `BearerToken`, lifetimes are texts, and names may be camelCase;
 * `grant_type` is read from the query, too.
 * @throws {ConfigurationError} when `domain` is no host
 * @see [Apigee: OAuthV2 policy](https://docs.apigee.com/api-platform/reference/policies/oauthv2-policy)
 */
export function apigee<Given extends ApigeePresetOptions>(
  options: Given,
): Preset<ApigeePresetOptions, Given, { tokenUrl: string; compliance: Compliance }> {
  const { path = '/oauth/client_credential/accesstoken' } = options;
  return preset<ApigeePresetOptions, Given, { tokenUrl: string; compliance: Compliance }>(
    'apigee',
    options,
    ['domain', 'path'],
    {
      tokenUrl: `https://${host('apigee', 'domain', options.domain)}${path.startsWith('/') ? path : `/${path}`}?grant_type=client_credentials`,
      compliance: { tokenResponse: readable, refreshResponse: readable },
    },
  );
}
