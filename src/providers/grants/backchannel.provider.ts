import { ConfigurationError } from '../../errors.js';
import type { OptionRules } from '../../option-check/option-check.js';
import { RULES } from '../../option-check/option-rules.js';
import { checkMounted, GRANT_RULES } from '../grant-options.js';
import type { BoundSignInProvider } from '../sign-in/bound.sign-in-provider.js';
import type { BackchannelTokenProviderOptions } from '../sign-in/backchannel.sign-in.js';
import { polledGrant } from '../sign-in/polled-grant.js';
import type { BoundOAuthProviderParts } from './bound.oauth-provider.js';
import type { Grant } from './grant.js';
import { OAuthTokenProvider } from './oauth.provider.js';

const BACKCHANNEL_RULES: OptionRules<BackchannelTokenProviderOptions> = Object.freeze({
  ...GRANT_RULES,
  loginHint: RULES.any, // grantOf() says more about it.
  bindingMessage: RULES.text,
});

/**
 * Client-initiated backchannel authentication, poll mode: the issuer asks the person on their own device.
 *
 * Runs when a token is needed and there is none that can be refreshed; all who wait, in every process, wait for one
 * answer.
 * @see [OpenID Connect CIBA](https://openid.net/specs/openid-client-initiated-backchannel-authentication-core-1_0.html)
 */
export class BackchannelTokenProvider extends OAuthTokenProvider<BackchannelTokenProviderOptions> {
  protected readonly rules = BACKCHANNEL_RULES;

  protected grantOf(options: BackchannelTokenProviderOptions, owner: string): Grant {
    const { loginHint } = options;
    if (typeof loginHint !== 'function' && (typeof loginHint !== 'string' || loginHint === ''))
      throw new ConfigurationError(`${owner}: loginHint must be a text, or a function that finds the person's.`);
    for (const name of ['loginHint', 'bindingMessage'] as const) checkMounted(options[name], `${owner}: ${name}`);
    return polledGrant(
      'urn:openid:params:grant-type:ciba',
      async (context) => {
        const { obtain } = await import('../sign-in/backchannel.sign-in.js');
        return obtain(options, context);
      },
      [typeof loginHint === 'string' ? loginHint : ''],
    );
  }

  protected override async boundOf(parts: BoundOAuthProviderParts): Promise<BoundSignInProvider> {
    const { BoundSignInProvider: Bound } = await import('../sign-in/bound.sign-in-provider.js');
    return new Bound(parts);
  }
}
