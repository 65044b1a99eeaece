import { label, preset, type Preset } from './preset.js';

/** Options of {@link shopify}. */
export interface ShopifyPresetOptions {
  /** `acme` of `acme.myshopify.com`. */
  shop: string;
}

/**
 * Shopify's Admin API: each shop has a token endpoint of its own, which takes id and secret as parameters. Calls carry the
 * bare token in a header of their own: `auth: { provider, headerName: 'X-Shopify-Access-Token', scheme: '' }`.
 * @throws {ConfigurationError} when `shop` is no name
 * @see [Shopify: Client credentials grant](https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/client-credentials-grant)
 */
export function shopify<Given extends ShopifyPresetOptions>(
  options: Given,
): Preset<
  ShopifyPresetOptions,
  Given,
  { tokenUrl: string; authorizationUrl: string; authMethod: 'client_secret_post' }
> {
  const origin = `https://${label('shopify', 'shop', options.shop)}.myshopify.com/admin/oauth`;
  return preset('shopify', options, ['shop'], {
    tokenUrl: `${origin}/access_token`,
    authorizationUrl: `${origin}/authorize`,
    authMethod: 'client_secret_post' as const,
  });
}
