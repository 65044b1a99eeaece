import { ConfigurationError } from '../errors.js';
import { preset, type Preset, text } from './preset.js';

/** Options of {@link entra}. */
export interface EntraPresetOptions {
  /** Tenant id or domain. */
  tenantId: string;
  /**
   * The API: its application id URI, `https://graph.microsoft.com` or `api://…`. Machines ask for all that was granted
   * to them there, `<resource>/.default`; a `scope` that is given takes its place. Left out: none is named.
   */
  resource?: string;
  /** Cloud of the tenant. @default 'public' */
  cloud?: 'public' | 'usgov' | 'china';
}

const LOGIN_HOSTS = Object.freeze({
  public: 'login.microsoftonline.com',
  usgov: 'login.microsoftonline.us',
  china: 'login.partner.microsoftonline.cn',
});

/**
 * Microsoft Entra ID, v2.0 endpoints: a machine names an API by `<resource>/.default`, and takes no `audience`.
 * @throws {ConfigurationError} when `tenantId` is missing, or `cloud` is unknown
 * @see [OAuth 2.0 client credentials flow](https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow)
 */
export function entra<Given extends EntraPresetOptions>(
  options: Given,
): Preset<EntraPresetOptions, Given, { issuer: string; scope?: string }> {
  const { resource, cloud = 'public' } = options;
  if (!Object.hasOwn(LOGIN_HOSTS, cloud))
    throw new ConfigurationError(`entra(): cloud must be one of ${Object.keys(LOGIN_HOSTS).join(', ')}.`);
  const tenant = encodeURIComponent(text('entra', 'tenantId', options.tenantId));
  return preset('entra', options, ['tenantId', 'resource', 'cloud'], {
    issuer: `https://${LOGIN_HOSTS[cloud]}/${tenant}/v2.0`,
    ...(resource === undefined
      ? undefined
      : { scope: `${text('entra', 'resource', resource).replace(/\/+$/, '')}/.default` }),
  });
}
