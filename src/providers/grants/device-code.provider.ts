import { ConfigurationError } from '../../errors.js';
import type { OptionRules } from '../../option-check/option-check.js';
import { RULES } from '../../option-check/option-rules.js';
import { GRANT_RULES } from '../grant-options.js';
import type { BoundSignInProvider } from '../sign-in/bound.sign-in-provider.js';
import type { DeviceCodeTokenProviderOptions } from '../sign-in/device-code.sign-in.js';
import { polledGrant } from '../sign-in/polled-grant.js';
import type { BoundOAuthProviderParts } from './bound.oauth-provider.js';
import type { Grant } from './grant.js';
import { OAuthTokenProvider } from './oauth.provider.js';

const DEVICE_RULES: OptionRules<DeviceCodeTokenProviderOptions> = Object.freeze({
  ...GRANT_RULES,
  onUserCode: RULES.function,
});

/**
 * The device authorization grant: a person signs in on another device, with a code.
 *
 * Runs when a token is needed and there is none that can be refreshed. All who wait, in every process, wait for one
 * sign-in; who gives up leaves the others waiting.
 * @see [RFC 8628](https://www.rfc-editor.org/rfc/rfc8628)
 */
export class DeviceCodeTokenProvider extends OAuthTokenProvider<DeviceCodeTokenProviderOptions> {
  protected readonly rules = DEVICE_RULES;

  protected grantOf(options: DeviceCodeTokenProviderOptions, owner: string): Grant {
    if (typeof options.onUserCode !== 'function') {
      throw new ConfigurationError(
        `${owner}: onUserCode is missing: the function that shows the person where to sign in.`,
      );
    }
    return polledGrant('urn:ietf:params:oauth:grant-type:device_code', async (context) => {
      const { obtain } = await import('../sign-in/device-code.sign-in.js');
      return obtain(options, context);
    });
  }

  protected override async boundOf(parts: BoundOAuthProviderParts): Promise<BoundSignInProvider> {
    const { BoundSignInProvider: Bound } = await import('../sign-in/bound.sign-in-provider.js');
    return new Bound(parts);
  }
}
