import type { TokenRequest } from '../../token/token-provider.js';
import type { Token } from '../../token/token.js';
import type { GrantExchange } from '../grants/grant.js';
import { tokenParameters } from '../grants/token-parameters.js';
import type { GrantOptions } from '../grant-options.js';
import { issuerAnswer, textIn } from '../issuer/issuer-answer.js';
import { pendingOf, pollForToken } from './poll-for-token.js';

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

const DEVICE_AUTHORIZATION = Object.freeze({ verb: 'Device authorization', option: 'deviceAuthorizationUrl' });

/** Has a person sign in on another device: shows the code, and polls for the token. */
export async function obtain(options: DeviceCodeTokenProviderOptions, context: GrantExchange): Promise<Token> {
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
