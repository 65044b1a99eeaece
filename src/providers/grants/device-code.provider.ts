import { ConfigurationError } from '../../errors.js';
import { type OptionRules, RULES } from '../../option-check/option-check.js';
import type { TokenRequest } from '../../token/token-provider.js';
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

/** Data that a person needs to sign in on another device. */
export interface UserCode {
  /** To be typed in at the address. */
  readonly userCode: string;
  readonly verificationUri: string;
  /** The address with the code in it: for a QR code. */
  readonly verificationUriComplete?: string;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
  /** The app's name for the user, where the call named one. */
  readonly subject?: string;
}

/** Options of {@link DeviceCodeTokenProvider}. */
export interface DeviceCodeTokenProviderOptions extends GrantOptions {
  /** Shows the person where to sign in, and the code to type in there. A failure of it ends the sign-in. */
  onUserCode: (code: UserCode) => void | Promise<void>;
}

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
    return polledGrant('urn:ietf:params:oauth:grant-type:device_code', (context) => obtain(options, context));
  }

  protected override boundOf(parts: BoundOAuthProviderParts): BoundSignInProvider {
    return new BoundSignInProvider(parts);
  }
}

const DEVICE_AUTHORIZATION = Object.freeze({ verb: 'Device authorization', option: 'deviceAuthorizationUrl' });

async function obtain(options: DeviceCodeTokenProviderOptions, context: GrantExchange): Promise<Token> {
  const { exchange, issuer, request, clock } = context;
  await issuer.endpoint('device_authorization_endpoint');
  const startedAt = clock.now();
  const parameters = tokenParameters({}, options, request);
  const answer = await issuerAnswer(exchange, DEVICE_AUTHORIZATION, async (to) => {
    const { initiateDeviceAuthorization } = await import('openid-client');
    return initiateDeviceAuthorization(to, parameters);
  });
  const deviceCode = textIn(answer, 'device_code');
  const pending = pendingOf(answer, startedAt);
  await options.onUserCode(userCodeOf(answer, startedAt + pending.expiresIn * 1_000, request));
  return pollForToken(context, pending, { device_code: deviceCode });
}

function userCodeOf(answer: Record<string, unknown>, expiresAt: number, { subject }: TokenRequest): UserCode {
  const complete = answer['verification_uri_complete'];
  return {
    userCode: textIn(answer, 'user_code'),
    // Google's name of old is still met.
    verificationUri: textIn(answer, 'verification_uri' in answer ? 'verification_uri' : 'verification_url'),
    ...(typeof complete === 'string' ? { verificationUriComplete: complete } : undefined),
    expiresAt,
    ...(subject === undefined ? undefined : { subject }),
  };
}
