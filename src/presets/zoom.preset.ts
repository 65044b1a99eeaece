import { preset, type Preset, text } from './preset.js';

/** Options of {@link zoom}. */
export interface ZoomPresetOptions {
  /** Account id of a server-to-server app. */
  accountId: string;
}

/**
 * Zoom, server to server: a grant of its own, `account_credentials`, for one account. The API's address is in the answer:
 * `token.extra.api_url`.
 * @throws {ConfigurationError} when `accountId` is missing
 * @see [Zoom: Server-to-Server OAuth](https://developers.zoom.us/docs/internal-apps/s2s-oauth/)
 */
export function zoom<Given extends ZoomPresetOptions>(
  options: Given,
): Preset<
  ZoomPresetOptions,
  Given,
  { tokenUrl: string; revocationUrl: string; grantType: 'account_credentials'; extraParams: { account_id: string } }
> {
  return preset('zoom', options, ['accountId'], {
    tokenUrl: 'https://zoom.us/oauth/token',
    revocationUrl: 'https://zoom.us/oauth/revoke',
    grantType: 'account_credentials' as const,
    extraParams: { account_id: text('zoom', 'accountId', options.accountId) },
  });
}
