import { preset, type Preset } from './preset.js';

/** Options of {@link paypal}. */
export interface PaypalPresetOptions {
  /** True for the sandbox. @default false */
  sandbox?: boolean;
}

/**
 * PayPal: id and secret as they are in a Basic header, whatever characters they hold. Tokens live for about nine hours; the
 * same one is given out until then.
 * @see [PayPal: Get an access token](https://developer.paypal.com/api/rest/authentication/)
 */
export function paypal<Given extends PaypalPresetOptions & { clientId?: string }>(
  options: Given = {} as Given,
): Preset<PaypalPresetOptions, Given, { tokenUrl: string; authMethod: 'client_secret_basic'; basicEncoding: 'raw' }> {
  return preset('paypal', options, ['sandbox'], {
    tokenUrl: `https://api-m.${options.sandbox === true ? 'sandbox.' : ''}paypal.com/v1/oauth2/token`,
    authMethod: 'client_secret_basic' as const,
    basicEncoding: 'raw' as const,
  });
}
