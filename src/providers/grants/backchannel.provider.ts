import { ConfigurationError, InvalidRequestError } from '../../errors.js';
import { type OptionRules, RULES } from '../../option-check/option-check.js';
import type { Token } from '../../token/token.js';
import { GRANT_RULES, type GrantOptions } from '../grant-options.js';
import { issuerAnswer, textIn } from '../issuer-answer.js';
import { BoundSignInProvider } from '../sign-in/bound.sign-in-provider.js';
import { pendingOf, pollForToken } from '../sign-in/poll-for-token.js';
import { polledGrant } from '../sign-in/polled-grant.js';
import type { BoundOAuthProviderParts } from './bound.oauth-provider.js';
import type { Grant, GrantExchange } from './grant.js';
import { OAuthTokenProvider } from './oauth.provider.js';
import { tokenParameters } from './token-parameters.js';

/** Options of {@link BackchannelTokenProvider}. */
export interface BackchannelTokenProviderOptions extends GrantOptions {
  /** Person to be asked: a text, or a function of the app's name for the user. */
  loginHint: string | ((subject: string | undefined) => string | Promise<string>);
  /** Shown to the person, on their device and on ours: a few words. Left out: none. */
  bindingMessage?: string;
}

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
    return polledGrant('urn:openid:params:grant-type:ciba', (context) => obtain(options, context), [
      typeof loginHint === 'string' ? loginHint : '',
    ]);
  }

  protected override boundOf(parts: BoundOAuthProviderParts): BoundSignInProvider {
    return new BoundSignInProvider(parts);
  }
}

const BACKCHANNEL_AUTHENTICATION = Object.freeze({
  verb: 'Backchannel authentication',
  option: 'backchannelAuthenticationUrl',
});

async function obtain(options: BackchannelTokenProviderOptions, context: GrantExchange): Promise<Token> {
  const { exchange, issuer, request, clock } = context;
  const { loginHint, bindingMessage } = options;
  await issuer.endpoint('backchannel_authentication_endpoint');
  const hint = typeof loginHint === 'function' ? await loginHint(request.subject) : loginHint;
  if (typeof hint !== 'string' || hint === '')
    throw new InvalidRequestError(`${issuer.owner}: loginHint answered no text.`);
  const startedAt = clock.now();
  const own = { login_hint: hint, ...(bindingMessage === undefined ? undefined : { binding_message: bindingMessage }) };
  const parameters = tokenParameters(own, options, request);
  const answer = await issuerAnswer(exchange, BACKCHANNEL_AUTHENTICATION, async (to) => {
    const { initiateBackchannelAuthentication } = await import('openid-client');
    return initiateBackchannelAuthentication(to, parameters);
  });
  return pollForToken(context, pendingOf(answer, startedAt), { auth_req_id: textIn(answer, 'auth_req_id') });
}
